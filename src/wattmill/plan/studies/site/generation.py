"""Power of one's own: what a kWh of each plant costs, and what waiting for each loses."""

from __future__ import annotations

import math

from wattmill.catalog import facilities
from wattmill.catalog.facilities import Generator
from wattmill.catalog.factory import Factory
from wattmill.plan.studies.electricity import LARGE_KW
from wattmill.plan.studies.site.report import Generation, Plant
from wattmill.plan.studies.site.room_report import Envelope
from wattmill.plan.studies.sourced import Sources
from wattmill.site import generation as making

STORAGES = ("battery-4h", "hydrogen-fuel-cell")
SPARE = 4 / 3
"""kW built for each kW needed: a fourth machine for every three."""

LEAST_KW = {"gas-turbine-aero": 20e3, "gas-combined-cycle": 100e3, "nuclear-restart": 500e3}
"""What the smallest plant of a kind gives; others are built from a few hundred kW on."""

SUN_AND_BATTERY = "solar-battery"
PV_KW, BATTERY_KWH = 5.5, 16.0
"""For each kW of load: panels that make 1.4 times its energy, and a battery for the night."""

DAY_HOURS = 10
HOURS = 24


def generation(
    factory: Factory,
    envelope: Envelope,
    usd_per_kwh: float,
    grid_months: float,
    margin_usd_per_kw_month: float | None,
    sources: Sources,
    notes: list[str],
) -> Generation | None:
    """Plants behind the meter, and what waiting for each loses; None for a site too small for one."""
    if not envelope.is_large:
        notes.append(f"own generation, a PPA and other places are left out below {LARGE_KW:g} kW")
        return None
    plants = (
        *(_plant(factory, envelope, each, sources) for each in _kinds(envelope, notes)),
        sun_and_battery(factory, sources),
    )
    stored = {
        each.name: making.stored_usd_per_kwh(usd_per_kwh, each.round_trip_frac)
        for each in map(facilities.storage, STORAGES)
    }
    if margin_usd_per_kw_month is None:
        return Generation(plants, (), stored)
    horizon, rate = factory.finance.horizon_months, factory.finance.discount_frac_per_year
    options = [making.PowerOption("grid", usd_per_kwh, grid_months)]
    options += [
        making.PowerOption(each.name, each.usd_per_kwh, each.months[1])
        for each in plants
        if each.months is not None
    ]
    late = [each.name for each in options if each.months > horizon]
    if late:
        notes.append(f"{', '.join(late)}: power comes after the {horizon} months of the study")
    in_time = [each for each in options if each.months <= horizon]
    margin = sources.add(
        "site.margin_usd_per_kw_month", margin_usd_per_kw_month, "USD/kW/month",
        "computed by the first month at the planned load, before power, for a mean kW at the meter",
    )  # fmt: skip
    kw = envelope.mean_kw
    return Generation(plants, making.compare(in_time, kw, margin, horizon, rate), stored)


def _kinds(envelope: Envelope, notes: list[str]) -> list[Generator]:
    """Plants that are built as small as the site is."""
    known = [each for each in facilities.generators() if each.kind != "solar"]
    small = [e for e in known if LEAST_KW.get(e.name, 0.0) <= envelope.committed_kw]
    large = [each.name for each in known if each not in small]
    if large:
        notes.append(
            f"{', '.join(large)}: left out; none is built for {envelope.committed_kw:,.0f} kW"
        )
    return small


def _plant(factory: Factory, envelope: Envelope, each: Generator, sources: Sources) -> Plant:
    fuel = facilities.fuel(each.fuel) if each.fuel else None
    if fuel is not None:
        said = f"catalog: {fuel.terms}; {fuel.source}, {fuel.as_of}"
        sources.add(f"fuel.{fuel.name}", fuel.usd_per_mmbtu, "USD/MMBtu", said)
    used = envelope.mean_kw / envelope.committed_kw
    spare = SPARE if each.kind == "thermal" else 1.0
    sources.add(
        "plant.built_per_kw", SPARE, "ratio", "default: a fourth machine for three, thermal"
    )
    said = f"catalog: {each.terms}; {each.source}, {each.as_of}"
    sources.add(f"plant.{each.name}.capital", each.capital_usd_per_kw, "USD/kW", said)
    rate = factory.finance.discount_frac_per_year
    found = making.lcoe(each, rate, fuel, load_frac=used, built_per_kw=spare)
    months = next((t.months for t in facilities.lead_times() if t.name == each.name), None)
    return Plant(each.name, found, found.usd_per_kwh, found.g_per_kwh, 0.0, months, each.terms)


# --- sun ------------------------------------------------------------------------------------------


def sun_and_battery(factory: Factory, sources: Sources) -> Plant:
    """A kW of load from panels, a battery, and an engine at other times; every day is the mean day.

    Cost = (panels + battery + engine, by CRF and upkeep, + fuel of the engine) / kWh of the load.
    Real weather needs more of the engine or of both others, so this is the cheap end.
    """
    sources.add("solar.pv_kw", PV_KW, "kW per kW", "default: 1.4 times the energy of the load")
    sources.add(
        "solar.battery_kwh", BATTERY_KWH, "kWh per kW", "default: a night and what it loses"
    )
    panels, battery = facilities.generator("solar-pv"), facilities.storage("battery-4h")
    engine = facilities.generator("gas-engine")
    fuel = facilities.fuel("natural-gas")
    year = making.solar_year(
        mean_day(panels.availability_frac), PV_KW, BATTERY_KWH, battery.round_trip_frac
    )
    rate = factory.finance.discount_frac_per_year
    yearly = PV_KW * _per_year(panels.capital_usd_per_kw, panels.life_years, rate)
    yearly += PV_KW * panels.fixed_usd_per_kw_year
    yearly += BATTERY_KWH * _battery_usd_per_year(battery, rate)
    made = making.lcoe(engine, rate, fuel)
    hours = making.HOURS_PER_YEAR
    standing = made.capital_usd_per_kwh + made.fixed_usd_per_kwh
    yearly += standing * hours * engine.availability_frac
    burnt = year.backup_frac * (made.variable_usd_per_kwh + made.fuel_usd_per_kwh)
    months = facilities.lead_time(SUN_AND_BATTERY).months
    return Plant(
        SUN_AND_BATTERY, None, yearly / hours + burnt, year.backup_frac * made.g_per_kwh, year.backup_frac,
        months, f"{PV_KW:g} kW of panels and {BATTERY_KWH:g} kWh for each kW, mean days, an engine",
    )  # fmt: skip


def mean_day(availability_frac: float) -> list[float]:
    """kWh of a kW of panels in each hour: half a sine over the day, its mean the availability."""
    rise = (HOURS - DAY_HOURS) / 2
    shape = [
        max(0.0, math.sin(math.pi * (hour + 0.5 - rise) / DAY_HOURS))
        if rise <= hour < rise + DAY_HOURS
        else 0.0
        for hour in range(HOURS)
    ]
    scale = availability_frac * HOURS / sum(shape)
    return [scale * each for each in shape]


def _per_year(capital_usd: float, years: float, rate: float) -> float:
    return capital_usd * making.recovery_factor(rate, years)


def _battery_usd_per_year(battery: facilities.Storage, rate: float) -> float:
    assert battery.capital_usd_per_kwh is not None
    assert battery.life_years is not None
    assert battery.fixed_usd_per_kwh_year is not None
    capital = _per_year(battery.capital_usd_per_kwh, battery.life_years, rate)
    return capital + battery.fixed_usd_per_kwh_year
