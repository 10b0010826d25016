"""What a loan contract says, and the record of a loan by month."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from wattmill.core.errors import PlanError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

KINDS = ("level", "linear", "sculpted", "interest_only", "balloon", "bullet")
"""`level`: the same payment each month. `linear`: the same principal each month. `sculpted`: the
same share of each month's CFADS. `interest_only`: interest each month, principal at maturity.
`balloon`: level payments down to a balloon that is paid with the last. `bullet`: nothing until
maturity; interest is added to the balance."""


class LoanTerms(msgspec.Struct, frozen=True):
    """What a loan contract says. Months count from the last draw, which is month 0 of repayment.

    principal_usd: what is drawn for use; None: as much as `dscr` allows (sculpted, level, linear),
    at the most `max_share_frac` of the cost. draws: shares of it, month by month from
    `start_month`; without them, equal shares over `draw_months`, or all at once. Interest until the
    last draw is lent too, on top. interest_only_months: how many of `months` come before the first
    principal. fee_frac: of the principal, paid at the first draw. sweep_frac: of what CFADS leaves
    after service, used to repay early; the contract's payments stay, so the loan ends sooner.
    reserve_months: how many months of service the DSRA holds (`wattmill.finance.reserve`).
    """

    name: str
    principal_usd: float | None
    rate_frac_per_year: float
    months: int
    kind: str = "level"
    interest_only_months: int = 0
    balloon_usd: float = 0.0
    balloon_frac: float = 0.0
    dscr: float | None = None
    max_share_frac: float | None = None
    fee_frac: float = 0.0
    sweep_frac: float = 0.0
    reserve_months: int = 0
    draws: tuple[float, ...] = ()
    draw_months: int = 0
    start_month: int = 0

    @property
    def shares(self) -> tuple[float, ...]:
        """Shares of the principal by month, from `start_month`."""
        return self.draws or (1 / max(self.draw_months, 1),) * max(self.draw_months, 1)

    @property
    def drawn_month(self) -> int:
        """The month of the last draw; the first payment is one later."""
        return self.start_month + len(self.shares) - 1

    @property
    def maturity_month(self) -> int:
        """The month of the last payment."""
        return self.drawn_month + self.months

    @property
    def rate_frac_per_month(self) -> float:
        """A twelfth of the nominal yearly rate."""
        return self.rate_frac_per_year / 12


class LoanSchedule(msgspec.Struct, frozen=True, eq=False):
    """A loan by month: arrays (..., months + 1) of USD, all 0 or more.

    balance is at the end of the month; interest is what accrues. capitalised is the part of it that
    is lent instead of paid, and is in draw too, so balance_t = balance_(t-1) + draw_t - principal_t
    and the borrower's flow is draw - fee - interest - principal, always. early is the part of
    principal that was not due yet: swept or prepaid.
    """

    balance_usd: Floats
    interest_usd: Floats
    principal_usd: Floats
    draw_usd: Floats
    fee_usd: Floats
    capitalised_usd: Floats
    early_usd: Floats
    terms: LoanTerms

    @property
    def service_usd(self) -> Floats:
        """Interest and principal that are due in cash: what a DSCR divides by, so without what is
        repaid early."""
        return self.paid_usd - self.early_usd

    @property
    def paid_usd(self) -> Floats:
        """All that the lender gets in cash but the fee: service, and what is repaid early."""
        return self.interest_usd - self.capitalised_usd + self.principal_usd

    @property
    def flow_usd(self) -> Floats:
        """What the borrower receives (+) and pays (-)."""
        return self.draw_usd - self.fee_usd - self.interest_usd - self.principal_usd


def check(terms: LoanTerms) -> None:
    """PlanError if the terms cannot be, or contradict each other."""
    if terms.kind not in KINDS:
        raise _wrong(terms, f"kind {terms.kind!r} is not known", "one of " + ", ".join(KINDS))
    for wrong, message, hint in _faults(terms):
        if wrong:
            raise _wrong(terms, message, hint)


def _wrong(terms: LoanTerms, message: str, hint: str) -> PlanError:
    return PlanError(message, hint=hint, place=f"loan {terms.name!r}")


Faults = list[tuple[bool, str, str]]
"""Whether something is wrong, what it is, and what to do then."""


def _faults(terms: LoanTerms) -> Faults:
    return [*_wrong_figures(terms), *_wrong_kinds(terms)]


def _wrong_figures(terms: LoanTerms) -> Faults:
    """Each figure by itself."""
    fracs = (terms.balloon_frac, terms.fee_frac, terms.sweep_frac, terms.max_share_frac or 0.0)
    sizes = (terms.principal_usd or 0.0, terms.balloon_usd, terms.rate_frac_per_year)
    return [
        (
            not (0 <= terms.interest_only_months < terms.months and terms.start_month >= 0),
            f"{terms.interest_only_months} months of interest only do not fit {terms.months} months",
            "give a maturity of a month or more, after the interest-only months",
        ),
        (
            terms.reserve_months < 0,
            f"a reserve of {terms.reserve_months} months cannot be",
            "give 3 for the service of three months, 0 for none",
        ),
        (
            not all(0 <= frac <= 1 for frac in fracs),
            "a share is not within 0 and 1",
            "give 0.02 for 2 %",
        ),
        (
            not all(0 <= size < float("inf") for size in sizes),
            "principal, balloon and rate must be 0 or more",
            "give USD, and 0.12 for 12 %",
        ),
        (
            terms.draw_months < 0 or min(terms.shares) < 0 or abs(sum(terms.shares) - 1) > 1e-9,
            "the shares of the draws do not add up to 1",
            "leave `draws` out for equal ones over `draw_months`",
        ),
        (
            bool(terms.draws) and terms.draw_months not in (0, len(terms.draws)),
            f"{len(terms.draws)} draws do not fit {terms.draw_months} draw_months",
            "give one of the two",
        ),
    ]


def _wrong_kinds(terms: LoanTerms) -> Faults:
    """What a kind of loan cannot have, or must."""
    has_balloon = terms.balloon_usd > 0 or terms.balloon_frac > 0
    sculpted, sized = terms.kind == "sculpted", terms.principal_usd is None
    ready = terms.kind in ("sculpted", "level", "linear")
    return [
        (
            has_balloon != (terms.kind == "balloon")
            or (terms.balloon_usd * terms.balloon_frac > 0),
            f"kind {terms.kind!r} and its balloon contradict each other",
            "a loan of kind 'balloon' has balloon_usd or balloon_frac, no other has",
        ),
        (
            terms.kind == "bullet" and terms.sweep_frac > 0,
            "nothing of a bullet loan is repaid before its maturity, so nothing can be swept",
            "leave out sweep_frac, or give an interest_only loan",
        ),
        (
            sized and not (ready and terms.dscr is not None),
            "its amount is not known",
            "give principal_usd, or dscr for a sculpted, level or linear loan",
        ),
        (
            terms.dscr is not None and not terms.dscr > 0,
            f"a DSCR of {terms.dscr} is not above 0",
            "give 1.3 for 1.3 times",
        ),
        (
            terms.dscr is not None and not sized and not sculpted,
            "has an amount and a DSCR to size it by",
            "give one of the two; a covenant is tested, not part of the terms",
        ),
    ]
