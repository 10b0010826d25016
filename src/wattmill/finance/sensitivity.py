"""Which input a result hangs on: one at a time (tornado), and all together (Sobol indices)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from wattmill.core.errors import PlanError
from wattmill.finance.copula import known, sobol_uniforms

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

Range = tuple[float, float]
REPLICATES = 8


class Bar(Struct, frozen=True):
    """The result at the low and at the high end of one input, everything else as it is."""

    name: str
    low: float
    high: float
    at_low: float
    at_high: float

    @property
    def swing(self) -> float:
        """Distance between the two results."""
        return abs(self.at_high - self.at_low)


class Index(Struct, frozen=True):
    """Shares of the variance of a result that one input explains, with standard errors.

    first: by itself. total: by itself and together with others; 0 for an input without effect.
    """

    name: str
    first: float
    total: float
    first_error: float
    total_error: float


def tornado(
    model: Callable[[Mapping[str, float]], float],
    base: Mapping[str, float],
    ranges: Mapping[str, Range],
) -> tuple[Bar, ...]:
    """Each input at its low and high end, the others at `base`; the longest bar first, ties by name.

    PlanError for a range of an input that `base` has not, or whose ends do not enclose it.
    """
    for name, (low, high) in ranges.items():
        if name not in base:
            raise PlanError(f"no input is called {name!r}", hint=known(base))
        if not low <= base[name] <= high:
            raise PlanError(
                f"{name} = {base[name]:g} is not within {low:g} to {high:g}",
                hint="give the low end first, and a range around the value",
            )
    bars = [
        Bar(name, low, high, model({**base, name: low}), model({**base, name: high}))
        for name, (low, high) in ranges.items()
    ]
    return tuple(sorted(bars, key=lambda bar: (-bar.swing, bar.name)))


def sobol_indices(
    model: Callable[[Mapping[str, Array]], Array],
    ranges: Mapping[str, Range],
    *,
    count: int = 1024,
    seed: int = 1,
) -> tuple[Index, ...]:
    """First-order and total indices of inputs that are independent and uniform on their ranges.

    The model takes arrays by name and gives an array; it is asked for 8 (k + 2) `count` points, k inputs.
    First: Saltelli et al. 2010, doi:10.1016/j.cpc.2009.09.018, table 2 (b). Total: Jansen 1999,
    doi:10.1016/S0010-4655(98)00154-4. Errors are those of the mean of 8 scrambled sequences. `count` is a
    power of two. PlanError if the result does not vary.
    """
    _check_ranges(ranges, count)
    made = np.array([_indices(model, ranges, count, rng) for rng in _streams(seed)])
    mean = made.mean(axis=0)
    error = made.std(axis=0, ddof=1) / np.sqrt(len(made))
    return tuple(
        Index(name, float(mean[0, i]), float(mean[1, i]), float(error[0, i]), float(error[1, i]))
        for i, name in enumerate(ranges)
    )


def _indices(
    model: Callable[[Mapping[str, Array]], Array],
    ranges: Mapping[str, Range],
    count: int,
    rng: np.random.Generator,
) -> Array:
    """(2, inputs): first and total indices from one scrambled sequence."""
    inputs = len(ranges)
    points = sobol_uniforms(count, 2 * inputs, rng)
    a, b = points[:, :inputs], points[:, inputs:]
    at_a, at_b = _asked(model, ranges, a), _asked(model, ranges, b)
    variance = np.concatenate([at_a, at_b]).var()
    if not variance > 1e-24 * np.abs(at_a).max() ** 2:
        raise PlanError("the result does not depend on these inputs", hint="give wider ranges")
    centre = np.concatenate([at_a, at_b]).mean()
    first, total = np.empty(inputs), np.empty(inputs)
    for i in range(inputs):
        mixed = a.copy()
        mixed[:, i] = b[:, i]
        at_mixed = _asked(model, ranges, mixed)
        first[i] = ((at_b - centre) * (at_mixed - at_a)).mean() / variance
        total[i] = ((at_a - at_mixed) ** 2).mean() / (2 * variance)
    return np.stack([first, total])


def _asked(
    model: Callable[[Mapping[str, Array]], Array], ranges: Mapping[str, Range], points: Array
) -> Array:
    inputs = {
        name: low + (high - low) * points[:, i]
        for i, (name, (low, high)) in enumerate(ranges.items())
    }
    answers = np.asarray(model(inputs), dtype=float)
    if answers.shape != (len(points),) or not np.isfinite(answers).all():
        raise PlanError(
            "the model did not give one finite number for each point",
            hint="it is given arrays by name and must answer with an array",
        )
    return answers


def _streams(seed: int) -> Sequence[np.random.Generator]:
    return [np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(REPLICATES)]


def _check_ranges(ranges: Mapping[str, Range], count: int) -> None:
    if not ranges or count < 2 or count & (count - 1):
        raise PlanError(
            f"{count} points of {len(ranges)} inputs cannot be",
            hint="give an input, and a count that is a power of two",
        )
    for name, (low, high) in ranges.items():
        if not -np.inf < low <= high < np.inf:
            raise PlanError(f"{name} from {low:g} to {high:g} cannot be", hint="low end first")
