"""PUE: its money, its load and its weather."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattmill.core.errors import PlanError
from wattmill.site import effectiveness
from wattmill.site.effectiveness import Climate, Overhead, Plant

WARM, COLD = Climate(27, 2, 4), Climate(8, 10, 4)
CHILLED, WARM_WATER = Plant(supply_c=15), Plant(supply_c=40)


def test_a_tenth_by_hand() -> None:
    """1 MW of machines: 100 kW less at 6.5 cents for 8,760 hours."""
    found = effectiveness.pue_value_usd_per_year(1e6, 1.3, 1.2, 0.065)
    assert found == pytest.approx(56_940)
    assert effectiveness.pue_value_usd_per_year(1e6, 1.2, 1.3, 0.065) == pytest.approx(-56_940)


def test_a_half_full_hall_is_worse_than_its_plate() -> None:
    overhead = Overhead.of(1.3, 0.5)
    assert effectiveness.pue_at_load(overhead, 1.0) == pytest.approx(1.3)
    assert effectiveness.pue_at_load(overhead, 0.5) == pytest.approx(1.45)
    assert effectiveness.pue_at_load(Overhead.of(1.3, 0.0), 0.1) == pytest.approx(1.3)


@given(st.floats(1, 3), st.floats(0, 1), st.floats(0.05, 1))
def test_filling_a_hall_never_worsens_it(pue: float, fixed: float, load: float) -> None:
    overhead = Overhead.of(pue, fixed)
    assert effectiveness.pue_at_load(overhead, load) >= pue - 1e-9


def test_the_coldest_and_the_hottest_hour() -> None:
    assert effectiveness.outside_c(COLD, 0) == pytest.approx(8 - 10 - 4)
    hottest = max(effectiveness.outside_c(COLD, hour) for hour in range(8760))
    assert hottest == pytest.approx(22, abs=0.05)


def test_warm_water_does_without_compressors_where_chilled_water_does_not() -> None:
    assert effectiveness.free_hours(WARM, WARM_WATER) == 8760
    assert effectiveness.free_hours(WARM, CHILLED) == 0
    assert 3000 < effectiveness.free_hours(COLD, CHILLED) < 6500


def test_compressors_by_carnot() -> None:
    """From 15 °C to 35 + 6 °C: 26 K over 288.15 K, at 0.4 of Carnot."""
    found = effectiveness.cooling_frac(CHILLED, 35)
    assert found == pytest.approx(0.05 + 26 / 288.15 / 0.4)
    assert effectiveness.cooling_frac(CHILLED, 9) == 0.05


def test_yearly_means_lie_between_no_compressor_and_the_hottest_hour() -> None:
    free = 1 + 0.03 + 0.05 * 1.03
    assert effectiveness.yearly_pue(COLD, WARM_WATER, 0.03) == pytest.approx(free)
    warm = effectiveness.yearly_pue(WARM, CHILLED, 0.03)
    assert free < effectiveness.yearly_pue(COLD, CHILLED, 0.03) < warm
    assert warm < effectiveness.peak_pue(WARM, CHILLED, 0.03)


@settings(max_examples=10)
@given(st.floats(-5, 30), st.floats(0.5, 5))
def test_a_warmer_place_never_cools_for_less(mean: float, warmer: float) -> None:
    here = effectiveness.yearly_pue(Climate(mean, 8, 4), CHILLED, 0.05)
    there = effectiveness.yearly_pue(Climate(mean + warmer, 8, 4), CHILLED, 0.05)
    assert there >= here - 1e-12


@pytest.mark.parametrize("pue", [0.9, float("nan")])
def test_a_pue_below_one_is_refused(pue: float) -> None:
    with pytest.raises(PlanError, match="cannot be"):
        effectiveness.pue_value_usd_per_year(1e6, pue, 1.2, 0.065)
