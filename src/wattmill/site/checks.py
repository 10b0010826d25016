"""Figures that a study refuses, in one form: what was given, and what may be."""

from __future__ import annotations

from wattmill.core.errors import PlanError

INFINITE = float("inf")


def positive(name: str, value: float) -> float:
    """`value` if it is a finite number above 0; else PlanError."""
    if not 0 < value < INFINITE:
        raise PlanError(f"{name} = {value} cannot be", hint="give a number above 0")
    return value


def at_least_0(name: str, value: float) -> float:
    """`value` if it is a finite number of 0 or more; else PlanError."""
    if not 0 <= value < INFINITE:
        raise PlanError(f"{name} = {value} cannot be", hint="give 0 or more")
    return value


def share(name: str, value: float) -> float:
    """`value` if it is a share, 0 to 1; else PlanError."""
    if not 0 <= value <= 1:
        raise PlanError(f"{name} = {value} is no share", hint="give 0 to 1")
    return value


def efficiency(name: str, value: float) -> float:
    """`value` if it is above 0 and at most 1; else PlanError."""
    if not 0 < value <= 1:
        raise PlanError(f"{name} = {value} is no efficiency", hint="give more than 0, at most 1")
    return value


def pue_checked(pue: float) -> float:
    """`pue` if it is 1 or more; else PlanError."""
    if not 1 <= pue < INFINITE:
        raise PlanError(f"a PUE of {pue} cannot be", hint="a PUE is 1 or more")
    return pue
