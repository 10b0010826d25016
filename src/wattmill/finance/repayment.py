"""The months of a loan: what CFADS carries, what each payment repays, how the balance moves.

See `wattmill.finance.debt` for the words and the shapes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from wattmill.finance import annuity
from wattmill.finance.checks import require
from wattmill.finance.loan_terms import LoanSchedule, LoanTerms

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Number = float | Floats

ARRAYS = (
    "balance_usd",
    "interest_usd",
    "principal_usd",
    "draw_usd",
    "fee_usd",
    "capitalised_usd",
    "early_usd",
)
"""The fields of a `LoanSchedule` that have months."""


def debt_capacity(cfads_usd: Floats, rate_frac: float, dscr: Number) -> Floats:
    """Σ CFADS_t / (1 + r)^t / DSCR: the debt that a sculpted service of CFADS / DSCR repays.

    cfads_usd (..., n): cash flow available for debt service at the ends of periods 1 to n;
    rate_frac per period; dscr a number or one for each path. USD. Source: the sizing of NREL's
    System Advisor Model (cmod_singleowner).
    """
    require(np.asarray(dscr) > 0, f"a DSCR of {dscr} is not above 0", "give 1.3")
    require(rate_frac > -1, f"a rate of {rate_frac} is not above -1", "give 0.01 for 1 %")
    discount = (1 + rate_frac) ** -np.arange(1.0, cfads_usd.shape[-1] + 1)
    return np.asarray(cfads_usd @ discount / dscr)


def sculpted_principal(cfads_usd: Floats, rate_frac: float, dscr: Number) -> Floats:
    """Principal (..., n) that makes interest + principal = CFADS / DSCR in each of n periods.

    The debt is `debt_capacity`. Where interest is more than CFADS / DSCR the principal is below 0:
    the balance would have to rise.
    """
    balance = debt_capacity(cfads_usd, rate_frac, dscr)
    principal = np.empty(cfads_usd.shape)
    for t in range(cfads_usd.shape[-1]):
        principal[..., t] = cfads_usd[..., t] / dscr - rate_frac * balance
        balance = balance - principal[..., t]
    return principal


def by_month(values: Floats, shape: tuple[int, ...]) -> Floats:
    """A copy broadcast to `shape` whose months lie together in memory, one after the other.

    A loop over months then reads and writes whole lines of memory, which many paths need.
    """
    first = np.moveaxis(np.broadcast_to(values, shape), -1, 0)
    return np.moveaxis(np.array(first, dtype=float, order="C"), 0, -1)


def blank(terms: LoanTerms, paths: tuple[int, ...]) -> LoanSchedule:
    """A loan of which nothing has happened yet, to its maturity."""
    none = np.zeros((*paths, terms.maturity_month + 1))
    return LoanSchedule(**{name: none.copy() for name in ARRAYS}, terms=terms)


def draw(book: LoanSchedule, terms: LoanTerms, lent: Floats) -> None:
    """Fills in the months of the draws, in which interest is lent too."""
    book.fee_usd[..., terms.start_month] = lent * terms.fee_frac
    for t, share in enumerate(terms.shares, terms.start_month):
        accrue(book, t, lends=True)
        book.draw_usd[..., t] += lent * share
        close(book, t)


def repay(book: LoanSchedule, terms: LoanTerms, window: Floats | None) -> None:
    """Fills in the months of repayment, given CFADS in them where the terms ask for it."""
    planned = _Plan(terms, book.balance_usd[..., terms.drawn_month], window)
    for k in range(1, terms.months + 1):
        t = terms.drawn_month + k
        before = book.balance_usd[..., t - 1]
        accrue(book, t, lends=terms.kind == "bullet" and k < terms.months)
        due = planned.principal(k, book.interest_usd[..., t])
        book.principal_usd[..., t] = before if k == terms.months else np.minimum(due, before)
        close(book, t)


class _Plan:
    """The principal that the contract asks for, month by month."""

    def __init__(self, terms: LoanTerms, owed: Floats, window: Floats | None) -> None:
        self.terms = terms
        self.owed = owed
        months = terms.months - terms.interest_only_months
        self.each = owed / months
        balloon = terms.balloon_usd + terms.balloon_frac * owed
        require(balloon <= owed, "the balloon is more than the loan", "give less")
        self.payment = annuity.pmt(terms.rate_frac_per_month, months, -owed, balloon)
        if terms.kind == "sculpted" and window is not None:
            self.service = _sculpted_service(terms, owed, window)

    def principal(self, k: int, interest: Floats) -> Floats:
        """What payment k (1 to months) repays, given the interest in it."""
        kind = self.terms.kind
        if k <= self.terms.interest_only_months or kind in ("interest_only", "bullet"):
            return np.zeros(interest.shape)
        if kind == "linear":
            return self.each
        if kind == "sculpted":
            return self._risen(k, self.service[..., k - 1] - interest)
        return np.asarray(np.maximum(self.payment - interest, 0.0))

    def _risen(self, k: int, principal: Floats) -> Floats:
        """PlanError where sculpting would lend more; what is negative by rounding only is 0."""
        month = self.terms.drawn_month + k
        require(
            principal >= -1e-9 * self.owed,
            f"loan {self.terms.name!r}: CFADS of month {month} covers less than the interest, so a"
            " sculpted balance would rise",
            f"give interest_only_months = {k} or more, or a level loan",
        )
        return np.maximum(principal, 0.0)


def _sculpted_service(terms: LoanTerms, owed: Floats, window: Floats) -> Floats:
    """CFADS over the one DSCR that repays what is owed; PlanError if that is below the agreed."""
    after = window[..., terms.interest_only_months :]
    carried = debt_capacity(after, terms.rate_frac_per_month, 1.0)
    require(carried > 0, "CFADS carries no debt", "look at the cash flow first")
    lowest = float((carried / owed).min())
    require(
        lowest >= (terms.dscr or 0.0) * (1 - 1e-9),
        f"loan {terms.name!r} leaves a DSCR of {lowest:.4g}, below the {terms.dscr} agreed",
        "borrow less, or leave out principal_usd",
    )
    return np.asarray(window * (owed / carried)[..., None])


def accrue(book: LoanSchedule, t: int, lends: bool) -> None:
    """Interest of month t on the balance before it, which is lent or due."""
    if t == 0:
        return
    book.interest_usd[..., t] = book.balance_usd[..., t - 1] * book.terms.rate_frac_per_month
    if lends:
        book.capitalised_usd[..., t] = book.interest_usd[..., t]
        book.draw_usd[..., t] += book.interest_usd[..., t]


def close(book: LoanSchedule, t: int) -> None:
    """The balance at the end of month t."""
    before = book.balance_usd[..., t - 1] if t else 0.0
    book.balance_usd[..., t] = before + book.draw_usd[..., t] - book.principal_usd[..., t]


def over(book: LoanSchedule, count: int) -> LoanSchedule:
    """The same loan over `count` months: cut, or with nothing after its end."""

    def fitted(values: Floats) -> Floats:
        more = max(count - values.shape[-1], 0)
        return np.concatenate([values[..., :count], np.zeros((*values.shape[:-1], more))], axis=-1)

    arrays = {name: fitted(getattr(book, name)) for name in ARRAYS}
    return msgspec.structs.replace(book, **arrays)
