"""Debt of machines: payments, what is still owed, and what lenders test."""

import math
from typing import Annotated

import numpy as np

from wattmill.core.errors import PlanError
from wattmill.finance import annuity, covenants, debt
from wattmill.finance.depreciation import economic_value
from wattmill.finance.loan_terms import LoanTerms
from wattmill.plan.questions.inputs import Usd, choice, number, positive, share
from wattmill.plan.questions.registry import Bundle, Found, Input, question
from wattmill.plan.questions.units import MONTH_S

LEVEL = "Level payments at a twelfth of the nominal yearly rate (annuity)"
RETURN = "Definition: the one rate that makes the flows worth nothing, compounded over a year"
KEEPS = ("payment", "term")
RATIO = "Definition: assets over what the owners put in"

Lent = Annotated[float, positive("what is lent", "USD")]
Rate = Annotated[float, Input("nominal rate of a year, a twelfth of it each month", "", 0.0, 2.0)]
Term = Annotated[float, Input("time of repayment", "month", 1.0, 1200.0)]
Age = Annotated[float, number("time since the loan began", "month", high=1200)]
Balloon = Annotated[float, number("what is paid beside the last payment", "USD")]
Paid = Annotated[float, positive("price of the machines", "USD")]
Monthly = Annotated[float, positive("payment of a month", "USD/month")]
Cash = Annotated[float, number("cash before debt service", "USD/month")]
Left = Annotated[float, Input("share of its value that a year leaves", "", 0.001, 1.0)]


class Loan(Bundle, frozen=True):
    """A loan of level payments, perhaps with a balloon."""

    lent: Lent
    rate: Rate
    term: Term
    balloon: Balloon = 0.0

    @property
    def months(self) -> float:
        """How many payments."""
        return self.term / MONTH_S

    @property
    def payment_usd(self) -> float:
        """Of a month."""
        if self.balloon > self.lent:
            raise PlanError("a balloon is a part of what is lent", hint="give less")
        return -float(annuity.pmt(self.rate / 12, self.months, self.lent, -self.balloon))

    def owed_usd(self, age_months: float) -> float:
        """After so many payments; the balloon is paid with the last."""
        if age_months >= self.months:
            return 0.0
        paid = -self.payment_usd
        return -float(annuity.fv(self.rate / 12, age_months, paid, self.lent))


def whole_months(time: float) -> int:
    """Months of a time; PlanError if they are not whole."""
    months = time / MONTH_S
    if round(months) < 1 or abs(months - round(months)) > 1e-6:
        raise PlanError(f"{months:.6g} months are not whole", hint="give 36 months, or 3 years")
    return round(months)


# --- a loan ---------------------------------------------------------------------------------------


@question("debt", gives="USD/month", source=LEVEL)
def loan_payment(loan: Loan) -> float:
    """What is paid each month: interest and principal together."""
    return loan.payment_usd / MONTH_S


@question("debt", gives="USD", source=LEVEL)
def loan_balance(loan: Loan, age: Age) -> float:
    """What is still owed after so many months."""
    return loan.owed_usd(age / MONTH_S)


@question("debt", gives="USD", source=LEVEL)
def loan_interest(loan: Loan) -> float:
    """What is paid in all beyond what was lent."""
    return loan.payment_usd * loan.months + loan.balloon - loan.lent


@question("debt", gives="USD", source=LEVEL)
def prepayment_saves(
    loan: Loan,
    age: Age,
    prepaid: Annotated[float, positive("what is repaid early", "USD")],
    keeps: Annotated[
        str, choice("what stays as it was: each payment, or the term", *KEEPS)
    ] = "payment",
) -> Found:
    """Interest that is no longer paid when a part of a loan is repaid early."""
    month, months = whole_months(age), whole_months(loan.term)
    if month >= months:
        raise PlanError("the loan is repaid by then", hint="give a smaller age")
    kind = "balloon" if loan.balloon else "level"
    terms = LoanTerms("asked", loan.lent, loan.rate, months, kind=kind, balloon_usd=loan.balloon)
    before = debt.schedule(terms)
    after = debt.prepay(before, month, prepaid, keeps)
    last = int(np.flatnonzero(after.paid_usd)[-1])
    saved = float(before.interest_usd.sum() - after.interest_usd.sum())
    return Found(saved, note=f"the last payment is in month {last} of {months}")


@question("debt", gives="%", source=LEVEL)
def loan_rate(lent: Lent, payment: Monthly, term: Term, balloon: Balloon = 0.0) -> float:
    """The nominal yearly rate that joins what is lent, a payment of a month and a term."""
    each = payment * MONTH_S
    return 12 * annuity.rate(whole_months(term), -each, lent, -balloon)


