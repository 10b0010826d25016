"""How much is asked for: prices that fall, demand that answers, load that has to be won first.

Arrays over months 0 to `months`, and over paths before that where a price has paths.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, overload

import numpy as np

from wattmill.core.errors import PlanError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

N = TypeVar("N", float, "NDArray[np.float64]")


def growth_factors(months: int, frac_per_year: float) -> Array:
    """(1 + frac)^(t / 12) at the end of month 0 to `months`; -0.27 is a fall of 27 % a year."""
    if not -1 < frac_per_year < float("inf"):
        raise PlanError(
            f"a growth of {frac_per_year} cannot be", hint="give -0.27 for -27 % a year"
        )
    factors: Array = (1 + frac_per_year) ** (np.arange(months + 1) / 12)
    return factors


def ramp(months: int, ramp_months: int, start_frac: float = 0.0, first_month: int = 0) -> Array:
    """Share of the full load: 0 up to `first_month`, then a straight line from `start_frac` to 1.

    The line starts at the end of `first_month` and is at 1 `ramp_months` later; without a ramp it is 1 at once.
    """
    if not (0 <= start_frac <= 1 and ramp_months >= 0):
        raise PlanError(
            f"a ramp from {start_frac} over {ramp_months} months cannot be",
            hint="give a share of 0 to 1, and months",
        )
    age = np.arange(months + 1) - first_month
    risen = np.minimum(age / ramp_months, 1.0) if ramp_months else np.ones(months + 1)
    shares: Array = np.where(age > 0, start_frac + (1 - start_frac) * risen, 0.0)
    return shares


def contracted_frac(
    months: int, frac: float, first_month: int, contract_months: int | None
) -> Array:
    """Share of the capacity under contract: `frac` for so many months after `first_month`, else 0."""
    if not 0 <= frac <= 1:
        raise PlanError(f"a contracted share of {frac} cannot be", hint="give 0 to 1")
    age = np.arange(months + 1) - first_month
    last = months if contract_months is None else contract_months
    return np.where((age > 0) & (age <= last), frac, 0.0)


def volume_factor(price_factor: N, elasticity: float) -> N:
    """By how much more is asked for when the price is `price_factor` times as high: factor^-elasticity.

    Constant elasticity, 0 or more: 1 % less in price brings `elasticity` % more in volume.
    """
    if not 0 <= elasticity < float("inf"):
        raise PlanError(
            f"an elasticity of {elasticity} cannot be", hint="give it without its sign, 1.5"
        )
    factor: N = price_factor ** (-elasticity)
    return factor


def revenue_factor(price_factor: N, elasticity: float) -> N:
    """Price times volume: above 1 for a price that fell if elasticity is above 1 (Jevons)."""
    return price_factor * volume_factor(price_factor, elasticity)


def implied_elasticity(price_factor: float, volume_factor: float) -> float:
    """-ln(volume) / ln(price): 0.5 in price and 4 in volume is an elasticity of 2."""
    if not (price_factor > 0 and price_factor != 1 and volume_factor > 0):
        raise PlanError(
            f"a price times {price_factor} and a volume times {volume_factor} say nothing",
            hint="give factors above 0, and a price that changed",
        )
    return float(-np.log(volume_factor) / np.log(price_factor))


@overload
def served_at_peaks(mean: float, capacity: float, peak_to_mean: float) -> float: ...
@overload
def served_at_peaks(mean: Array, capacity: Array | float, peak_to_mean: float) -> Array: ...
def served_at_peaks(
    mean: Array | float, capacity: Array | float, peak_to_mean: float
) -> Array | float:
    """What machines serve in the mean of a demand that has peaks.

    The demand that is exceeded a share x of the time is peak · (1 - x)^(p - 1), p = peak / mean, whose mean is right
    for every p ≥ 1; p = 1 is an even demand. What is above the capacity at that time is not served:
    peak s^p / p + capacity (1 - s), s = min(1, capacity / peak)^(1 / (p - 1)) the share of time that is below it.
    The shape is assumed; hours that were measured are better where there are any.
    """
    asked, limit = np.asarray(mean, dtype=float), np.asarray(capacity, dtype=float)
    if not (peak_to_mean >= 1 and (asked >= 0).all() and (limit >= 0).all()):
        raise PlanError(
            "peaks are above the mean", hint="peak_to_mean is 1 or more, the rest 0 or more"
        )
    peak = np.where(asked > 0, asked * peak_to_mean, 1.0)
    part = np.minimum(limit, peak) / peak
    even = peak_to_mean - 1 < 1e-9
    below = np.where(part < 1, 0.0, 1.0) if even else part ** (1 / (peak_to_mean - 1))
    served_then = peak * below**peak_to_mean / peak_to_mean + part * peak * (1 - below)
    found: Array = np.where(asked > 0, served_then, 0.0)
    return found if found.ndim else float(found)
