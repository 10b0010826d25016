"""What the owner's NPV hangs on: one knob at a time, and all of them at once.

Loans are as sized on the base case, as they are where prices are random: a lender has signed before
a knob turns. Only what is agreed with the loan itself, its rate and the price of the machines that
it is for, makes another loan.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from wattmill.core.errors import PlanError
from wattmill.finance import cashflow
from wattmill.finance.project import Project
from wattmill.finance.sensitivity import Bar, Index, sobol_indices, tornado
from wattmill.finance.statement import loan_schedules, statement
from wattmill.plan.studies import knobs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

AGREED_WITH_LOANS = ("price of machines", "rate of loans")
"""Knobs that are known when a loan is sized."""
SIZED = "the knobs leave loans as sized on the base case; only " + " and ".join(
    f"`{name}`" for name in AGREED_WITH_LOANS
)
SOBOL_POINTS = 32
"""Of each of eight sequences, for each knob and twice more."""


def bars(project: Project, rate: float) -> tuple[tuple[Bar, ...], tuple[str, ...]]:
    """The owner's NPV at the ends of each knob, widest first; and notes on what one must know of them.

    A knob whose end cannot be is left out, and a note says which and why.
    """
    base = {knob.name: knob.base for knob in knobs.knobs(project)}

    def worth(at: Mapping[str, float]) -> float:
        moved = {name: value for name, value in at.items() if value != base[name]}
        return owners_usd(project, moved, rate)

    found: list[Bar] = []
    notes = [SIZED + " change them"] if project.loans else []
    for knob in knobs.knobs(project):
        try:
            found += tornado(worth, base, {knob.name: (knob.low, knob.high)})
        except PlanError as error:
            notes.append(f"the knob `{knob.name}` is left out: {error.message}")
    return tuple(sorted(found, key=lambda bar: (-bar.swing, bar.name))), tuple(notes)


def sobol(project: Project, rate: float, seed: int) -> tuple[Index, ...]:
    """Shares of the variance, the largest first. PlanError where a corner of the ranges cannot be."""
    found = knobs.knobs(project)

    def worth(at: Mapping[str, Array]) -> Array:
        rows = zip(*at.values(), strict=True)
        return np.array(
            [owners_usd(project, dict(zip(at, row, strict=True)), rate) for row in rows]
        )

    ranges = {knob.name: (knob.low, knob.high) for knob in found}
    shares = sobol_indices(worth, ranges, count=SOBOL_POINTS, seed=seed)
    return tuple(sorted(shares, key=lambda share: (-share.total, share.name)))


def owners_usd(project: Project, at: Mapping[str, float], rate: float) -> float:
    """The owner's NPV with some knobs turned, loans as they were sized before."""
    agreed = {name: value for name, value in at.items() if name in AGREED_WITH_LOANS}
    loans = loan_schedules(knobs.turned(project, agreed))
    flows = statement(knobs.turned(project, at), None, loans).equity_flow_usd
    return float(cashflow.npv_paths(rate, flows))
