"""Present value, rates of return and payback of cash flows at equal intervals.

The first flow is at time 0, flow t is t periods later. A rate is per period.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from wattmill.core.errors import PlanError

HIGHEST_RATE = 10.0
"""Rates above 1,000 % per period are not looked for."""


class NoRoot(PlanError):
    """No rate makes these flows worth zero."""


class MultipleRoots(PlanError):
    """More than one rate makes these flows worth zero, so none of them is a return."""


def npv(rate: float, flows: Sequence[float]) -> float:
    """Σ flow_t / (1 + rate)^t, the first flow undiscounted. rate > -1."""
    if not rate > -1:
        raise PlanError(f"a rate of {rate} is not above -1", hint="give 0.12 for 12 % per period")
    return float(sum(flow / (1 + rate) ** t for t, flow in enumerate(_finite(flows))))


def sign_changes(flows: Sequence[float]) -> int:
    """How often the flows change sign, zeros left out: the most positive roots that can be."""
    signs = [flow > 0 for flow in _finite(flows) if flow != 0]
    return sum(a != b for a, b in pairwise(signs))


def irr_all(flows: Sequence[float]) -> tuple[float, ...]:
    """Every rate in (-1, 10] at which `npv` is zero, in order; empty if there is none.

    npv is a polynomial in x = 1 / (1 + rate), and in y = 1 + rate with its coefficients turned
    round, so that both halves of the range are searched within [0, 1]. Between neighbouring turning
    points the polynomial is monotonic, so a bracket with a change of sign holds one root, which
    bisection finds to rounding; a turning point that is itself a root (a double one) is kept.
    Turning points come from the same search on the derivative, until Descartes' rule of signs
    leaves one root at most.
    """
    coefficients = _trimmed(_finite(flows))
    if not coefficients:
        raise NoRoot("all flows are zero", hint="give at least one payment")
    rising = [1 / x - 1 for x in _roots(coefficients, 1 / (1 + HIGHEST_RATE))]
    falling = [y - 1 for y in _roots(coefficients[::-1], 0.0)]
    return tuple(_distinct(sorted(rising + falling)))


def irr(flows: Sequence[float]) -> float:
    """The one internal rate of return in (-1, 10].

    NoRoot if no rate fits, MultipleRoots (which names them) if several do.
    """
    roots = irr_all(flows)
    if not roots:
        raise NoRoot(
            "no rate between -100 % and 1000 % makes these flows worth zero",
            hint="look at the net present value instead",
        )
    if len(roots) > 1:
        raise MultipleRoots(
            "several rates make these flows worth zero: " + ", ".join(f"{r:.6g}" for r in roots),
            hint="look at the net present value at your own rate instead",
        )
    return roots[0]


def payback_periods(flows: Sequence[float], rate: float = 0.0) -> float | None:
    """Periods until the sum of the flows, discounted at `rate`, is zero or more for good.

    Zero is to rounding: 1e-12 of all that was paid and received. Within the period it is a straight
    line. None if they never pay back; 0.0 if they never cost.
    """
    steps = np.asarray(_finite(flows), dtype=float)
    if not rate > -1:
        raise PlanError(f"a rate of {rate} is not above -1", hint="give 0.01 for 1 % per period")
    present = steps / (1 + rate) ** np.arange(len(steps))
    totals = np.cumsum(present)
    short = np.flatnonzero(totals < -1e-12 * np.abs(present).sum())
    if len(short) == 0:
        return 0.0
    last = int(short[-1])
    if last == len(totals) - 1:
        return None
    return float(last + totals[last] / (totals[last] - totals[last + 1]))


def lcot_usd_per_mtok(rate: float, costs_usd: Sequence[float], tokens: Sequence[float]) -> float:
    """Levelised cost of token: Σ cost_t/(1+r)^t ÷ Σ tokens_t/(1+r)^t, per million tokens.

    Both start at time 0, where the purchase is; tokens made during period t count at its end, so
    tokens[0] is usually 0. USD per million tokens; PlanError without any token.
    """
    made = npv(rate, tokens)
    if not made > 0:
        raise PlanError("no tokens, so no cost of a token", hint="give tokens per period")
    return npv(rate, costs_usd) / made * 1e6


def _roots(coefficients: list[float], low: float) -> list[float]:
    """Roots in [low, 1] of Σ c_t x^t, in order."""
    largest = max(map(abs, coefficients))
    scaled = [c / largest for c in coefficients]
    changes = sign_changes(scaled)
    if changes == 0:
        return []
    slope = [t * c for t, c in enumerate(scaled)][1:]
    turns = _roots(slope, low) if changes > 1 else []
    brackets = pairwise(sorted({low, *turns, 1.0}))
    found = (_root_between(scaled, a, b) for a, b in brackets)
    return _distinct([x for x in found if x is not None])


def _distinct(ordered: list[float]) -> list[float]:
    """Without neighbours that are one root found twice."""
    return [x for i, x in enumerate(ordered) if i == 0 or x - ordered[i - 1] > 1e-9]


def _root_between(coefficients: list[float], a: float, b: float) -> float | None:
    """The root in [a, b], where the polynomial is monotonic; an end that is one to rounding."""
    at_a, at_b = _value(coefficients, a), _value(coefficients, b)
    for x, at_x in ((a, at_a), (b, at_b)):
        if abs(at_x) <= 1e-13 * _magnitude(coefficients, x):
            return x
    if (at_a > 0) == (at_b > 0):
        return None
    for _ in range(200):
        middle = (a + b) / 2
        if middle in (a, b):
            break
        if (_value(coefficients, middle) > 0) == (at_a > 0):
            a = middle
        else:
            b = middle
    return (a + b) / 2


def _value(coefficients: list[float], x: float) -> float:
    total = 0.0
    for c in reversed(coefficients):
        total = total * x + c
    return total


def _magnitude(coefficients: list[float], x: float) -> float:
    return _value([abs(c) for c in coefficients], x)


def _trimmed(flows: Sequence[float]) -> list[float]:
    """Without zeros at the end, and at the start (a factor x^n has no positive root)."""
    filled = [t for t, flow in enumerate(flows) if flow != 0]
    return list(flows[filled[0] : filled[-1] + 1]) if filled else []


def _finite(flows: Sequence[float]) -> list[float]:
    values = [float(flow) for flow in flows]
    if not np.isfinite(values).all():
        raise PlanError("a flow is not a finite number", hint="leave out what is not known")
    return values
