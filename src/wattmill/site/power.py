"""IT watts to kW at the meter, and what they cost in a month of 730 hours."""

from __future__ import annotations

from wattmill.catalog.units import HOURS_PER_MONTH, KILO
from wattmill.site.checks import at_least_0, pue_checked


def site_kw(it_w: float, pue: float) -> float:
    """kW at the meter for `it_w` watts of machines: it_w · PUE / 1000. PlanError for a PUE below 1.

    Exact by the definition of PUE (ISO/IEC 30134-2), which is a yearly mean; a hot day is worse.
    """
    return at_least_0("it_w", it_w) * pue_checked(pue) / KILO


def energy_usd_per_month(it_w: float, pue: float, power_usd_per_kwh: float) -> float:
    """USD per month for a mean draw of `it_w` watts of machines, cooling included."""
    return site_kw(it_w, pue) * HOURS_PER_MONTH * at_least_0("power_usd_per_kwh", power_usd_per_kwh)


def colo_usd_per_month(peak_it_w: float, colo_usd_per_kw_month: float) -> float:
    """USD per month for space that is let by the kW of machines, used or not; their power is on the meter."""
    it_kw = at_least_0("it_w", peak_it_w) / KILO
    return it_kw * at_least_0("colo_usd_per_kw_month", colo_usd_per_kw_month)


def over_cap_kw(committed_kw: float, power_cap_kw: float | None) -> float | None:
    """kW above the cap of the site (0 within it); None where there is no cap."""
    return None if power_cap_kw is None else max(0.0, committed_kw - power_cap_kw)
