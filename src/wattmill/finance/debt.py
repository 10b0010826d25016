"""Loans: how much can be borrowed, and what is owed, paid and repaid in every month.

Arrays have months on their last axis, index 0 is today, and paths on the axes before it. Interest
of a month is on the balance at its start, at a twelfth of the nominal yearly rate, as loan
contracts count it. What happens in month t happens at its end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from wattmill.core.errors import PlanError
from wattmill.finance.amortisation import AmortisationRow, amortisation_table
from wattmill.finance.cashflow import irr, yearly_rate
from wattmill.finance.checks import require
from wattmill.finance.loan_terms import KINDS, LoanSchedule, LoanTerms, check
from wattmill.finance.repayment import (
    accrue,
    blank,
    by_month,
    close,
    debt_capacity,
    draw,
    over,
    repay,
    sculpted_principal,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Number = float | Floats

__all__ = [
    "KINDS",
    "AmortisationRow",
    "LoanSchedule",
    "LoanTerms",
    "all_in_rate_frac_per_year",
    "amortisation_table",
    "check",
    "debt_capacity",
    "prepay",
    "schedule",
    "sculpted_principal",
    "swept",
]


def schedule(
    terms: LoanTerms, cfads_usd: Floats | None = None, cost_usd: float | None = None
) -> LoanSchedule:
    """The loan by month, over the months of `cfads_usd` (..., months + 1), or else to its maturity.

    CFADS sizes, sculpts and sweeps, and then gives the paths; otherwise the loan is the same on all
    paths and has no axis for them. cost_usd where `max_share_frac` limits the debt. PlanError if
    the terms contradict each other, if CFADS ends before a loan that it sizes, or if sculpting
    would need the balance to rise.
    """
    check(terms)
    window = _window(terms, cfads_usd)
    lent = _amount(terms, window, cost_usd)
    paths = window.shape[:-1] if window is not None else ()
    book = blank(terms, np.broadcast_shapes(lent.shape, paths))
    draw(book, terms, lent)
    repay(book, terms, window)
    loan = over(book, terms.maturity_month + 1 if cfads_usd is None else cfads_usd.shape[-1])
    if terms.sweep_frac and cfads_usd is not None:
        return swept(loan, cfads_usd, terms.sweep_frac)
    return loan


def swept(loan: LoanSchedule, cfads_usd: Floats, sweep_frac: float) -> LoanSchedule:
    """The loan if a share of what CFADS leaves after service repays it early, on every path.

    The contract's payments stay, so it ends sooner; nothing is swept until the last draw. cfads_usd
    (..., months + 1) has as many months as the loan, and may differ from what sized it.
    """
    require(0 <= sweep_frac <= 1, f"a sweep of {sweep_frac} is not within 0 and 1", "give 0.5")
    paid = _apart(loan, cfads_usd.shape[:-1])
    cash = by_month(cfads_usd, cfads_usd.shape)
    for t in _after_draws(loan, 0):
        accrue(paid, t, lends=False)
        before, interest = paid.balance_usd[..., t - 1], paid.interest_usd[..., t]
        due = np.maximum(loan.service_usd[..., t] - interest, 0.0)
        due = before if t == loan.terms.maturity_month else np.minimum(due, before)
        more = sweep_frac * np.maximum(cash[..., t] - interest - due, 0.0)
        paid.early_usd[..., t] = np.minimum(more, before - due)
        paid.principal_usd[..., t] = due + paid.early_usd[..., t]
        close(paid, t)
    return paid


def prepay(loan: LoanSchedule, month: int, usd: Number, keeps: str = "term") -> LoanSchedule:
    """The loan after `usd` more is repaid at the end of `month`, for a loan that is fully drawn.

    keeps="term": what is left is repaid in the same months, every payment smaller by the same
    share. keeps="payment": payments stay what they were, so the loan ends sooner. PlanError if more
    is repaid than is owed.
    """
    owed = loan.balance_usd[..., month]
    fits = np.all((np.asarray(usd) >= 0) & (usd <= owed))
    require(fits, f"{usd} USD in month {month} is more than is owed", "give less")
    still = loan.draw_usd[..., month + 1 :].any()
    require(not still, "draws, or interest that is lent, are still to come", "prepay later")
    require(keeps in ("term", "payment"), f"keeps={keeps!r} is not known", "'term' or 'payment'")
    paid = _apart(loan, np.shape(usd))
    for changed in (paid.principal_usd, paid.early_usd):
        changed[..., month] += usd
    paid.early_usd[..., month + 1 :] = 0.0
    paid.balance_usd[..., month] -= usd
    rest = paid.balance_usd[..., month] / np.where(owed > 0, owed, 1.0)
    for t in _after_draws(loan, month):
        accrue(paid, t, lends=False)
        due = loan.principal_usd[..., t] * rest
        if keeps == "payment":
            due = np.maximum(loan.service_usd[..., t] - paid.interest_usd[..., t], 0.0)
        before = paid.balance_usd[..., t - 1]
        paid.principal_usd[..., t] = (
            before if t == loan.terms.maturity_month else np.minimum(due, before)
        )
        close(paid, t)
    return paid


def all_in_rate_frac_per_year(loan: LoanSchedule) -> float:
    """The yearly rate that the borrower pays with fees: (1 + IRR of the loan's flow)^12 - 1.

    One path only. What is still owed in its last month is repaid then, at par.
    """
    require(loan.balance_usd.ndim == 1, "a rate is of one path", "take one of the paths")
    flow = loan.flow_usd
    flow[-1] -= loan.balance_usd[-1]
    return yearly_rate(irr(flow.tolist()))


def _apart(loan: LoanSchedule, paths: tuple[int, ...]) -> LoanSchedule:
    """A copy whose balance, interest and repayments can be filled in for every path."""
    shape = np.broadcast_shapes(loan.balance_usd.shape, (*paths, 1))
    names = ("balance_usd", "interest_usd", "principal_usd", "early_usd")
    copies = {name: by_month(getattr(loan, name), shape) for name in names}
    return msgspec.structs.replace(loan, **copies)


def _after_draws(loan: LoanSchedule, month: int) -> range:
    """The months after `month` and after the last draw."""
    drawn = np.flatnonzero(loan.draw_usd.reshape(-1, loan.draw_usd.shape[-1]).any(axis=0))
    last = int(drawn[-1]) if len(drawn) else 0
    return range(max(month, last) + 1, loan.draw_usd.shape[-1])


def _window(terms: LoanTerms, cfads_usd: Floats | None) -> Floats | None:
    """CFADS of the months of repayment, for the loans that it sizes or sculpts."""
    sizes = terms.principal_usd is None or terms.kind == "sculpted"
    if cfads_usd is None and (sizes or terms.sweep_frac):
        raise PlanError(
            f"loan {terms.name!r} depends on the cash flow, which is not given",
            hint="give CFADS by month, or a level loan without a sweep",
        )
    if not sizes or cfads_usd is None:
        return None
    window = cfads_usd[..., terms.drawn_month + 1 : terms.maturity_month + 1]
    require(
        window.shape[-1] == terms.months,
        f"CFADS is known to month {cfads_usd.shape[-1] - 1}, but loan {terms.name!r} matures in"
        f" month {terms.maturity_month}",
        "look further ahead, or borrow for a shorter time",
    )
    return window


def _amount(terms: LoanTerms, window: Floats | None, cost_usd: float | None) -> Floats:
    """What is drawn for use: as agreed, or what CFADS carries up to the share of the cost."""
    most = _most(terms, cost_usd)
    if terms.principal_usd is not None:
        require(
            terms.principal_usd <= most,
            f"loan {terms.name!r} of {terms.principal_usd:g} USD is above its share of the cost,"
            f" {most:g} USD",
            "borrow less, or leave out max_share_frac",
        )
        return np.asarray(terms.principal_usd, dtype=float)
    assert window is not None and terms.dscr is not None  # `check` and `_window` saw to it
    return np.minimum(_carried(terms, window, terms.dscr) / _grown(terms), most)


def _most(terms: LoanTerms, cost_usd: float | None) -> float:
    if terms.max_share_frac is None:
        return float("inf")
    if cost_usd is None:
        raise PlanError("a share of what?", hint="give cost_usd", place=f"loan {terms.name!r}")
    return terms.max_share_frac * cost_usd


def _grown(terms: LoanTerms) -> float:
    """The balance after the last draw, with the interest that was lent, for each USD of principal."""
    last = len(terms.shares) - 1
    rate = 1 + terms.rate_frac_per_month
    return sum(share * rate ** (last - i) for i, share in enumerate(terms.shares))


def _carried(terms: LoanTerms, window: Floats, dscr: float) -> Floats:
    """The largest balance after the last draw at which no month has less than the DSCR.

    For a sculpted loan: no month with principal in it; interest-only months are a time of grace.
    """
    free = terms.interest_only_months
    if terms.kind == "sculpted":
        carried = debt_capacity(window[..., free:], terms.rate_frac_per_month, dscr)
    else:
        one = blank(terms, ())
        draw(one, terms, np.asarray(1 / _grown(terms)))
        repay(one, terms, None)
        service = one.service_usd[terms.drawn_month + 1 :]
        paid = service > 0
        carried = (window[..., paid] / service[paid]).min(axis=-1) / dscr
    require(
        carried > 0,
        f"CFADS carries no debt at a DSCR of {dscr}",
        "look at the cash flow first",
    )
    return carried
