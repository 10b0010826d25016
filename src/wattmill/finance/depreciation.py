"""What machines lose in value: by the books, by the tax office, and on the market.

A schedule is an array of USD of length months + 1; entry t is what month t takes away, entry 0 is 0. A machine that
is bought at the end of month 0 loses its first part in month 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from msgspec import Struct

from wattmill.core.errors import PlanError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

Method = Literal["straight", "declining", "sum_of_years", "macrs3", "macrs5", "macrs7"]

MACRS = {
    "macrs3": (0.3333, 0.4445, 0.1481, 0.0741),
    "macrs5": (0.2000, 0.3200, 0.1920, 0.1152, 0.1152, 0.0576),
    "macrs7": (0.1429, 0.2449, 0.1749, 0.1249, 0.0893, 0.0892, 0.0893, 0.0446),
}
"""Share of the price per year, half-year convention: IRS Publication 946, table A-1."""


def amortisation_usd_per_month(paid_usd: float, life_months: int, resale_usd: float = 0.0) -> float:
    """(paid - resale) / life, in USD per month of life. Exact."""
    _checked(paid_usd, life_months, resale_usd)
    return (paid_usd - resale_usd) / life_months


def book_value_usd(
    paid_usd: float, life_months: int, age_months: float, resale_usd: float = 0.0
) -> float:
    """USD in the books after `age_months` (0 or more), down a straight line to `resale_usd`."""
    if not age_months >= 0:
        raise PlanError(f"an age of {age_months} months cannot be", hint="give 0 or more")
    used = amortisation_usd_per_month(paid_usd, life_months, resale_usd) * age_months
    return max(resale_usd, paid_usd - used)


def schedule_usd(
    method: Method,
    paid_usd: float,
    life_months: int,
    months: int,
    resale_usd: float = 0.0,
    bonus_frac: float = 0.0,
) -> Array:
    """What each month takes away, (months + 1,) USD; the sum over the whole life is paid - resale.

    bonus_frac of the price is taken in month 1, the rest by the method. MACRS has its own life and goes down to 0.
    """
    if method not in get_args(Method):
        raise PlanError(
            f"no depreciation is called {method!r}",
            hint="known are: " + ", ".join(get_args(Method)),
        )
    if not 0 <= bonus_frac <= 1:
        raise PlanError(f"a bonus of {bonus_frac} cannot be", hint="give 0 to 1")
    _checked(paid_usd, life_months, resale_usd)
    bonus_usd = bonus_frac * paid_usd
    if method in MACRS:
        lost = macrs(paid_usd - bonus_usd, method, months)
    else:
        left_usd = max(paid_usd - bonus_usd, resale_usd)
        lost = _BY_LIFE[method](left_usd, life_months, months, resale_usd)
        bonus_usd = paid_usd - left_usd
    lost[min(1, months)] += bonus_usd
    return lost


def straight_line(paid_usd: float, life_months: int, months: int, resale_usd: float = 0.0) -> Array:
    """The same each month of life: (paid - resale) / life."""
    lost = np.zeros(months + 1)
    lost[1 : life_months + 1] = amortisation_usd_per_month(paid_usd, life_months, resale_usd)
    return lost


def sum_of_years_digits(
    paid_usd: float, life_months: int, months: int, resale_usd: float = 0.0
) -> Array:
    """Most at the start: (paid - resale) · months left / (1 + 2 + … + life), by months."""
    _checked(paid_usd, life_months, resale_usd)
    left = np.maximum(life_months - np.arange(months + 1) + 1, 0)
    lost: Array = (paid_usd - resale_usd) * left / (life_months * (life_months + 1) / 2)
    lost[0] = 0
    return lost


def declining(
    paid_usd: float,
    life_months: int,
    months: int,
    resale_usd: float = 0.0,
    factor: float = 2.0,
    switches: bool = True,
) -> Array:
    """factor / life of what is left, each month, never below resale (factor 2: double declining balance).

    switches: to the straight line over the rest of life, from the month in which that takes more, so that `resale_usd`
    is reached. Excel's VDB and DDB by months.
    """
    _checked(paid_usd, life_months, resale_usd)
    if not factor > 0:
        raise PlanError(f"a factor of {factor} is not above 0", hint="2 is double declining")
    left, lost = paid_usd, np.zeros(months + 1)
    for t in range(1, min(months, life_months) + 1):
        even = (left - resale_usd) / (life_months - t + 1) if switches else 0.0
        lost[t] = min(max(left * factor / life_months, even), left - resale_usd)
        left -= lost[t]
    return lost


def macrs(paid_usd: float, table: str, months: int) -> Array:
    """The table's share of the price in each year, evenly over the year's months.

    A year is twelve months from the purchase, so that the first year's half lies in full twelve months: exact for a
    purchase at the start of a tax year, and for tax by the year.
    """
    yearly = np.repeat(np.array(MACRS[table]) / 12, 12)[:months]
    lost = np.zeros(months + 1)
    lost[1 : len(yearly) + 1] = paid_usd * yearly
    return lost


def economic_value(
    paid_usd: float,
    months: int,
    frac_per_year: float | None = None,
    curve: tuple[float, ...] | None = None,
) -> Array:
    """Market value at the age of 0 to `months` months, (months + 1,) USD.

    frac_per_year: paid · frac^(age/12), 0.7 if a year leaves 70 %. curve: shares of the price after 1, 2, 3… years,
    straight lines between them; beyond the last it falls by the factor of the last year, or stays.
    """
    if (frac_per_year is None) == (curve is None):
        raise PlanError("one of two ways to lose value", hint="give frac_per_year or curve")
    ages = np.arange(months + 1) / 12
    if curve is not None:
        return paid_usd * _on_curve(curve, ages)
    assert frac_per_year is not None
    if not 0 <= frac_per_year < float("inf"):
        raise PlanError(f"{frac_per_year} of a value cannot be left", hint="give 0.7 for 70 %")
    value: Array = paid_usd * np.power(frac_per_year, ages)
    return value


class SideBySide(Struct, frozen=True):
    """Value by the books and on the market at the end of each month, (months + 1,) USD.

    gap: book less economic, what would be lost by selling. under_month: the first in which it is above 0, or None.
    """

    book_usd: Array
    economic_usd: Array
    gap_usd: Array
    under_month: int | None


def side_by_side(paid_usd: float, lost_usd: Array, economic_usd: Array) -> SideBySide:
    """What the books say a machine is worth, beside what the market pays for it."""
    book = paid_usd - np.cumsum(lost_usd)
    gap = book - economic_usd
    under = np.flatnonzero(gap > 1e-9 * paid_usd)
    return SideBySide(book, economic_usd, gap, int(under[0]) if len(under) else None)


def rent_at_book_usd_per_hour(
    book_usd: float,
    hours_per_month: float,
    running_usd_per_month: float,
    months: int,
    discount_frac_per_year: float,
    rent_growth_frac_per_year: float = 0.0,
    resale_usd: float = 0.0,
) -> float:
    """The rent today from which a machine is worth what the books say.

    Economic value = present value of (rent · hours - running) over `months`, and of the resale at their end; set equal
    to the book value and solved for the rent, which grows (falls) at its rate. USD per sold hour.
    """
    if not (hours_per_month > 0 and months >= 1):
        raise PlanError(
            f"{hours_per_month} hours in {months} months sell nothing", hint="give both above 0"
        )
    t = np.arange(1, months + 1)
    present = (1 + discount_frac_per_year) ** (-t / 12)
    rises = (1 + rent_growth_frac_per_year) ** (t / 12)
    needed = book_usd + running_usd_per_month * present.sum() - resale_usd * present[-1]
    return float(needed / (hours_per_month * (rises * present).sum()))


def _on_curve(curve: tuple[float, ...], ages: Array) -> Array:
    points = np.array([1.0, *curve])
    if not (len(curve) >= 1 and (points >= 0).all() and np.isfinite(points).all()):
        raise PlanError(f"a curve of {curve} cannot be", hint="shares of the price, 0 or more")
    before, last = points[-2:]
    falls = last / before if last < before else 1.0
    beyond = np.maximum(ages - len(curve), 0)
    value: Array = np.interp(ages, np.arange(len(points)), points) * falls**beyond
    return value


_BY_LIFE: dict[str, Callable[[float, int, int, float], Array]] = {
    "straight": straight_line,
    "declining": declining,
    "sum_of_years": sum_of_years_digits,
}


def _checked(paid_usd: float, life_months: int, resale_usd: float) -> None:
    if not (0 <= resale_usd <= paid_usd < float("inf") and life_months >= 1):
        raise PlanError(
            f"{paid_usd} USD down to {resale_usd} USD over {life_months} months cannot be",
            hint="resale is 0 to what was paid, life is a month or more",
        )
