"""What own machines draw, the space they need, and when they are in service.

Floats of the factory file (dollars, watts, PUE) are taken as the decimals that were written there,
so that nothing between them and the books is rounded.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import date, datetime
from fractions import Fraction
from functools import cache
from zoneinfo import ZoneInfo

from msgspec import Struct

from wattmill.catalog.factory import Pool, Site
from wattmill.catalog.hardware import hardware
from wattmill.core.errors import CatalogError
from wattmill.core.money import PUSD_PER_USD
from wattmill.physics.efficiency import DECODE_POWER_FRAC, HOST_IDLE_FRAC

US_PER_S = 10**6
HOUR_US = 3600 * US_PER_S
MWH_PER_KWH = 10**6
"""Milliwatt-hours, the unit of energy in the books."""


class Draw(Struct, frozen=True):
    """Watts of a pool before cooling: waiting, working, and the most that must be provided."""

    idle_w: float
    busy_w: float
    peak_w: float


@cache
def exact(value: float) -> Fraction:
    """The decimal that a float was written as: ``0.09`` is 9/100."""
    return Fraction(repr(value))


def has_hardware(spec: Pool) -> bool:
    """Whether the pool is machines of ours. One that charges by the token and names none is not."""
    known = (spec.hardware, spec.paid_usd, spec.idle_w, spec.busy_w)
    return spec.uusd_per_mtok is None or any(value is not None for value in known)


def draw(pool: Pool) -> Draw | None:
    """Watts from the factory file, else from the data sheet; ``None`` when neither knows them."""
    sheet = _sheet_draw(pool.hardware) if pool.hardware else None
    idle_w, busy_w = pool.idle_w, pool.busy_w
    if sheet is not None:
        idle_w = sheet.idle_w if idle_w is None else idle_w
        busy_w = sheet.busy_w if busy_w is None else busy_w
    if idle_w is None or busy_w is None:
        return None
    return Draw(idle_w, busy_w, max(busy_w, sheet.peak_w if sheet else 0.0))


def _sheet_draw(name: str) -> Draw | None:
    """A card decodes at a share of its TDP; a waiting host draws a share of its busy power."""
    try:
        found = hardware(name)
    except CatalogError:
        return None
    card = found.accelerator
    return Draw(
        found.count * (card.idle_w + card.host_w * HOST_IDLE_FRAC),
        found.count * (card.tdp_w * DECODE_POWER_FRAC + card.host_w),
        found.count * (card.tdp_w + card.host_w),
    )


def in_service(pool: Pool, timezone: str, start_us: int, end_us: int) -> tuple[int, int]:
    """The part of ``[start_us, end_us)`` after the pool was bought; empty where that came later."""
    begin_us = midnight_us(pool.bought, timezone) if pool.bought else start_us
    return min(max(start_us, begin_us), end_us), end_us


def energy_pusd(milliwatt_hours: Fraction | int, site: Site) -> int:
    """What electricity costs at the meter's price, to the nearest pUSD."""
    return round(Fraction(milliwatt_hours) * _pusd_per_mwh(site))


def drawn_mwh(watts: Fraction, time_us: int) -> Fraction:
    """Milliwatt-hours of a constant draw."""
    return watts * 1000 * time_us / HOUR_US


def pue_loss_pusd(site: Site, energy_pusd: int) -> int:
    """Cooling and power conversion: what the meter counts above the machines, at this PUE."""
    return round((exact(site.pue) - 1) * energy_pusd)


def space_pusd(site: Site, peak_w: float, elapsed_us: int, month_us: int) -> int:
    """Space let by the kW of machines that must be provided for, for the elapsed part of a month.

    Rounded down, so that the differences of a growing ``elapsed_us`` add up to the whole.
    """
    kilowatts = exact(peak_w) / 1000
    monthly_pusd = kilowatts * exact(site.colo_usd_per_kw_month) * PUSD_PER_USD
    return int(monthly_pusd * elapsed_us / month_us)


@cache
def _pusd_per_mwh(site: Site) -> Fraction:
    return exact(site.power_usd_per_kwh) * PUSD_PER_USD / MWH_PER_KWH


def midnight_us(day: date, timezone: str) -> int:
    """The first instant of a day on the zone's clock, in µs since the epoch."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(timezone))
    return round(midnight.timestamp()) * US_PER_S


def months_after(day: date, months: int) -> date:
    """The same day of a later month, or its last day where it has no such day."""
    years, month = divmod(day.month - 1 + months, 12)
    year = min(day.year + years, date.max.year)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
