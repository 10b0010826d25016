"""The months of a study: which day is month 0, and in which month another day lies."""

from __future__ import annotations

import math
from datetime import date
from typing import get_args

import msgspec

from wattmill.catalog.factory import Factory
from wattmill.core.errors import PlanError
from wattmill.plan.studies.sourced import Sources
from wattmill.site.durations import Shape, Task

MONTHS_PER_YEAR = 12


class Timeline(msgspec.Struct, frozen=True):
    """Month 0 is the month of `start`; the study ends `months` later."""

    start: date
    months: int

    def month(self, day: date | None) -> int:
        """The month of a day, below 0 before the start; 0 for no day."""
        if day is None:
            return 0
        years = day.year - self.start.year
        return years * MONTHS_PER_YEAR + day.month - self.start.month

    def label(self, month: int) -> str:
        """`2027-03` for a month of the study."""
        year, index = divmod(self.start.year * MONTHS_PER_YEAR + self.start.month - 1 + month, 12)
        return f"{year:04d}-{index + 1:02d}"


def timeline(factory: Factory, today: date, sources: Sources) -> Timeline:
    """From `[finance] starts`, or the first purchase of the file, or today."""
    finance = factory.finance
    bought = [pool.bought for pool in factory.pools if pool.bought is not None]
    months = sources.told("finance.horizon_months", finance.horizon_months, "months")
    if finance.starts is not None:
        start = sources.told("finance.starts", finance.starts, "date")
    elif bought:
        start = sources.add("finance.starts", min(bought), "date", "computed by the first purchase")
    else:
        start = sources.add("finance.starts", today, "date", "default: today")
    return Timeline(start, months)


def decision_line(factory: Factory, today: date, sources: Sources) -> Timeline:
    """From `[finance] starts`, else today: what is decided is decided now, whenever machines were bought."""
    finance = factory.finance
    months = sources.told("finance.horizon_months", finance.horizon_months, "months")
    if finance.starts is not None:
        return Timeline(sources.told("finance.starts", finance.starts, "date"), months)
    return Timeline(sources.add("finance.starts", today, "date", "default: today"), months)


def reached_by(factor: float, growth_frac_per_year: float, line: Timeline) -> str | None:
    """The month in which a demand has grown to `factor` times itself; None: never, now, or after the study."""
    if factor <= 1 or growth_frac_per_year <= 0:
        return None
    months = math.ceil(MONTHS_PER_YEAR * math.log(factor) / math.log1p(growth_frac_per_year))
    return line.label(months) if months <= line.months else None


def first_power(factory: Factory, line: Timeline, sources: Sources) -> int:
    """The month from whose end there is power: `energised`, or the median end of the lead times."""
    site = factory.site
    if site.energised is not None:
        return max(0, line.month(sources.told("site.energised", site.energised, "date")))
    if not site.lead_time:
        return 0
    from wattmill.site.calendar import simulate

    end = simulate(lead_tasks(factory), factory.finance.seed).p50_months
    if end is None:
        raise PlanError(
            "the lead times of the site end in less than half of all cases",
            hint="give [site] energised, or a higher done_frac",
            place=str(factory.path),
        )
    said = "computed by the median end of [[site.lead_time]]"
    return sources.add("site.energised_month", math.ceil(end), "month", said)


def lead_tasks(factory: Factory) -> list[Task]:
    """The steps of `[[site.lead_time]]` as tasks of a calendar."""
    return [
        Task(step.name, step.months, step.after, _shape(step.shape), step.done_frac)
        for step in factory.site.lead_time
    ]


def _shape(name: str) -> Shape:
    return next(shape for shape in get_args(Shape) if shape == name)
