"""From TDP to kW to commit, and how many systems a rack takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.core.errors import PlanError
from wattmill.site import rack
from wattmill.site.rack import RackLimits, RackLoad, fill

NODE = RackLoad(10_200, system_units=8, system_kg=130, other_w=1500, other_units=4, other_kg=150)


def test_four_nodes_of_eight_by_hand() -> None:
    assert rack.system_w(700, 8, 575) == pytest.approx(10_200)
    assert rack.rack_w(10_200, 4, 1500) == 42_300
    assert rack.committed_kw(42_300, 1.3) == pytest.approx(54.99)
    assert rack.committed_kw(40_000, 1.0, 0.1) == pytest.approx(44.0)


def test_slots_by_hand() -> None:
    slot = rack.slot_w(10_200, 8, 40)
    assert slot == 1315
    assert rack.slots_per_mw(slot, 1.2) == pytest.approx(633.7, rel=1e-4)
    assert rack.slots_in(1e6, slot, 1.2) == 633
    assert rack.slots_in(rack.site_w(slot, 1.2) * 3, slot, 1.2) == 3


@pytest.mark.parametrize(
    ("limits", "systems", "binds"),
    [
        (RackLimits(45_000, 48), 4, "power"),
        (RackLimits(100_000, 42), 4, "space"),
        (RackLimits(100_000, 48, 500), 2, "mass"),
        (RackLimits(17_000), 1, "power"),
    ],
)
def test_what_ends_a_rack(limits: RackLimits, systems: int, binds: str) -> None:
    found = fill(NODE, limits)
    assert (found.systems, found.binds) == (systems, binds)
    assert found.it_w == systems * 10_200 + 1500
    assert found.mass_kg == systems * 130 + 150


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (RackLimits(11_000), "11.7 kW and the rack has 11 kW"),
        (RackLimits(45_000, 10), "8 \\+ 4 U and the rack has 10 U"),
        (RackLimits(45_000, 48, 200), "130 \\+ 150 kg and the rack has 200 kg"),
    ],
)
def test_a_rack_too_small_for_one_says_why(limits: RackLimits, says: str) -> None:
    with pytest.raises(PlanError, match=says):
        fill(NODE, limits)


@given(st.floats(100, 20_000), st.floats(0, 3000), st.floats(100, 300_000))
def test_a_full_rack_is_within_its_power_and_one_more_is_not(
    system: float, other: float, limit: float
) -> None:
    load = RackLoad(system, other_w=other)
    if system + other > limit:
        with pytest.raises(PlanError):
            fill(load, RackLimits(limit))
        return
    found = fill(load, RackLimits(limit))
    assert found.it_w <= limit * (1 + 1e-9)
    assert found.it_w + system > limit * (1 - 1e-9)


def test_racks_are_whole() -> None:
    assert [rack.racks_needed(n, 4) for n in (0, 1, 4, 5)] == [0, 1, 1, 2]


def test_redundant_supplies_do_not_count() -> None:
    assert rack.supply_w(8, 3000, 4) == 12_000
    with pytest.raises(PlanError, match="cannot be redundant"):
        rack.supply_w(4, 3000, 4)


@pytest.mark.parametrize("wrong", [0, -1, float("nan"), float("inf")])
def test_impossible_figures_are_refused(wrong: float) -> None:
    with pytest.raises(PlanError, match="cannot be"):
        rack.system_w(wrong, 8)
    with pytest.raises(PlanError, match="cannot be"):
        rack.site_w(1000, wrong)
