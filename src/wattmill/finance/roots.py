"""Every root of a sum of payments in one discount factor: the search behind IRR and XIRR.

A present value Σ c_i x^e_i is a polynomial in x = 1 / (1 + rate), with whole exponents for equal
periods and any exponents for dates. Descartes' rule of signs holds for both.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from wattmill.core.errors import PlanError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


MOST_TURNS = 100
"""Payments that change direction more often are no investment, and would take seconds to search."""
NEXT_TO_ALL_LOST = 1e-7
"""A rate closer to -100 % than this is none: a float no longer tells 1 + rate."""


def rates(times: Sequence[float], amounts: Sequence[float], highest: float) -> tuple[float, ...]:
    """Every rate in (-1, highest] at which Σ amount / (1 + rate)^time is zero, in order.

    Rates within `NEXT_TO_ALL_LOST` of -1 are left out. The sum is searched in x = 1 / (1 + rate),
    and in y = 1 + rate with its times turned round, so that both halves of the range lie within
    [0, 1]. Without any amount but zero: no rate. PlanError for more than `MOST_TURNS` changes of sign.
    """
    e, c = _merged(np.asarray(times, dtype=float), np.asarray(amounts, dtype=float))
    if len(c) < 2:
        return ()
    if (turns := sign_changes(c)) > MOST_TURNS:
        raise PlanError(
            f"payments that change direction {turns} times have no return",
            hint="add up what belongs together, or look at the net present value",
        )
    rising = [1 / x - 1 for x in _roots(e - e[0], c, 1 / (1 + highest))]
    falling = [y - 1 for y in _roots((e[-1] - e)[::-1], c[::-1], 0.0) if y > NEXT_TO_ALL_LOST]
    return tuple(_distinct(sorted(rising + falling)))


def sign_changes(amounts: Sequence[float] | Floats) -> int:
    """How often amounts in order of time change sign, zeros left out."""
    signs = np.sign(np.asarray(amounts, dtype=float))
    signs = signs[signs != 0]
    return int((signs[1:] != signs[:-1]).sum())


def _merged(times: Floats, amounts: Floats) -> tuple[Floats, Floats]:
    """In order of time, one amount for each time, none of them zero."""
    at, which = np.unique(times, return_inverse=True)
    sums = np.zeros(len(at))
    np.add.at(sums, which, amounts)
    return at[sums != 0], sums[sums != 0]


def _roots(exponents: Floats, coefficients: Floats, low: float) -> list[float]:
    """Roots in [low, 1] of Σ c x^e, in order; exponents rise from 0.

    Between neighbouring turning points the sum (times a power of x) is monotonic, so a bracket with a
    change of sign holds one root, which is found to rounding; a turning point that is itself a root (a
    double one) is kept. Turning points come from the same search on the derivative, until one change
    of sign, and so one root, is left.
    """
    found: list[float] = []
    for e, c in reversed(_derivatives(exponents, coefficients)):
        brackets = pairwise(sorted({low, *found, 1.0}))
        between = (_root_between(e, c, a, b) for a, b in brackets)
        found = _distinct([x for x in between if x is not None])
    return found


def _derivatives(exponents: Floats, coefficients: Floats) -> list[tuple[Floats, Floats]]:
    """Coefficients of the sum, and of sums whose roots lie between the roots of the one before.

    f and f · x^-k have the same roots above 0, and the derivative of the second has c · (e - k) for
    coefficients (and x^-k-1 before it). With k where the signs first change, one change is gone, so
    that there are as many steps as changes of sign, however many payments. Scaled to 1 at the most.
    """
    found: list[tuple[Floats, Floats]] = []
    e, c = exponents, coefficients / np.abs(coefficients).max()
    while (turns := np.flatnonzero(np.diff(np.sign(c)))).size:
        found.append((e, c))
        if turns.size == 1:
            break
        slope = c * (e - e[turns[0] : turns[0] + 2].mean())
        c = slope / np.abs(slope).max()
        e, c = e[c != 0], c[c != 0]  # what is too small for a float
    return found


def _distinct(ordered: list[float]) -> list[float]:
    """Without neighbours that are one root found twice."""
    return [x for i, x in enumerate(ordered) if i == 0 or x - ordered[i - 1] > 1e-9]


def _root_between(e: Floats, c: Floats, a: float, b: float) -> float | None:
    """The one root in [a, b]; an end that is one to rounding; None if the sum has one sign.

    Newton's steps, halves of the bracket where they leave it and every third time.
    """
    at_a, at_b = _value(e, c, a), _value(e, c, b)
    for x, at_x in ((a, at_a), (b, at_b)):
        if abs(at_x) <= 1e-13 * _value(e, np.abs(c), x):
            return x
    if (at_a > 0) == (at_b > 0):
        return None
    x = (a + b) / 2
    for step in range(300):
        powers = x**e
        at_x, slope = float(c @ powers), float((e * c) @ powers) / x
        a, b = (x, b) if (at_x > 0) == (at_a > 0) else (a, x)
        newton = x - at_x / slope if slope and step % 3 != 2 else a
        nearer = newton if a < newton < b else (a + b) / 2
        if nearer in (a, b) or abs(nearer - x) <= 1e-16 * x:
            break
        x = nearer
    return x


def _value(exponents: Floats, coefficients: Floats, x: float) -> float:
    return float((coefficients * x**exponents).sum())
