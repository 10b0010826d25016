"""Own power: LCOE by parts, carbon, what speed is worth, and storage."""

from __future__ import annotations

from math import cos, pi

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.catalog.facilities import Generator, fuel, generator, generators, storage
from wattmill.core.errors import PlanError
from wattmill.site.generation import (
    PowerOption,
    compare,
    lcoe,
    premium_worth_usd_per_kwh,
    recovery_factor,
    round_trip_frac,
    solar_year,
    stored_usd_per_kwh,
)

GAS = fuel("natural-gas")
SUN = [max(0.0, -cos(2 * pi * (hour + 0.5) / 24)) for hour in range(24)]


@pytest.mark.parametrize(
    ("rate", "years", "factor"),
    [(0.07, 20, 0.0943929257), (0.05, 25, 0.0709524573), (0.10, 5, 0.2637974808),
     (0.15, 4, 0.3502653516), (0.0, 20, 0.05), (-0.02, 20, 0.0401699147)],
)  # fmt: skip
def test_recovery_factor(rate: float, years: float, factor: float) -> None:
    assert recovery_factor(rate, years) == pytest.approx(factor, abs=1e-10)


USUAL = Generator(
    name="x", kind="thermal", capital_usd_per_kw=1000.0, fixed_usd_per_kw_year=20.0,
    variable_usd_per_mwh=3.0, availability_frac=0.8, life_years=20.0, heat_rate_btu_per_kwh=7000.0,
    source="s", as_of="2026-01", confidence="low",
)  # fmt: skip


def test_lcoe_by_hand() -> None:
    found = lcoe(USUAL, 0.07, GAS)
    hours = 8760 * 0.8
    assert found.capital_usd_per_kwh == pytest.approx(1000 * 0.0943929257 / hours)
    assert found.fixed_usd_per_kwh == pytest.approx(20 / hours)
    assert found.variable_usd_per_kwh == 0.003
    assert found.fuel_usd_per_kwh == pytest.approx(0.007 * 3.5)
    assert found.g_per_kwh == pytest.approx(7 * 53.06)
    assert found.usd_per_kwh == pytest.approx(1000 * 0.0943929257 / hours + 20 / hours + 0.0275)


@given(st.floats(0.01, 0.3), st.floats(0.3, 1.0))
def test_a_dearer_dollar_and_an_idle_plant_cost_more(rate: float, load: float) -> None:
    usual = lcoe(USUAL, rate, GAS).usd_per_kwh
    assert lcoe(USUAL, rate + 0.01, GAS).usd_per_kwh > usual
    assert lcoe(USUAL, rate, GAS, load).usd_per_kwh >= usual
    assert lcoe(USUAL, rate, GAS, built_per_kw=4 / 3).usd_per_kwh > usual
    assert lcoe(USUAL, rate, GAS, build_years=2).usd_per_kwh > usual


def test_plants_of_the_catalog_are_where_surveys_have_them() -> None:
    """Lazard, LCOE+ of June 2025: combined cycle 48 to 109 USD/MWh, sun 38 to 78."""
    found = {
        each.name: lcoe(each, 0.08, GAS if each.fuel else None).usd_per_kwh for each in generators()
    }
    assert 0.036 <= found["gas-combined-cycle"] <= 0.109
    assert 0.038 <= found["solar-pv"] <= 0.078
    assert found["gas-engine"] > found["gas-combined-cycle"]
    assert found["fuel-cell"] > found["gas-engine"]


def test_carbon_of_gas_is_its_heat_rate() -> None:
    burnt = lcoe(generator("gas-combined-cycle"), 0.08, GAS)
    assert burnt.g_per_kwh == pytest.approx(6226 / 1e3 * 53.06)
    assert lcoe(generator("nuclear-restart"), 0.08).g_per_kwh == 0


def test_what_cannot_be_generated() -> None:
    with pytest.raises(PlanError, match="burns natural-gas"):
        lcoe(generator("gas-engine"), 0.08)
    with pytest.raises(PlanError, match="load_frac = 0"):
        lcoe(USUAL, 0.08, GAS, 0.0)
    with pytest.raises(PlanError, match="built"):
        lcoe(USUAL, 0.08, GAS, built_per_kw=0.5)
    with pytest.raises(PlanError, match="over 0 years"):
        recovery_factor(0.1, 0)


# --- sooner or cheaper ----------------------------------------------------------------------------

GRID, ENGINE = PowerOption("grid", 0.07, 48), PowerOption("engine", 0.11, 15)


