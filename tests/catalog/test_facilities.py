"""Rows about places: dated, sourced, possible, and found however they are written."""

from __future__ import annotations

from datetime import date

import pytest

from wattmill.catalog.facilities import (
    attrition,
    build,
    builds,
    colo_fee,
    colo_rules,
    fuel,
    generator,
    generators,
    grid,
    grids,
    lead_time,
    lead_times,
    storage,
)
from wattmill.catalog.staleness import first_day
from wattmill.core.errors import CatalogError

ROWS = [*builds(), *lead_times(), *colo_rules(), *generators(), *grids(), fuel("natural-gas")]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: getattr(row, "name", None) or row.region)
def test_every_row_is_dated_and_sourced(row: object) -> None:
    assert date(2015, 1, 1) < first_day(getattr(row, "as_of")) < date(2027, 1, 1)  # noqa: B009
    assert getattr(row, "source", "")


def test_names_are_there_once() -> None:
    for rows in (builds(), lead_times(), colo_rules(), generators()):
        names = [row.name for row in rows]
        assert len(set(names)) == len(names)
    assert len({row.region for row in grids()}) == len(grids())


@pytest.mark.parametrize("row", builds(), ids=lambda row: row.name)
def test_a_building_has_the_figure_of_its_unit(row: object) -> None:
    per, usd, frac = (getattr(row, name) for name in ("per", "usd", "frac"))
    assert (usd is None) == (per == "frac")
    assert (frac is None) == (per != "frac")
    low, high = {
        "mw": (5e6, 60e6), "mw_it": (5e6, 20e6), "rack": (1e4, 1e6), "m2": (1e3, 5e4), "frac": (0, 1),
    }[per]  # fmt: skip
    assert low < (usd or frac) < high
    assert (getattr(row, "rack_kw") is not None) == (per == "rack")  # noqa: B009


@pytest.mark.parametrize("row", lead_times(), ids=lambda row: row.name)
def test_lead_times_are_in_order(row: object) -> None:
    low, mode, high = getattr(row, "months")  # noqa: B009
    assert 0 < low <= mode <= high <= 120


def test_weeks_became_months() -> None:
    assert lead_time("transformer-power").months[0] == pytest.approx(
        115 * 7 / (365.25 / 12), abs=0.1
    )
    assert lead_time("transformer-large").months[2] == pytest.approx(
        210 * 7 / (365.25 / 12), abs=0.1
    )


def test_square_feet_became_square_metres() -> None:
    usd = build("article-2026-area").usd
    assert usd is not None
    assert usd * 0.09290304 == pytest.approx(1500, rel=1e-3)


def test_states_follow_from_their_totals() -> None:
    for region, kilotonnes, gwh in (("US-NY", 29_418, 124_040), ("US-OH", 63_226, 133_223)):
        assert grid(region).g_per_kwh == pytest.approx(kilotonnes / gwh * 1e3, abs=0.6)


def test_grids_are_possible() -> None:
    assert all(0 < row.g_per_kwh < 1000 for row in grids())
    assert grid("us-tx") == grid("US-TX")


def test_thermal_generators_know_their_fuel() -> None:
    for row in generators():
        assert (row.kind == "thermal") == (row.fuel is not None)
        assert (row.fuel is not None) == (row.heat_rate_btu_per_kwh is not None)
        assert row.fuel is None or fuel(row.fuel).kg_co2_per_mmbtu > 0
    assert 3412 / (generator("gas-combined-cycle").heat_rate_btu_per_kwh or 1) < 0.6


def test_generators_have_lead_times() -> None:
    named = {row.name for row in lead_times() if row.kind == "generation"}
    assert {row.name for row in generators() if row.kind != "solar"} <= named


def test_fees_shares_and_storage() -> None:
    assert colo_fee("power").middle == 177.5
    assert 0 < attrition("queue-capacity").done_frac < attrition("queue-projects").done_frac < 1
    assert storage("hydrogen-fuel-cell").round_trip_frac < storage("battery-4h").round_trip_frac


@pytest.mark.parametrize(
    ("ask", "name", "hint"),
    [(lead_time, "switch gear", ""), (lead_time, "swichgear", "switchgear"), (grid, "US-TY", "US-TX"),
     (generator, "gas-turbin", "gas-turbine-aero"), (build, "us-nwe", "us-new")],
)  # fmt: skip
def test_unknown_names_get_the_nearest(ask, name: str, hint: str) -> None:  # type: ignore[no-untyped-def]
    if not hint:
        assert ask(name).name == "switchgear"
        return
    with pytest.raises(CatalogError) as caught:
        ask(name)
    assert hint in caught.value.hint


def test_generators_are_those_of_the_newest_outlook() -> None:
    """Rows of EIA's AEO2026, table 3: USD of 2025 per kW, per kW and year, per MWh, Btu/kWh."""
    printed = {
        "gas-turbine-aero": (2275, 9.99, 5.97, 9447),
        "gas-combined-cycle": (1086, 16.23, 3.49, 6226),
        "fuel-cell": (8287, 37.77, 0.72, 6469),
        "solar-pv": (1484, 23.60, 0, None),
    }
    for name, figures in printed.items():
        row = generator(name)
        found = (
            row.capital_usd_per_kw, row.fixed_usd_per_kw_year,
            row.variable_usd_per_mwh, row.heat_rate_btu_per_kwh,
        )  # fmt: skip
        assert found == figures, name
    battery = storage("battery-4h")
    assert battery.capital_usd_per_kwh == 1521 / 4
    assert battery.fixed_usd_per_kwh_year == pytest.approx(41.84 / 4)


def test_what_could_not_be_seen_again_is_low() -> None:
    assert generator("gas-engine").confidence == "low"
    assert generator("gas-combined-cycle").confidence == "medium"
