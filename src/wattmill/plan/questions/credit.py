"""Leases, sellers' credit, prepayments, and what debt does to the owners' return."""

from typing import Annotated

import numpy as np

from wattmill.core.errors import PlanError
from wattmill.finance import leasing, partners, spv
from wattmill.finance.cashflow import irr, monthly_rate, yearly_rate
from wattmill.finance.loan_terms import LoanTerms
from wattmill.plan.questions.debt import (
    RETURN,
    Balloon,
    Cash,
    Monthly,
    Paid,
    Rate,
    Term,
    whole_months,
)
from wattmill.plan.questions.inputs import number, positive, share
from wattmill.plan.questions.registry import Found, Input, question
from wattmill.plan.questions.units import MONTH_S

Resale = Annotated[float, number("value at the end", "USD")]
Tax = Annotated[float, Input("tax on profit", "", 0.0, 0.99)]


# --- what other credit costs ------------------------------------------------------------------------


@question("debt", gives="%", source=RETURN)
def lease_rate(
    price: Paid,
    rent: Monthly,
    term: Term,
    buyout: Balloon = 0.0,
    deposit: Annotated[float, number("given back at the end", "USD")] = 0.0,
) -> float:
    """The yearly rate at which a lease, paid at the start of each month, lends the machines' price."""
    lease = leasing.Lease("asked", rent * MONTH_S, whole_months(term), deposit, buyout)
    return leasing.implicit_rate_frac_per_year(lease, price)


@question("debt", gives="%", source=RETURN)
def vendor_rate(
    cash_price: Paid,
    price: Annotated[float, positive("price on credit, all instalments together", "USD")],
    term: Term,
    down: Annotated[float, share("share that is paid at once")] = 0.0,
    deferral: Annotated[float, number("time before the first instalment", "month", high=120)] = 0.0,
) -> float:
    """The yearly rate that a seller's interest-free credit costs beside a lower price for cash."""
    late = whole_months(deferral) if deferral else 0
    credit = leasing.VendorCredit(
        cash_price, price, whole_months(term), down_frac=down, deferral_months=late
    )
    return leasing.vendor_rate_frac_per_year(credit)


@question("debt", gives="%", source=RETURN)
def prepayment_rate(
    discount: Annotated[float, Input("discount for paying ahead", "", 0.0, 0.99)], term: Term
) -> float:
    """The yearly rate at which a customer lends who pays ahead for so many months of even use."""
    months = whole_months(term)
    bills = np.array([0.0, *[1.0] * months])
    paid = months * (1 - discount)
    contract = partners.prepaid_contract(bills, paid, discount)
    return partners.prepayment_rate_frac_per_year(contract, paid, 0)


@question("debt", gives="USD", source="NPV of leasing less NPV of buying, both after tax")
def lease_advantage(
    price: Paid,
    rent: Monthly,
    term: Term,
    resale: Resale = 0.0,
    rate: Annotated[float, Input("cost of borrowing a year, before tax", "", 0.0, 10.0)] = 0.1,
    tax: Tax = 0.0,
) -> float:
    """What leasing saves over buying, worth today; below 0: buy. Straight-line wear saves tax."""
    months = whole_months(term)
    lease = leasing.Lease("asked", rent * MONTH_S, months)
    if resale > price:
        raise PlanError("machines sell for more than they cost", hint="give a lower resale value")
    wear = np.array([0.0, *[(price - resale) / months] * months])
    after_tax = monthly_rate(rate * (1 - tax))
    return leasing.net_advantage_to_leasing_usd(lease, price, wear, resale, after_tax, tax)


# --- what debt does to the owners -------------------------------------------------------------------


@question("debt", gives="%", source=RETURN)
def project_return(paid: Paid, cash: Cash, term: Term, resale: Resale = 0.0) -> float:
    """Yearly return of machines that leave the same cash each month, before any debt."""
    return yearly_rate(irr(_flows(paid, cash, term, resale).tolist()))


@question("debt", gives="%", source=RETURN)
def levered_return(
    paid: Paid,
    cash: Cash,
    term: Term,
    rate: Rate,
    lent_share: Annotated[float, Input("share of the price that is lent", "", 0.0, 0.99)] = 0.7,
    resale: Resale = 0.0,
) -> Found:
    """Yearly return of the owners of the same machines when a level loan pays for a share of them."""
    flows = _flows(paid, cash, term, resale)
    terms = LoanTerms("asked", None, rate, len(flows) - 1)
    found = spv.leverage_of_returns(flows, terms, [lent_share])[0]
    if found.equity_irr_frac is None:
        raise PlanError("no single rate is the owners' return", hint="look at project_return")
    without = found.project_irr_frac
    return Found(
        found.equity_irr_frac, note=None if without is None else f"{without:.2%} unlevered"
    )


def _flows(paid: float, cash: float, term: float, resale: float) -> np.ndarray:
    flows = np.array([-paid, *[cash * MONTH_S] * whole_months(term)])
    flows[-1] += resale
    return flows
