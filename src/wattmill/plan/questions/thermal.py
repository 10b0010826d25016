"""Heat: flows of air and water, ways to cool by density, chips, and what PUE is worth."""

from typing import Annotated

from wattmill.catalog import electrical
from wattmill.catalog.electrical import Cooling
from wattmill.plan.questions.inputs import (
    Power,
    PowerPrice,
    Pue,
    choice,
    named,
    number,
    positive,
    share,
)
from wattmill.plan.questions.registry import Bundle, Found, Input, question
from wattmill.plan.questions.units import YEAR_S
from wattmill.site import cooling, effectiveness
from wattmill.site.effectiveness import Climate, Overhead, Plant

FLOW = "First law: P = ρ · c · flow · ΔT"
AIR = "First law; dry air by the standard atmosphere (ISO 2533)"
BANDS = "electrical.toml of the catalog: ways to cool, each with its source"
PUE_DEFINITION = "ISO/IEC 30134-2: power at the meter over power at the machines"
CARNOT = "Carnot: lift over supply temperature, at 0.4 of the bound; outside air as two waves"

CoolingName = Annotated[Cooling, named("a way to cool", "cooling", electrical.cooling)]
MadeFor = Annotated[
    cooling.Machines, choice("what the machines are made for", "air", "liquid", "either")
]
Rise = Annotated[float, positive("by how much it warms", "kelvin", high=200)]
Celsius = Annotated[float, Input("temperature", "°C", -60.0, 200.0)]
AirCelsius = Annotated[float, Input("temperature of the air", "°C", -60.0, 80.0)]
Altitude = Annotated[float, number("altitude", "m", high=6000)]
AirFlow = Annotated[float, positive("flow of air", "CFM")]
LiquidFlow = Annotated[float, positive("flow of the coolant", "LPM")]
LiquidShare = Annotated[float, share("share of the heat that liquid takes")]
Swing = Annotated[float, number("half of the swing", "kelvin", high=60)]
Losses = Annotated[float, number("losses before the machines, of their power", high=1)]


class Place(Bundle, frozen=True):
    """Outside air of a place, and what a plant there supplies."""

    mean: AirCelsius
    supply: Celsius = 30.0
    season: Swing = 10.0
    day: Swing = 5.0

    @property
    def climate(self) -> Climate:
        """As two waves."""
        return Climate(self.mean, self.season, self.day)


def _coolant(name: str) -> str:
    return electrical.coolant(name).name


CoolantName = Annotated[str, Input("what flows: water, glycol", kind="coolant", find=_coolant)]


def _air(celsius: float, altitude: float) -> float:
    return cooling.air_density_kg_per_m3(celsius, altitude)


# --- flows ----------------------------------------------------------------------------------------


@question("cooling", gives="CFM", source=AIR)
def air_flow(
    power: Power, rise: Rise, temperature: AirCelsius = 20.0, altitude: Altitude = 0.0
) -> float:
    """Air that takes so much heat away and warms by so much."""
    return cooling.air_m3_per_s(power, rise, _air(temperature, altitude))


@question("cooling", gives="kelvin", source=AIR)
def air_rise(
    power: Power, flow: AirFlow, temperature: AirCelsius = 20.0, altitude: Altitude = 0.0
) -> float:
    """By how much a flow of air warms."""
    return cooling.air_rise_k(power, flow, _air(temperature, altitude))


@question("cooling", gives="LPM", source=FLOW)
def liquid_flow(power: Power, rise: Rise, coolant: CoolantName = "water") -> float:
    """Coolant that takes so much heat away and warms by so much."""
    return cooling.liquid_m3_per_s(power, rise, electrical.coolant(coolant))


@question("cooling", gives="kelvin", source=FLOW)
def liquid_rise(power: Power, flow: LiquidFlow, coolant: CoolantName = "water") -> float:
    """By how much a flow of coolant warms."""
    return cooling.liquid_rise_k(power, flow, electrical.coolant(coolant))


@question("cooling", gives="x", source=AIR)
def heat_by_volume(coolant: CoolantName = "water", temperature: AirCelsius = 20.0) -> float:
    """How many times the heat of the same volume of air a coolant carries."""
    return cooling.heat_ratio(electrical.coolant(coolant), _air(temperature, 0.0))


@question("cooling", gives="W", source="Definition: flow · pressure / efficiency")
def mover_power(
    flow: Annotated[float, positive("flow", "m3/s")],
    pressure: Annotated[float, positive("pressure that it works against", "Pa")],
    efficiency: Annotated[
        float, Input("efficiency of wheel and motor", "", 0.0, 1.0, is_above=True)
    ] = 0.5,
) -> float:
    """Power of a fan or a pump."""
    return cooling.mover_w(flow, pressure, efficiency)


