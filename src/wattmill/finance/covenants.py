"""What lenders test: cover ratios, loan to value, and how long debt, contract and machine last.

Arrays have months on their last axis, index 0 is today, and paths on the axes before it. A ratio
over nothing owed is inf: the test is passed. A month that never comes is None for one path and inf
in an array of paths.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from wattmill.finance.cashflow import npv
from wattmill.finance.checks import require
from wattmill.finance.repayment import by_month

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]


def trailing(values: Floats, months: int) -> Floats:
    """Sums of the last `months` months, of fewer where fewer have been."""
    require(months >= 1, f"{months} months are none", "give 12 for the last year")
    totals = np.cumsum(values, axis=-1)
    before = np.zeros_like(totals)
    before[..., months:] = totals[..., :-months]
    return np.asarray(totals - before)


def dscr(cfads_usd: Floats, service_usd: Floats, trailing_months: int = 1) -> Floats:
    """Debt service cover ratio: CFADS / (interest + principal), of the months up to each month.

    Months before the first service count in neither sum, so that what was earned earlier does not
    flatter the first tests. inf where nothing is to be paid.
    """
    require(service_usd >= 0, "debt service is below 0", "give what is paid as 0 or more")
    begun = np.maximum.accumulate(service_usd > 0, axis=-1)
    cash = trailing(np.where(begun, cfads_usd, 0.0), trailing_months)
    return _ratio(cash, _settled(trailing(service_usd, trailing_months), service_usd))


def llcr(
    cfads_usd: Floats, balance_usd: Floats, rate_frac_per_month: float, maturity_month: int
) -> Floats:
    """Loan life cover ratio: present value of CFADS from next month to maturity / balance."""
    within = np.arange(cfads_usd.shape[-1]) <= maturity_month
    return plcr(np.where(within, cfads_usd, 0.0), balance_usd, rate_frac_per_month)


def plcr(cfads_usd: Floats, balance_usd: Floats, rate_frac_per_month: float) -> Floats:
    """Project life cover ratio: present value of all CFADS from next month on / balance.

    inf where nothing is owed.
    """
    require(rate_frac_per_month > -1, "a rate is not above -1", "give 0.01 for 1 % per month")
    cash = by_month(cfads_usd, cfads_usd.shape)
    present = by_month(np.zeros(1), cfads_usd.shape)
    for t in range(cfads_usd.shape[-1] - 2, -1, -1):
        later = cash[..., t + 1] + present[..., t + 1]
        present[..., t] = later / (1 + rate_frac_per_month)
    return _ratio(present, balance_usd)


def ltv(balance_usd: Floats, value_usd: Floats) -> Floats:
    """Loan to value: balance / what the machines would sell for. 0 where nothing is owed, inf
    where something is owed on nothing."""
    require(value_usd >= 0, "a value is below 0", "give 0 for what nobody buys")
    balance, value = np.broadcast_arrays(balance_usd, value_usd)
    worth = np.where(value > 0, value, 1.0)
    return np.where(balance == 0, 0.0, np.where(value > 0, balance / worth, np.inf))


def first_below(ratio: Floats, floor: float, every_months: int = 1) -> Floats:
    """The first month (...) in which a ratio that is tested is below its floor; inf if never.

    Tested in every `every_months`-th month: 3 for the ends of quarters.
    """
    return first_months(_tested(ratio < floor, every_months))


def first_above(ratio: Floats, ceiling: float, every_months: int = 1) -> Floats:
    """The first month (...) in which a ratio, such as LTV, is above its ceiling; inf if never."""
    return first_months(_tested(ratio > ceiling, every_months))


def underwater_months(balance_usd: Floats, value_usd: Floats) -> Floats:
    """The first month (...) in which more is owed than the machines would sell for; inf if never."""
    return first_above(ltv(balance_usd, value_usd), 1.0)


def first_months(holds: Bools) -> Floats:
    """The first month (...) in which something holds, for every path; inf if never."""
    return np.where(holds.any(axis=-1), holds.argmax(axis=-1), np.inf)


def macaulay_duration(rate: float, flows: Sequence[float]) -> float:
    """Mean time of the flows, weighted by present value, in periods. rate per period.

    The first flow is at time 0. PlanError if they are worth nothing or less.
    """
    worth = npv(rate, flows)
    require(worth > 0, "flows that are worth nothing have no duration", "give what is received")
    return npv(rate, [t * flow for t, flow in enumerate(flows)]) / worth


def modified_duration(rate: float, flows: Sequence[float]) -> float:
    """Share of value lost for each 1 of rate per period: Macaulay duration / (1 + rate)."""
    return macaulay_duration(rate, flows) / (1 + rate)


class DurationGap(msgspec.Struct, frozen=True):
    """How contract, debt and machine fit, in months from today; gaps below 0 are slack."""

    contract_months: float
    debt_months: float
    life_months: float
    uncontracted_months: float
    """How long debt is still owed after the contract has ended."""
    outlived_months: float
    """How long debt is still owed after the machines are worth running."""
    owed_at_contract_end_usd: float
    owed_at_life_end_usd: float


def duration_gap(balance_usd: Floats, contract_months: int, life_months: int) -> DurationGap:
    """The gaps of one path's debt, which lasts until its balance is 0 for good.

    contract_months: until customers may leave; life_months: until the machines earn less than they
    cost to run. Debt that is owed in the last month given lasts for ever (inf); balances after that
    month are those of it.
    """
    require(balance_usd.ndim == 1, "a gap is of one path", "take one of the paths")
    owed = np.flatnonzero(balance_usd > 0)
    last = len(balance_usd) - 1
    repaid = float(owed[-1]) + 1 if len(owed) else 0.0
    if len(owed) and owed[-1] == last:
        repaid = np.inf
    return DurationGap(
        contract_months,
        repaid,
        life_months,
        repaid - contract_months,
        repaid - life_months,
        float(balance_usd[min(contract_months, last)]),
        float(balance_usd[min(life_months, last)]),
    )


def _tested(fails: Bools, every_months: int) -> Bools:
    require(every_months >= 1, f"every {every_months} months is never", "give 1, 3 or 12")
    months = np.arange(fails.shape[-1])
    return np.asarray(fails & (months % every_months == 0) & (months > 0))


def _settled(sums: Floats, service_usd: Floats) -> Floats:
    """Sums of service without what rounding leaves of them where none is in the window."""
    scale = service_usd.max(axis=-1, keepdims=True, initial=0.0)
    return np.where(sums <= 1e-12 * scale, 0.0, sums)


def _ratio(over: Floats, under: Floats) -> Floats:
    over, under = np.broadcast_arrays(over, under)
    return np.where(under > 0, over / np.where(under > 0, under, 1.0), np.inf)
