"""Money of others that is not a loan: customers who pay ahead, and partners who go first.

Arrays are USD with months on their last axis, index 0 is today.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from wattmill.finance.cashflow import irr, yearly_rate
from wattmill.finance.checks import require

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


class PrepaidContract(msgspec.Struct, frozen=True, eq=False):
    """A customer's prepayment, which bills use up: arrays (..., months + 1)."""

    cash_usd: Floats
    """The prepayment, and bills beyond what it still covers."""
    revenue_usd: Floats
    """What was served, at the price that was really paid for it."""
    liability_usd: Floats
    """What the customer has paid for and not had (a contract liability), at the month's end."""
    used_usd: Floats
    """Bills at list price that the prepayment met."""


def prepaid_contract(
    billed_usd: Floats, paid_usd: float, discount_frac: float = 0.0, month: int = 0
) -> PrepaidContract:
    """A customer pays `paid_usd` in `month` for service worth paid / (1 - discount) at list price.

    billed_usd (..., months + 1) at list price. What is not used by the end stays a liability. Cash
    of all months is revenue of all months plus the last liability.
    """
    fits = 0 <= discount_frac < 1 and paid_usd >= 0 and np.all(billed_usd >= 0)
    require(fits, "the terms of the prepayment cannot be", "amounts of 0 or more, a discount < 1")
    credit = paid_usd / (1 - discount_frac)
    late = np.arange(billed_usd.shape[-1]) > month
    total = np.minimum(np.cumsum(np.where(late, billed_usd, 0.0), axis=-1), credit)
    used = np.diff(total, axis=-1, prepend=0.0)
    cash = billed_usd - used
    cash[..., month] += paid_usd
    owed = (credit - total) * (1 - discount_frac)
    owed[..., :month] = 0.0
    return PrepaidContract(cash, billed_usd - used * discount_frac, owed, used)


def prepayment_rate_frac_per_year(contract: PrepaidContract, paid_usd: float, month: int) -> float:
    """What the discount costs as a yearly rate: the customer lends and is repaid in service.

    One path, and a prepayment that is used up: an unused rest is no repayment.
    """
    require(contract.used_usd.ndim == 1, "a rate is of one path", "take one of the paths")
    left = contract.liability_usd[-1]
    require(left <= 1e-9 * paid_usd, "the prepayment is not used up", "look further ahead")
    flow = -contract.used_usd
    flow[month] += paid_usd
    return yearly_rate(irr(flow.tolist()))


class Flip(msgspec.Struct, frozen=True, eq=False):
    """A flow split between a tax or cash investor and a sponsor."""

    investor_usd: Floats
    sponsor_usd: Floats
    flip_months: Floats
    """The month (...) at whose end the investor has the target return; inf if never."""


def partnership_flip(
    flow_usd: Floats,
    target_frac_per_month: float,
    pays_frac: float,
    before_frac: float,
    after_frac: float,
) -> Flip:
    """The investor pays a share of what is paid, and gets one share of what is received until the
    target return is reached, and another from the month after.

    The target is reached when the investor's flow so far, grown at the target rate, is 0 or more.
    """
    shares = (pays_frac, before_frac, after_frac)
    require(all(0 <= share <= 1 for share in shares), "a share is not within 0 and 1", "0.99")
    require(target_frac_per_month > -1, "a rate is not above -1", "give 0.01 for 1 % per month")
    investor, grown = np.zeros(flow_usd.shape), np.zeros(flow_usd.shape[:-1])
    flips = np.full(flow_usd.shape[:-1], np.inf)
    rounding = 1e-12 * np.abs(flow_usd).sum(axis=-1)
    for t in range(flow_usd.shape[-1]):
        gets = np.where(np.isfinite(flips), after_frac, before_frac)
        flow = flow_usd[..., t]
        investor[..., t] = flow * np.where(flow < 0, pays_frac, gets)
        grown = grown * (1 + target_frac_per_month) + investor[..., t]
        reached = (
            (grown >= -rounding) & (t > 0) & np.isinf(flips) & (investor[..., : t + 1] < 0).any(-1)
        )
        flips = np.where(reached, t, flips)
    return Flip(investor, flow_usd - investor, flips)
