"""Returns of dated flows, and returns that a doubtful IRR needs beside it.

Dated flows are pairs of a date and USD; a rate is per year of the day count. Equal intervals are in
`wattmill.finance.cashflow`.
"""

from __future__ import annotations

import calendar
import math
from collections.abc import Callable, Sequence
from datetime import date

from wattmill.core.errors import PlanError
from wattmill.finance import roots
from wattmill.finance.cashflow import HIGHEST_RATE, NoRoot, npv, only_rate

Dated = Sequence[tuple[date, float]]


def year_fraction(start: date, end: date, day_count: str = "act/365F") -> float:
    """Years from `start` to `end` (not before it) by a day count.

    act/365F, act/360: days over 365 or 360. 30/360: months of 30 days, the ends of February as SIA
    and the US bond market count them. 30E/360: the 31st is the 30th. act/act-ISDA: days within leap
    years over 366, others over 365.
    """
    if end < start:
        raise PlanError(f"{end} is before {start}", hint="put the first flow first")
    if day_count not in _DAY_COUNTS:
        raise PlanError(
            f"day count {day_count!r} is not known", hint="one of " + ", ".join(_DAY_COUNTS)
        )
    return _DAY_COUNTS[day_count](start, end)


def xnpv(rate_frac_per_year: float, flows: Dated, day_count: str = "act/365F") -> float:
    """Σ flow / (1 + rate)^years, years since the first date. USD on that date. rate > -1."""
    if not rate_frac_per_year > -1:
        raise PlanError(f"a rate of {rate_frac_per_year} is not above -1", hint="0.12 for 12 %")
    years, amounts = _times(flows, day_count)
    return float(
        sum(a * (1 + rate_frac_per_year) ** -t for t, a in zip(years, amounts, strict=True))
    )


def xirr_all(flows: Dated, day_count: str = "act/365F") -> tuple[float, ...]:
    """Every yearly rate in (-1, 10] at which `xnpv` is zero, in order; empty if there is none."""
    years, amounts = _times(flows, day_count)
    if not any(amounts):
        raise NoRoot("all flows are zero", hint="give at least one payment")
    return roots.rates(years, amounts, HIGHEST_RATE)


def xirr(flows: Dated, day_count: str = "act/365F") -> float:
    """The one yearly rate of return of dated flows. NoRoot, or MultipleRoots naming them."""
    return only_rate(xirr_all(flows, day_count))


def mirr(flows: Sequence[float], finance_frac: float, reinvest_frac: float) -> float:
    """Modified IRR per period: what is paid grows at one rate, what is received at another.

    (future value of receipts at `reinvest_frac` / present value of payments at `finance_frac`)
    ^(1/n) - 1, for n periods between the first flow and the last. NoRoot if money goes one way.
    """
    paid = -npv(finance_frac, [min(flow, 0.0) for flow in flows])
    received = npv(reinvest_frac, [max(flow, 0.0) for flow in flows])
    if not (paid > 0 and received > 0):
        raise NoRoot("money goes one way only", hint="give what is paid and what is received")
    periods = len(flows) - 1
    return float((received / paid) ** (1 / periods) * (1 + reinvest_frac) - 1)


def money_multiple(flows: Sequence[float]) -> float:
    """What is received over what is paid, undiscounted (MOIC)."""
    paid = -sum(min(flow, 0.0) for flow in flows)
    if not paid > 0:
        raise PlanError("nothing is paid, so nothing is multiplied", hint="paid flows are negative")
    return sum(max(flow, 0.0) for flow in flows) / paid


def profitability_index(rate: float, flows: Sequence[float]) -> float:
    """Present value of what comes after time 0, over what is paid at time 0. USD per USD."""
    if not (flows and flows[0] < 0):
        raise PlanError("nothing is paid at the start", hint="the first flow is negative")
    return (npv(rate, flows) - flows[0]) / -flows[0]


def _times(flows: Dated, day_count: str) -> tuple[list[float], list[float]]:
    """Years since the first flow given, and the amounts."""
    if not flows:
        raise NoRoot("there is no flow", hint="give at least one payment")
    amounts = [float(amount) for _, amount in flows]
    if not all(map(math.isfinite, amounts)):
        raise PlanError("a flow is not a finite number", hint="leave out what is not known")
    start = min(day for day, _ in flows)
    return [year_fraction(start, day, day_count) for day, _ in flows], amounts


def _actual(days_per_year: float) -> Callable[[date, date], float]:
    return lambda start, end: (end - start).days / days_per_year


def _isda(start: date, end: date) -> float:
    return _into_year(end) - _into_year(start) + end.year - start.year


def _into_year(day: date) -> float:
    return (day - date(day.year, 1, 1)).days / (366 if calendar.isleap(day.year) else 365)


def _sia(start: date, end: date) -> float:
    first, last = start.day, end.day
    if _ends_february(start):
        last = 30 if _ends_february(end) else last
        first = 30
    if last == 31 and first >= 30:
        last = 30
    return _thirties(start, end, min(first, 30), last)


def _european(start: date, end: date) -> float:
    return _thirties(start, end, min(start.day, 30), min(end.day, 30))


def _thirties(start: date, end: date, first: int, last: int) -> float:
    return (end.year - start.year) + (end.month - start.month) / 12 + (last - first) / 360


def _ends_february(day: date) -> bool:
    return day.month == 2 and day.day == calendar.monthrange(day.year, 2)[1]


_DAY_COUNTS: dict[str, Callable[[date, date], float]] = {
    "act/365F": _actual(365),
    "act/360": _actual(360),
    "30/360": _sia,
    "30E/360": _european,
    "act/act-ISDA": _isda,
}
