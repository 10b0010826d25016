"""Leases, vendor credit and sale-and-leaseback, beside buying.

Flows are the user's, in USD by month, index 0 is today: received is above 0, paid below. No opinion
on accounts: which lease counts as debt is not asked here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from wattmill.finance.annuity import pmt
from wattmill.finance.cashflow import irr, npv_paths, yearly_rate
from wattmill.finance.checks import require

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


class Lease(msgspec.Struct, frozen=True):
    """What a lease contract says. Rent is paid at the start of each month (`in_advance`) or at its
    end. The deposit comes back with the machines, or counts towards the buyout."""

    name: str
    usd_per_month: float
    months: int
    deposit_usd: float = 0.0
    buyout_usd: float = 0.0
    fee_usd: float = 0.0
    escalation_frac_per_year: float = 0.0
    in_advance: bool = True
    start_month: int = 0

    @property
    def end_month(self) -> int:
        """The month at whose end the machines go back or are bought."""
        return self.start_month + self.months


def lease_rent(lease: Lease) -> Floats:
    """Rent (end_month + 1) by month, 0 or more; it escalates once a year, from the thirteenth."""
    _checked(lease)
    rent = np.zeros(lease.end_month + 1)
    years = np.arange(lease.months) // 12
    first = lease.start_month + (0 if lease.in_advance else 1)
    each = lease.usd_per_month * (1 + lease.escalation_frac_per_year) ** years
    rent[first : first + lease.months] = each
    return rent


def lease_costs(lease: Lease) -> Floats:
    """Rent, fee and buyout (end_month + 1) by month, 0 or more: what is spent for good."""
    costs = lease_rent(lease)
    costs[lease.start_month] += lease.fee_usd
    costs[lease.end_month] += lease.buyout_usd
    return costs


def lease_deposit(lease: Lease) -> Floats:
    """The deposit (end_month + 1) that the lessor holds at the end of each month: no cost, no VAT."""
    held = np.zeros(lease.end_month + 1)
    held[lease.start_month : lease.end_month] = lease.deposit_usd
    return held


def over_months(values: Floats, months: int) -> Floats:
    """The same (months + 1): cut, or with nothing after its end."""
    fitted = np.zeros(months + 1)
    fitted[: len(values)] = values[: months + 1]
    return fitted


def lease_flows(lease: Lease, months: int, buys: bool = False) -> Floats:
    """What the user pays and gets back (months + 1); `buys`: keeps the machines for the buyout.

    PlanError if the lease ends after the months asked for.
    """
    require(
        lease.end_month <= months,
        f"lease {lease.name!r} ends in month {lease.end_month}, after month {months}",
        "look further ahead",
    )
    flows = np.zeros(months + 1)
    flows[: lease.end_month + 1] -= lease_rent(lease)
    flows[lease.start_month] -= lease.deposit_usd + lease.fee_usd
    flows[lease.end_month] += lease.deposit_usd - (lease.buyout_usd if buys else 0.0)
    return flows


def implicit_rate_frac_per_year(
    lease: Lease, price_usd: float, residual_usd: float | None = None
) -> float:
    """The yearly rate at which a lease lends the price of its machines: (1 + monthly IRR)^12 - 1.

    price_usd: what they would cost; residual_usd: what the lessor has at the end, the buyout if
    None. NoRoot if no rate fits.
    """
    flows = lease_flows(lease, lease.end_month)
    flows[lease.start_month] += price_usd
    flows[lease.end_month] -= lease.buyout_usd if residual_usd is None else residual_usd
    return yearly_rate(irr(flows.tolist()))


def buy_flows(
    price_usd: float, depreciation_usd: Floats, residual_usd: float, tax_frac: float
) -> Floats:
    """Buying after tax: the price, what depreciation (months + 1) saves of tax, and the sale.

    The sale is at the last month; tax is on what it brings above the book value. Losses are assumed
    to save tax when they occur.
    """
    flows = tax_frac * np.asarray(depreciation_usd, dtype=float)
    book = price_usd - float(np.sum(depreciation_usd))
    flows[0] -= price_usd
    flows[-1] += residual_usd - tax_frac * (residual_usd - book)
    return flows


def lease_flows_after_tax(lease: Lease, months: int, tax_frac: float) -> Floats:
    """Leasing after tax, machines given back: rent and fee save tax, the deposit does not."""
    flows = lease_flows(lease, months)
    costs = np.zeros(months + 1)
    costs[: lease.end_month + 1] = lease_rent(lease)
    costs[lease.start_month] += lease.fee_usd
    return flows + tax_frac * costs


def net_advantage_to_leasing_usd(
    lease: Lease,
    price_usd: float,
    depreciation_usd: Floats,
    residual_usd: float,
    rate_frac_per_month: float,
    tax_frac: float = 0.0,
) -> float:
    """NPV of leasing less NPV of buying, at the cost of borrowing after tax; above 0: lease.

    depreciation_usd (months + 1) has the months of the lease, over which both are compared;
    residual_usd is what bought machines bring at their end. The rate is after tax: a loan's times
    (1 - tax). PlanError if the months differ: a shorter lease is a shorter use.
    """
    months = len(depreciation_usd) - 1
    require(
        lease.end_month == months,
        f"lease {lease.name!r} ends in month {lease.end_month}, depreciation in month {months}",
        "compare the same months of use",
    )
    leased = lease_flows_after_tax(lease, months, tax_frac)
    bought = buy_flows(price_usd, depreciation_usd, residual_usd, tax_frac)
    return float(npv_paths(rate_frac_per_month, leased - bought))


class VendorCredit(msgspec.Struct, frozen=True):
    """A seller's own credit: a price paid in instalments, beside the price for cash.

    The first instalment is `deferral_months` + 1 from today; interest at the stated rate runs from
    the first day, through the deferral too.
    """

    cash_usd: float
    price_usd: float
    months: int
    rate_frac_per_year: float = 0.0
    down_frac: float = 0.0
    deferral_months: int = 0


def vendor_flows(credit: VendorCredit) -> Floats:
    """What the buyer pays by month, the machines not counted: 0 or less."""
    fits = credit.months >= 1 and credit.deferral_months >= 0 and 0 <= credit.down_frac <= 1
    require(fits, "the terms of the vendor cannot be", "a month or more, shares within 0 and 1")
    rate = credit.rate_frac_per_year / 12
    down = credit.price_usd * credit.down_frac
    owed = (credit.price_usd - down) * (1 + rate) ** credit.deferral_months
    flows = np.zeros(1 + credit.deferral_months + credit.months)
    flows[0] = -down
    flows[1 + credit.deferral_months :] = pmt(rate, credit.months, owed)
    return flows


def vendor_rate_frac_per_year(credit: VendorCredit) -> float:
    """The yearly rate that a vendor's credit costs beside paying cash, whatever rate it states."""
    flows = vendor_flows(credit)
    flows[0] += credit.cash_usd
    return yearly_rate(irr(flows.tolist()))


