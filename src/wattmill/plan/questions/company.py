"""A project company with reserves and two lenders, machines sold and rented back, and partners."""

from typing import Annotated

import numpy as np

from wattmill.core.errors import PlanError
from wattmill.finance import covenants, leasing, partners, spv
from wattmill.finance.cashflow import irr, monthly_rate, yearly_rate
from wattmill.finance.loan_terms import LoanTerms
from wattmill.finance.waterfall import Rules
from wattmill.plan.questions.credit import Resale, Tax
from wattmill.plan.questions.debt import RETURN, Monthly, Paid, Rate, Term, whole_months
from wattmill.plan.questions.inputs import choice, number, share, whole
from wattmill.plan.questions.registry import Bundle, Found, Input, question
from wattmill.plan.questions.units import MONTH_S, short

ORDER = "Cash waterfall: running costs, senior interest and principal, reserve, sweep, second loan, owner"
FLIP = "Partnership flip: shares of the flow change when the investor has the target return"

LentShare = Annotated[float, Input("share of the price that is lent", "", 0.0, 0.99)]


class Company(Bundle, frozen=True):
    """Machines in a company of their own, lent for as long as they run."""

    paid: Paid
    receipts: Monthly
    term: Term
    rate: Rate
    running: Annotated[float, number("running costs", "USD/month")] = 0.0
    lent_share: LentShare = 0.7
    kind: Annotated[str, choice("how it is repaid", "level", "linear", "interest_only")] = "level"
    second_share: Annotated[
        float, Input("share of the price that a second loan is", "", 0.0, 0.99)
    ] = 0.0
    second_rate: Rate = 0.14
    reserve: Annotated[int, whole("months of service that a reserve holds", 36, low=0)] = 0
    sweep: Annotated[float, share("share of what is left that repays the first loan early")] = 0.0
    lockup: Annotated[
        float, Input("cover below which owners get nothing; 0: no such rule", "", 0.0, 100.0)
    ] = 0.0
    resale: Resale = 0.0

    def run(self) -> spv.SpvCase:
        """By month; the sale is a receipt of the last one."""
        if self.lent_share + self.second_share >= 1:
            raise PlanError("the two loans are all of the price", hint="leave a share to the owner")
        months = whole_months(self.term)
        receipts, running, capex = (np.zeros(months + 1) for _ in range(3))
        receipts[1:], running[1:] = self.receipts * MONTH_S, self.running * MONTH_S
        receipts[-1] += self.resale
        capex[0] = self.paid
        senior = LoanTerms("first", self.paid * self.lent_share, self.rate, months, self.kind)
        second = LoanTerms("second", self.paid * self.second_share, self.second_rate, months)
        rules = Rules(self.reserve, 0.0, self.sweep, self.lockup or None)
        asked = spv.Spv("asked", senior, second if self.second_share else None, rules)
        return spv.run_spv(asked, capex, receipts, running)

    def cover(self, case: spv.SpvCase) -> np.ndarray:
        """Cash of each month over the service of both loans, the sale left out."""
        loans = [loan for loan in (case.senior, case.mezzanine) if loan is not None]
        service = np.sum([loan.service_usd for loan in loans], axis=0)
        cash = np.full(service.shape, (self.receipts - self.running) * MONTH_S)
        return covenants.dscr(cash, service)[1:]


@question("debt", gives="%", source=ORDER)
def owners_return(company: Company) -> Found:
    """Yearly return of the owners of a company after its lenders, reserve and rules."""
    case = company.run()
    late = float(case.waterfall.unpaid_usd.max())
    lent = f"{float(case.leverage_frac):.0%} lent"
    note = f"{lent}; up to {short(late)} USD of debt service is late" if late > 0.01 else lent
    return Found(yearly_rate(irr(case.equity_flow_usd.tolist())), note=note)


@question("debt", gives="x", source=ORDER)
def owners_least_cover(company: Company) -> Found:
    """The least of the months' cover (DSCR) of a company: its cash over the service of its loans."""
    case = company.run()
    found = company.cover(case)
    if not np.isfinite(found).any():
        raise PlanError("nothing is lent, so nothing is covered", hint="give a lent_share above 0")
    least = float(found.min())
    first = int((found <= least * (1 + 1e-9)).argmax()) + 1
    return Found(least, note=f"first in month {first}")


# --- sold and rented back -------------------------------------------------------------------------


class Leaseback(Bundle, frozen=True):
    """Machines sold and rented back from the same day, the rent at the start of each month."""

    sale: Annotated[float, number("what they are sold for", "USD")]
    rent: Monthly
    term: Term
    residual: Annotated[float, number("what they would have brought at the end", "USD")] = 0.0
    book: Annotated[
        float | None, number("what they stand at in the books; else the sale", "USD")
    ] = None
    debt: Annotated[float, number("loan on them, which is repaid", "USD")] = 0.0
    tax: Tax = 0.0

    def found(self) -> leasing.SaleAndLeaseback:
        """The flows, and what the money costs."""
        lease = leasing.Lease("asked", self.rent * MONTH_S, whole_months(self.term))
        book = self.sale if self.book is None else self.book
        return leasing.sale_and_leaseback(
            self.sale, book, lease, self.residual, self.debt, self.tax
        )


@question("debt", gives="%", source=RETURN)
def leaseback_rate(leaseback: Leaseback) -> float:
    """The yearly rate that money costs which a sale and leaseback brings."""
    return leaseback.found().rate_frac_per_year


@question("debt", gives="USD", source="Sale less tax on its gain, less the loan that it repays")
def leaseback_cash(leaseback: Leaseback) -> float:
    """Cash that a sale and leaseback sets free on the day of the sale."""
    return leaseback.found().released_usd


# --- partners who go first ------------------------------------------------------------------------


class Partners(Bundle, frozen=True):
    """Machines that an investor pays for and is served from first."""

    paid: Paid
    cash: Annotated[float, number("cash of a month, to be shared", "USD/month")]
    term: Term
    target: Annotated[float, Input("return of a year that the investor is to have", "", 0.0, 10.0)]
    pays: Annotated[float, share("investor's share of the price")] = 0.99
    before: Annotated[float, share("investor's share until then")] = 0.99
    after: Annotated[float, share("investor's share from then on")] = 0.05
    resale: Resale = 0.0

    def flip(self) -> partners.Flip:
        """Who gets what by month."""
        flow = np.array([-self.paid, *[self.cash * MONTH_S] * whole_months(self.term)])
        flow[-1] += self.resale
        shares = (self.pays, self.before, self.after)
        return partners.partnership_flip(flow, monthly_rate(self.target), *shares)


@question("debt", gives="month", source=FLIP)
def flip_month(deal: Partners) -> float:
    """The month at whose end the investor of a partnership flip has the return that was promised."""
    month = float(deal.flip().flip_months)
    if not np.isfinite(month):
        raise PlanError("the investor never has that return", hint="give more cash, or less target")
    return month * MONTH_S


@question("debt", gives="%", source=FLIP)
def sponsor_return(deal: Partners) -> Found:
    """Yearly return of the sponsor of a partnership flip, who pays the rest and is served last."""
    found = deal.flip()
    month = float(found.flip_months)
    note = f"flips in month {month:.0f}" if np.isfinite(month) else "it never flips"
    return Found(yearly_rate(irr(found.sponsor_usd.tolist())), note=note)