@question("debt", gives="%", source=RETURN)
def loan_all_in_rate(
    rate: Rate, term: Term, fee: Annotated[float, share("fee, of what is lent")] = 0.0
) -> float:
    """The yearly rate, compounded, that a borrower pays with a fee at the start."""
    terms = LoanTerms("asked", 1.0, rate, whole_months(term), fee_frac=fee)
    return debt.all_in_rate_frac_per_year(debt.schedule(terms))


@question("debt", gives="USD/year", source="Definition: debt · rate")
def interest_per_year(
    owed: Usd, rate: Annotated[float, Input("rate of a year", "", 0.0, 10.0)]
) -> float:
    """Interest of a year on a debt that nobody repays."""
    return owed * rate / (12 * MONTH_S)


@question("debt", gives="year", source="Macaulay: time weighted by present value")
def loan_duration(rate: Rate, term: Term) -> float:
    """How long money is lent on average, weighted by present value."""
    months = whole_months(term)
    payment = -float(annuity.pmt(rate / 12, months, 1.0))
    return covenants.macaulay_duration(rate / 12, [0.0, *[payment] * months]) * MONTH_S


# --- what lenders test ----------------------------------------------------------------------------


@question("debt", gives="x", source=RATIO)
def leverage(assets: Paid, equity: Annotated[float, positive("the owners' money", "USD")]) -> float:
    """Assets for each USD of the owners' money."""
    return assets / equity


@question("debt", gives="%", source="Definition: d / (1 + d)")
def debt_share(
    debt_to_equity: Annotated[float, number("debt for each USD of the owners' money", high=1e6)],
) -> float:
    """Share of the assets that is lent, from debt over equity."""
    return debt_to_equity / (1 + debt_to_equity)


@question("debt", gives="%", source="Definition: debt / value")
def loan_to_value(
    owed: Usd, value: Annotated[float, positive("what it sells for", "USD")]
) -> float:
    """Debt over what its security would sell for; above 100 % the lender is not covered."""
    return owed / value


@question("debt", gives="x", source="Definition: cash before debt service / (interest + principal)")
def cover_ratio(cash: Cash, loan: Loan) -> float:
    """Debt service cover ratio (DSCR) of an ordinary month."""
    return cash * MONTH_S / loan.payment_usd


@question("debt", gives="USD", source="Present value of cash over the cover ratio")
def debt_capacity(
    cash: Cash,
    rate: Rate,
    term: Term,
    cover: Annotated[float, Input("debt service cover ratio (DSCR)", "", 0.01, 1000.0)] = 1.3,
) -> float:
    """The most that even cash carries at a cover ratio."""
    flow = np.full(whole_months(term), cash * MONTH_S)
    return float(debt.debt_capacity(flow, rate / 12, cover))


@question("debt", gives="month", source="Balance of a level loan against value · left^years")
def underwater_month(
    paid: Paid,
    rate: Rate,
    term: Term,
    left: Left = 0.7,
    lent_share: Annotated[float, Input("share of the price that is lent", "", 0.0, 2.0)] = 0.8,
) -> float:
    """The first month in which more is owed than the machines would sell for."""
    months = whole_months(term)
    owed = debt.schedule(LoanTerms("asked", paid * lent_share, rate, months)).balance_usd
    value = economic_value(paid, months, frac_per_year=left)
    month = float(covenants.underwater_months(owed, value))
    if not math.isfinite(month):
        raise PlanError("it never owes more than they are worth", hint="that is the answer")
    return month * MONTH_S


@question("debt", gives="%", source=LEVEL)
def owed_share(rate: Rate, term: Term, age: Age) -> Found:
    """Share of a level loan that is still owed at an age: at the end of a contract, or of machines."""
    loan = Loan(lent=1.0, rate=rate, term=term)
    over = (term - age) / MONTH_S
    note = f"{over:.4g} payments are still to come" if over > 0 else "it is repaid by then"
    return Found(loan.owed_usd(age / MONTH_S), note=note)


@question("debt", gives="USD", source="Definition: exposure · chance of default · (1 - recovery)")
def expected_loss(
    owed: Usd,
    recovered: Annotated[float, share("share that is recovered after a default")],
    default: Annotated[float, share("chance of a default")] = 1.0,
) -> float:
    """What a lender loses on average; with a chance of 1 what a default costs."""
    return owed * default * (1 - recovered)