def test_without_margin_the_cheap_way_wins_and_with_it_the_fast_one() -> None:
    later = compare([ENGINE, PowerOption("grid", 0.07, 15)], 1000, 0.0, 120, 0.1)
    assert [each.name for each in later] == ["grid", "engine"]
    rich = compare([GRID, ENGINE], 1000, 500.0, 120, 0.1)
    assert rich[0].name == "engine"
    assert rich[0].lost_margin_usd < rich[1].lost_margin_usd


def test_costs_of_waiting_by_hand_without_interest() -> None:
    grid = compare([GRID], 1000, 500.0, 120, 0.0)[0]
    assert grid.energy_usd == pytest.approx(1000 * 730 * 0.07 * 72)
    assert grid.lost_margin_usd == pytest.approx(1000 * 500 * 48)


@given(st.floats(10, 1000), st.floats(0, 0.2), st.floats(1, 48))
def test_at_its_worth_speed_is_neither_gain_nor_loss(
    margin: float, rate: float, sooner: float
) -> None:
    extra = premium_worth_usd_per_kwh(sooner, margin - 0.07 * 730, 120, rate, 48)
    fast = PowerOption("fast", 0.07 + extra, 48 - sooner)
    both = {each.name: each.usd for each in compare([GRID, fast], 1.0, margin, 120, rate)}
    assert both["fast"] == pytest.approx(both["grid"], rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("months", [60.0, 84.0, 400.0])
def test_what_comes_after_the_horizon_misses_all_of_it_and_no_more(months: float) -> None:
    late = compare([PowerOption("late", 0.07, months)], 1000, 500.0, 60, 0.1)[0]
    assert late.energy_usd == 0
    assert late.lost_margin_usd == compare([PowerOption("x", 0.1, 60)], 1000, 500.0, 60, 0.1)[0].usd


def test_it_cannot_come_before_today_nor_at_the_end() -> None:
    with pytest.raises(PlanError, match="sooner"):
        premium_worth_usd_per_kwh(50, 100, 120, 0.1, 48)
    with pytest.raises(PlanError, match="sooner"):
        premium_worth_usd_per_kwh(0, 100, 48, 0.1, 48)


@pytest.mark.parametrize("rate", [-1.0, -2.0, float("nan")])
def test_a_rate_of_less_than_everything_is_refused(rate: float) -> None:
    with pytest.raises(PlanError, match=r"above -1|cannot be"):
        compare([ENGINE], 1000, 500.0, 60, rate)
    with pytest.raises(PlanError, match=r"above -1|cannot be"):
        lcoe(USUAL, rate, GAS, build_years=2.5)


def test_a_building_time_below_0_is_refused() -> None:
    with pytest.raises(PlanError, match="build_years"):
        lcoe(USUAL, 0.07, GAS, build_years=-1)


# --- storage --------------------------------------------------------------------------------------


def test_hydrogen_gives_a_third_back() -> None:
    share = round_trip_frac(0.695, 0.9, 0.525)
    assert share == pytest.approx(storage("hydrogen-fuel-cell").round_trip_frac, abs=0.01)
    assert stored_usd_per_kwh(0.05, share) == pytest.approx(0.05 / share)
    assert stored_usd_per_kwh(0.05, 0.5, 876.0) == pytest.approx(0.2)
    with pytest.raises(PlanError, match="efficiency"):
        round_trip_frac(0.9, 0.0)


@given(st.floats(0, 10), st.floats(0, 40), st.floats(0.3, 1.0))
def test_a_solar_day_balances(pv_kw: float, battery_kwh: float, round_trip: float) -> None:
    found = solar_year(SUN, pv_kw, battery_kwh, round_trip)
    assert found.direct_frac + found.battery_frac + found.backup_frac == pytest.approx(1)
    made = sum(SUN) * pv_kw
    used = 24 * (found.direct_frac + found.battery_frac / round_trip)
    drift = battery_kwh / 1000 / round_trip  # where a battery fills or empties very slowly
    assert made == pytest.approx(used + made * found.spilled_frac, abs=1e-6 + drift)
    assert min(found.direct_frac, found.battery_frac, found.spilled_frac) >= -1e-9


def test_enough_sun_and_battery_need_no_backup() -> None:
    assert solar_year(SUN, 6, 24, 0.85).backup_frac == pytest.approx(0, abs=1e-9)
    assert solar_year(SUN, 6, 0, 0.85).battery_frac == 0
    assert solar_year(SUN, 0, 24, 0.85).backup_frac == 1
    with pytest.raises(PlanError):
        solar_year([], 1, 1, 0.85)
