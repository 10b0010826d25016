"""Who is paid from the cash of a project company, in which order, month by month.

Order: opex; senior interest; senior principal; reserve (DSRA) top-up; sweep to the senior loan;
mezzanine interest and principal; what is left to the owners, unless a lock-up keeps it. Every
dollar that comes in goes out or stays in an account: `conserved_usd` is 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from wattmill.finance.checks import require
from wattmill.finance.repayment import by_month
from wattmill.finance.reserve import reserve_target_usd

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wattmill.finance.loan_terms import LoanSchedule

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

PAYMENTS = (
    "opex_usd",
    "senior_interest_usd",
    "senior_principal_usd",
    "sweep_usd",
    "mezzanine_interest_usd",
    "mezzanine_principal_usd",
    "distributions_usd",
)
"""What leaves the company, in order."""

BALANCES = (
    "reserve_usd",
    "held_usd",
    "senior_balance_usd",
    "mezzanine_balance_usd",
    "unpaid_usd",
)
"""What stands at the end of a month."""


class Rules(msgspec.Struct, frozen=True):
    """How the cash is steered.

    reserve_months: the DSRA holds the senior service of so many months to come, but no lump at
    maturity; it pays senior service when cash does not, and gives back what it need not hold. reserve_usd: in it at the
    start. sweep_frac: share of what is left after the reserve that repays the senior loan early.
    lockup_dscr: below it nothing goes to mezzanine or owners; the cash waits, and first pays senior
    service. Without lock-up: None.
    """

    reserve_months: int = 0
    reserve_usd: float = 0.0
    sweep_frac: float = 0.0
    lockup_dscr: float | None = None


class Waterfall(msgspec.Struct, frozen=True, eq=False):
    """What was paid, and what stayed, by month: arrays (..., months + 1) of USD."""

    receipts_usd: Floats
    opex_usd: Floats
    senior_interest_usd: Floats
    senior_principal_usd: Floats
    sweep_usd: Floats
    mezzanine_interest_usd: Floats
    mezzanine_principal_usd: Floats
    distributions_usd: Floats
    reserve_usd: Floats
    """The DSRA at the end of the month."""
    held_usd: Floats
    """Cash that a lock-up keeps, at the end of the month."""
    senior_balance_usd: Floats
    mezzanine_balance_usd: Floats
    unpaid_usd: Floats
    """Opex and senior service of the month that nothing was there for."""
    opening_usd: float
    """The reserve before the first month."""

    @property
    def conserved_usd(self) -> Floats:
        """What came in, less what went out, less what the accounts gained: 0 in every month."""
        kept = self.reserve_usd + self.held_usd
        before = np.concatenate(
            [np.full((*kept.shape[:-1], 1), self.opening_usd), kept[..., :-1]], axis=-1
        )
        paid = sum(getattr(self, name) for name in PAYMENTS)
        return np.asarray(self.receipts_usd + before - paid - kept)


def waterfall(
    receipts_usd: Floats,
    opex_usd: Floats,
    senior: LoanSchedule,
    mezzanine: LoanSchedule | None = None,
    rules: Rules | None = None,
) -> Waterfall:
    """The waterfall of every path; receipts and opex (..., months + 1), both 0 or more.

    The loans say what is due: interest on what is really owed, and principal down to the balance of
    their schedule, so that arrears are caught up and what was swept is not asked for again. Unpaid
    interest is added to what is owed. Draws and fees are no part of it: they meet the purchases.
    """
    require(receipts_usd >= 0, "receipts are below 0", "put what is paid under opex")
    require(opex_usd >= 0, "opex is below 0", "put what is received under receipts")
    rules = Rules() if rules is None else rules
    fits = rules.reserve_months >= 0 and rules.reserve_usd >= 0 and 0 <= rules.sweep_frac <= 1
    require(fits, "the rules of the waterfall cannot be", "amounts of 0 or more, shares to 1")
    shape = np.broadcast_shapes(receipts_usd.shape, opex_usd.shape, senior.balance_usd.shape)
    company = _Company(shape, senior, mezzanine, rules)
    receipts, opex = by_month(receipts_usd, shape), by_month(opex_usd, shape)
    for t in range(shape[-1]):
        company.month(t, receipts[..., t], opex[..., t])
    return Waterfall(receipts_usd=receipts, opening_usd=rules.reserve_usd, **company.book)


class _Company:
    """Accounts, debts and book of all paths, while the months go by."""

    def __init__(
        self,
        shape: tuple[int, ...],
        senior: LoanSchedule,
        mezzanine: LoanSchedule | None,
        rules: Rules,
    ) -> None:
        self.rules = rules
        self.terms = senior.terms
        self.senior = _Debt(senior, shape[:-1])
        self.mezzanine = _Debt(mezzanine, shape[:-1])
        self.target = reserve_target_usd(senior, rules.reserve_months)
        self.reserve = np.full(shape[:-1], float(rules.reserve_usd))
        self.cash = np.zeros(shape[:-1])
        self.book = {name: by_month(np.zeros(1), shape) for name in (*PAYMENTS, *BALANCES)}

    def month(self, t: int, receipts: Floats, opex: Floats) -> None:
        """Pays month t in order."""
        self.cash = self.cash + receipts
        unpaid = opex - self.pay("opex_usd", t, opex)
        interest, principal = self.senior.due(t)
        due = interest + principal
        unpaid = unpaid + due - self.serve_senior(t)
        self.refill(self.wanted(t))
        # What the reserve gives back is not for the owners while bills are open.
        unpaid = unpaid - self.pay("opex_usd", t, opex - self.book["opex_usd"][..., t])
        swept = self.pay("sweep_usd", t, self.rules.sweep_frac * self.cash, self.senior.owed)
        self.senior.owed = self.senior.owed - swept
        self.pay_the_others(t, self.is_locked(receipts - opex, due))
        self.enter(t, unpaid)

    def pay(self, name: str, t: int, due: Floats, most: Floats | None = None) -> Floats:
        """Pays what is due as far as there is cash, and `most` at the most."""
        paid = np.minimum(due if most is None else np.minimum(due, most), self.cash)
        self.cash = self.cash - paid
        self.book[name][..., t] += paid
        return paid

    def serve_senior(self, t: int) -> Floats:
        """Interest, then principal, from cash and then from the reserve."""
        interest, principal = self.senior.due(t)
        service = interest + principal
        drawn = np.clip(service - self.cash, 0.0, self.reserve)
        self.reserve, self.cash = self.reserve - drawn, self.cash + drawn
        interest = self.pay("senior_interest_usd", t, interest)
        principal = self.pay("senior_principal_usd", t, principal)
        self.senior.settle(t, interest, principal)
        return interest + principal

    def wanted(self, t: int) -> Floats:
        """What the reserve must hold: never more than would pay for all that is still owed."""
        terms, target = self.terms, self.target[..., t]
        if t <= terms.drawn_month:
            return target
        grown = (1 + terms.rate_frac_per_month) ** self.rules.reserve_months
        return np.minimum(target, self.senior.owed * grown)

    def refill(self, target: Floats) -> None:
        """Fills the reserve up to its target, or takes out what is above it."""
        added = np.minimum(target - self.reserve, self.cash)
        self.reserve, self.cash = self.reserve + added, self.cash - added

    def is_locked(self, cfads: Floats, due: Floats) -> Bools:
        """Whether nothing may go to mezzanine and owners this month."""
        floor = self.rules.lockup_dscr
        return np.zeros(due.shape, bool) if floor is None else cfads < floor * due

    def pay_the_others(self, t: int, locked: Bools) -> None:
        """Mezzanine and owners, where no lock-up holds the cash."""
        held = np.where(locked, self.cash, 0.0)
        self.cash = self.cash - held
        interest, principal = self.mezzanine.due(t)
        interest = self.pay("mezzanine_interest_usd", t, interest)
        principal = self.pay("mezzanine_principal_usd", t, principal)
        self.mezzanine.settle(t, interest, principal)
        self.pay("distributions_usd", t, self.cash)
        self.cash = held

    def enter(self, t: int, unpaid: Floats) -> None:
        """Balances at the end of the month."""
        at_end = (self.reserve, self.cash, self.senior.owed, self.mezzanine.owed, unpaid)
        for name, value in zip(BALANCES, at_end, strict=True):
            self.book[name][..., t] = value


class _Debt:
    """What is really owed of a loan, beside its schedule; nothing without a loan."""

    def __init__(self, loan: LoanSchedule | None, paths: tuple[int, ...]) -> None:
        self.loan = loan
        self.owed = np.zeros(paths)

    def due(self, t: int) -> tuple[Floats, Floats]:
        """Interest and principal that must be paid in month t."""
        if self.loan is None:
            return self.owed, self.owed
        interest, lent = self._interest(t)
        owed = self.owed + self._drawn(t) + lent
        return interest - lent, np.maximum(owed - self.loan.balance_usd[..., t], 0.0)

    def settle(self, t: int, interest: Floats, principal: Floats) -> None:
        """What is owed after interest and principal were paid."""
        if self.loan is not None:
            accrued = self._interest(t)[0]
            self.owed = self.owed + self._drawn(t) + accrued - interest - principal

    def _interest(self, t: int) -> tuple[Floats, Floats]:
        """Of the month: all of it, and the part that is lent."""
        assert self.loan is not None
        interest = self.owed * self.loan.terms.rate_frac_per_month
        return interest, np.where(self.loan.capitalised_usd[..., t] > 0, interest, 0.0)

    def _drawn(self, t: int) -> Floats:
        assert self.loan is not None
        return self.loan.draw_usd[..., t] - self.loan.capitalised_usd[..., t]
