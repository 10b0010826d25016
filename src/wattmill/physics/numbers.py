"""What the pure formulas share: a number or an array of them, and refusing what cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from wattmill.core.errors import PlanError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

N = TypeVar("N", float, "NDArray[np.float64]")
"""A number or an array of them. Formulas use operators alone, so none of them imports NumPy."""


def larger(a: N, b: N) -> N:
    """max(a, b) of numbers and arrays alike, exact to rounding."""
    return (a + b + abs(a - b)) / 2


def smaller(a: N, b: N) -> N:
    """min(a, b) of numbers and arrays alike, exact to rounding."""
    return (a + b - abs(a - b)) / 2


def require(holds: Any, message: str, hint: str) -> None:
    """PlanError unless every element of a comparison holds."""
    if not (holds if isinstance(holds, bool) else holds.all()):
        raise PlanError(message, hint=hint)


def require_positive(**values: Any) -> None:
    """PlanError unless each is above 0."""
    for name, value in values.items():
        require(value > 0, f"{name} = {value} is not above 0", f"give {name} above 0")


def require_share(**values: Any) -> None:
    """PlanError unless each is within 0 to 1."""
    for name, value in values.items():
        within = (value >= 0) & (value <= 1)
        require(within, f"{name} = {value} is not within 0 to 1", "give 0.3 for 30 %")
