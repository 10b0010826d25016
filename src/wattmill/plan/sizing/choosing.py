"""The best of what meets the SLO: the front in cost, power and speed, and what of it is shown."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wattmill.plan.sizing.meeting import Found
from wattmill.plan.sizing.money import UNKNOWN, Array

OTHERS = 6
TOO_MUCH = 10.0


def measures(found: Found) -> Array:
    """What is compared, less is better: USD per hour, watts, TPOT."""
    return np.column_stack((found.usd, found.power_w, found.seen.tpot_s))


def near(found: Found, front: NDArray[np.int64]) -> NDArray[np.int64]:
    """The part of the front that costs, or draws, at most TOO_MUCH times the least there is."""
    usd, power_w = found.usd[front], found.power_w[front]
    is_near = np.where(usd < UNKNOWN, usd <= TOO_MUCH * found.usd.min(), True)
    near: NDArray[np.int64] = front[is_near & (power_w <= TOO_MUCH * power_w.min())]
    return near


def best_at(found: Found, front: NDArray[np.int64]) -> dict[int, tuple[str, ...]]:
    best: dict[int, tuple[str, ...]] = {}
    for name, values in zip(("cost", "power", "speed"), measures(found).T, strict=True):
        least = front[np.argmin(values[front])]
        if values[least] < UNKNOWN:
            best[int(least)] = (*best.get(int(least), ()), name)
    return best


def shown_of(
    found: Found, front: NDArray[np.int64], best: dict[int, tuple[str, ...]], top: int
) -> tuple[int, ...]:
    """The best of each kind, then the cheapest of each hardware, then the cheapest of what is left."""
    names = [_accelerator(found, int(i)) for i in front]
    first = {name: int(i) for name, i in reversed(list(zip(names, front, strict=True)))}
    order = [*best, *(first[name] for name in dict.fromkeys(names)), *map(int, front)]
    chosen = list(dict.fromkeys(order))[:top]
    table = measures(found)
    return tuple(sorted(chosen, key=lambda i: tuple(table[i])))


def others_of(found: Found, shown: tuple[int, ...]) -> list[int]:
    """The cheapest of each hardware that is not shown yet, of those with a price."""
    seen = {_accelerator(found, i) for i in shown}
    best: dict[str, int] = {}
    for i in np.lexsort((found.seen.tpot_s, found.usd)):
        name = _accelerator(found, int(i))
        if name not in seen and found.usd[i] < UNKNOWN:
            best.setdefault(name, int(i))
    return list(best.values())[:OTHERS]


def _accelerator(found: Found, i: int) -> str:
    return found.field.candidates[int(found.row[i])].accelerator.name
