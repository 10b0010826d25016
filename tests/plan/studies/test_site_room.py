"""`wattmill site`, the room: kW that add up, racks, feeders, chains without double counting, cooling, floor."""

import math

import pytest

from tests.plan.studies.factories import PLAN, TODAY, factory
from tests.plan.studies.factories import pool as small_pool
from tests.plan.studies.halls import HALL, POOL, changed, hall, seen, small
from wattmill.core.errors import CatalogError, PlanError
from wattmill.plan.studies.site.report import SiteReport
from wattmill.plan.studies.site.study import study

# --- power and racks ------------------------------------------------------------------------------


def test_the_steps_add_up_to_what_is_committed() -> None:
    for report in (hall(), small()):
        power = report.envelope
        assert sum(step.kw for step in power.steps) == pytest.approx(power.committed_kw)
        assert power.committed_kw == pytest.approx(power.machines_kw * power.pue)
        assert power.mean_machines_kw < power.machines_kw


def test_a_hall_of_eight_way_nodes() -> None:
    (stand,) = hall().envelope.stands
    assert (stand.system, stand.machines, stand.per_rack, stand.racks) == ("DGX-H100", 80, 4, 20)
    assert stand.machine_kw == pytest.approx(10.2)
    assert stand.binds == "power"
    assert stand.rack_kg == pytest.approx(4 * 130.5 + 150)
    assert stand.slots_per_mw == pytest.approx(1e6 / (1275 * 1.25))
    assert hall().envelope.free_slots == math.floor((1500 - 1020) / 1.275 / 1.25)


def test_space_and_mass_end_a_rack_as_well() -> None:
    assert changed("rack_kw = 45", "rack_kw = 200").envelope.stands[0].binds == "space"
    heavy = changed("rack_kg = 1500", "rack_kg = 500").envelope.stands[0]
    assert (heavy.binds, heavy.per_rack, heavy.racks) == ("mass", 2, 40)


def test_a_rack_that_is_too_small_is_refused_with_its_pool() -> None:
    with pytest.raises(PlanError, match=r"pool hall: no system fits the rack: it needs 10.2 kW"):
        changed("rack_kw = 45", "rack_kw = 10")


def test_a_system_that_is_a_rack_fills_one() -> None:
    pool = POOL.replace("640x H100-SXM", "144x GB200")
    (stand,) = seen(PLAN, pool).envelope.stands
    assert (stand.system, stand.machines, stand.racks) == ("GB200-NVL72", 2, 2)
    assert stand.is_liquid
    assert stand.limit_kw > stand.rack_kw > 100


def test_a_machine_that_nobody_lists_is_filled_by_power_and_said() -> None:
    (stand,) = small().envelope.stands
    assert (stand.system, stand.rack_kg, stand.rack_units) == ("machine of 4", None, None)
    assert any("filled by power alone" in note for note in small().notes)
    assert small().floor[0].is_borne is None


def test_above_the_cap_is_said() -> None:
    over = changed("power_cap_kw = 1500", "power_cap_kw = 1000")
    assert over.envelope.over_kw == pytest.approx(20)
    assert over.envelope.free_slots == 0
    assert any("20.0 kW more than the cap" in note for note in over.notes)


def test_a_factory_without_machines_is_refused() -> None:
    cloud = small_pool(usd_per_mtok="{ input = 1, output = 2 }").splitlines()
    gone = ("hardware", "precision", "engine", "paid_usd")
    text = "\n".join(line for line in cloud if not line.startswith(gone))
    with pytest.raises(PlanError, match="no pool of this factory has hardware"):
        study(factory(PLAN, text), TODAY)


# --- electricity ----------------------------------------------------------------------------------


def test_a_feed_carries_its_rack() -> None:
    own, *others = hall().feeders
    assert own.is_own
    assert (own.volts, own.phases) == (415, 3)
    assert own.current_a == pytest.approx(40_800 / (415 * math.sqrt(3) * 0.95))
    assert own.breaker_a is not None
    assert own.breaker_a * 0.8 >= own.current_a
    assert not any(row.is_own for row in others)
    by_volts = {(row.volts, row.phases): row for row in hall().feeders}
    assert by_volts[208, 3].current_a > by_volts[480, 3].current_a > by_volts[800, 0].current_a


def test_small_feeds_carry_it_with_one_spare() -> None:
    own = hall().feeders[0]
    assert own.small_feeds is not None
    each_kw = 60 * 0.8 * 415 * math.sqrt(3) * 0.95 / 1000
    assert (own.small_feeds - 2) * each_kw < own.kw <= (own.small_feeds - 1) * each_kw


def test_europe_takes_its_own_breakers() -> None:
    there = changed('region = "US-VA"', 'region = "DE"')
    assert there.feeders[0].small_breaker_a == 63
    assert there.feeders[0].breaker_a != hall().feeders[0].breaker_a


def test_a_feed_that_cannot_be_says_why() -> None:
    racks = POOL.replace("640x H100-SXM", "144x Rubin").replace("paid", "busy_w = 500_000\npaid")
    low = "[site]\nfeed_v = 48\nfeed_phases = 1\nrack_kw = 300\n"
    own, *_, highest = seen(low + PLAN, racks).feeders
    assert own.breaker_a is None
    assert own.wires is None
    assert own.refusal is not None
    assert "raise the voltage" in own.refusal
    assert highest.breaker_a is not None


