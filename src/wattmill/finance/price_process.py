"""How one price may move: falling, swinging back to an anchor, and scarce at times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


class PriceProcess(Struct, frozen=True):
    """One price; its unit is that of `start` and `anchor` (1.0 for a factor).

    With A the anchor, F the factor in scarcity and s = 0 or 1 the regime, y = ln(P / A) follows
    dy = κ (s ln F - y) dt + σ dW, κ = ln 2 / half-life (Ornstein-Uhlenbeck; the exact step of a month is used).
    Calm turns scarce at `scarcity_starts_per_year`, and back after `scarcity_months` in the mean.
    The anchor is the median of a calm price in the long run, not its mean.
    """

    start: float
    anchor: float
    anchor_frac_per_year: float = 0.0
    half_life_months: float = 12.0
    volatility_frac_per_year: float = 0.0
    scarcity_factor: float = 1.0
    scarcity_starts_per_year: float = 0.0
    scarcity_months: float = 12.0
    scarce_now: bool = False

    @property
    def kept_frac(self) -> float:
        """Share of a distance from the anchor that is left after a month."""
        return float(0.5 ** (1 / self.half_life_months))

    @property
    def step_std(self) -> float:
        """Standard deviation of the shock to the logarithm that a month adds."""
        kappa = np.log(2) / self.half_life_months
        monthly = self.volatility_frac_per_year / np.sqrt(12)
        return float(monthly * np.sqrt(-np.expm1(-2 * kappa) / (2 * kappa)) if kappa else monthly)

    @property
    def regimes(self) -> bool:
        """Can there be scarcity, and does it matter?"""
        possible = self.scarce_now or self.scarcity_starts_per_year > 0
        return possible and self.scarcity_factor != 1

    @property
    def turn_probabilities(self) -> tuple[float, float]:
        """Of calm being scarce a month later, and of scarce being calm (exact)."""
        starts, ends = self.scarcity_starts_per_year / 12, 1 / self.scarcity_months
        mixed = -np.expm1(-(starts + ends)) / (starts + ends)
        return float(starts * mixed), float(ends * mixed)

    def anchors(self, months: int) -> Array:
        """The anchor at the end of month 0 (now) to `months`."""
        steps: Array = np.arange(months + 1) / 12
        anchors: Array = self.anchor * (1 + self.anchor_frac_per_year) ** steps
        return anchors
