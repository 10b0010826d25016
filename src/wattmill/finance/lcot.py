"""What a token costs over the life of what makes it, by kind of token and by part of the cost.

Levelised cost of token: present value of costs / present value of tokens; the price that, if it never changed, would
just pay for everything. Costs and Mtok are arrays (..., months + 1) with today at 0 and flows at the ends of months,
rates are per month. Results are USD per Mtok.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from wattmill.finance.cashflow import npv_paths
from wattmill.finance.checks import require

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wattmill.finance.statement import Statement

    Array = NDArray[np.float64]


def lcot(rate_frac_per_month: float, costs_usd: Array, mtok: Array) -> Array:
    """Σ cost_t / (1 + r)^t ÷ Σ Mtok_t / (1 + r)^t for every path (...); PlanError without any token."""
    made = npv_paths(rate_frac_per_month, mtok)
    require(made > 0, "no tokens, so no cost of a token", "give tokens per month")
    return np.asarray(npv_paths(rate_frac_per_month, costs_usd) / made)


def lcot_by_meter(
    rate_frac_per_month: float,
    costs_usd: Array,
    mtok: Mapping[str, Array],
    seconds_per_mtok: Mapping[str, float],
) -> dict[str, Array]:
    """LCOT of input, cached input, output…: the cost of a second of the pool's work × seconds per Mtok.

    The cost of a second is the present value of all costs over that of all seconds in use, so idle time is paid by
    those who use the pool, and Σ LCOT_m · PV(Mtok_m) = PV(costs). seconds_per_mtok: what a Mtok of each takes of a
    full pool, from physics or measured; only their ratios matter.
    """
    unknown = sorted(set(mtok) ^ set(seconds_per_mtok))
    require(not unknown, f"{', '.join(unknown)}: Mtok or seconds are missing", "give both for each")
    weights = np.array(list(seconds_per_mtok.values()))
    require(weights >= 0, "a token takes less than no time", "give seconds of 0 or more")
    seconds = sum((seconds_per_mtok[name] * made for name, made in mtok.items()), np.zeros(1))
    used = npv_paths(rate_frac_per_month, seconds)
    require(used > 0, "no work, so no cost of a token", "give tokens that take time")
    usd_per_s = npv_paths(rate_frac_per_month, costs_usd) / used
    return {name: np.asarray(usd_per_s * seconds_per_mtok[name]) for name in mtok}


def lcot_by_part(
    rate_frac_per_month: float, parts_usd: Mapping[str, Array], mtok: Array
) -> dict[str, Array]:
    """LCOT of each part of the cost; they add up to the LCOT of their sum."""
    return {name: lcot(rate_frac_per_month, usd, mtok) for name, usd in parts_usd.items()}


def cost_parts(statement: Statement) -> dict[str, Array]:
    """Costs of a project before tax and financing: capex and opex by part, and resale as a negative cost.

    Discounted at the rate that lenders and owners together expect, this holds what financing costs.
    """
    capex = {f"capex {name}": usd for name, usd in statement.capex_by.items()}
    return {**capex, **statement.opex_by, "resale": -statement.resale_usd}


class Effective(Struct, frozen=True):
    """Cost of the tokens of one hour or month, USD per Mtok: all of them, and input and output apart."""

    blended: float
    input: float
    output: float


def effective_usd_per_mtok(
    cost_usd: float,
    input_mtok: float,
    cached_mtok: float,
    output_mtok: float,
    prefill_frac: float | None = None,
    output_to_input: float = 2.5,
) -> Effective:
    """A spot figure, not levelised: cost split between prompts and answers, cached tokens being free.

    prefill_frac: the prompts' share of the time. None: an output token takes `output_to_input` times as long as an
    uncached input token, so the share is input / (input + ratio · output). blended divides by all tokens, cached ones
    too. As OpenCost defines it (1.121, July 2026); request seconds as shares overstate decode under continuous
    batching.
    """
    uncached = input_mtok - cached_mtok
    require(
        cached_mtok >= 0 and uncached > 0 and output_mtok > 0,
        f"{input_mtok} Mtok in, {cached_mtok} of them cached, {output_mtok} out have no two costs",
        "give some uncached input and some output",
    )
    if prefill_frac is None:
        prefill_frac = uncached / (uncached + output_to_input * output_mtok)
    require(0 <= prefill_frac <= 1, f"a share of {prefill_frac} cannot be", "give 0 to 1")
    return Effective(
        blended=cost_usd / (input_mtok + output_mtok),
        input=cost_usd * prefill_frac / uncached,
        output=cost_usd * (1 - prefill_frac) / output_mtok,
    )
