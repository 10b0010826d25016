"""Tax on profits: periods, losses, interest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from wattmill.core.errors import PlanError
from wattmill.finance.tax import TaxTerms, accrued, period_ends, profit_tax

Array = NDArray[np.float64]
MONEY = st.floats(-1e6, 1e6)
FLOWS = st.lists(MONEY, min_size=2, max_size=40).map(np.array)


def yearly(*usd: float) -> Array:
    """So much in month 12, 24, 36…"""
    flow = np.zeros(12 * len(usd) + 1)
    flow[12::12] = usd
    return flow


def none(flow: Array) -> Array:
    return np.zeros_like(flow)


def taxes(
    terms: TaxTerms, profit: Array, interest: Array | None = None, ebitda: Array | None = None
) -> Array:
    tax = profit_tax(terms, profit, none(profit) if interest is None else interest, ebitda).tax_usd
    return tax[12::12]


def test_a_loss_is_carried_on_until_it_is_used() -> None:
    assert taxes(TaxTerms(0.25), yearly(-100, 60, 60, 60)).tolist() == [0, 0, 5, 15]


def test_old_losses_may_take_only_a_share_of_a_profit() -> None:
    terms = TaxTerms(0.25, loss_offset_frac=0.8)
    assert taxes(terms, yearly(-100, 100, 100)) == pytest.approx([0, 5, 20])
    assert taxes(TaxTerms(0.25, loss_offset_frac=0.0), yearly(-100, 100)) == pytest.approx([0, 25])


def test_interest_beyond_a_cap_waits_for_better_years() -> None:
    terms = TaxTerms(0.20, interest_cap_frac=0.3)
    profit, interest, ebitda = yearly(100, 100), yearly(50, 10), yearly(100, 100)
    assert taxes(terms, profit, interest, ebitda) == pytest.approx([14, 14])
    left = profit_tax(terms, profit, interest, ebitda).interest_left_usd
    assert left == pytest.approx(0)
    bad = profit_tax(terms, yearly(-100), yearly(50), yearly(-10))
    assert bad.interest_left_usd == 50 and bad.losses_left_usd == 100


def test_tax_is_due_at_the_end_of_each_period_and_of_the_study() -> None:
    assert period_ends(30, 12) == [12, 24, 30]
    assert period_ends(24, 12) == [12, 24]
    assert period_ends(3, 12) == [3]
    flat = np.ones(31)
    tax = profit_tax(TaxTerms(1.0), flat, none(flat)).tax_usd
    assert np.flatnonzero(tax).tolist() == [12, 24, 30]
    assert tax[[12, 24, 30]].tolist() == [13, 12, 6], "month 0 is in the first period"


@given(FLOWS, st.integers(1, 14), st.floats(0, 1))
def test_tax_and_losses_add_up(profit: Array, period: int, rate: float) -> None:
    found = profit_tax(TaxTerms(rate, period), profit, none(profit))
    taxed = profit.sum() + found.losses_left_usd
    assert found.tax_usd.sum() == pytest.approx(rate * taxed, abs=1e-3)
    assert (found.tax_usd >= 0).all() and found.losses_left_usd >= 0


@given(FLOWS, st.integers(1, 14))
def test_with_all_losses_carried_tax_follows_the_highest_profit_so_far(
    profit: Array, period: int
) -> None:
    found = profit_tax(TaxTerms(0.3, period), profit, none(profit)).tax_usd
    ends = period_ends(len(profit) - 1, period)
    highest = np.maximum.accumulate(np.maximum(np.cumsum(profit)[ends], 0))
    assert np.cumsum(found)[ends] == pytest.approx(0.3 * highest, abs=1e-3)


@given(FLOWS, st.floats(0, 1e5))
def test_interest_never_makes_tax_higher(profit: Array, usd: float) -> None:
    interest = np.full_like(profit, usd)
    without = profit_tax(TaxTerms(0.3), profit, none(profit)).tax_usd.sum()
    assert profit_tax(TaxTerms(0.3), profit, interest).tax_usd.sum() <= without + 1e-6


@given(st.integers(0, 2**32 - 1))
def test_many_paths_are_many_single_ones(seed: int) -> None:
    rng = np.random.default_rng(seed)
    profit, interest = rng.normal(0, 100, (4, 31)), rng.uniform(0, 50, 31)
    terms = TaxTerms(0.3, 7, 0.6, 0.3)
    many = profit_tax(terms, profit, interest, profit + 10)
    for i in range(4):
        alone = profit_tax(terms, profit[i], interest, profit[i] + 10)
        assert many.tax_usd[i] == pytest.approx(alone.tax_usd)
        assert many.losses_left_usd[i] == pytest.approx(alone.losses_left_usd)


@pytest.mark.parametrize("terms", [TaxTerms(1.1), TaxTerms(0.2, 0), TaxTerms(0.2, 12, -1.0)])
def test_rules_that_cannot_be_are_refused(terms: TaxTerms) -> None:
    with pytest.raises(PlanError, match="cannot be"):
        profit_tax(terms, np.zeros(2), np.zeros(2))


def test_a_cap_needs_what_it_is_a_share_of() -> None:
    with pytest.raises(PlanError, match="share of something"):
        profit_tax(TaxTerms(0.2, interest_cap_frac=0.3), np.zeros(2), np.zeros(2))


def test_tax_accrues_evenly_over_what_it_is_for() -> None:
    paid = np.zeros(16)
    paid[12], paid[15] = 120.0, 30.0
    assert accrued(paid, 12).tolist() == [0, *[10] * 12, *[10] * 3]


@given(FLOWS, st.integers(1, 13))
def test_all_tax_accrues_by_the_time_it_is_paid(profit: Array, months: int) -> None:
    paid = profit_tax(TaxTerms(0.3, months), profit, none(profit)).tax_usd
    lead = np.cumsum(accrued(paid, months)) - np.cumsum(paid)
    ends = period_ends(len(paid) - 1, months)
    assert lead[ends] == pytest.approx(np.zeros(len(ends)), abs=1e-6)
    assert (lead >= -1e-6).all()
