"""Customers who pay ahead, and a partner who goes first."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.core.errors import PlanError
from wattmill.finance.partners import (
    partnership_flip,
    prepaid_contract,
    prepayment_rate_frac_per_year,
)


def test_a_prepayment_by_hand() -> None:
    """90 USD buys service worth 100 at list price; 40 a month are served."""
    contract = prepaid_contract(np.array([0.0, 40, 40, 40]), 90.0, discount_frac=0.1)
    assert contract.cash_usd.tolist() == pytest.approx([90, 0, 0, 20])
    assert contract.revenue_usd.tolist() == pytest.approx([0, 36, 36, 38])
    assert contract.liability_usd.tolist() == pytest.approx([90, 54, 18, 0])


@given(
    st.lists(st.floats(0, 1e5), min_size=2, max_size=36).map(np.array),
    st.floats(0, 1e6),
    st.floats(0, 0.6),
    st.data(),
)
def test_cash_is_revenue_and_what_is_still_owed_in_service(
    billed: np.ndarray, paid: float, discount: float, data: st.DataObject
) -> None:
    month = data.draw(st.integers(0, len(billed) - 1))
    contract = prepaid_contract(billed, paid, discount, month)
    totals = contract.cash_usd.cumsum() - contract.revenue_usd.cumsum()
    assert totals == pytest.approx(contract.liability_usd, abs=1e-6)
    assert (contract.liability_usd >= 0).all()
    assert contract.used_usd.sum() <= paid / (1 - discount) * (1 + 1e-9)


def test_what_a_discount_costs() -> None:
    contract = prepaid_contract(np.array([0.0, 100]), 95.0, 0.05)
    assert prepayment_rate_frac_per_year(contract, 95.0, 0) == pytest.approx((100 / 95) ** 12 - 1)
    free = prepaid_contract(np.array([0.0, 40, 40, 40]), 100.0)
    assert prepayment_rate_frac_per_year(free, 100.0, 0) == pytest.approx(0, abs=1e-12)
    unused = prepaid_contract(np.array([0.0, 40]), 100.0)
    with pytest.raises(PlanError, match="not used up"):
        prepayment_rate_frac_per_year(unused, 100.0, 0)


FLOW = np.array([-1000.0, *[100.0] * 24])


def test_a_flip_by_hand() -> None:
    flip = partnership_flip(FLOW, 0.0, pays_frac=0.99, before_frac=0.99, after_frac=0.05)
    assert flip.flip_months == 10
    assert flip.investor_usd[10:12].tolist() == pytest.approx([99, 5])
    assert flip.investor_usd + flip.sponsor_usd == pytest.approx(FLOW)


@given(st.floats(0, 0.2), st.floats(0.3, 1), st.floats(0.3, 1), st.floats(0, 0.3))
def test_the_investor_has_the_target_when_it_flips_and_not_before(
    target: float, pays: float, before: float, after: float
) -> None:
    flip = partnership_flip(FLOW, target, pays, before, after)
    worth = (flip.investor_usd * (1 + target) ** -np.arange(25.0)).cumsum()
    month = float(flip.flip_months)
    early = worth[: int(min(month, 25))]
    assert (early < 1e-9 * 1000).all()
    assert month == np.inf or worth[int(month)] > -1e-9 * 1000


def test_paths_flip_in_their_own_months() -> None:
    paths = np.stack([FLOW, np.where(FLOW > 0, 2 * FLOW, FLOW), np.where(FLOW > 0, 1.0, FLOW)])
    flip = partnership_flip(paths, 0.0, 1.0, 1.0, 0.1)
    assert flip.flip_months.tolist() == [10, 5, np.inf]


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(PlanError, match="cannot be"):
        prepaid_contract(FLOW, 1.0)
    with pytest.raises(PlanError, match="cannot be"):
        prepaid_contract(-FLOW[:1], 1.0, discount_frac=1.0)
    with pytest.raises(PlanError, match="within 0 and 1"):
        partnership_flip(FLOW, 0.0, 2.0, 0.5, 0.5)
    with pytest.raises(PlanError, match="not above -1"):
        partnership_flip(FLOW, -1.0, 0.5, 0.5, 0.5)
