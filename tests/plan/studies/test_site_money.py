"""`wattmill site`, the place: building, colocation, contracts, plants, regions, calendar, delay."""

from datetime import timedelta

import pytest

from tests.plan.studies.factories import TODAY
from tests.plan.studies.halls import HALL, POOL, changed, hall, seen, small
from wattmill.plan.studies.site.generation import mean_day
from wattmill.plan.studies.site.report import SiteReport

# --- a place --------------------------------------------------------------------------------------


def test_a_building_is_by_the_mw_of_machines() -> None:
    found = hall().facility
    assert found.usd == pytest.approx(0.816 * 12e6)
    assert found.usd_per_slot * 640 == pytest.approx(found.usd)
    assert found.per_year_usd * 20 == pytest.approx(found.usd)
    at_meter = (found.usd + 20e6) / hall().envelope.committed_kw * 1000
    assert found.all_in_usd_per_mw == pytest.approx(at_meter)
    costs = [each.usd for each in found.builds]
    assert costs == sorted(costs)


def test_without_a_price_the_catalog_has_one_of_the_region() -> None:
    line = "facility_usd_per_mw = 12e6\n"
    assert changed(line, "").facility.usd_per_mw == pytest.approx(11.7e6)
    tokyo = HALL.replace(line, "").replace("US-VA", "JP-13")
    assert seen(tokyo).facility.usd_per_mw == pytest.approx(15.2e6)


def test_later_machines_strand_what_they_cannot_use() -> None:
    uses = {each.name: each for each in hall().facility.uses}
    assert uses["DGX-B300"].binds == "power"
    assert uses["GB300-NVL72"].binds == "density"
    for each in uses.values():
        assert each.used_kw + each.stranded_kw == pytest.approx(816)
    assert small().facility.uses == ()


def test_air_of_40_kw_is_let_nowhere_and_four_cards_nearly_everywhere() -> None:
    assert all(each.reasons for each in hall().colo.classes)
    takes = {each.name for each in small().colo.classes if not each.reasons}
    assert takes == {"retail", "retail-strict", "high-density"}


def test_a_quote_is_the_sum_of_its_lines() -> None:
    for report in (
        hall(),
        small(),
        changed("colo_usd_per_kw_month = 0", "colo_usd_per_kw_month = 150"),
    ):
        quote = report.colo.quote
        assert sum(line.first_year_usd for line in quote.lines) == pytest.approx(
            quote.first_year_usd
        )
        energy = next(line for line in quote.lines if line.name == "energy")
        kwh = report.envelope.mean_kw * 730
        assert energy.usd_per_month == pytest.approx(kwh * report.usd_per_kwh)
    let = changed("colo_usd_per_kw_month = 0", "colo_usd_per_kw_month = 150").colo.quote
    assert (let.billed_kw, let.lines[0].usd_per_month) == (816, 150 * 816), "kW of machines"
    assert hall().colo.quote.billed_kw == 816


# --- power ----------------------------------------------------------------------------------------


def test_the_tariff_is_energy_at_its_rising_price() -> None:
    tariff = hall().contracts.rows[0]
    yearly = hall().envelope.mean_kw * 8760 * 0.09
    rising = [yearly * 1.025**year for year in range(7)]
    assert tariff.per_year_usd == pytest.approx(rising)
    assert tariff.usd_per_kwh == pytest.approx(hall().contracts.flat_usd_per_kwh)
    assert 0.09 < tariff.usd_per_kwh < 0.09 * 1.025**6


def test_a_flat_price_at_the_break_even_costs_the_same() -> None:
    usd = hall().contracts.flat_usd_per_kwh
    bare = '[site.power_contract]\nkind = "ppa"\nusd_per_kwh = {!r}\n\n[[site.lead_time]]'
    text = HALL[: HALL.index("[site.power_contract]")] + bare.format(usd)
    text += HALL.split("[[site.lead_time]]", 1)[1]
    tariff, agreed, *_ = seen(text).contracts.rows
    assert agreed.pv_usd == pytest.approx(tariff.pv_usd)
    assert agreed.break_even_frac_per_year == pytest.approx(0.025)


def test_a_contract_that_ends_goes_back_to_the_tariff() -> None:
    agreed = next(row for row in hall().contracts.rows if row.is_agreed)
    first = 0.9 * (0.1 * 0.15 + 0.9 * 0.065) + 0.1 * 0.09
    energy, demand = hall().envelope.mean_kw * 8760 * first, 12 * 8 * 1020
    assert agreed.per_year_usd[0] == pytest.approx(energy + demand)
    assert agreed.per_year_usd[-1] > 1.1 * agreed.per_year_usd[0]


