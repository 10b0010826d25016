"""Buildings by the megawatt, slot, rack and square metre; and what later racks leave of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.core.errors import PlanError
from wattmill.site.facility import (
    M2_PER_SQFT,
    Generation,
    Hall,
    RackPrice,
    all_in_usd_per_mw,
    building_usd,
    cheapest_build,
    density_wall,
    rack_build,
    usd_per_m2,
    usd_per_slot,
    use,
    w_per_m2,
    with_premium_usd,
)
from wattmill.site.rack import slots_per_mw

figure = st.floats(1, 1e6)


@pytest.mark.parametrize(
    ("usd_per_mw", "tdp_w", "usd"), [(10e6, 700, 8400), (20e6, 700, 16800), (28e6, 1000, 33600)]
)
def test_a_slot_by_hand(usd_per_mw: float, tdp_w: float, usd: float) -> None:
    assert usd_per_slot(usd_per_mw, tdp_w, "mw", 1.2) == pytest.approx(usd)


@given(figure, figure, st.floats(1, 3))
def test_slots_of_a_megawatt_pay_for_it(usd_per_mw: float, watts: float, pue: float) -> None:
    slots = slots_per_mw(watts, pue)
    assert slots * usd_per_slot(usd_per_mw, watts, "mw", pue) == pytest.approx(usd_per_mw)


def test_a_price_per_megawatt_of_machines_has_the_pue_in_it() -> None:
    assert usd_per_slot(12e6, 1000, "mw_it") == 12000
    assert building_usd(2e6, 12e6, "mw_it") == 24e6
    assert building_usd(2e6, 12e6, "mw", 1.5) == 36e6


def test_a_pue_counts_once() -> None:
    with pytest.raises(PlanError, match="has the PUE in it"):
        usd_per_slot(12e6, 1000, "mw_it", 1.5)
    with pytest.raises(PlanError, match="needs a PUE"):
        building_usd(2e6, 12e6, "mw")


def test_hardware_costs_as_much_as_the_building() -> None:
    assert all_in_usd_per_mw(28e6, 830, 35_000) == pytest.approx(57.05e6)


def test_density_that_two_prices_imply() -> None:
    assert w_per_m2(1500 / M2_PER_SQFT, 28e6) * M2_PER_SQFT == pytest.approx(53.57, abs=0.01)
    assert usd_per_m2(28e6, w_per_m2(1234.0, 28e6)) == pytest.approx(1234.0)


def test_premiums_compound() -> None:
    assert with_premium_usd(10e6, 0.10, 0.055) == pytest.approx(11.605e6)
    with pytest.raises(PlanError, match="premium"):
        with_premium_usd(1.0, -1.0)


# --- retrofit or new ------------------------------------------------------------------------------

RETROFIT, NEW = RackPrice("retrofit", 75e3, 40), RackPrice("new", 250e3, 100)


def test_retrofit_by_hand() -> None:
    built = rack_build(1000, 10, RETROFIT, 30)
    assert (built.racks, built.usd, built.usd_per_kw) == (25, 25 * 75e3, 1875)
    assert built.later_kw == 25 * 30
    assert rack_build(1000, 10, NEW, 30).racks == 10


def test_a_machine_is_not_cut() -> None:
    assert rack_build(90, 15, RETROFIT, 15).racks == 3  # 2 of 15 kW to a rack of 40


def test_the_cheapest_now_may_be_a_wall_later() -> None:
    now = cheapest_build(1000, 10, [NEW, RETROFIT])
    assert [built.name for built in now] == ["retrofit", "new"]
    later = cheapest_build(1000, 10, [NEW, RETROFIT], later_unit_kw=60)
    assert [built.name for built in later] == ["new"]
    with pytest.raises(PlanError, match="none of 2 ways"):
        cheapest_build(1000, 10, [NEW, RETROFIT], later_unit_kw=132)
    with pytest.raises(PlanError, match=r"more than the 40 kW"):
        rack_build(1000, 50, RETROFIT, 50)


# --- stranded -------------------------------------------------------------------------------------

HALL = Hall(it_kw=1000, places=50, kw_per_place=40, usd=12e6)


@pytest.mark.parametrize(
    ("unit_kw", "per_rack", "units", "binds"),
    [(10, 4, 100, "power"), (10, 1, 50, "places"), (30, 1, 33, "power"), (41, 1, 0, "density")],
)
def test_what_ends_the_use_of_a_hall(unit_kw: float, per_rack: int, units: int, binds: str) -> None:
    found = use(HALL, "x", unit_kw, per_rack)
    assert (found.units, found.binds) == (units, binds)
    assert found.used_kw + found.stranded_kw == 1000
    assert found.stranded_usd == pytest.approx(12e6 * found.stranded_kw / 1000)


@given(st.floats(0.5, 200), st.integers(1, 8))
def test_a_hall_is_never_used_beyond_what_it_is(unit_kw: float, per_rack: int) -> None:
    found = use(HALL, "x", unit_kw, per_rack)
    assert found.used_kw <= HALL.it_kw + 1e-6
    assert found.units <= HALL.places * per_rack
    assert 0 <= found.stranded_usd <= HALL.usd


def test_the_wall_of_a_roadmap() -> None:
    steps = [Generation(36, 600), Generation(24, 190), Generation(0, 10), Generation(12, 40)]
    assert density_wall(40, steps) == Generation(24, 190)
    assert density_wall(40, steps[2:]) is None


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_impossible_prices_are_refused(value: float) -> None:
    with pytest.raises(PlanError, match="cannot be"):
        usd_per_slot(value, 1000, "mw_it")
    with pytest.raises(PlanError, match="cannot be"):
        usd_per_slot(1e6, 1000, "mw", 0.9)
