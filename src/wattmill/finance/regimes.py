"""Calm and scarce months: a chain of two states, drawn spell by spell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wattmill.finance.price_process import PriceProcess

    Array = NDArray[np.float64]


class _Regime:
    """Calm and scarce months of one price, spell by spell; spells of a two-state chain are geometric."""

    def __init__(self, process: PriceProcess, count: int, months: int) -> None:
        self._turns = process.turn_probabilities
        self._now = process.scarce_now
        self._flips = np.zeros((count, months + 1), dtype=bool)
        self._flips[:, 0] = self._now
        self._ended = np.zeros(count)
        self.running = process.regimes

    def turn(self, normals: Array) -> None:
        """End the spell that runs on each path; a high normal makes it short."""
        from scipy.special import log_ndtr

        with np.errstate(divide="ignore"):
            spell = np.ceil(log_ndtr(normals) / np.log1p(-self._turns[self._now]))
        self._ended += np.maximum(spell, 1)
        inside = np.flatnonzero(self._ended < self._flips.shape[1])
        self._flips[inside, self._ended[inside].astype(int)] = True
        self._now = not self._now
        self.running = len(inside) > 0

    def scarce(self) -> Array:
        """1.0 in a scarce month, months 1 and on."""
        return np.logical_xor.accumulate(self._flips, axis=1)[:, 1:].astype(float)


def scarce_months(
    processes: Sequence[PriceProcess], drivers: Iterator[Array], count: int, months: int
) -> list[Array | None]:
    """The scarce months of each price, (count, months); None for one without scarcity."""
    regimes = [_Regime(process, count, months) for process in processes]
    while any(regime.running for regime in regimes):
        normals = next(drivers)
        for regime, row in zip(regimes, normals, strict=True):
            if regime.running:
                regime.turn(row)
    pairs = zip(processes, regimes, strict=True)
    return [regime.scarce() if process.regimes else None for process, regime in pairs]


def scarce_frac(process: PriceProcess, months: int) -> Array:
    """Probability of scarcity at the end of month 0 to `months`."""
    turn, back = process.turn_probabilities
    rest = turn / (turn + back)
    since = np.arange(months + 1, dtype=float)
    shares: Array = rest + (process.scarce_now - rest) * (1 - turn - back) ** since
    return shares