def test_spot_has_a_band_around_its_middle() -> None:
    spot = hall().contracts.rows[-1]
    assert spot.name == "spot"
    assert spot.p10_usd is not None
    assert spot.p90_usd is not None
    assert spot.p10_usd < spot.pv_usd < spot.p90_usd
    wild = changed("volatility_frac_per_year = 0.2", "volatility_frac_per_year = 0.4")
    wider = wild.contracts.rows[-1]
    assert wider.p90_usd is not None
    assert wider.p90_usd > spot.p90_usd
    assert changed("seed = 1", "seed = 2").contracts.rows[-1].pv_usd == pytest.approx(
        spot.pv_usd, rel=0.02
    )


def test_plants_are_for_large_sites() -> None:
    assert small().generation is None
    assert small().places == ()
    assert not any(row.name.startswith("PPA") for row in small().contracts.rows)
    assert any("left out below 500 kW" in note for note in small().notes)


def test_soon_and_dear_may_cost_less_than_late_and_cheap() -> None:
    found = hall().generation
    assert found is not None
    usd = [way.usd for way in found.speed]
    assert usd == sorted(usd)
    by_name = {way.name: way for way in found.speed}
    assert by_name["gas-engine"].usd < by_name["grid"].usd
    assert by_name["gas-engine"].usd_per_kwh > by_name["grid"].usd_per_kwh
    assert hall().calendar is not None
    assert by_name["grid"].months == hall().calendar.outlook.p50_months  # type: ignore[union-attr]


def test_a_storage_gives_back_less_than_it_takes() -> None:
    found = hall().generation
    assert found is not None
    assert found.stored == pytest.approx(
        {"battery-4h": 0.09 / 0.85, "hydrogen-fuel-cell": 0.09 / 0.33}
    )


def test_the_mean_day_of_the_sun_has_the_years_energy() -> None:
    day = mean_day(0.25)
    assert len(day) == 24
    assert sum(day) == pytest.approx(6)
    assert day[0] == day[23] == 0
    assert max(day) == pytest.approx(day[12])
    assert max(day) < 1


def test_carbon_is_of_the_meter() -> None:
    found = hall().carbon
    assert found.kg_per_month == pytest.approx(hall().envelope.mean_kw * 730 * 0.3)
    assert changed("carbon_g_per_kwh = 300\n", "").carbon.g_per_kwh == 286
    assert small().carbon.g_per_kwh == 481, "the world's, for want of a region"


def test_places_are_in_the_order_of_their_scores() -> None:
    scores = [place.score.score for place in hall().places]
    assert len(scores) >= 4
    assert scores == sorted(scores)
    for place in hall().places:
        yearly = hall().envelope.mean_kw * 8760 * place.usd_per_kwh
        assert place.power_usd_per_year == pytest.approx(yearly)


# --- the calendar ---------------------------------------------------------------------------------


def test_the_calendar_ends_after_what_it_waits_for() -> None:
    found = hall().calendar
    assert found is not None
    steps = {step.name: step for step in found.plan.steps}
    assert found.plan.critical_path == ("permits", "interconnection", "commissioning")
    assert steps["commissioning"].finish == found.plan.finish_months == 5 + 16 + 2
    first, middle, last = found.dates
    assert first is not None
    assert middle is not None
    assert last is not None
    assert TODAY < first < middle < last
    assert found.outlook.never_frac == pytest.approx(0.05, abs=1e-9)
    p50 = found.outlook.p50_months
    assert p50 is not None
    assert p50 > found.plan.finish_months, "paths that join and tails to the right"
    assert abs(middle - TODAY - timedelta(days=p50 * 30.4375)) < timedelta(days=2)


def test_what_never_comes_has_no_date() -> None:
    found = changed("done_frac = 0.95", "done_frac = 0.4").calendar
    assert found is not None
    assert found.dates[1:] == (None, None)


def test_a_month_of_delay_is_interest_and_lost_value() -> None:
    found = hall().calendar
    assert found is not None
    month = found.late_month_usd
    rate = 0.6 * 0.11 + 0.4 * 0.10
    assert month["interest"] == pytest.approx(20e6 * ((1 + rate) ** (1 / 12) - 1))
    assert month["lost value"] == pytest.approx(20e6 * (1 - 0.7 ** (1 / 12)))
    assert month["standing costs"] == 40_100
    parts = ("interest", "lost value", "standing costs")
    assert month["total"] == pytest.approx(sum(month[part] for part in parts))
    earned = 640 * 2.4 * 730 * 0.7 - 40_100
    assert month["margin not earned"] == pytest.approx(earned)


def test_ordered_later_the_machines_wait_less() -> None:
    late = changed("energised = 2028-06-01", "energised = 2029-06-01").calendar
    assert late is not None
    assert hall().calendar is not None
    risks = [each.risk for each in (late, hall().calendar) if each]
    assert risks[0] is not None
    assert risks[1] is not None
    assert risks[0].mean_usd < risks[1].mean_usd


def test_a_large_site_without_lead_times_takes_the_catalogs() -> None:
    start, end = HALL.index("[[site.lead_time]]"), HALL.index("[finance]")
    found = seen(HALL[:start] + HALL[end:])
    assert found.calendar is not None
    assert {"local grid", "transformer-distribution"} <= found.calendar.spans.keys()
    large = seen(HALL[:start] + HALL[end:], POOL.replace("640x", "16_000x".replace("_", "")))
    assert large.calendar is not None
    assert {"grid-virginia", "transformer-power"} <= large.calendar.spans.keys()
    assert any("the calendar is the catalog's" in note for note in found.notes)
    assert small().calendar is None


