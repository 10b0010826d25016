"""What own machines cost over a time: wear, electricity, space. Whole pUSD, no float in between.

Floats of the factory file (dollars, watts, PUE) are taken as the decimals that were written there.
"""

from calendar import monthrange
from datetime import date, datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

from msgspec import Struct

from wattmill.catalog.factory import Pool, Site
from wattmill.catalog.hardware import hardware
from wattmill.catalog.units import SECONDS_PER_MONTH
from wattmill.core.errors import CatalogError
from wattmill.core.money import PUSD_PER_USD
from wattmill.physics.efficiency import DECODE_POWER_FRAC, HOST_IDLE_FRAC

US_PER_S = 10**6
WATT_US_PER_KWH = 1000 * 3600 * US_PER_S


class Draw(Struct, frozen=True):
    """Watts of a pool before cooling: waiting, working, and the most that must be provided."""

    idle_w: float
    busy_w: float
    peak_w: float


class HardwareCost(Struct, frozen=True):
    """What machines cost while they were in service, in pUSD; ``None`` is unknown.

    ``standing_pusd`` is the electricity of their idle watts over the whole time, ``working_pusd``
    of the watts above that while they were busy.
    """

    service_us: int = 0
    amortisation_pusd: int | None = None
    standing_pusd: int | None = None
    working_pusd: int | None = None

    @property
    def energy_pusd(self) -> int | None:
        """All electricity of the machines, before cooling."""
        if self.standing_pusd is None or self.working_pusd is None:
            return None
        return self.standing_pusd + self.working_pusd


def exact(value: float) -> Fraction:
    """The decimal that a float was written as: ``0.09`` is 9/100."""
    return Fraction(repr(value))


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


def in_service_us(pool: Pool, timezone: str, start_us: int, end_us: int) -> int:
    """How much of ``[start_us, end_us)`` lies after the pool was bought."""
    begin_us = _midnight_us(pool.bought, timezone) if pool.bought else start_us
    return max(0, end_us - max(start_us, begin_us))


def hardware_cost(pool: Pool, site: Site, start_us: int, end_us: int, busy_us: int) -> HardwareCost:
    """What a pool's machines cost from one instant to another, of which they worked ``busy_us``.

    Busy time beyond the time in service costs no more electricity than all of it.
    """
    service_us = in_service_us(pool, site.timezone, start_us, end_us)
    wear_pusd = amortisation_pusd(pool, site.timezone, start_us, end_us)
    watts = draw(pool)
    if watts is None:
        return HardwareCost(service_us, wear_pusd)
    idle_w, above_w = exact(watts.idle_w), exact(watts.busy_w) - exact(watts.idle_w)
    return HardwareCost(
        service_us,
        wear_pusd,
        _energy_pusd(idle_w, service_us, site),
        _energy_pusd(above_w, min(busy_us, service_us), site),
    )


def amortisation_pusd(pool: Pool, timezone: str, start_us: int, end_us: int) -> int | None:
    """Straight line from ``paid_usd`` to ``resale_usd`` over ``life_months`` from ``bought`` on.

    Nothing before and after; ``None`` without ``paid_usd``. Consecutive times add up to the whole
    loss of value exactly. Without ``bought`` the pool counts as within its life, in months of 730
    hours.
    """
    if pool.paid_usd is None:
        return None
    lost_pusd = int((exact(pool.paid_usd) - exact(pool.resale_usd)) * PUSD_PER_USD)
    if pool.bought is None:
        life_us = pool.life_months * int(SECONDS_PER_MONTH) * US_PER_S
        return lost_pusd * (end_us - start_us) // life_us
    begin_us = _midnight_us(pool.bought, timezone)
    life_us = _midnight_us(_months_after(pool.bought, pool.life_months), timezone) - begin_us

    def lost_by(at_us: int) -> int:
        return lost_pusd * min(max(at_us - begin_us, 0), life_us) // life_us

    return lost_by(end_us) - lost_by(start_us)


def pue_loss_pusd(site: Site, energy_pusd: int) -> int:
    """Cooling and power conversion: what the meter counts above the machines, at this PUE."""
    return round((exact(site.pue) - 1) * energy_pusd)


def colo_pusd(site: Site, draws: list[Draw], elapsed_us: int, month_us: int) -> int:
    """Space let by the kW that must be provided (peak × PUE), for the elapsed part of a month."""
    kilowatts = sum((exact(one.peak_w) for one in draws), Fraction()) * exact(site.pue) / 1000
    monthly_pusd = kilowatts * exact(site.colo_usd_per_kw_month) * PUSD_PER_USD
    return round(monthly_pusd * elapsed_us / month_us)


def _energy_pusd(watts: Fraction, time_us: int, site: Site) -> int:
    kilowatt_hours = watts * time_us / WATT_US_PER_KWH
    return round(kilowatt_hours * exact(site.power_usd_per_kwh) * PUSD_PER_USD)


def _midnight_us(day: date, timezone: str) -> int:
    midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(timezone))
    return round(midnight.timestamp()) * US_PER_S


def _months_after(day: date, months: int) -> date:
    """The same day of a later month, or its last day where it has no such day."""
    years, month = divmod(day.month - 1 + months, 12)
    year = min(day.year + years, date.max.year)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
