"""The monthly statement of a project: what comes in, what goes out, who gets it, what is left.

Every array is (months + 1,), or (paths, months + 1) where random prices reach it. Definitions:

EBITDA = revenue - opex · CFADS = EBITDA - growth of working capital + growth of VAT owed - tax as if there were no
debt · project flow = CFADS - capex + resale · equity flow = project flow + tax shield + draws - fees - interest -
principal - payoff - growth of the reserve · net income = EBITDA - book depreciation + resale - book value of what was
sold - interest - fees - tax.

CFADS leaves the tax shield of interest to the owner, so that sizing a loan needs no circle and errs on the safe side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec.structs import asdict, replace

from wattmill.finance.debt import LoanSchedule, LoanTerms, check, schedule, swept
from wattmill.finance.lines import Factors, Prices
from wattmill.finance.operations import Operations, operate
from wattmill.finance.project import Project, checked
from wattmill.finance.reserve import held_usd
from wattmill.finance.tax import accrued, profit_tax

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


class Statement(Operations, frozen=True, kw_only=True):
    """A project month by month, USD; flows of month t come at its end, stocks are those at its end.

    sold: quantities by kind of sale. wear_usd is the economic depreciation, depreciation_usd that of the books;
    book_sold_usd is the book value of machines that were sold. unlevered_tax_usd: as if there were no debt.
    payoff_usd: what is still owed at the end of the study, repaid from the sale of the machines; it is not in
    principal_usd and service_usd. service_usd is what the contracts ask for; principal_usd has what is swept as well.
    reserve_usd: held for lenders (DSRA), out of the owner's flow; it earns nothing and comes back.
    vat_owed_usd: taken in and not handed on. opening_usd: cash in hand before month 0.
    """

    months: int
    unlevered_tax_usd: Array
    tax_usd: Array
    loans: dict[str, LoanSchedule]
    draw_usd: Array
    interest_usd: Array
    principal_usd: Array
    fee_usd: Array
    service_usd: Array
    payoff_usd: Array
    balance_usd: Array
    reserve_usd: Array
    opening_usd: float

    @property
    def ebitda_usd(self) -> Array:
        """Revenue less running costs."""
        return self.revenue_usd - self.opex_usd

    @property
    def cfads_usd(self) -> Array:
        """Cash flow available for debt service, before purchases and sales of machines."""
        return _cfads(self, self.unlevered_tax_usd)

    @property
    def project_flow_usd(self) -> Array:
        """What the project would pay to an owner without debt."""
        return self.cfads_usd - self.capex_usd + self.resale_usd

    @property
    def reserved_usd(self) -> Array:
        """What is put into the reserve (+) and comes back out of it (-)."""
        return _grown(self.reserve_usd)

    @property
    def equity_flow_usd(self) -> Array:
        """What the owner gets (+) and puts in (-)."""
        lenders = self.interest_usd + self.fee_usd + self.principal_usd + self.payoff_usd
        owners = self.project_flow_usd + self.unlevered_tax_usd - self.tax_usd
        return owners + self.draw_usd - lenders - self.reserved_usd

    @property
    def cash_usd(self) -> Array:
        """Opening cash and all that the owner has got and put in since, nothing distributed."""
        return self.opening_usd + np.cumsum(self.equity_flow_usd, axis=-1)

    @property
    def net_income_usd(self) -> Array:
        """Profit after tax by the books."""
        earned = self.ebitda_usd - self.depreciation_usd + self.resale_usd - self.book_sold_usd
        return earned - self.interest_usd - self.fee_usd - self.tax_usd


def statement(
    project: Project,
    prices: Prices | None = None,
    schedules: dict[str, LoanSchedule] | None = None,
) -> Statement:
    """The project month by month; with random `prices` (`processes.Paths`, or arrays by name) on every path.

    schedules: of the loans, from `loan_schedules`, which is what is done without them: a lender sizes on the case
    without random prices, and service does not follow them. Cash sweeps follow the cash that there is.
    PlanError if the project contradicts itself, or a price that it names is missing.
    """
    checked(project)
    operations = operate(project, Factors(project.months, prices))
    tax = _tax(project, operations, None)
    contracts = loan_schedules(project) if schedules is None else schedules
    loans = _followed(project, contracts, _lenders_cfads(project, operations, tax))
    return _joined(project, operations, tax, loans)


def loan_schedules(project: Project) -> dict[str, LoanSchedule]:
    """Every loan by its contract, not swept, sized on CFADS without random prices less what those before it get.

    That CFADS has tax laid evenly on the months that it is for: a lender has it set aside, and sees no month
    without cash in which a year's tax is paid.
    """
    checked(project)
    operations = operate(project, Factors(project.months, None))
    left = _lenders_cfads(project, operations, _tax(project, operations, None))
    cost = float(operations.capex_usd.sum())
    made = {}
    for terms in project.loans:
        check(terms)
        made[terms.name] = schedule(replace(terms, sweep_frac=0.0), left, cost)
        left = left - _paid(terms, made[terms.name], left).paid_usd
    return made


def _followed(
    project: Project, contracts: dict[str, LoanSchedule], cfads: Array
) -> dict[str, LoanSchedule]:
    """Loans as they are paid from this CFADS: those with a sweep anew on every path, the others as agreed."""
    left, loans = cfads, {}
    for terms in project.loans:
        loans[terms.name] = _paid(terms, contracts[terms.name], left)
        left = left - loans[terms.name].paid_usd
    return loans


def _paid(terms: LoanTerms, contract: LoanSchedule, cfads: Array) -> LoanSchedule:
    return swept(contract, cfads, terms.sweep_frac) if terms.sweep_frac else contract


def _joined(
    project: Project, operations: Operations, tax: Array, loans: dict[str, LoanSchedule]
) -> Statement:
    zeros = np.zeros(project.months + 1)
    sums: dict[str, Any] = {
        name: sum((getattr(loan, name) for loan in loans.values()), zeros)
        for name in (
            "draw_usd",
            "interest_usd",
            "principal_usd",
            "fee_usd",
            "service_usd",
            "balance_usd",
        )
    }
    financing = sums["interest_usd"] + sums["fee_usd"]
    paid = _tax(project, operations, financing) if financing.any() else tax
    sums["payoff_usd"], sums["balance_usd"] = _paid_off(project, sums["balance_usd"])
    of_operations: dict[str, Any] = asdict(operations)
    return Statement(
        **of_operations,
        months=project.months,
        unlevered_tax_usd=tax,
        tax_usd=paid,
        loans=loans,
        reserve_usd=held_usd(project.loans, loans, project.months, is_repaid=project.sells_at_end),
        opening_usd=project.cash_usd,
        **sums,
    )


def _paid_off(project: Project, balance: Array) -> tuple[Array, Array]:
    """What is repaid at the end of the study, and the balance after that."""
    payoff, left = np.zeros_like(balance), balance.copy()
    if project.sells_at_end:
        payoff[..., -1], left[..., -1] = balance[..., -1], 0
    return payoff, left


def _tax(project: Project, o: Operations, financing: Array | None) -> Array:
    zeros = np.zeros(project.months + 1)
    if project.tax is None:
        return zeros
    gain = o.resale_usd - o.tax_book_sold_usd
    ebitda = o.revenue_usd - o.opex_usd
    profit = ebitda - o.tax_depreciation_usd + gain
    return profit_tax(
        project.tax, profit, zeros if financing is None else financing, ebitda
    ).tax_usd


def _cfads(o: Operations, tax: Array) -> Array:
    cash = o.revenue_usd - o.opex_usd - _grown(o.working_capital_usd) + _grown(o.vat_owed_usd)
    return cash - tax


def _lenders_cfads(project: Project, o: Operations, tax: Array) -> Array:
    return _cfads(o, tax if project.tax is None else accrued(tax, project.tax.period_months))


def _grown(stock: Array) -> Array:
    """By how much a stock is above that of the month before; it began at 0."""
    grown: Array = stock.copy()
    grown[..., 1:] -= stock[..., :-1]
    return grown
