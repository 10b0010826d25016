"""An own machine against an API, told honestly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from wattmill.core.errors import PlanError
from wattmill.finance.against_api import (
    ApiPrice,
    OwnMachine,
    Tokens,
    api_usd_per_month,
    break_even_output_mtok,
    payback,
)

PRICE = ApiPrice(input_usd=3.0, cached_usd=0.3, output_usd=15.0)
TOKENS = Tokens(input_mtok=1000.0, cached_frac=0.5, output_mtok=100.0)
MACHINE = OwnMachine(
    60_000.0, full_output_mtok=200.0, fixed_usd_per_month=500.0, busy_usd_per_month=400.0
)


def test_the_bill_has_three_prices() -> None:
    assert api_usd_per_month(PRICE, TOKENS) == pytest.approx(500 * 3 + 500 * 0.3 + 100 * 15)


def test_payback_by_hand() -> None:
    found = payback(PRICE, TOKENS, MACHINE, 36)
    assert found.saved_usd_per_month == pytest.approx(3150 - 500 - 200)
    assert found.months == pytest.approx(60_000 / 2450)
    assert (found.served_frac, found.load_frac) == (1.0, 0.5)
    assert found.npv_usd == pytest.approx(36 * 2450 - 60_000)
    assert found.own_usd_per_mtok_output == pytest.approx((700 + 60_000 / 36) / 100)


def test_a_machine_that_is_too_small_saves_only_what_it_serves() -> None:
    small = replace(MACHINE, full_output_mtok=40.0)
    found = payback(PRICE, TOKENS, small, 36)
    assert found.served_frac == pytest.approx(0.4) and found.load_frac == pytest.approx(1)
    assert found.saved_usd_per_month == pytest.approx(0.4 * 3150 - 900)
    assert found.months is None


def test_peaks_stay_with_the_api() -> None:
    even = payback(PRICE, TOKENS, MACHINE, 72)
    peaky = payback(PRICE, replace(TOKENS, peak_to_mean=6.0), MACHINE, 72)
    assert peaky.served_frac < 1 == even.served_frac
    assert even.months is not None and peaky.months is not None
    assert peaky.months > even.months


def test_api_prices_that_fall_push_the_day_out_and_a_resale_helps() -> None:
    slow = payback(PRICE, TOKENS, MACHINE, 36, price_growth_frac_per_year=-0.5)
    assert slow.months is None
    sold = payback(PRICE, TOKENS, replace(MACHINE, resale_frac_per_year=0.7), 36)
    assert sold.npv_usd == pytest.approx(36 * 2450 - 60_000 + 60_000 * 0.7**3)
    assert sold.flow_usd[:-1] == pytest.approx(payback(PRICE, TOKENS, MACHINE, 36).flow_usd[:-1])


def test_demand_grows_until_the_machine_is_full() -> None:
    found = payback(PRICE, TOKENS, MACHINE, 36, demand_growth_frac_per_year=1.0)
    assert found.last_served_frac == pytest.approx(200 / 800)


@given(st.floats(1, 1e4), st.floats(1, 1e4), st.floats(1, 8), st.floats(0, 0.5))
def test_discounting_never_brings_the_day_nearer(
    out: float, full: float, peak: float, rate: float
) -> None:
    tokens = replace(TOKENS, output_mtok=out, peak_to_mean=peak)
    found = payback(
        PRICE, tokens, replace(MACHINE, full_output_mtok=full), 48, discount_frac_per_year=rate
    )
    if found.discounted_months is not None:
        assert found.months is not None
        assert found.discounted_months >= found.months - 1e-9
    assert np.isfinite(found.flow_usd).all()


@given(st.floats(1, 1e5), st.floats(0, 1))
def test_at_break_even_both_cost_the_same(own: float, busy: float) -> None:
    mtok = break_even_output_mtok(PRICE, TOKENS, own, busy)
    assert mtok is not None
    bill = api_usd_per_month(PRICE, TOKENS) / TOKENS.output_mtok * mtok
    assert own + busy * mtok == pytest.approx(bill)


def test_a_machine_whose_power_costs_more_than_the_api_never_breaks_even() -> None:
    assert break_even_output_mtok(PRICE, TOKENS, 100.0, busy_usd_per_output_mtok=40.0) is None


@pytest.mark.parametrize(
    "tokens", [replace(TOKENS, output_mtok=0.0), replace(TOKENS, cached_frac=1.5)]
)
def test_a_demand_that_cannot_be_is_refused(tokens: Tokens) -> None:
    with pytest.raises(PlanError, match="cannot be"):
        api_usd_per_month(PRICE, tokens)


def test_a_machine_that_makes_nothing_is_refused() -> None:
    with pytest.raises(PlanError, match="makes no tokens"):
        payback(PRICE, TOKENS, replace(MACHINE, full_output_mtok=0.0), 12)
