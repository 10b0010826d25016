"""Sun and batteries behind the meter, with an engine for what is left."""

from __future__ import annotations

import math

from wattmill.catalog import facilities
from wattmill.catalog.factory import Factory
from wattmill.plan.studies.site.report import Plant
from wattmill.plan.studies.sourced import Sources
from wattmill.site import generation as making

NAME = "solar-battery"
PV_KW, BATTERY_KWH = 5.5, 16.0
"""For each kW of load: panels that make 1.4 times its energy, and a battery for the night."""

DAY_HOURS = 10
HOURS = 24


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
    months = facilities.lead_time(NAME).months
    return Plant(
        NAME, None, yearly / hours + burnt, year.backup_frac * made.g_per_kwh, year.backup_frac,
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
