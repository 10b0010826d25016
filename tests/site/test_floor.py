"""Floors: by hand, by IBM's rule, and which rack may stand where."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.catalog.electrical import Floor, floor
from wattmill.core.errors import PlanError
from wattmill.site import floor as floors
from wattmill.site.floor import Footprint

RACK = Footprint(0.6, 1.2)
WEAK = Floor(name="weak", kg_per_m2=500, foot_kg=300, source="a test", as_of="2026-01")


def test_areas_by_hand() -> None:
    assert RACK.rack_m2 == pytest.approx(0.72)
    assert RACK.area_m2 == pytest.approx(0.6 * 2.25)
    assert floors.rack_height_m(42) == pytest.approx(73.5 * 0.0254)
    assert floors.volume_m3(2.0, 0.6, 1.2) == pytest.approx(1.44)


def test_loads_by_hand() -> None:
    assert floors.direct_kg_per_m2(1360, RACK) == pytest.approx(1888.9, rel=1e-4)
    spread = (1360 + 73 * 0.63) / 1.35
    assert floors.spread_kg_per_m2(1360, RACK) == pytest.approx(spread)
    assert floors.spread_kg_per_m2(1360, RACK, True) == pytest.approx(spread + 49)
    assert floors.foot_kg(1360) == 340
    assert floors.foot_kg(1360, uneven=4 / 3) == pytest.approx(1360 / 3)


def test_a_dense_rack_wants_a_floor_of_its_own() -> None:
    assert not floors.check(1360, RACK, floor("raised-floor")).is_borne
    assert floors.check(1360, RACK, floor("rated-3")).is_borne
    found = floors.check(1360, RACK, WEAK)
    assert [reason.partition(" ")[0] for reason in found.reasons] == ["1,041", "340"]


@given(st.floats(50, 3000), st.floats(100, 3000))
def test_with_the_aisle_that_is_asked_for_it_is_borne(mass: float, bears: float) -> None:
    plain = Floor(name="f", kg_per_m2=bears, source="a test", as_of="2026-01")
    aisle = floors.aisle_for_m(mass, RACK, plain)
    wide = Footprint(0.6, 1.2, front_m=aisle, rear_m=0)
    assert floors.spread_kg_per_m2(mass, wide) <= bears * (1 + 1e-9)
    if aisle:
        tight = Footprint(0.6, 1.2, front_m=aisle * 0.9, rear_m=0)
        assert floors.spread_kg_per_m2(mass, tight) > bears


def test_a_floor_for_people_only_bears_no_racks() -> None:
    slight = Floor(name="f", kg_per_m2=30, source="a test", as_of="2026-01")
    with pytest.raises(PlanError, match="bears no racks"):
        floors.aisle_for_m(500, RACK, slight)


def test_a_room_of_rows() -> None:
    assert floors.watts_per_m2(13_500, RACK) == pytest.approx(10_000)
