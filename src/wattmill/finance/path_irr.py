"""The internal rate of return of many cash flows at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from wattmill.finance.checks import require

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]

WIDEST = float(np.log(2))
"""Rates from -50 % to 100 % a month are looked for: ln(1 + rate) up to this, either way."""
CELLS = 64
ROUNDS = 80
SETTLED = 1e-11
"""Newton squares the error, so a step this small was the last but one to rounding."""


class PathRates(Struct, frozen=True):
    """Rates of the paths in `found`, in their order; paths with `none` or `several` have no return."""

    per_month: Array
    found: Mask
    none: Mask
    several: Mask

    @property
    def frac_per_year(self) -> Array:
        """Effective yearly rates."""
        yearly: Array = np.expm1(12 * np.log1p(self.per_month))
        return yearly


def irr_paths(flows_usd: Array) -> PathRates:
    """IRR per month of flows (paths, months + 1), by Newton's method kept inside a bracket.

    Flows that sum to 0 or more return the one rate from 0 up that makes them worth nothing; `several` if there are
    more. Flows that sum to less return the rate below 0 that is nearest to it, unless there is one above 0
    (`several`). So costs of closing down, which add a rate near -100 %, do not take the return away.

    The value is taken at 65 rates from -50 % to 100 % a month, denser near 0; a rate is solved to rounding. Two
    rates between neighbours are not seen, which flows with one change of sign never have. PlanError for a flow that
    is not finite.
    """
    flows = np.atleast_2d(np.asarray(flows_usd, dtype=float))
    require(np.isfinite(flows), "a flow is not a finite number", "leave out what is not known")
    at = np.linspace(-1, 1, CELLS + 1)
    rates = WIDEST * at * np.abs(at)
    values = flows @ np.exp(-np.outer(np.arange(flows.shape[-1]), rates))
    turns = (values[:, 1:] > 0) != (values[:, :-1] > 0)
    found, several, cell = _chosen(turns, gains=values[:, CELLS // 2] > 0)
    rows, cell = np.flatnonzero(found), cell[found]
    low, high = (rates[cell], values[rows, cell]), (rates[cell + 1], values[rows, cell + 1])
    solved = _solved(np.ascontiguousarray(flows[found].T), low, high)
    return PathRates(np.expm1(solved), found, ~found & ~several, several)


def _chosen(turns: Mask, gains: Mask) -> tuple[Mask, Mask, NDArray[np.intp]]:
    """Paths with a return, paths with several, and the cell of the rate of each."""
    below, above = turns[:, : CELLS // 2], turns[:, CELLS // 2 :]
    count = above.sum(axis=1)
    several = np.where(gains, count > 1, count > 0)
    found = np.where(gains, count == 1, (count == 0) & below.any(axis=1))
    nearest = CELLS // 2 - 1 - below[:, ::-1].argmax(axis=1)
    return found, several, np.where(gains, CELLS // 2 + above.argmax(axis=1), nearest)


def _solved(flows: Array, low_end: tuple[Array, Array], high_end: tuple[Array, Array]) -> Array:
    """Root of Σ flow_t e^(-ut) between two (u, value) of unlike sign; flows (months + 1, paths)."""
    (low, at_low), (high, at_high) = low_end, high_end
    u = low + (high - low) * at_low / (at_low - at_high)
    for _ in range(ROUNDS if len(u) else 0):
        value, slope = _value_slope(flows, u)
        same = (value > 0) == (at_low > 0)
        low, high = np.where(same, u, low), np.where(same, high, u)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = u - value / slope
        after = np.where((step >= low) & (step <= high), step, (low + high) / 2)
        moved = np.abs(after - u).max()
        u = after
        if moved < SETTLED:
            break
    return u


def _value_slope(flows: Array, u: Array) -> tuple[Array, Array]:
    """Σ flow_t e^(-ut) and its derivative by u, by Horner's rule."""
    x = np.exp(-u)
    value, slope = np.zeros_like(u), np.zeros_like(u)
    for flow in flows[::-1]:
        slope *= x
        slope += value
        value *= x
        value += flow
    return value, -x * slope