class SaleAndLeaseback(msgspec.Struct, frozen=True, eq=False):
    """Selling machines and renting them: cash now for rent later and a residual given up."""

    released_usd: float
    """Cash at the start: the sale less tax on its gain and less the loan that it repays."""
    flows_usd: Floats
    """The cash released, the rent after tax, and the value that is no longer there at the end."""
    rate_frac_per_year: float
    """What that money costs, as a loan's yearly rate."""


def sale_and_leaseback(
    sale_usd: float,
    book_usd: float,
    lease: Lease,
    residual_usd: float,
    debt_usd: float = 0.0,
    tax_frac: float = 0.0,
) -> SaleAndLeaseback:
    """Sells at `sale_usd` what stands at `book_usd`, and leases it back from today.

    residual_usd: what the machines would have brought at the end of the lease, after tax; the tax
    that depreciation would have saved, beside the rent's, is not counted. PlanError if the loan on
    them is more than the sale brings.
    """
    require(lease.start_month == 0, "a leaseback starts with the sale", "start_month = 0")
    proceeds = sale_usd - tax_frac * (sale_usd - book_usd)
    require(
        debt_usd <= proceeds,
        f"{debt_usd:g} USD owed is more than the {proceeds:g} USD that the sale leaves",
        "the lender must be paid first",
    )
    given_up = lease_flows_after_tax(lease, lease.end_month, tax_frac)
    given_up[-1] -= residual_usd
    flows = given_up.copy()
    flows[0] += proceeds
    cost = irr(flows.tolist())
    flows[0] -= debt_usd
    return SaleAndLeaseback(proceeds - debt_usd, flows, yearly_rate(cost))


def _checked(lease: Lease) -> None:
    amounts = (lease.usd_per_month, lease.deposit_usd, lease.buyout_usd, lease.fee_usd)
    fits = lease.months >= 1 and lease.start_month >= 0 and min(amounts) >= 0
    require(
        fits and lease.escalation_frac_per_year > -1,
        f"the terms of lease {lease.name!r} cannot be",
        "a month or more, and amounts of 0 or more",
    )
