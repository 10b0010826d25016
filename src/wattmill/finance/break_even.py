"""From which load, at which price, until which month a machine pays; None is never.

Money per month or per hour, shares of capacity, months; USD.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from wattmill.finance.cashflow import npv_paths
from wattmill.finance.checks import require

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


def break_even_price(rate_frac_per_month: float, costs_usd: Array, quantity: Array) -> Array:
    """The price that makes costs and sales worth the same, if it never changed: PV(costs) / PV(quantity).

    A rent in USD per hour if the quantity is hours, an LCOT if it is Mtok. Before tax.
    """
    sold = npv_paths(rate_frac_per_month, quantity)
    require(sold > 0, "nothing is sold, so no price pays", "give a quantity per month")
    return np.asarray(npv_paths(rate_frac_per_month, costs_usd) / sold)


def level(value_of: Callable[[float], float], low: float, high: float) -> float | None:
    """The level of any input, within low and high, at which `value_of` (an NPV, say) is zero; by bisection.

    None if it has the same sign at both ends. Where it crosses zero more than once, one crossing is found.
    """
    require(low < high, f"{low} to {high} is no range", "give the lower end first")
    at_low, at_high = value_of(low), value_of(high)
    for end, value in ((low, at_low), (high, at_high)):
        if value == 0:
            return end
    if (at_low > 0) == (at_high > 0):
        return None
    for _ in range(100):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if (value_of(middle) > 0) == (at_low > 0):
            low = middle
        else:
            high = middle
    return (low + high) / 2


class Crossover(Struct, frozen=True):
    """When running costs eat the revenue, in months.

    first: in which revenue is first below what would be saved by switching off. for_good: from which it stays so, to
    the end of the study: switching off then regrets nothing. None: never. Months before the first revenue or cost do
    not count.
    """

    first_month: int | None
    for_good_month: int | None


def crossover(revenue_usd: Array, avoidable_usd: Array) -> Crossover:
    """Of one path. avoidable: costs that end with the machine, not those that go on without it."""
    below = _below(revenue_usd, avoidable_usd)
    require(below.ndim == 1, "a crossover is of one path", "take one of the paths")
    begun = np.flatnonzero((revenue_usd > 0) | (avoidable_usd > 0))
    if not len(begun) or not below.any():
        return Crossover(None, None)
    pays = np.flatnonzero(~below)
    for_good = int(pays[-1]) + 1 if len(pays) else int(begun[0])
    return Crossover(int(below.argmax()), for_good if for_good < len(below) else None)


def _below(revenue_usd: Array, avoidable_usd: Array) -> NDArray[np.bool_]:
    return np.asarray(revenue_usd < avoidable_usd)
