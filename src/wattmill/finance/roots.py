"""Every root of a sum of payments in one discount factor: the search behind IRR and XIRR.

A present value Σ c_i x^e_i is a polynomial in x = 1 / (1 + rate), with whole exponents for equal
periods and any exponents for dates. Descartes' rule of signs holds for both.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


NEXT_TO_ALL_LOST = 1e-7
"""A rate closer to -100 % than this is none: a float no longer tells 1 + rate."""


def rates(times: Sequence[float], amounts: Sequence[float], highest: float) -> tuple[float, ...]:
    """Every rate in (-1, highest] at which Σ amount / (1 + rate)^time is zero, in order.

    Rates within `NEXT_TO_ALL_LOST` of -1 are left out. The sum is searched in x = 1 / (1 + rate),
    and in y = 1 + rate with its times turned round, so that both halves of the range lie within
    [0, 1]. Without any amount but zero: no rate.
    """
    e, c = _merged(np.asarray(times, dtype=float), np.asarray(amounts, dtype=float))
    if len(c) < 2:
        return ()
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

    Between neighbouring turning points the sum is monotonic, so a bracket with a change of sign
    holds one root, which bisection finds to rounding; a turning point that is itself a root (a
    double one) is kept. Turning points come from the same search on the derivative, until at most
    one change of sign, and so one root, is left.
    """
    scaled = coefficients / np.abs(coefficients).max()
    changes = sign_changes(scaled)
    if changes == 0:
        return []
    slope = exponents[1:] * scaled[1:]
    turns = _roots(exponents[1:] - exponents[1], slope, low) if changes > 1 else []
    brackets = pairwise(sorted({low, *turns, 1.0}))
    found = (_root_between(exponents, scaled, a, b) for a, b in brackets)
    return _distinct([x for x in found if x is not None])


def _distinct(ordered: list[float]) -> list[float]:
    """Without neighbours that are one root found twice."""
    return [x for i, x in enumerate(ordered) if i == 0 or x - ordered[i - 1] > 1e-9]


def _root_between(e: Floats, c: Floats, a: float, b: float) -> float | None:
    """The root in [a, b], where the sum is monotonic; an end that is one to rounding."""
    at_a, at_b = _value(e, c, a), _value(e, c, b)
    for x, at_x in ((a, at_a), (b, at_b)):
        if abs(at_x) <= 1e-13 * _value(e, np.abs(c), x):
            return x
    if (at_a > 0) == (at_b > 0):
        return None
    for _ in range(200):
        middle = (a + b) / 2
        if middle in (a, b):
            break
        if (_value(e, c, middle) > 0) == (at_a > 0):
            a = middle
        else:
            b = middle
    return (a + b) / 2


def _value(exponents: Floats, coefficients: Floats, x: float) -> float:
    return float((coefficients * x**exponents).sum())
