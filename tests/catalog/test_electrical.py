"""The electrical table: every row is possible, sourced, and agrees with physics and with others."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from wattmill.catalog import electrical
from wattmill.catalog.electrical import Chain, Stage
from wattmill.core.errors import CatalogError
from wattmill.site.delivery import deliver, stage_loss_w

CHAINS = electrical.chains()
STAGES = {stage.name: stage for chain in CHAINS for stage in chain.stages}
TITANIUM = {0.1: 0.90, 0.2: 0.94, 0.5: 0.96, 1.0: 0.91}
PLATINUM = {0.2: 0.90, 0.5: 0.94, 1.0: 0.91}
STATED = [chain for chain in CHAINS if chain.stated]


@pytest.mark.parametrize("stage", STAGES.values(), ids=list(STAGES))
def test_the_parts_of_a_loss_are_shares_of_it(stage: Stage) -> None:
    assert 0.85 < stage.efficiency_frac < 1
    assert stage.fixed_frac + stage.square_frac <= 1
    assert stage.source and re.fullmatch(r"\d{4}-\d\d", stage.as_of)


@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: chain.name)
def test_in_a_chain_what_is_before_the_meter_comes_first(chain: Chain) -> None:
    sides = [stage.side for stage in chain.stages]
    assert sides == sorted(sides)  # "facility" before "it"
    assert electrical.chain(chain.name.upper()) == chain


@pytest.mark.parametrize("chain", STATED, ids=lambda chain: chain.name)
def test_stages_make_what_others_say_of_the_whole_within_a_point(chain: Chain) -> None:
    assert chain.stated is not None
    whole = deliver(1e6, chain).efficiency_frac
    assert chain.stated.low_frac - 0.01 <= whole <= chain.stated.high_frac + 0.01


@pytest.mark.parametrize(
    ("name", "required"), [("psu-titanium", TITANIUM), ("psu-platinum", PLATINUM)]
)
def test_a_power_supply_meets_the_label_that_it_is_named_after(
    name: str, required: dict[float, float]
) -> None:
    supply = electrical.stage(name)
    for load, efficiency in required.items():
        lost = stage_loss_w(supply, load * 3000, 3000)
        assert load * 3000 / (load * 3000 + lost) >= efficiency - 0.004, load


def test_thicker_wires_bear_more_but_less_for_each_square_millimetre() -> None:
    wires = electrical.conductors()
    assert len(wires) == 21
    for thin, thick in pairwise(wires):
        assert thin.area_m2 < thick.area_m2
        assert thin.copper_a < thick.copper_a
        assert thin.copper_a / thin.area_m2 > thick.copper_a / thick.area_m2
    assert all(wire.aluminium_a < wire.copper_a for wire in wires if wire.aluminium_a)


def test_small_aluminium_stands_behind_smaller_breakers_than_copper() -> None:
    """NEC 240.4(D): 20 and 30 A for copper of 12 and 10 AWG, 15 and 25 A for aluminium."""
    small = {wire.name: wire for wire in electrical.conductors() if wire.breaker_a}
    assert [small[name].breaker_a for name in ("14 AWG", "12 AWG", "10 AWG")] == [15, 20, 30]
    assert [small[name].aluminium_breaker_a for name in ("12 AWG", "10 AWG")] == [15, 25]


def test_areas_are_those_of_circular_mils() -> None:
    """1 kcmil is 0.5067 mm², and each 6 of AWG are a factor of 4.02 (92^(1/39) is one of diameter)."""
    by_name = {wire.name: wire.area_m2 * 1e6 for wire in electrical.conductors()}
    assert by_name["500 kcmil"] == pytest.approx(500 * 0.506707, rel=1e-3)
    assert by_name["4/0 AWG"] == pytest.approx(3.14159265 / 4 * 11.684**2, rel=1e-3)
    assert by_name["4 AWG"] / by_name["10 AWG"] == pytest.approx(92 ** (12 / 39), rel=1e-3)


@pytest.mark.parametrize("series", ["nec", "iec"])
def test_breakers_rise(series: str) -> None:
    sizes = electrical.breakers(series).sizes_a
    assert list(sizes) == sorted(set(sizes))


def test_ways_to_cool_begin_with_air_and_waste_less_the_more_liquid_they_are() -> None:
    ways = electrical.coolings()
    assert [way.liquid_frac > 0 for way in ways] == sorted(way.liquid_frac > 0 for way in ways)
    assert [way.needs_liquid_ready for way in ways] == sorted(
        way.needs_liquid_ready for way in ways
    )
    known = [way.pue for way in ways if way.pue is not None]
    assert len(known) == 5
    assert known == sorted(known, reverse=True)


def test_bus_bars_floors_and_metals() -> None:
    assert electrical.bus_bar("nvl72").amps == 2 * electrical.bus_bar("orv3").amps
    assert electrical.floor("rated-3").kg_per_m2 * 9.81 == pytest.approx(12_000, rel=0.01)
    ratio = electrical.metal("aluminium").resistivity_ohm_m
    assert electrical.metal("copper").resistivity_ohm_m / ratio == pytest.approx(0.61, rel=1e-3)
    assert electrical.coolant("glycol").name == "pg25"
    assert {floor.name for floor in electrical.floors()} >= {"tia-942-rated-1"}


@pytest.mark.parametrize("look", ["chain", "stage", "cooling", "coolant", "floor", "breakers"])
def test_a_wrong_name_hints_the_nearest(look: str) -> None:
    with pytest.raises(CatalogError) as caught:
        getattr(electrical, look)("800vcd")
    assert caught.value.hint
