"""Own power behind the meter: what a kWh costs, what it emits, and what being sooner is worth.

LCOE = (capital · (1 + r)^build · CRF + fixed) / hours + variable + heat rate · fuel, with
CRF = r / (1 - (1 + r)^-life), and hours = 8760 · share of the year at full power. Real or nominal,
as the rate is; fuel stays at its price. Taxes and subsidies are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, expm1, log1p

import msgspec

from wattmill.catalog.facilities import Fuel, Generator
from wattmill.catalog.units import HOURS_PER_MONTH, KILO, MEGA
from wattmill.catalog.units import HOURS_PER_YEAR as HOURS_PER_YEAR
from wattmill.catalog.units import MONTHS_PER_YEAR as MONTHS
from wattmill.core.errors import PlanError
from wattmill.site.checks import at_least_0, efficiency
from wattmill.site.storage import SolarYear as SolarYear
from wattmill.site.storage import round_trip_frac as round_trip_frac
from wattmill.site.storage import solar_year as solar_year
from wattmill.site.storage import stored_usd_per_kwh as stored_usd_per_kwh

G_PER_KG = 1000.0


class Lcoe(msgspec.Struct, frozen=True):
    """USD per kWh by what it is for, and grams of CO2 that leave the stack."""

    name: str
    capital_usd_per_kwh: float
    fixed_usd_per_kwh: float
    variable_usd_per_kwh: float
    fuel_usd_per_kwh: float
    g_per_kwh: float

    @property
    def usd_per_kwh(self) -> float:
        """Sum of the parts."""
        return (
            self.capital_usd_per_kwh
            + self.fixed_usd_per_kwh
            + self.variable_usd_per_kwh
            + self.fuel_usd_per_kwh
        )


def recovery_factor(rate_frac_per_year: float, years: float) -> float:
    """CRF: the part of a sum that pays it back with interest each year for so many years.

    r / (1 - (1 + r)^-n), and 1 / n at a rate of 0. r > -1.
    """
    if not (rate_frac_per_year > -1 and years > 0):
        raise PlanError(
            f"{rate_frac_per_year:g} over {years:g} years cannot be",
            hint="a rate is above -1, a life above 0",
        )
    if rate_frac_per_year == 0:
        return 1 / years
    return float(rate_frac_per_year / (1 - (1 + rate_frac_per_year) ** -years))


def lcoe(
    generator: Generator,
    rate_frac_per_year: float,
    fuel: Fuel | None = None,
    load_frac: float = 1.0,
    built_per_kw: float = 1.0,
    build_years: float = 0.0,
) -> Lcoe:
    """Levelised cost of energy of one way to make power.

    load_frac: share of its available hours that is used. built_per_kw: kW built for each kW needed,
    1.33 for a fourth machine as a spare of three. build_years: capital earns interest so long before
    the first kWh (all of it, so this is the dear end). PlanError where a fuel is needed and missing.
    """
    hours = HOURS_PER_YEAR * generator.availability_frac * efficiency("load_frac", load_frac)
    if built_per_kw < 1:
        raise PlanError(f"{built_per_kw:g} kW built for a kW cannot be", hint="give 1 or more")
    recovered = recovery_factor(rate_frac_per_year, generator.life_years)
    yearly = recovered * (1 + rate_frac_per_year) ** at_least_0("build_years", build_years)
    return Lcoe(
        name=generator.name,
        capital_usd_per_kwh=generator.capital_usd_per_kw * built_per_kw * yearly / hours,
        fixed_usd_per_kwh=generator.fixed_usd_per_kw_year * built_per_kw / hours,
        variable_usd_per_kwh=generator.variable_usd_per_mwh / KILO,
        fuel_usd_per_kwh=_mmbtu_per_kwh(generator, fuel) * (fuel.usd_per_mmbtu if fuel else 0.0),
        g_per_kwh=g_per_kwh(generator, fuel),
    )


def g_per_kwh(generator: Generator, fuel: Fuel | None) -> float:
    """Grams of CO2 from the stack per kWh: heat rate · carbon of the fuel; 0 where nothing burns."""
    kg_per_mmbtu = fuel.kg_co2_per_mmbtu if fuel else 0.0
    return _mmbtu_per_kwh(generator, fuel) * kg_per_mmbtu * G_PER_KG


def _mmbtu_per_kwh(generator: Generator, fuel: Fuel | None) -> float:
    if generator.heat_rate_btu_per_kwh is None:
        return 0.0
    if fuel is None:
        raise PlanError(
            f"{generator.name} burns {generator.fuel or 'a fuel'}", hint="say what the fuel costs"
        )
    return generator.heat_rate_btu_per_kwh / MEGA


# --- sooner or cheaper ----------------------------------------------------------------------------


class PowerOption(msgspec.Struct, frozen=True):
    """A way to power: its price, and months until it is there."""

    name: str
    usd_per_kwh: float
    months: float


class SpeedCost(msgspec.Struct, frozen=True):
    """A way to power with what waiting for it costs. usd: present value over the horizon."""

    name: str
    usd_per_kwh: float
    months: float
    energy_usd: float
    lost_margin_usd: float

    @property
    def usd(self) -> float:
        """Energy that is bought and margin that is missed."""
        return self.energy_usd + self.lost_margin_usd


def compare(
    options: Sequence[PowerOption],
    kw: float,
    margin_usd_per_kw_month: float,
    months: int,
    discount_frac_per_year: float,
) -> tuple[SpeedCost, ...]:
    """Ways to power a load of `kw`, the least cost first: energy from the day it is there, and the
    margin (before power) of every month until then, discounted to today. Only the `months` of the
    horizon count: what comes after it buys no energy and misses all of the margin."""
    at_least_0("kw", kw)

    def cost(option: PowerOption) -> SpeedCost:
        waits = min(at_least_0(f"months of {option.name!r}", option.months), months)
        runs = _annuity(waits, months, discount_frac_per_year)
        missed = _annuity(0, waits, discount_frac_per_year)
        return SpeedCost(
            option.name,
            option.usd_per_kwh,
            option.months,
            kw * HOURS_PER_MONTH * option.usd_per_kwh * runs,
            kw * margin_usd_per_kw_month * missed,
        )

    return tuple(sorted(map(cost, options), key=lambda found: (found.usd, found.name)))


def premium_worth_usd_per_kwh(
    months_sooner: float,
    margin_usd_per_kw_month: float,
    months: int,
    discount_frac_per_year: float,
    slow_months: float,
) -> float:
    """How much dearer a kWh may be for its whole time, if it comes so many months sooner.

    The margin that is earned between the fast and the slow day, over the energy from the fast day to
    the horizon. margin: after paying for power at the slow price.
    """
    fast = slow_months - months_sooner
    if not (0 <= fast <= slow_months <= months and fast < months):
        raise PlanError(
            f"{months_sooner:g} months sooner than {slow_months:g} of {months} cannot be",
            hint="the fast way is there between today and the slow one",
        )
    earned = margin_usd_per_kw_month * _annuity(fast, slow_months, discount_frac_per_year)
    return earned / (HOURS_PER_MONTH * _annuity(fast, months, discount_frac_per_year))


def _annuity(start: float, end: float, rate_frac_per_year: float) -> float:
    """Present value of 1 a month that flows from `start` to `end`, in months; continuous."""
    if not rate_frac_per_year > -1:
        raise PlanError(f"a rate of {rate_frac_per_year:g} is not above -1", hint="0.1 is 10 %")
    if end <= start:
        return 0.0
    force = log1p(rate_frac_per_year) / MONTHS
    if force == 0:
        return end - start
    return exp(-force * start) * -expm1(-force * (end - start)) / force
