"""When to redeploy, sell or swap what stands in a slot whose power is scarce: optimal stopping.

Backward induction (Bellman) over month, machine, tier, age and rent level. A decision is taken at the end of
month t, before what month t + 1 brings; the rent level of that month is a lattice's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from wattmill.finance.induction import TODAYS, Induction
from wattmill.finance.slot import Slot, check

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

KEEP, REDEPLOY, SELL = "keep", "redeploy", "sell"


class Band(Struct, frozen=True):
    """In `month`, at rent levels from `low` to `high` (calm), the best action on what stands there today."""

    month: int
    low: float
    high: float
    action: str


class Step(Struct, frozen=True):
    """An action and the month in which it is best."""

    month: int
    action: str


class Replacement(Struct, frozen=True):
    """What to do with a slot, and what that is worth today (USD).

    value_usd: of slot and incumbent under the best policy. never_usd: if nothing is ever done before the end.
    today: value of each action taken now, the best policy after it. waiting_usd: what waiting gains over the best
    action of today; 0 if acting now is best, None if nothing but waiting can be done. slot_usd: what the empty
    slot would be worth, so what its kW are worth: the shadow value of the cap; beside it per kW and month.
    plan: actions along the median rent. act_frac: by action, the probability that it is the first one taken on the
    incumbent, month 0, 1, …; what is missing to 1 is kept to the end. boundary: bands by month.
    """

    value_usd: float
    never_usd: float
    today: dict[str, float]
    waiting_usd: float | None
    slot_usd: float
    slot_usd_per_kw_month: float
    plan: tuple[Step, ...]
    act_frac: dict[str, tuple[float, ...]]
    boundary: tuple[Band, ...]


def best_replacement(slot: Slot) -> Replacement:
    """The best policy for a slot. Exact for a certain rent; with a random one, to the grid of the lattice.

    PlanError, naming the machine, for what cannot be.
    """
    check(slot)
    solved = Induction(slot)
    start = solved.grid.start
    value, empty = (
        float(solved.value[solved.first, TODAYS, start]),
        float(solved.value[0, 0, start]),
    )
    today = _today(solved)
    acting = [usd for action, usd in today.items() if action != KEEP]
    return Replacement(
        value_usd=value,
        never_usd=float(solved.never[start]),
        today=today,
        waiting_usd=value - max(acting) if acting else None,
        slot_usd=empty,
        slot_usd_per_kw_month=empty / (slot.kw * solved.annuity(slot.months)),
        plan=_plan(solved),
        act_frac=_act_frac(solved),
        boundary=_boundary(solved),
    )


def _today(solved: Induction) -> dict[str, float]:
    names = _names(solved, solved.first)
    return {n: float(v) for n, v in zip(names, solved.today, strict=True) if np.isfinite(v)}


def _names(solved: Induction, seat: int) -> list[str]:
    """Of the actions that can be taken from a seat, in the order of their numbers."""
    verb = "buy" if seat == 0 else "swap to"
    return [KEEP, REDEPLOY, SELL, *(f"{verb} {m.name}" for m in solved.slot.machines)]


def _plan(solved: Induction) -> tuple[Step, ...]:
    """Best actions if the rent stays on its median, in calm."""
    node = solved.grid.start % solved.grid.calm_nodes
    month, seat, clock = 0, solved.first, TODAYS
    steps = []
    while month < solved.slot.months:
        action = int(solved.best[month, seat, clock, node])
        if action:
            steps.append(Step(month, _names(solved, seat)[action]))
        month, seat, clock = solved.after(action, month, seat, clock)
    return tuple(steps)


def _act_frac(solved: Induction) -> dict[str, tuple[float, ...]]:
    """Probability that an action is the first one on the incumbent, by month."""
    names, months = _names(solved, solved.first), solved.slot.months
    found = np.zeros((len(names), months))
    chance = np.zeros(solved.grid.prices.shape[1])
    chance[solved.grid.start] = 1
    for month in range(months):
        best = solved.best[month, solved.first, TODAYS]
        found[:, month] = np.bincount(best, weights=chance, minlength=len(names))
        chance = np.where(best == 0, chance, 0.0) @ solved.grid.transition
    rows = zip(names[1:], found[1:], strict=True)
    return {name: tuple(map(float, row)) for name, row in rows if row.any()}


def _boundary(solved: Induction) -> tuple[Band, ...]:
    names = _names(solved, solved.first)
    calm = solved.grid.calm_nodes
    bands: list[Band] = []
    for month in range(solved.slot.months):
        best = solved.best[month, solved.first, TODAYS, :calm]
        bands += _bands(month, solved.grid.prices[month, :calm], best, names)
    return tuple(bands)


def _bands(month: int, levels: Array, best: NDArray[np.int8], names: list[str]) -> list[Band]:
    """Neighbouring levels with one best action; an edge is half way between two levels, by ratio."""
    cuts = np.flatnonzero(np.diff(best)) + 1
    edges = [levels[0], *np.sqrt(levels[cuts - 1] * levels[cuts]), levels[-1]]
    actions = [names[best[i]] for i in [0, *cuts]]
    triples = zip(edges[:-1], edges[1:], actions, strict=True)
    return [Band(month, float(low), float(high), action) for low, high, action in triples]
