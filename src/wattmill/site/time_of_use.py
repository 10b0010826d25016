"""Tariffs by the hour of the day: what a kWh costs on the mean, for a load with a shape."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from wattmill.core.errors import PlanError

HOURS_PER_DAY = 24


class Band(msgspec.Struct, frozen=True):
    """A price for hours of the day, from `start` to before `end` (over midnight where end is less).

    is_weekday: on working days only; other days take the next band that has the hour.
    """

    name: str
    start: int
    end: int
    usd_per_kwh: float
    is_weekday: bool = False

    def holds(self, hour: int, is_weekday: bool) -> bool:
        """Whether the band is the price of an hour."""
        if self.is_weekday and not is_weekday:
            return False
        if self.start < self.end:
            return self.start <= hour < self.end
        return hour >= self.start or hour < self.end


def tou_usd_per_kwh(
    bands: Sequence[Band],
    weekday_kw: Sequence[float] | None = None,
    weekend_kw: Sequence[float] | None = None,
) -> float:
    """Mean price of a kWh under a tariff by the hour: Σ kW_h · price_h / Σ kW_h over a week.

    weekday_kw, weekend_kw: load of each hour of a day; None is flat, and the same at weekends. The
    first band that holds an hour is its price; PlanError for an hour that none holds.
    """
    weekday = [1.0] * HOURS_PER_DAY if weekday_kw is None else list(weekday_kw)
    weekend = weekday if weekend_kw is None else list(weekend_kw)
    usd = kwh = 0.0
    for load, days, is_weekday in ((weekday, 5, True), (weekend, 2, False)):
        if len(load) != HOURS_PER_DAY or min(load) < 0:
            raise PlanError("a day has 24 loads of 0 or more", hint="give kW for hours 0 to 23")
        kwh += days * sum(load)
        usd += days * sum(kw * _price(bands, h, is_weekday) for h, kw in enumerate(load))
    if not kwh:
        raise PlanError("no load at all has no price", hint="give a load")
    return usd / kwh


def _price(bands: Sequence[Band], hour: int, is_weekday: bool) -> float:
    for band in bands:
        if band.holds(hour, is_weekday):
            return band.usd_per_kwh
    day = "working days" if is_weekday else "weekends"
    raise PlanError(f"no band has a price for hour {hour} of {day}", hint="add a band from 0 to 24")
