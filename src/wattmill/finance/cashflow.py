"""Present value, rates of return and payback of cash flows at equal intervals.

The first flow is at time 0, flow t is t periods later. A rate is per period.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from wattmill.core.errors import PlanError
from wattmill.finance import roots

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Rates = float | Floats

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


def npv_paths(rate: Rates, flows_usd: Floats) -> Floats:
    """Σ flow_t / (1 + rate)^t over the last axis, for every path of the leading axes.

    rate > -1 per period: one number, or an array that broadcasts against the leading axes.
    """
    rates_ = np.asarray(rate, dtype=float)
    if not (rates_ > -1).all():
        raise PlanError(f"a rate of {rate} is not above -1", hint="give 0.01 for 1 % per period")
    steps = np.arange(flows_usd.shape[-1])
    if rates_.ndim == 0:
        return np.asarray(flows_usd @ (1 + rates_) ** -steps.astype(float))
    present: Floats = flows_usd * (1 + rates_[..., None]) ** -steps.astype(float)
    return np.asarray(present.sum(axis=-1))


def monthly_rate(frac_per_year: float) -> float:
    """The rate per month that compounds to a yearly one: (1 + r)^(1/12) - 1. r > -1.

    A nominal loan rate is divided by 12 instead; see `wattmill.finance.debt`.
    """
    if not frac_per_year > -1:
        raise PlanError(f"a rate of {frac_per_year} is not above -1", hint="give 0.12 for 12 %")
    return math.expm1(math.log1p(frac_per_year) / 12)


def yearly_rate(frac_per_month: float) -> float:
    """The yearly rate that a monthly one compounds to: (1 + r)^12 - 1. r > -1."""
    if not frac_per_month > -1:
        raise PlanError(f"a rate of {frac_per_month} is not above -1", hint="give 0.01 for 1 %")
    return math.expm1(12 * math.log1p(frac_per_month))


def sign_changes(flows: Sequence[float]) -> int:
    """How often the flows change sign, zeros left out: the most positive roots that can be."""
    return roots.sign_changes(_finite(flows))


def irr_all(flows: Sequence[float]) -> tuple[float, ...]:
    """Every rate in (-1, 10] at which `npv` is zero, in order; empty if there is none.

    See `wattmill.finance.roots` for the search. NoRoot if there is no flow but zero.
    """
    values = _finite(flows)
    if not any(values):
        raise NoRoot("all flows are zero", hint="give at least one payment")
    return roots.rates(range(len(values)), values, HIGHEST_RATE)


def irr(flows: Sequence[float]) -> float:
    """The one internal rate of return in (-1, 10].

    NoRoot if no rate fits, MultipleRoots (which names them) if several do.
    """
    return only_rate(irr_all(flows))


def only_rate(rates: Sequence[float]) -> float:
    """The one of the `rates`; NoRoot if there is none, MultipleRoots if there are several."""
    if not rates:
        raise NoRoot(
            "no rate between -100 % and 1000 % makes these flows worth zero",
            hint="look at the net present value instead",
        )
    if len(rates) > 1:
        raise MultipleRoots(
            "several rates make these flows worth zero: " + ", ".join(f"{r:.6g}" for r in rates),
            hint="look at the net present value at your own rate instead",
        )
    return rates[0]


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


def _finite(flows: Sequence[float]) -> list[float]:
    values = [float(flow) for flow in flows]
    if not np.isfinite(values).all():
        raise PlanError("a flow is not a finite number", hint="leave out what is not known")
    return values
