"""Amps, breakers, wires: textbook cases, and what must hold for any load."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.catalog.electrical import Breakers, Phases, breakers, conductors, metal
from wattmill.core.errors import PlanError
from wattmill.site import feeders
from wattmill.site.feeders import Line

NEC, IEC, WIRES = breakers("nec"), breakers("iec"), conductors()
COPPER, ALUMINIUM = metal("copper"), metal("aluminium")


def test_amps_by_hand() -> None:
    assert feeders.current_a(100_000, 208, 3) == pytest.approx(277.57, rel=1e-4)
    assert feeders.current_a(100_000, 208, 1) == pytest.approx(480.77, rel=1e-4)
    assert feeders.current_a(1_000_000, 54, 0) == pytest.approx(18_518.5, rel=1e-4)
    assert feeders.current_a(17_300, 208, 3, 0.96) == pytest.approx(50.02, rel=1e-3)


@given(st.floats(1, 1e7), st.floats(12, 35_000), st.sampled_from([0, 1, 3]), st.floats(0.5, 1.0))
def test_power_of_the_current_is_the_load(
    watts: float, volts: float, phases: Phases, factor: float
) -> None:
    amps = feeders.current_a(watts, volts, phases, factor)
    assert feeders.power_w(amps, volts, phases, factor) == pytest.approx(watts)


def test_breakers_by_the_code() -> None:
    assert feeders.breaker_a(24, NEC) == 30
    assert feeders.breaker_a(24.1, NEC) == 35
    assert feeders.breaker_a(277.57, NEC) == 350
    assert feeders.breaker_a(31.9, IEC) == 32
    with pytest.raises(PlanError, match="no nec breaker bears 18,519 A") as caught:
        feeders.breaker_a(18_519, NEC)
    assert "6,000 A" in caught.value.hint


def test_wires_by_the_table() -> None:
    assert feeders.wires(30, WIRES, breaker_a=30).conductor.name == "10 AWG"
    assert feeders.wires(24, WIRES).conductor.name == "12 AWG"
    assert feeders.wires(24, WIRES, breaker_a=30).conductor.name == "10 AWG"
    large = feeders.wires(1200, WIRES)
    assert large.ampacity_a >= 1200
    assert large.parallel > 1
    assert large.conductor.area_m2 >= feeders.SMALLEST_PARALLEL_M2
    assert feeders.wires(100, WIRES, "aluminium").conductor.name == "1 AWG"
    assert feeders.wires(15, WIRES, "aluminium", breaker_a=20).conductor.name == "10 AWG"
    assert feeders.wires(25, WIRES, "aluminium", breaker_a=30).conductor.name == "8 AWG"


def test_no_wires_bear_ten_thousand_amps() -> None:
    with pytest.raises(PlanError, match=r"bear 10,000 A"):
        feeders.wires(10_000, WIRES)


@given(st.floats(1, 3000))
def test_no_other_wires_of_less_metal_bear_as_much(amps: float) -> None:
    found = feeders.wires(amps, WIRES)
    assert found.ampacity_a >= amps * (1 - 1e-9)
    single = [wire for wire in WIRES if wire.copper_a >= amps]
    if single:
        assert found.conductor.area_m2 * found.parallel <= single[0].area_m2


def test_a_hundred_metres_of_four_aught() -> None:
    """Handbook: 4/0 copper has 0.2 Ω/km at 75 °C (NEC chapter 9, table 8: 0.0608 Ω/kft)."""
    ohm = feeders.resistance_ohm(1000, 107.2e-6, COPPER)
    assert ohm == pytest.approx(0.0608 / 304.8 * 1000, rel=0.03)
    assert feeders.drop_v(200, ohm / 10, 3) == pytest.approx(math.sqrt(3) * 200 * ohm / 10)
    assert feeders.loss_w(200, ohm / 10, 3) == pytest.approx(3 * 200**2 * ohm / 10)
    assert feeders.loss_w(200, ohm / 10, 0) == pytest.approx(2 * 200**2 * ohm / 10)


@given(st.floats(1, 1000), st.floats(1e-4, 1.0), st.sampled_from([0, 1, 3]))
def test_volts_lost_times_amps_are_watts_lost(amps: float, ohm: float, phases: Phases) -> None:
    volts = feeders.drop_v(amps, ohm, phases)
    assert feeders.power_w(amps, volts, phases) == pytest.approx(feeders.loss_w(amps, ohm, phases))


def test_copper_of_a_megawatt_rack() -> None:
    """200 kg in two bars of 2.2 m are 5,100 mm² each, at 54 V 3.6 A/mm²."""
    area = feeders.area_for_mass_m2(200, 2.2, COPPER)
    assert area * 1e6 == pytest.approx(5113, rel=1e-3)
    assert feeders.metal_kg(2.2, area, COPPER, 2) == pytest.approx(200)
    amps = feeders.current_a(1e6, 54, 0)
    assert feeders.bar_area_m2(amps, amps / area) == pytest.approx(area)


def test_a_higher_voltage_loses_by_the_square() -> None:
    assert feeders.conduction_ratio(48, 800) == pytest.approx(277.8, rel=1e-3)


def test_a_feeder_as_an_electrician_sizes_it() -> None:
    line = Line(415, 3, NEC, WIRES, COPPER, 30.0, power_factor=0.97)
    found = feeders.feeder(40_000, line)
    assert found.current_a == pytest.approx(57.37, rel=1e-3)
    assert found.breaker_a == 80
    assert found.wires.conductor.name == "4 AWG"
    assert 0.004 < found.drop_frac < 0.012
    assert found.metal_kg == pytest.approx(3 * 30 * 21.15e-6 * 8890, rel=1e-3)


@pytest.mark.parametrize(("celsius", "left"), [(30, 1.0), (40, 0.88), (50, 0.75), (20, 1.11)])
def test_warm_air_takes_ampacity_as_the_code_says(celsius: float, left: float) -> None:
    assert feeders.ambient_frac(celsius) == pytest.approx(left, abs=0.01)


def test_wires_over_a_hot_aisle_are_thicker() -> None:
    cool = feeders.feeder(40_000, Line(415, 3, NEC, WIRES, COPPER, 30))
    warm = feeders.feeder(40_000, Line(415, 3, NEC, WIRES, COPPER, 30, ambient_c=45))
    assert warm.wires.conductor.area_m2 > cool.wires.conductor.area_m2
    assert warm.breaker_a == cool.breaker_a
    with pytest.raises(PlanError, match="no ampacity at 80"):
        feeders.ambient_frac(80)


@given(st.floats(500, 200_000), st.floats(208, 800), st.sampled_from([NEC, IEC]))
def test_wires_bear_what_their_breaker_lets_through(
    load: float, volts: float, series: Breakers
) -> None:
    found = feeders.feeder(load, Line(volts, 3, series, WIRES, COPPER, 5))
    assert found.wires.ampacity_a >= found.breaker_a * (1 - 1e-9)
    assert found.breaker_a * series.continuous_frac >= found.current_a * (1 - 1e-9)


@given(st.floats(500, 200_000), st.floats(1, 200))
def test_the_lower_voltage_takes_more_copper(load: float, length: float) -> None:
    low = feeders.feeder(load, Line(208, 3, NEC, WIRES, COPPER, length / 4))
    high = feeders.feeder(load, Line(415, 3, NEC, WIRES, COPPER, length / 4))
    assert high.metal_kg <= low.metal_kg
    assert high.breaker_a <= low.breaker_a


def test_feeds_and_their_reserve() -> None:
    assert feeders.feeds_needed(132_000, 33_000) == 4
    assert feeders.feeds_needed(132_000, 33_000, redundant=4) == 8
    assert feeders.feeds_needed(132_001, 33_000) == 5


@pytest.mark.parametrize(("factor", "says"), [(0.0, "no efficiency"), (1.1, "no efficiency")])
def test_a_power_factor_is_a_share(factor: float, says: str) -> None:
    with pytest.raises(PlanError, match=says):
        feeders.current_a(1000, 208, 3, factor)


def test_a_line_that_loses_all_its_volts_is_refused() -> None:
    with pytest.raises(PlanError, match="lose all of 12 V"):
        feeders.feeder(2000, Line(12, 0, NEC, WIRES, COPPER, 3000))
