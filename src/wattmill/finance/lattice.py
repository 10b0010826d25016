"""A price on a grid of levels, month by month, for decisions that look ahead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from wattmill.core.errors import PlanError
from wattmill.finance.processes import PriceProcess, check

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

SUBSTEPS = 4
"""Steps of the grid within a month: more is finer, for levels and for shocks."""
REACH_STD = 6.0
"""The grid ends so many standard deviations out."""


class Lattice(Struct, frozen=True):
    """Nodes are levels of the price, first all calm ones, then all scarce ones (if there is scarcity).

    prices (months + 1, nodes); transition (nodes, nodes): row to column within a month; start: the node
    of today.
    """

    prices: Array
    transition: Array
    start: int
    calm_nodes: int

    def expected(self, values: Array) -> Array:
        """(…, nodes): mean a month later, seen from each node."""
        seen: Array = values @ self.transition.T
        return seen


def certain(months: int, price: float = 1.0) -> Lattice:
    """A price that stays."""
    return Lattice(np.full((months + 1, 1), price), np.ones((1, 1)), 0, 1)


def lattice(process: PriceProcess, months: int, substeps: int = SUBSTEPS) -> Lattice:
    """The process as a chain on a trinomial grid with the exact mean and variance of each step.

    Hull and White 1994, doi:10.3905/jod.1994.407908, with steps of a month / `substeps` and spacing of
    √3 standard deviations of a step; beyond 6 standard deviations the grid ends and holds what would
    leave it. PlanError for scarcity without volatility, which this grid cannot carry.
    """
    check("rent", process)
    median = process.anchors(months) * (process.start / process.anchor) ** (
        process.kept_frac ** np.arange(months + 1)
    )
    if process.step_std == 0:
        return _without_shocks(process, median)
    levels, middle = _levels(process, months, substeps)
    prices = median[:, None] * np.exp(levels)
    calm = _transition(process, levels, 0.0, substeps)
    if not process.regimes:
        return Lattice(prices, calm, middle, len(levels))
    scarce = _transition(process, levels, float(np.log(process.scarcity_factor)), substeps)
    start, end = process.turn_probabilities
    transition = np.block([[(1 - start) * calm, start * scarce], [end * calm, (1 - end) * scarce]])
    first = middle + len(levels) * process.scarce_now
    return Lattice(np.hstack([prices, prices]), transition, first, len(levels))


def _without_shocks(process: PriceProcess, median: Array) -> Lattice:
    if process.regimes:
        raise PlanError(
            "scarcity needs a price that moves",
            hint="give volatility_frac_per_year above 0, or scarcity_factor = 1",
        )
    return Lattice(median[:, None], np.ones((1, 1)), 0, 1)


def _levels(process: PriceProcess, months: int, substeps: int) -> tuple[Array, int]:
    """Distances of the logarithm from its median path, and which of them is 0."""
    kept, std = process.kept_frac, process.step_std
    spread = std * np.sqrt(np.sum(kept ** (2 * np.arange(months))))
    pull = np.log(process.scarcity_factor) if process.regimes else 0.0
    spacing = _substep_std(process, substeps) * np.sqrt(3)
    below = int(np.ceil((REACH_STD * spread + max(-pull, 0)) / spacing))
    above = int(np.ceil((REACH_STD * spread + max(pull, 0)) / spacing))
    return np.arange(-below, above + 1) * spacing, below


def _substep_std(process: PriceProcess, substeps: int) -> float:
    """Shock of one substep, so that `substeps` of them add up to the month's."""
    kept = process.kept_frac ** (1 / substeps)
    return float(process.step_std / np.sqrt(np.sum(kept ** (2 * np.arange(substeps)))))


def _transition(process: PriceProcess, levels: Array, target: float, substeps: int) -> Array:
    """A month's probabilities from level to level, while the logarithm is drawn to `target`."""
    kept = process.kept_frac ** (1 / substeps)
    spacing = levels[1] - levels[0]
    mean = target + (levels - target) * kept
    nearest = np.clip(np.rint((mean - levels[0]) / spacing), 1, len(levels) - 2).astype(int)
    off = (mean - levels[nearest]) / spacing
    inside = np.abs(off) <= 0.5
    off = np.clip(off, -0.5, 0.5)
    up, down = (1 / 3 + off**2 + off) / 2, (1 / 3 + off**2 - off) / 2
    assert inside[1:-1].all(), "the grid is wide enough for every mean"
    step = np.zeros((len(levels), len(levels)))
    rows = np.arange(len(levels))
    for share, columns in ((down, nearest - 1), (1 - up - down, nearest), (up, nearest + 1)):
        step[rows, columns] = share
    return np.linalg.matrix_power(step, substeps)
