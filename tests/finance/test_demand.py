"""Prices that fall, demand that answers, machines that have a limit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.core.errors import PlanError
from wattmill.finance import demand

AMOUNT = st.floats(0, 1e6)
PEAKS = st.floats(1, 12)


def test_growth_compounds_by_the_year() -> None:
    assert demand.growth_factors(24, -0.27)[[0, 12, 24]] == pytest.approx([1, 0.73, 0.73**2])


def test_a_ramp_is_a_straight_line_after_the_start() -> None:
    assert demand.ramp(5, 4).tolist() == [0, 0.25, 0.5, 0.75, 1, 1]
    assert demand.ramp(3, 2, 0.5, first_month=1).tolist() == [0, 0, 0.75, 1]
    assert demand.ramp(2, 0).tolist() == [0, 1, 1]


def test_a_contract_ends() -> None:
    assert demand.contracted_frac(4, 0.6, 1, 2).tolist() == [0, 0, 0.6, 0.6, 0]
    assert demand.contracted_frac(2, 0.6, 0, None).tolist() == [0, 0.6, 0.6]


@given(st.floats(0.01, 0.99), st.floats(0, 3))
def test_a_fall_in_price_earns_more_only_if_demand_is_elastic(
    price: float, elasticity: float
) -> None:
    earned = demand.revenue_factor(price, elasticity)
    if abs(elasticity - 1) > 1e-9:
        assert (earned > 1) == (elasticity > 1)


@given(st.floats(0.05, 0.95) | st.floats(1.05, 5), st.floats(0, 3))
def test_elasticity_is_found_again(price: float, elasticity: float) -> None:
    volume = demand.volume_factor(price, elasticity)
    assert demand.implied_elasticity(price, volume) == pytest.approx(elasticity, abs=1e-9)


def test_peaks_by_hand() -> None:
    # Twice the mean at the peak is a demand that is even between 0 and the peak: half of it is above half the peak.
    assert demand.served_at_peaks(50.0, 50.0, 2.0) == pytest.approx(37.5)
    assert demand.served_at_peaks(50.0, 100.0, 2.0) == pytest.approx(50)
    assert demand.served_at_peaks(50.0, 40.0, 1.0) == 40
    assert demand.served_at_peaks(0.0, 40.0, 3.0) == 0


@given(st.floats(0.1, 1e6), st.floats(0, 1e6), st.floats(1.05, 12))
def test_peaks_agree_with_a_year_of_hours(mean: float, capacity: float, peak: float) -> None:
    rank = (np.arange(200_000) + 0.5) / 200_000
    hours = np.minimum(mean * peak * rank ** (peak - 1), capacity)
    served = demand.served_at_peaks(mean, capacity, peak)
    assert served == pytest.approx(hours.mean(), rel=1e-3, abs=1e-3 * mean)


@given(AMOUNT, AMOUNT, PEAKS)
def test_nobody_serves_more_than_is_asked_or_than_there_is(
    mean: float, capacity: float, peak: float
) -> None:
    served = demand.served_at_peaks(mean, capacity, peak)
    assert served <= min(mean, capacity) * (1 + 1e-9) + 1e-9
    peakier = demand.served_at_peaks(mean, capacity, peak + 1)
    assert served >= peakier - 1e-9 * (1 + peakier), "peaks cost"


def test_arrays_are_answered_as_their_numbers() -> None:
    found = demand.served_at_peaks(np.array([10.0, 50.0]), 50.0, 2.0)
    assert found == pytest.approx([demand.served_at_peaks(x, 50.0, 2.0) for x in (10.0, 50.0)])


@pytest.mark.parametrize(
    "impossible",
    [
        lambda: demand.growth_factors(1, -1.0),
        lambda: demand.ramp(1, -1),
        lambda: demand.ramp(1, 1, 1.5),
        lambda: demand.contracted_frac(1, 1.1, 0, None),
        lambda: demand.volume_factor(0.5, -1.0),
        lambda: demand.implied_elasticity(1.0, 2.0),
        lambda: demand.served_at_peaks(1.0, 1.0, 0.5),
    ],
)
def test_what_cannot_be_is_refused(impossible) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(PlanError) as caught:
        impossible()
    assert caught.value.hint
