"""Air and water: handbook cases, inverses, and the choice by density."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.catalog.electrical import coolant, coolings
from wattmill.core.errors import PlanError
from wattmill.site import cooling

WATER, GLYCOL, WAYS = coolant("water"), coolant("pg25"), coolings()
CFM = 0.3048**3 / 60
LPM = 1e-3 / 60


def test_air_by_the_handbook() -> None:
    """Sensible heat: BTU/h = 1.08 · CFM · °F, so 120 kW at a rise of 20 °F take 19,000 CFM."""
    flow = cooling.air_m3_per_s(120_000, 20 / 1.8, 1.2)
    assert flow / CFM == pytest.approx(120_000 * 3.412 / (1.08 * 20), rel=0.01)


def test_density_of_air_by_the_standard_atmosphere() -> None:
    assert cooling.air_density_kg_per_m3(15, 0) == pytest.approx(1.225, rel=1e-3)
    assert cooling.air_density_kg_per_m3(8.5, 1000) == pytest.approx(1.112, rel=1e-3)
    assert cooling.air_density_kg_per_m3(2, 2000) == pytest.approx(1.007, rel=2e-3)


@pytest.mark.parametrize(("celsius", "metres"), [(20, -1), (20, 9000), (200, 0), (float("nan"), 0)])
def test_no_air_where_there_is_none(celsius: float, metres: float) -> None:
    with pytest.raises(PlanError, match="no air"):
        cooling.air_density_kg_per_m3(celsius, metres)


@given(st.floats(0, 5999), st.floats(1, 1e6))
def test_thin_air_must_flow_faster(metres: float, heat: float) -> None:
    here = cooling.air_m3_per_s(heat, 15, cooling.air_density_kg_per_m3(20, metres))
    assert here >= cooling.air_m3_per_s(heat, 15, cooling.air_density_kg_per_m3(20, 0))


@given(st.floats(1, 1e7), st.floats(1, 60))
def test_rises_are_what_flows_were_made_for(heat: float, rise: float) -> None:
    air = cooling.air_m3_per_s(heat, rise)
    water = cooling.liquid_m3_per_s(heat, rise, WATER)
    assert cooling.air_rise_k(heat, air) == pytest.approx(rise)
    assert cooling.liquid_rise_k(heat, water, WATER) == pytest.approx(rise)
    assert air / water == pytest.approx(cooling.heat_ratio(WATER))


def test_the_rule_of_1_2_lpm_is_a_rise_of_12_k() -> None:
    assert cooling.liquid_rise_k(1000, 1.2 * LPM, WATER) == pytest.approx(12.06, rel=1e-3)
    more = cooling.liquid_m3_per_s(85_000, 12, GLYCOL) / cooling.liquid_m3_per_s(85_000, 12, WATER)
    assert more == pytest.approx(1.032, rel=1e-2)


def test_pumps_and_fans() -> None:
    assert cooling.mover_w(1e-3, 200_000, 0.5) == 400
    assert cooling.mover_w(4.0, 250, 0.5) == 2000


def test_the_room_keeps_what_a_door_leaves() -> None:
    assert cooling.air_left_w(100_000, 0.7) == pytest.approx(30_000)


def test_better_cooling_takes_off_the_rise_and_not_the_water() -> None:
    assert cooling.chip_c(45, 40) == 85
    assert cooling.chip_c(45, 40, 0.65) == pytest.approx(59)
    assert cooling.chip_c(45, 40, 1.0) == 45


@pytest.mark.parametrize(
    ("kilowatts", "machines", "name"),
    [
        (5, "either", "air-perimeter"),
        (40, "either", "air-contained"),
        (42, "air", "rear-door"),
        (70, "air", "rear-door-active"),
        (20, "liquid", "direct-to-chip"),
        (240, "liquid", "two-phase-immersion"),
        (132, "either", "direct-to-chip"),
        (1000, "either", "full-liquid"),
    ],
)
def test_density_chooses(kilowatts: float, machines: cooling.Machines, name: str) -> None:
    found = cooling.choose(kilowatts * 1000, WAYS, machines)
    assert found.way.name == name
    assert found.air_w + found.liquid_w == pytest.approx(kilowatts * 1000)


def test_nothing_cools_too_dense_a_rack_and_says_what_it_bears() -> None:
    with pytest.raises(PlanError, match="132 kW: rear-door-active bears 75 kW"):
        cooling.choose(132_000, WAYS, "air")
    assert cooling.ways(2e6, WAYS) == ()
    with pytest.raises(PlanError, match="none is known"):
        cooling.choose(1000, ())


def test_where_air_ends() -> None:
    assert cooling.liquid_from_kw(WAYS) == 40
    with pytest.raises(PlanError, match="by air alone"):
        cooling.liquid_from_kw(WAYS[-1:])


def test_a_hundred_kilowatts_of_air_howl() -> None:
    flow = cooling.air_m3_per_s(100_000, 20)
    assert cooling.face_velocity_m_per_s(flow, 0.6 * 2.0) == pytest.approx(3.45, rel=0.01)


def test_dew_point_by_the_table() -> None:
    assert cooling.dew_point_c(25, 0.5) == pytest.approx(13.9, abs=0.1)
    assert cooling.dew_point_c(20, 1.0) == pytest.approx(20)
