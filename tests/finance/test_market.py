"""Growth, revenue and capital of a market: known sums, and laws that all of them keep."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.core.errors import PlanError
from wattmill.finance.market import (
    cagr_frac,
    funding_ceiling,
    level_after,
    required_revenue,
    return_revenue,
    shortfall_frac,
    total_of_years,
    value_multiple,
    years_between,
    years_to_fund,
)

LEVEL = st.floats(1e-3, 1e9)
GROWTH = st.floats(-0.9, 5).filter(lambda g: abs(g) > 1e-6)
YEARS = st.floats(0.1, 30)
RATIO = st.floats(0, 5)


@pytest.mark.parametrize(
    ("start", "end", "years", "growth"),
    [(9.94, 31, 8, 0.15278), (106, 255, 5, 0.19190), (391, 3500, 5, 0.55021), (100, 25, 2, -0.5)],
)
def test_growth_between_levels(start: float, end: float, years: float, growth: float) -> None:
    assert cagr_frac(start, end, years) == pytest.approx(growth, abs=5e-5)


@given(LEVEL, GROWTH, YEARS)
def test_growth_leads_from_one_level_to_the_other(
    start: float, growth: float, years: float
) -> None:
    end = level_after(start, growth, years)
    assert cagr_frac(start, end, years) == pytest.approx(growth, rel=1e-6)
    assert years_between(start, end, growth) == pytest.approx(years, rel=1e-6)
    assert level_after(end, growth, -years) == pytest.approx(start, rel=1e-9)


@given(LEVEL, st.one_of(GROWTH, st.just(0.0)), st.integers(0, 40))
def test_a_sum_of_years_is_the_sum_of_its_years(first: float, growth: float, years: int) -> None:
    by_year = sum(first * (1 + growth) ** t for t in range(years))
    assert total_of_years(first, growth, years) == pytest.approx(by_year, rel=1e-9)


def test_growth_near_zero_is_no_growth() -> None:
    assert total_of_years(100, 1e-13, 5) == pytest.approx(500, rel=1e-9)


def test_demand_that_outgrows_supply_leaves_a_shortfall() -> None:
    assert shortfall_frac(0.35, 0.23) == pytest.approx(0.097561, abs=1e-6)
    assert shortfall_frac(0.2, 0.2) == 0


def test_a_multiple_is_years_of_revenue() -> None:
    assert value_multiple(730e9, 25e9) == pytest.approx(29.2)


def test_spending_doubles_for_the_data_centre_and_again_for_the_margin() -> None:
    assert required_revenue(150e9, 0.5, 0.5) == pytest.approx(600e9)
    assert required_revenue(150e9, 1.0, 0.0) == 150e9


@given(LEVEL, st.floats(0.05, 1), st.floats(0, 0.95))
def test_revenue_less_margin_pays_for_the_data_centres(
    spending: float, hardware: float, margin: float
) -> None:
    revenue = required_revenue(spending, hardware, margin)
    assert revenue * (1 - margin) * hardware == pytest.approx(spending, rel=1e-9)


def test_a_return_and_wear_are_paid_out_of_the_margin() -> None:
    assert return_revenue(5e12, 0.10, 0.0, 1.0) == pytest.approx(500e9)
    assert return_revenue(5e12, 0.10, 0.10, 0.5) == pytest.approx(2e12)


def test_the_ceiling_is_doubled_by_others_money_and_again_by_debt() -> None:
    assert funding_ceiling(450e9, 7) == pytest.approx(3.15e12)
    assert funding_ceiling(450e9, 7, outside_ratio=1) == pytest.approx(6.3e12)
    assert funding_ceiling(450e9, 7, outside_ratio=1, leverage_ratio=1) == pytest.approx(12.6e12)


@given(LEVEL, YEARS, st.one_of(GROWTH, st.just(0.0)), RATIO, RATIO)
def test_the_ceiling_is_reached_after_its_years(
    own: float, years: float, growth: float, outside: float, debt: float
) -> None:
    ceiling = funding_ceiling(own, years, growth, outside, debt)
    if growth >= -0.5:  # cash that all but vanishes reaches its sum long before
        found = years_to_fund(ceiling, own, growth, outside, debt)
        assert found == pytest.approx(years, rel=1e-5)
    assert ceiling <= funding_ceiling(own, years + 1, growth, outside, debt)


@pytest.mark.parametrize(
    "impossible",
    [
        lambda: cagr_frac(0, 1, 1),
        lambda: cagr_frac(1, -1, 1),
        lambda: cagr_frac(1, 2, 0),
        lambda: cagr_frac(1e-300, 1e300, 1e-3),
        lambda: level_after(1, -1, 2),
        lambda: level_after(1, 9, 1e9),
        lambda: years_between(1, 2, 0),
        lambda: total_of_years(1, 0.1, -1),
        lambda: required_revenue(1, 0, 0.5),
        lambda: required_revenue(1, 0.5, 1),
        lambda: return_revenue(1, 0.1, 0, 0),
        lambda: funding_ceiling(1, 1, outside_ratio=-0.5),
        lambda: years_to_fund(100, 10, growth_frac=-0.5),
        lambda: value_multiple(1, 0),
    ],
)
def test_what_cannot_be_is_refused_with_a_hint(impossible: object) -> None:
    assert callable(impossible)
    with pytest.raises(PlanError) as caught:
        impossible()
    assert caught.value.hint
