"""Contracts for power over years, own power behind the meter, and carbon."""

from typing import Annotated

import msgspec

from wattmill.catalog import facilities
from wattmill.catalog.facilities import Fuel, Generator, Grid
from wattmill.core.errors import PlanError
from wattmill.plan.questions.debt import whole_months
from wattmill.plan.questions.facility import ROWS, KwMonth
from wattmill.plan.questions.inputs import MOST, Power, PowerPrice, Pue, named, number, positive
from wattmill.plan.questions.registry import Found, Input, question
from wattmill.plan.questions.units import DAY_S, MONTH_S, YEAR_S, unit
from wattmill.site import carbon, contracts, generation

LCOE = "Levelised cost: capital recovery factor, fixed, variable and fuel over the kWh of a year"
PER_KWH, G_PER_KWH = unit("1/kWh").factor, unit("g/kWh").factor

GeneratorName = Annotated[
    Generator, named("a way to make power", "generator", facilities.generator)
]
GridName = Annotated[
    Grid,
    Input(
        "a country, state or market", kind="grid", find=facilities.grid, written=lambda g: g.region
    ),
]
Carbon = Annotated[float, number("CO2 of a kWh", "g/kWh", high=10_000)]
Discount = Annotated[float, Input("discount of a year", "", 0.0, 10.0)]
Escalation = Annotated[float, Input("rise of a price each year", "", -0.5, 1.0)]
Held = Annotated[float, positive("months of the comparison", "month", high=600)]


# --- power over years -----------------------------------------------------------------------------


@question(
    "facility", gives="USD", source="Present value of monthly bills, due at the ends of months"
)
def power_contract_value(
    power: Power,
    price: PowerPrice,
    months: Held,
    escalation: Escalation = 0.0,
    discount: Discount = 0.0,
    demand: KwMonth = 0.0,
) -> float:
    """What years of power cost, worth today, at a price that rises once a year."""
    contract = contracts.Contract(
        "tariff", price / PER_KWH, escalation, demand_usd_per_kw_month=demand * 1000 * MONTH_S
    )
    count = whole_months(months)
    bills = contracts.bill(contract, count, power / 1000).total_usd
    return float(contracts.present_value_usd(bills, discount))


@question("facility", gives="%", source="Escalation at which both have one present value")
def ppa_break_even(
    fixed: PowerPrice, tariff: PowerPrice, months: Held, discount: Discount = 0.08
) -> float:
    """Yearly rise of a tariff from which a contract at a fixed price is cheaper."""
    kept = contracts.Contract("ppa", fixed / PER_KWH)
    moves = contracts.Contract("tariff", tariff / PER_KWH)
    found = contracts.break_even_escalation(kept, moves, whole_months(months), 1.0, discount)
    if found is None:
        raise PlanError(
            "no rise between -50 % and 100 % a year makes them equal", hint="compare them"
        )
    return found


@question("facility", gives="USD/kWh", source=LCOE)
def own_power_cost(
    generator: GeneratorName,
    rate: Annotated[float, Input("return on capital of a year", "", 0.0, 1.0)] = 0.08,
    gas: Annotated[
        float, number("price of gas for each 1e6 BTU (HHV), 293 kWh", "USD", high=1000)
    ] = 3.5,
    load: Annotated[
        float, Input("share of its hours that is used", "", 0.0, 1.0, is_above=True)
    ] = 1.0,
    spare: Annotated[float, Input("kW built for each kW needed", "", 1.0, 10.0)] = 1.0,
) -> Found:
    """What a kWh of own power costs: capital, upkeep and fuel."""
    found = generation.lcoe(generator, rate, _fuel(generator, gas), load, spare)
    note = f"{found.capital_usd_per_kwh:.3f} USD of it capital, {found.fuel_usd_per_kwh:.3f} fuel"
    return Found(found.usd_per_kwh * PER_KWH, note=note)


@question("facility", gives="g/kWh", source=LCOE)
def own_power_carbon(generator: GeneratorName) -> float:
    """CO2 that leaves the stack for each kWh of own power."""
    return generation.g_per_kwh(generator, _fuel(generator, 0.0)) * G_PER_KWH


def _fuel(generator: Generator, usd: float) -> Fuel | None:
    if generator.heat_rate_btu_per_kwh is None:
        return None
    known = facilities.fuel(generator.fuel or "natural-gas")
    return msgspec.structs.replace(known, usd_per_mmbtu=usd)


@question("facility", gives="USD/kWh", source="Margin of the time gained over the energy of it all")
def sooner_is_worth(
    sooner: Annotated[float, number("time gained", "month", high=240)],
    margin: Annotated[
        float, number("margin of a kW, after power at the slow price", "USD/kW-month")
    ],
    slow: Annotated[float, number("time until the slow way is there", "month", high=240)],
    months: Held,
    discount: Discount = 0.1,
) -> float:
    """How much dearer a kWh may be, for all its time, if it comes so many months sooner."""
    per_month = margin * 1000 * MONTH_S
    found = generation.premium_worth_usd_per_kwh(
        sooner / MONTH_S, per_month, whole_months(months), discount, slow / MONTH_S
    )
    return found * PER_KWH


@question("facility", gives="USD/kWh", source="Definition: price / round trip + capital of a year")
def stored_power_cost(
    price: PowerPrice,
    round_trip: Annotated[float, Input("energy out over energy in", "", 0.0, 1.0, is_above=True)],
    capital: Annotated[float, number("capital of a kW for a year", "USD/kW-month")] = 0.0,
    hours: Annotated[float, positive("hours of a day at full power", "h/day", high=24)] = (
        8 * 3600 / DAY_S
    ),
) -> float:
    """What a kWh out of a storage costs."""
    a_year = capital * 1000 * YEAR_S
    hours_a_year = hours * YEAR_S / 3600
    return (
        generation.stored_usd_per_kwh(price / PER_KWH, round_trip, a_year, hours_a_year) * PER_KWH
    )


# --- carbon ---------------------------------------------------------------------------------------


@question("facility", gives="g/kWh", source=ROWS)
def grid_carbon(grid: GridName) -> Found:
    """CO2 of a kWh of a grid; compare only figures of one basis."""
    note = f"{grid.basis}; {grid.source}, {grid.as_of}"
    return Found(grid.g_per_kwh * G_PER_KWH, note=note)


@question("facility", gives="kg/month", source="Definition: energy of a month · CO2 of a kWh")
def carbon_per_month(power: Power, grams: Carbon, pue: Pue = 1.0) -> float:
    """CO2 of machines that draw so much all month."""
    return carbon.kg_per_month(power, pue, grams / G_PER_KWH) / MONTH_S


@question("facility", gives="kg/Mtok", source="Definition: joules · PUE · CO2 of a kWh")
def carbon_per_mtok(
    joules_per_token: Annotated[float, positive("joules of a token, idle time in it", "J/token")],
    grams: Carbon,
    pue: Pue = 1.0,
) -> float:
    """CO2 of a million tokens."""
    return carbon.kg_per_mtok(joules_per_token, pue, grams / G_PER_KWH) / 1e6


@question("facility", gives="kg/Mtok", source="Definition: mass of CO2 over tokens of a life")
def embodied_carbon(
    making: Annotated[float, number("CO2 of making the machines", "kg")],
    tokens: Annotated[float, positive("tokens of their whole life", "Mtok", MOST)],
) -> float:
    """CO2 of making machines for each million tokens that they ever make."""
    return carbon.embodied_kg_per_mtok(making, tokens) / 1e6
