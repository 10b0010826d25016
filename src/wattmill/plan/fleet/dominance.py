"""Machine types that nobody needs, because another one does the same for no more of anything.

Type j goes if k = ceil(mtok_j / mtok_i) machines of a type i, of the same model and without an end to
their number, take no more than one of j of everything that is limited or paid. Whatever j does in a
fleet, k of i can do instead, in whole machines and in parts, so neither the best fleet's worth nor
any shadow price changes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wattmill.plan.fleet.records import RESOURCES, Envelope, MachineType, Objective

ROUNDING = 1e-12


def undominated(
    types: tuple[MachineType, ...], envelope: Envelope, objective: Objective
) -> tuple[MachineType, ...]:
    """The types that are left, in their order; of equal ones the first."""
    models = {each.model for each in types}
    kept = [
        row
        for model in models
        for row in _kept(
            [i for i, t in enumerate(types) if t.model == model], types, envelope, objective
        )
    ]
    return tuple(types[row] for row in sorted(kept))


def _kept(
    rows: list[int], types: tuple[MachineType, ...], envelope: Envelope, objective: Objective
) -> list[int]:
    some = [types[row] for row in rows]
    beats = _beats(some, envelope, objective)
    order = np.arange(len(some))
    is_equal = beats & beats.T
    loses: NDArray[np.bool_] = beats & ~(
        is_equal & (order[:, None] >= order)
    )  # of equals, the first beats the rest
    return [row for row, lost in zip(rows, np.any(loses, axis=0).tolist(), strict=True) if not lost]


def _beats(some: list[MachineType], envelope: Envelope, objective: Objective) -> NDArray[np.bool_]:
    """[i, j]: whether type i does all that j does for no more."""
    mtok = np.array([each.mtok_per_month for each in some])
    copies = np.ceil(mtok / mtok[:, None] * (1 - ROUNDING))
    beats = np.ones_like(copies, bool)
    beats &= np.array([each.most is None for each in some])[:, None]
    for need in _needs(some, envelope, objective):
        beats &= copies * need[:, None] <= need * (1 + ROUNDING)
    if objective != "tokens":
        variable = np.array([each.variable_usd_per_mtok for each in some])
        beats &= variable[:, None] <= variable
    return beats


def _needs(
    some: list[MachineType], envelope: Envelope, objective: Objective
) -> list[NDArray[np.float64]]:
    """What counts against a machine: what is limited, and what it costs whether it works or not."""
    names = [name for name in RESOURCES if getattr(envelope, name) is not None]
    if objective != "tokens":
        names.append("fixed_usd_per_month")
    needs = [np.array([getattr(each, name) for each in some]) for name in names]
    return needs + [np.array([t.uses.get(stock, 0.0) for t in some]) for stock in envelope.stocks]
