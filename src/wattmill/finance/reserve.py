"""The debt service reserve (DSRA): service of months to come that a lender wants to see in cash.

Arrays are USD with months on their last axis, index 0 is today, and paths before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wattmill.finance.loan_terms import LoanSchedule, LoanTerms

    Floats = NDArray[np.float64]

WITH_A_LUMP = ("balloon", "interest_only", "bullet")
"""Kinds of loan whose last payment is not one of many: it is refinanced, or paid from a sale."""


def service_ahead_usd(service_usd: Floats, months: int) -> Floats:
    """The service (...) of the `months` after each month; 0 beyond the last. Exact."""
    ahead = np.concatenate(
        [service_usd[..., 1:], np.zeros((*service_usd.shape[:-1], months + 1))], axis=-1
    )
    windows = np.lib.stride_tricks.sliding_window_view(ahead, max(months, 1), axis=-1)
    sums = windows.sum(axis=-1)[..., : service_usd.shape[-1]]
    return np.asarray(sums if months else np.zeros(service_usd.shape))


def reserve_target_usd(loan: LoanSchedule, months: int) -> Floats:
    """What a reserve of so many months of service must hold at the end of each month (..., months + 1).

    Until the last draw the first payments, then those to come, so that the last of it comes back
    with the last of them. A lump at maturity is no part of it.
    """
    due = _continued(loan, _regular_usd(loan), months)
    target = service_ahead_usd(due, months)[..., : loan.balance_usd.shape[-1]]
    drawn = min(loan.terms.drawn_month, target.shape[-1] - 1)
    target[..., :drawn] = target[..., drawn, None]
    return target


def reserve_usd(loan: LoanSchedule, months: int) -> Floats:
    """What a reserve holds that its owner fills at close, which is the first draw; 0 or more.

    It is not drawn: what a month lacks the owner pays. `wattmill.finance.waterfall` has one that is.
    """
    held = reserve_target_usd(loan, months)
    held[..., : loan.terms.start_month] = 0.0
    return held


def held_usd(
    loans: Sequence[LoanTerms], schedules: Mapping[str, LoanSchedule], months: int, is_repaid: bool
) -> Floats:
    """The reserves of all loans together (..., months + 1); `is_repaid`: at the end of the study."""
    held = np.zeros(months + 1)
    for terms in loans:
        if terms.reserve_months:
            held = held + reserve_usd(schedules[terms.name], terms.reserve_months)
    if is_repaid:
        held[..., -1] = 0.0
    return held


def _regular_usd(loan: LoanSchedule) -> Floats:
    """Service without a lump at maturity."""
    due = loan.service_usd.copy()
    last = loan.terms.maturity_month
    if loan.terms.kind in WITH_A_LUMP and last < due.shape[-1]:
        due[..., last] = np.minimum(due[..., last], due[..., last - 1])
    return due


def _continued(loan: LoanSchedule, due: Floats, months: int) -> Floats:
    """A loan that outlives the study is served on as in its last month."""
    owes = loan.balance_usd[..., -1:] > 0
    return np.concatenate([due, np.where(owes, due[..., -1:], 0.0).repeat(months, -1)], axis=-1)
