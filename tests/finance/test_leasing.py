"""Leases, vendor credit and sale-and-leaseback: closed forms and what always holds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.core.errors import PlanError
from wattmill.finance import leasing
from wattmill.finance.annuity import pmt
from wattmill.finance.leasing import Lease, VendorCredit


def test_flows_by_hand() -> None:
    lease = Lease("l", 10.0, 3, deposit_usd=5.0, buyout_usd=7.0, fee_usd=2.0)
    assert leasing.lease_flows(lease, 4).tolist() == [-17, -10, -10, 5, 0]
    assert leasing.lease_flows(lease, 4, buys=True).tolist() == [-17, -10, -10, -2, 0]
    late = Lease("l", 10.0, 2, in_advance=False, start_month=1)
    assert leasing.lease_flows(late, 3).tolist() == [0, 0, -10, -10]


def test_rent_escalates_once_a_year() -> None:
    rent = leasing.lease_rent(Lease("l", 100.0, 25, escalation_frac_per_year=0.03))
    assert rent[[0, 11, 12, 23, 24]] == pytest.approx([100, 100, 103, 103, 106.09])
    assert rent[25] == 0


@given(
    st.floats(1e3, 1e6), st.floats(1e-3, 0.03), st.integers(2, 60), st.floats(0, 0.8), st.booleans()
)
def test_the_implicit_rate_is_that_of_the_rent(
    price: float, rate: float, months: int, left: float, in_advance: bool
) -> None:
    rent = -float(pmt(rate, months, price, -left * price, in_advance))
    lease = Lease("l", rent, months, buyout_usd=left * price, in_advance=in_advance)
    found = leasing.implicit_rate_frac_per_year(lease, price)
    assert found == pytest.approx((1 + rate) ** 12 - 1, rel=1e-6)


@given(st.floats(1e3, 1e6), st.floats(0, 0.03), st.integers(2, 60))
def test_a_lease_at_the_rate_of_a_loan_is_worth_as_much_as_buying(
    price: float, rate: float, months: int
) -> None:
    lease = Lease("l", -float(pmt(rate, months, price)), months, in_advance=False)
    advantage = leasing.net_advantage_to_leasing_usd(lease, price, np.zeros(months + 1), 0.0, rate)
    assert advantage == pytest.approx(0, abs=1e-8 * price)


def test_the_advantage_of_leasing_after_tax_by_hand() -> None:
    """Two months, 25 % tax: rent 60 in advance; or 100, worn off in halves, and 20 for what is
    left, all of it taxed."""
    wear = np.array([0.0, 50, 50])
    found = leasing.net_advantage_to_leasing_usd(Lease("l", 60.0, 2), 100, wear, 20, 0.01, 0.25)
    leased = -45 - 45 / 1.01
    bought = -100 + 12.5 / 1.01 + (12.5 + 20 - 5) / 1.01**2
    assert found == pytest.approx(leased - bought)


def test_a_vendors_zero_per_cent_has_a_rate() -> None:
    """Paid in 24 parts, 8 % above the price for cash: almost 8 % a year."""
    credit = VendorCredit(cash_usd=100_000, price_usd=108_000, months=24)
    flows = leasing.vendor_flows(credit)
    assert flows.tolist() == [0.0, *[pytest.approx(-4500)] * 24]
    rate = leasing.vendor_rate_frac_per_year(credit)
    monthly = (1 + rate) ** (1 / 12) - 1
    assert 4500 * (1 - (1 + monthly) ** -24) / monthly == pytest.approx(100_000)
    assert rate == pytest.approx(0.07764, abs=1e-5)
    assert leasing.vendor_rate_frac_per_year(VendorCredit(100, 100, 24)) == pytest.approx(0)


def test_deferral_is_free_only_without_interest() -> None:
    free = VendorCredit(100.0, 100.0, 12, deferral_months=6, down_frac=0.2)
    assert leasing.vendor_flows(free)[:8].tolist() == [
        -20,
        0,
        0,
        0,
        0,
        0,
        0,
        pytest.approx(-80 / 12),
    ]
    dear = VendorCredit(100.0, 100.0, 12, rate_frac_per_year=0.12, deferral_months=6)
    assert leasing.vendor_rate_frac_per_year(dear) == pytest.approx(1.01**12 - 1)


def test_a_sale_and_leaseback_is_a_loan() -> None:
    rent = -float(pmt(0.01, 36, 80_000, -10_000, True))
    deal = leasing.sale_and_leaseback(
        80_000, 50_000, Lease("l", rent, 36), residual_usd=10_000, debt_usd=30_000
    )
    assert deal.rate_frac_per_year == pytest.approx(1.01**12 - 1)
    assert deal.released_usd == 50_000
    assert deal.flows_usd[0] == pytest.approx(50_000 - rent)
    taxed = leasing.sale_and_leaseback(
        80_000, 50_000, Lease("l", rent, 36), residual_usd=10_000, tax_frac=0.25
    )
    assert taxed.released_usd == 80_000 - 7500
    with pytest.raises(PlanError, match="more than the"):
        leasing.sale_and_leaseback(80_000, 0, Lease("l", 1, 36), 0, debt_usd=90_000)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: leasing.lease_flows(Lease("l", 1.0, 12), 11),
        lambda: leasing.lease_rent(Lease("l", -1.0, 12)),
        lambda: leasing.lease_rent(Lease("l", 1.0, 0)),
        lambda: leasing.vendor_flows(VendorCredit(1.0, 1.0, 0)),
        lambda: leasing.vendor_flows(VendorCredit(1.0, 1.0, 12, down_frac=2.0)),
        lambda: leasing.sale_and_leaseback(1.0, 1.0, Lease("l", 1.0, 2, start_month=1), 0.0),
        lambda: leasing.net_advantage_to_leasing_usd(Lease("l", 1, 11), 9, np.zeros(13), 0, 0.01),
    ],
)
def test_what_cannot_be_is_refused(ask: object) -> None:
    with pytest.raises(PlanError) as caught:
        ask()  # type: ignore[operator]
    assert caught.value.hint