@question("cooling", gives="m/s", source="Definition: flow / area")
def face_velocity(
    flow: AirFlow, area: Annotated[float, positive("area of the front", "m2", high=1e4)]
) -> float:
    """Speed of air through the front of a rack; above 3 m/s is loud, above 6 no server's fan gives."""
    return cooling.face_velocity_m_per_s(flow, area)


# --- ways -----------------------------------------------------------------------------------------


@question("cooling", gives="kW", source="Definition: heat · (1 - share that liquid takes)")
def air_heat(power: Power, liquid: LiquidShare) -> float:
    """Heat that is left to the room's air."""
    return cooling.air_left_w(power, liquid)


@question("cooling", gives="kW", source=BANDS)
def cooling_limit(way: CoolingName) -> Found:
    """The most that a rack may draw with a way to cool."""
    return Found(way.up_to_kw * 1000, note=way.source)


@question("cooling", gives="kW", source=BANDS)
def air_limit() -> float:
    """What a rack may draw where nothing but air cools it."""
    return cooling.liquid_from_kw(electrical.coolings()) * 1000


@question("cooling", source=BANDS)
def cooling_way(power: Power, machines: MadeFor = "either") -> Found:
    """The simplest way to cool a rack of so many kW."""
    found = cooling.choose(power, electrical.coolings(), machines)
    return Found(found.way.name, note=found.way.source)


@question(
    "cooling", gives="°C", source="A chip is as warm as its coolant and its own rise above it"
)
def chip_temperature(
    coolant: Celsius,
    rise: Annotated[float, number("by how much the chip is warmer", "kelvin", high=200)],
    less: Annotated[float, share("share of the rise that better cooling takes off")] = 0.0,
) -> float:
    """Temperature of a chip."""
    return cooling.chip_c(coolant, rise, less)


@question("cooling", gives="°C", source="Magnus: 17.62, 243.12 °C; ±0.3 K from 0 to 60 °C")
def dew_point(
    temperature: AirCelsius,
    humidity: Annotated[float, Input("relative humidity", "", 0.0, 1.0, is_above=True)] = 0.5,
) -> float:
    """Temperature below which a pipe or a door drips."""
    return cooling.dew_point_c(temperature, humidity)


# --- PUE ------------------------------------------------------------------------------------------


@question("cooling", gives="kW", source=PUE_DEFINITION)
def overhead_power(power: Power, pue: Pue) -> float:
    """Power that a site draws besides its machines; all of it is cooling only at best."""
    return power * (pue - 1)


@question("cooling", gives="USD/year", source="Power · (PUE - better PUE) · 8,760 hours · price")
def pue_saving_per_year(
    power: Power,
    pue: Pue,
    better: Annotated[float, Input("the better PUE", "", 1.0, 10.0)],
    price: PowerPrice,
) -> float:
    """What a better PUE saves in a year; below 0 it is no better."""
    saved = effectiveness.pue_value_usd_per_year(power, pue, better, price * 3.6e6)
    return saved / YEAR_S


@question("cooling", source="Definition: 1 + what always runs / load + what grows with it")
def pue_at_load(
    pue: Pue,
    load: Annotated[float, Input("how full the site is", "", 0.0, 1.0, is_above=True)],
    fixed: Annotated[float, share("share of the overhead that always runs")] = 0.5,
) -> float:
    """PUE of a site that is not full, from its PUE at full load."""
    return effectiveness.pue_at_load(Overhead.of(pue, fixed), load)


@question("cooling", gives="h/year", source=CARNOT)
def free_cooling_hours(
    place: Place,
    approach: Annotated[float, number("outside must be colder by", "kelvin", high=40)] = 6.0,
) -> float:
    """Hours of a year without compressors, in a place of a mean temperature."""
    hours = effectiveness.free_hours(place.climate, Plant(place.supply, approach))
    return hours * 3600.0 / YEAR_S


@question("cooling", source=CARNOT)
def climate_pue(place: Place, electrical: Losses = 0.04) -> float:
    """Mean PUE of a year in a place of a mean temperature; ±0.05, the shape and not a plant."""
    return effectiveness.yearly_pue(place.climate, Plant(place.supply), electrical)


@question("cooling", source=CARNOT)
def peak_pue(place: Place, electrical: Losses = 0.04) -> float:
    """PUE of the hottest hour in a place of a mean temperature, for which the connection is made."""
    return effectiveness.peak_pue(place.climate, Plant(place.supply), electrical)