def test_a_site_that_sells_nothing_known_still_has_its_power() -> None:
    model = HALL.replace("usd_per_hour = 2.4\n", "").replace("US-VA", "US-TX")
    pool = POOL.replace("H100-SXM", "H20").replace("paid_usd = 20_000_000\n", "")
    found = seen(model, pool)
    assert found.envelope.committed_kw > 500
    assert found.generation is not None
    assert found.generation.speed == (), "the margin of waiting is not known"
    assert found.calendar is not None
    assert "margin not earned" not in found.calendar.late_month_usd
    assert any("what it cost is not known" in note for note in found.notes)


def test_power_that_comes_after_the_study_is_left_out_and_said() -> None:
    found = changed("horizon_months = 84", "horizon_months = 12")
    assert found.generation is not None
    assert all(way.months <= 12 for way in found.generation.speed)
    assert any("gas-engine" in note and "12 months" in note for note in found.notes)


# --- a place that is there already ----------------------------------------------------------------


def without_lead_times(old: str = "", new: str = "", pool: str = POOL) -> SiteReport:
    start, end = HALL.index("[[site.lead_time]]"), HALL.index("[finance]")
    return seen((HALL[:start] + HALL[end:]).replace(old, new), pool)


def test_a_place_that_is_let_is_not_built() -> None:
    found = without_lead_times("colo_usd_per_kw_month = 0", "colo_usd_per_kw_month = 150")
    assert found.calendar is None
    assert any("no calendar" in note and "is let" in note for note in found.notes)


@pytest.mark.parametrize(("bought", "is_built"), [("2025-01-01", True), ("2027-01-01", False)])
def test_machines_that_were_bought_stand_already(bought: str, is_built: bool) -> None:
    pool = POOL.replace("paid_usd", f"bought = {bought}\npaid_usd")
    assert (without_lead_times(pool=pool).calendar is None) == is_built


def test_power_is_bought_at_the_mean_and_not_at_the_peak() -> None:
    found = without_lead_times("colo_usd_per_kw_month = 0", "colo_usd_per_kw_month = 150")
    flat = changed("inflation_frac_per_year = 0.025", "inflation_frac_per_year = 0.0")
    assert found.generation is not None
    grid = next(way for way in found.generation.speed if way.name == "grid")
    assert (grid.months, grid.lost_margin_usd) == (0, 0)
    assert grid.energy_usd == pytest.approx(flat.contracts.rows[0].pv_usd, rel=0.01)


def test_nobody_builds_a_reactor_for_a_hall() -> None:
    found = hall().generation
    assert found is not None
    assert {"gas-engine", "fuel-cell", "solar-battery"} == {each.name for each in found.plants}
    assert any("nuclear-restart: left out" in note for note in hall().notes)
    vast = seen(pool=POOL.replace("640x", "96000x")).generation
    assert vast is not None
    assert "gas-combined-cycle" in {each.name for each in vast.plants}


def test_a_ppa_of_energy_is_not_held_against_a_tariff_with_wires() -> None:
    ppa = next(row for row in hall().contracts.rows if row.name.startswith("PPA"))
    assert ppa.break_even_frac_per_year is None


def test_the_queue_of_large_loads_is_for_large_loads() -> None:
    assert {place.months_to_power for place in hall().places} == {None}
    vast = seen(pool=POOL.replace("640x", "16000x")).places
    assert None not in {place.months_to_power for place in vast}


# --- what waits beside the machines ---------------------------------------------------------------


def month_of(more: str, pool: str = POOL) -> dict[str, float]:
    found = seen(HALL + more, pool).calendar
    assert found is not None
    return found.late_month_usd


def test_what_else_is_bought_waits_with_the_machines() -> None:
    capex = '\n[[capex]]\nname = "network"\nusd = 5_000_000\n'
    before, after = month_of(""), month_of(capex)
    assert after["interest"] == pytest.approx(before["interest"] * 1.25)
    assert after["lost value"] == before["lost value"]


def test_leased_machines_cost_their_lease_and_lose_no_value() -> None:
    lease = '\n[[lease]]\nname = "rent"\npool = "hall"\nusd_per_month = 500_000\nmonths = 48\n'
    found = month_of(lease)
    assert (found["interest"], found["lost value"]) == (0, 0)
    assert found["standing costs"] == 540_100


def test_a_sculpted_loan_costs_its_rate_while_machines_wait() -> None:
    sculpted = 'kind = "sculpted"\ndscr = 1.4\nmax_share_frac = 0.6'
    found = changed("share_frac = 0.6", sculpted).calendar
    assert found is not None
    assert found.late_month_usd["interest"] == pytest.approx(month_of("")["interest"])
