"""How long a task takes, as a distribution: PERT, triangular or lognormal."""

from __future__ import annotations

from math import exp, log
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from wattmill.core.errors import PlanError

Array = NDArray[np.float64]
Shape = Literal["pert", "triangular", "lognormal"]
Z90 = 1.2815515655446004
"""The 90th percentile of a standard normal distribution."""


class Task(msgspec.Struct, frozen=True):
    """One step. months: low, mode, high; of a lognormal P10, P50, P90. after: names of tasks.

    shape: `pert` is a beta distribution with mean (low + 4 mode + high) / 6; `lognormal` has a tail
    without end. done_frac: chance that it ends at all, as of an application in a queue.
    """

    name: str
    months: tuple[float, float, float]
    after: tuple[str, ...] = ()
    shape: Shape = "pert"
    done_frac: float = 1.0


def quantile(task: Task, share: Array) -> Array:
    """Months of a task at shares (0..1) of its distribution; element by element."""
    low, mode, high = task.months
    if low == high:
        return np.full_like(share, low)
    if task.shape == "triangular":
        return _triangular(low, mode, high, share)
    if task.shape == "lognormal":
        return _lognormal(low, mode, high, share)
    from scipy.special import betaincinv

    alpha, beta = 1 + 4 * (mode - low) / (high - low), 1 + 4 * (high - mode) / (high - low)
    return np.asarray(low + (high - low) * betaincinv(alpha, beta, share))


def mean_months(task: Task) -> float:
    """Expected months of a task, if it ends."""
    low, mode, high = task.months
    if low == high:
        return low
    if task.shape == "triangular":
        return (low + mode + high) / 3
    if task.shape == "lognormal":
        shift, scale, sigma = _lognormal_parameters(low, mode, high)
        return shift + scale * exp(sigma**2 / 2)
    return (low + 4 * mode + high) / 6


def _triangular(low: float, mode: float, high: float, share: Array) -> Array:
    span, rise = high - low, mode - low
    rising = low + np.sqrt(share * span * rise)
    falling = high - np.sqrt((1 - share) * span * (high - mode))
    return np.where(share * span < rise, rising, falling)


def _lognormal(p10: float, p50: float, p90: float, share: Array) -> Array:
    from scipy.special import ndtri

    shift, scale, sigma = _lognormal_parameters(p10, p50, p90)
    return np.asarray(shift + scale * np.exp(sigma * ndtri(share)))


def _lognormal_parameters(p10: float, p50: float, p90: float) -> tuple[float, float, float]:
    """Shift, scale and sigma of the lognormal with these percentiles:
    e^(sigma z) = (p90 - p50) / (p50 - p10)."""
    ratio = (p90 - p50) / (p50 - p10)
    return p50 - (p90 - p50) / (ratio - 1), (p90 - p50) / (ratio - 1), log(ratio) / Z90


def possible(task: Task) -> None:
    """PlanError for months or chances that no task has."""
    low, mode, high = task.months
    if not 0 <= low <= mode <= high < float("inf"):
        raise PlanError(
            f"{task.name!r}: months of {low:g}, {mode:g}, {high:g} cannot be",
            hint="give low, mode and high in order, 0 or more",
        )
    if not 0 < task.done_frac <= 1:
        raise PlanError(
            f"{task.name!r}: a chance of {task.done_frac:g} cannot be", hint="above 0, at most 1"
        )
    if task.shape == "lognormal" and low < high:
        _skewed(task)


def _skewed(task: Task) -> None:
    """A lognormal leans to the right, and may not begin before the task does."""
    p10, p50, p90 = task.months
    if not (p10 < p50 and p90 - p50 > p50 - p10 and p10 * p90 >= p50**2):
        raise PlanError(
            f"{task.name!r}: no lognormal of 0 months and more has P10, P50, P90 of"
            f" {p10:g}, {p50:g}, {p90:g}",
            hint="P90 / P50 is to be no less than P50 / P10; else take shape = pert",
        )
