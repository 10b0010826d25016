"""How machines compare on one scale."""

from __future__ import annotations

from wattmill.core.errors import PlanError


def min_max_score(value: float, least: float, most: float) -> float:
    """Where a value lies between the least (0) and the most (1) of those compared."""
    if not least < most:
        raise PlanError(f"{least:g} to {most:g} is no range", hint="give two different ends")
    return (value - least) / (most - least)


def weighted_score(first: float, second: float, first_weight: float) -> float:
    """Two scores as one: w · first + (1 - w) · second."""
    if not 0 <= first_weight <= 1:
        raise PlanError(f"a weight of {first_weight:g} cannot be", hint="give 0 to 1")
    return first_weight * first + (1 - first_weight) * second
