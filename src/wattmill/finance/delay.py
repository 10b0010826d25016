"""What dark machines cost: they are paid for, wear on the market, and wait for power.

Cost of a delay = interest + lost value + standing costs + damages + lost contract. The rent that is not earned is shown
beside it and not added: it is what would have paid for the lost value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct
from msgspec.structs import asdict

from wattmill.finance.checks import require
from wattmill.finance.outcome import PERCENTILES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


class DarkFleet(Struct, frozen=True, kw_only=True):
    """Machines on the day on which they should have power. USD.

    value_usd falls to (1 + value_frac_per_year) times itself in a year, at work or not. interest_frac_per_year is an
    effective yearly rate on financed_usd. margin: what they would leave in the first month and its growth.
    contract_margin: what a contract leaves above the market, by the month, lost for all its months from a delay of
    long_stop_months on (None: the customer waits); damages are paid for each month of delay up to then.
    """

    value_usd: float
    value_frac_per_year: float
    financed_usd: float = 0.0
    interest_frac_per_year: float = 0.0
    standing_usd_per_month: float = 0.0
    margin_usd_per_month: float = 0.0
    margin_frac_per_year: float = 0.0
    damages_usd_per_month: float = 0.0
    contract_margin_usd_per_month: float = 0.0
    contract_months: int = 0
    long_stop_months: float | None = None


class DelayCost(Struct, frozen=True):
    """USD, each an array over delays; at the day of power, but the contract, which is not discounted."""

    interest_usd: Array
    lost_value_usd: Array
    standing_usd: Array
    damages_usd: Array
    lost_contract_usd: Array
    lost_margin_usd: Array

    @property
    def total_usd(self) -> Array:
        """All but the lost margin."""
        return (
            self.interest_usd
            + self.lost_value_usd
            + self.standing_usd
            + self.damages_usd
            + self.lost_contract_usd
        )


class DelayRisk(Struct, frozen=True):
    """Over the delays that may come: mean of each part, mean and percentiles of the total, in USD."""

    mean_months: float
    mean_usd: float
    mean_by_part_usd: dict[str, float]
    percentiles_usd: dict[str, float]
    contract_lost_frac: float


def delay_cost(fleet: DarkFleet, months: float | Sequence[float] | Array) -> DelayCost:
    """Cost of delays of `months` (0 or more, one or an array). Exact; PlanError for what cannot be."""
    late = np.asarray(months, dtype=float)
    _check(fleet, late)
    years = late / 12
    stop = np.inf if fleet.long_stop_months is None else fleet.long_stop_months
    lost = late >= stop
    contract = fleet.contract_margin_usd_per_month * fleet.contract_months
    return DelayCost(
        interest_usd=fleet.financed_usd * ((1 + fleet.interest_frac_per_year) ** years - 1),
        lost_value_usd=fleet.value_usd * (1 - (1 + fleet.value_frac_per_year) ** years),
        standing_usd=fleet.standing_usd_per_month * late,
        damages_usd=fleet.damages_usd_per_month * np.minimum(late, stop),
        lost_contract_usd=np.where(lost, contract, 0.0),
        lost_margin_usd=_margin(fleet, late),
    )


def delay_risk(fleet: DarkFleet, delays_months: Sequence[float] | Array) -> DelayRisk:
    """Over equally likely delays, as a simulated calendar gives them."""
    late = np.asarray(delays_months, dtype=float)
    require(late.ndim == 1 and late.size > 0, "no delays are given", "give a list of months")
    cost = delay_cost(fleet, late)
    total = cost.total_usd
    parts: dict[str, Any] = asdict(cost)
    stop = fleet.long_stop_months
    return DelayRisk(
        mean_months=float(late.mean()),
        mean_usd=float(total.mean()),
        mean_by_part_usd={name: float(np.mean(part)) for name, part in parts.items()},
        percentiles_usd={f"P{p}": float(np.percentile(total, p)) for p in PERCENTILES},
        contract_lost_frac=0.0 if stop is None else float((late >= stop).mean()),
    )


def _margin(fleet: DarkFleet, late: Array) -> Array:
    """Margins of the dark months, each at its month's start; part of a month counts in part."""
    factor = (1 + fleet.margin_frac_per_year) ** (1 / 12)
    whole = np.floor(late)
    earned = whole if factor == 1 else (factor**whole - 1) / (factor - 1)
    margin: Array = fleet.margin_usd_per_month * (earned + (late - whole) * factor**whole)
    return margin


def _check(fleet: DarkFleet, late: Array) -> None:
    require(np.isfinite(late) & (late >= 0), "a delay below 0 cannot be", "give 0 months or more")
    require(
        -1 < fleet.value_frac_per_year <= 0,
        f"a change of value of {fleet.value_frac_per_year} a year cannot be",
        "give -0.3 for a loss of 30 % a year",
    )
    for name in ("interest_frac_per_year", "margin_frac_per_year"):
        rate = getattr(fleet, name)
        require(rate > -1, f"{name} = {rate} is not above -1", "give 0.12 for 12 % a year")
    for name in ("value_usd", "financed_usd", "contract_months"):
        value = getattr(fleet, name)
        require(0 <= value < np.inf, f"{name} = {value} cannot be", "give 0 or more")