def test_a_chain_brings_its_own_feed() -> None:
    own = changed("feed_v = 415\nfeed_phases = 3\n", "")
    assert (own.feeders[0].volts, own.feeders[0].phases) == (415, 3)
    text = "[site]\ndelivery = '800vdc'\n"
    direct = seen(text + PLAN).feeders[0]
    assert (direct.volts, direct.phases) == (800, 0)


def test_what_the_facility_loses_is_inside_the_pue() -> None:
    """The own chain with its cooling is the meter that the PUE gives: nothing is on top of it."""
    own = hall().chains[0]
    assert own.is_own
    assert own.meter_kw == pytest.approx(hall().envelope.mean_kw)
    assert own.pue == pytest.approx(1.25)
    assert own.saves_usd_per_year == pytest.approx(0, abs=1e-6)


def test_every_chain_feeds_the_same_boards_and_is_cooled_alike() -> None:
    rows = hall().chains
    board = [
        row.meter_kw * (1 - own_cooling(hall())) - row.facility_loss_kw - row.it_loss_kw
        for row in rows
    ]
    assert board == pytest.approx([board[0]] * len(rows))
    for row in rows:
        assert row.efficiency_frac == pytest.approx(
            board[0] / (board[0] + row.facility_loss_kw + row.it_loss_kw)
        )
        saved = (hall().envelope.mean_kw - row.meter_kw) * 8760 * 0.09
        assert row.saves_usd_per_year == pytest.approx(saved, abs=1e-6)


def own_cooling(report: SiteReport) -> float:
    """Share of the meter that cools, which is the same for all chains."""
    own = report.chains[0]
    machines = report.envelope.mean_machines_kw
    return (own.meter_kw - machines - own.facility_loss_kw) / own.meter_kw


def test_a_pue_that_does_not_hold_its_chain_is_said() -> None:
    tight = changed("pue = 1.25", "pue = 1.01")
    assert tight.chains == ()
    assert any("415v alone makes a PUE of" in note for note in tight.notes)
    assert tight.envelope.steps[-1].name == "losses, cooling and the rest"


def test_unknown_names_are_refused() -> None:
    with pytest.raises(CatalogError, match="416v"):
        changed('"415v"', '"416v"')
    with pytest.raises(CatalogError, match="rear-doors"):
        changed('"rear-door"', '"rear-doors"')


# --- the room -------------------------------------------------------------------------------------


def test_flows_take_the_heat_away() -> None:
    for row in hall().cooling:
        assert row.air_w + row.liquid_w == pytest.approx(40_800)
        assert row.total_l_per_min == pytest.approx(row.liquid_l_per_min * 20)
    own = hall().cooling[0]
    assert (own.way, own.is_own) == ("rear-door", True)
    carried = own.liquid_l_per_min / 60_000 * 1014.3 * 3960 * 10
    assert carried == pytest.approx(own.liquid_w)
    assert own.air_cfm == pytest.approx(own.air_m3_per_s * 2118.88, rel=1e-5)


def test_the_pue_of_a_way_is_worth_its_energy() -> None:
    way = next(row for row in small().cooling if row.pue is not None)
    assert way.pue is not None
    mean = small().envelope.mean_machines_kw
    saved = mean * (small().envelope.pue - way.pue) * 8760 * 0.12
    assert way.saves_usd_per_year == pytest.approx(saved)
    assert small().pue_tenth_usd_per_year == pytest.approx(mean * 0.1 * 8760 * 0.12)
    assert hall().pue_half == pytest.approx(1 + 0.125 / 0.5 + 0.125)


def test_a_way_that_does_not_bear_the_racks_is_said() -> None:
    report = changed('"rear-door"', '"air-contained"')
    assert not any(row.way == "air-contained" for row in report.cooling)
    assert any("air-contained does not cool a rack of 40.8 kW" in note for note in report.notes)


def test_a_weak_floor_is_refused_and_says_which_aisle_would_do() -> None:
    (row,) = hall().floor
    assert row.is_borne is False
    assert row.aisle_m is not None
    assert row.aisle_m > 1.05
    (strong,) = changed("floor_kg_per_m2 = 400", "floor_kg_per_m2 = 1200").floor
    assert strong.is_borne
    assert strong.aisle_m is None
    assert strong.w_per_m2 * strong.m2 == pytest.approx(816_000)


def test_outside_north_america_a_rack_has_the_voltage_breakers_and_wires_of_iec() -> None:
    bare = HALL.replace("feed_v = 415\nfeed_phases = 3\n", "").replace('delivery = "415v"\n', "")
    here, there = seen(bare), seen(bare.replace("US-VA", "DE"))
    assert (here.feeders[0].volts, there.feeders[0].volts) == (208, 400)
    assert (here.feeders[0].small_breaker_a, there.feeders[0].small_breaker_a) == (60, 63)
    assert (here.feeders[0].wires or "").endswith("AWG")
    assert (there.feeders[0].wires or "").endswith("mm2")
    assert (here.chains[0].name, there.chains[0].name) == ("208v", "415v")
    one = seen(bare.replace("US-VA", "DE").replace("[site]", "[site]\nfeed_phases = 1"))
    assert one.feeders[0].volts == 230
