"""Colocation: which places take a deployment, and what its first year costs in full.

Power is let by the committed kilowatt, used or not; everything beside it is a line of its own.
"""

from __future__ import annotations

import msgspec

from wattmill.catalog.facilities import ColoRule
from wattmill.catalog.units import HOURS_PER_MONTH
from wattmill.catalog.units import MONTHS_PER_YEAR as MONTHS
from wattmill.core.errors import PlanError
from wattmill.site.checks import at_least_0, pue_checked


class Deployment(msgspec.Struct, frozen=True):
    """What shall stand there. kw_per_rack: at its peak; is_liquid: cooled by liquid."""

    racks: int
    kw_per_rack: float
    is_liquid: bool = False

    @property
    def kw(self) -> float:
        """kW of all racks at their peak, which is what must be committed."""
        return self.racks * self.kw_per_rack


class ColoPrice(msgspec.Struct, frozen=True):
    """What a place charges.

    usd_per_kw_month: for committed power. usd_per_kwh: metered energy on top; None is that energy is
    in the price per kW. overage_usd_per_kw_month: for power above the committed. pue: that the place
    bills; 1 where cooling is in the price.
    """

    usd_per_kw_month: float
    usd_per_kwh: float | None = None
    pue: float = 1.0
    overage_usd_per_kw_month: float | None = None
    least_kw: float = 0.0
    setup_usd: float = 0.0
    rack_usd_per_month: float = 0.0
    cross_connect_usd_per_month: float = 0.0
    remote_hands_usd_per_hour: float = 0.0


PRICES = tuple(name for name in ColoPrice.__struct_fields__ if "usd" in name or name == "least_kw")


class ColoUse(msgspec.Struct, frozen=True):
    """What is taken of it. committed_kw: None is the peak of the deployment."""

    committed_kw: float | None = None
    mean_kw: float | None = None
    cross_connects: int = 0
    remote_hands_hours_per_month: float = 0.0


class Line(msgspec.Struct, frozen=True):
    """A line of a quote: once and each month."""

    name: str
    once_usd: float
    usd_per_month: float

    @property
    def first_year_usd(self) -> float:
        """What it costs in the first twelve months."""
        return self.once_usd + MONTHS * self.usd_per_month


class ColoQuote(msgspec.Struct, frozen=True):
    """A quote in full; the lines add up to the totals."""

    billed_kw: float
    lines: tuple[Line, ...]
    once_usd: float
    usd_per_month: float
    first_year_usd: float
    all_in_usd_per_kw_month: float


def refusals(deployment: Deployment, rule: ColoRule) -> tuple[str, ...]:
    """Why a class of colocation does not take a deployment; empty is that it does."""
    _possible(deployment)
    reasons = []
    if deployment.kw < rule.least_kw:
        reasons.append(f"{deployment.kw:g} kW is less than the {rule.least_kw:g} kW it takes")
    if deployment.is_liquid and rule.liquid_kw_per_rack is None:
        reasons.append("no liquid cooling")
    most = rule.liquid_kw_per_rack if deployment.is_liquid else rule.air_kw_per_rack
    if most is not None and deployment.kw_per_rack > most:
        way = "liquid" if deployment.is_liquid else "air"
        reasons.append(f"{deployment.kw_per_rack:g} kW per rack on {way}, {most:g} at the most")
    return tuple(reasons)


def quote(deployment: Deployment, price: ColoPrice, use: ColoUse | None = None) -> ColoQuote:
    """The full quote for a deployment, line by line.

    Power: max(committed, least) · usd_per_kw_month, and what the peak is above the committed at the
    price for overage. Energy: mean_kw · PUE · 730 h · usd_per_kwh, where it is metered.
    """
    use = use or ColoUse()
    _possible(deployment)
    _possible_price(price)
    at_least_0("committed_kw", use.committed_kw or 0.0)
    committed = max(deployment.kw if use.committed_kw is None else use.committed_kw, price.least_kw)
    lines = tuple(line for line in _lines(deployment, price, use, committed) if line.first_year_usd)
    once = sum(line.once_usd for line in lines)
    monthly = sum(line.usd_per_month for line in lines)
    year = once + MONTHS * monthly
    return ColoQuote(committed, lines, once, monthly, year, year / MONTHS / deployment.kw)


def _lines(
    deployment: Deployment, price: ColoPrice, use: ColoUse, committed_kw: float
) -> tuple[Line, ...]:
    over_kw = max(0.0, deployment.kw - committed_kw)
    hands = use.remote_hands_hours_per_month * price.remote_hands_usd_per_hour
    return (
        Line("setup", price.setup_usd, 0.0),
        Line("committed power", 0.0, committed_kw * price.usd_per_kw_month),
        Line("power above the committed", 0.0, over_kw * _overage(price, over_kw)),
        Line("energy", 0.0, _energy_usd(deployment, price, use)),
        Line("racks", 0.0, deployment.racks * price.rack_usd_per_month),
        Line("cross connects", 0.0, use.cross_connects * price.cross_connect_usd_per_month),
        Line("remote hands", 0.0, hands),
    )


def _overage(price: ColoPrice, over_kw: float) -> float:
    if over_kw and price.overage_usd_per_kw_month is None:
        raise PlanError(
            f"the peak is {over_kw:g} kW above what is committed, and no price for that is given",
            hint="commit the peak, or give overage_usd_per_kw_month",
        )
    return price.overage_usd_per_kw_month or 0.0


def _energy_usd(deployment: Deployment, price: ColoPrice, use: ColoUse) -> float:
    if price.usd_per_kwh is None:
        return 0.0
    mean_kw = deployment.kw if use.mean_kw is None else use.mean_kw
    if not 0 <= mean_kw <= deployment.kw:
        raise PlanError(
            f"a mean of {mean_kw:g} kW cannot be at a peak of {deployment.kw:g} kW",
            hint="the mean is the peak or less",
        )
    return mean_kw * price.pue * HOURS_PER_MONTH * price.usd_per_kwh


def _possible_price(price: ColoPrice) -> None:
    """PlanError for a price below 0, or a PUE below 1."""
    for name in PRICES:
        at_least_0(name, getattr(price, name) or 0.0)
    pue_checked(price.pue)


def _possible(deployment: Deployment) -> None:
    if deployment.racks < 1 or not 0 < deployment.kw_per_rack < float("inf"):
        raise PlanError(
            f"{deployment.racks} racks of {deployment.kw_per_rack:g} kW cannot be",
            hint="give one rack or more, and more than 0 kW",
        )
