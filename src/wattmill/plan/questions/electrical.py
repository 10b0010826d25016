"""Amps, wires, bus bars and delivery chains: what carries power to a rack, and what that loses."""

from typing import Annotated

from wattmill.catalog import electrical
from wattmill.catalog.electrical import BusBar, Chain, Phases, Stage
from wattmill.core.errors import PlanError
from wattmill.plan.questions.inputs import Power, PowerPrice, choice, named, number, positive
from wattmill.plan.questions.registry import Found, Input, question
from wattmill.plan.questions.units import YEAR_S
from wattmill.site import delivery, feeders

OHM = "Definition: P = V · I; √3 · V · I · power factor of three phases"
JOULE = "Joule: n · I² · ρ · length / area, at 75 °C; metals by IEC 60028 and 60889"
CODE = "NFPA 70 (NEC) 2023: 210.20, 240.6, table 310.16; IEC 60947-2"
CHAINS = "electrical.toml of the catalog: stages by law, label or data sheet, each with its source"
INPUT_BASE = "Definition: power in · (1 - efficiency)"
LOAD_BASE = "Definition: power out · (1 / efficiency - 1)"

PHASES: dict[str, Phases] = {"three-phase": 3, "single-phase": 1, "direct": 0}

Feed = Annotated[str, choice("three-phase, single-phase or direct current", *PHASES)]
Volts = Annotated[float, positive("voltage, between the lines of three phases", "V", high=1e6)]
Amps = Annotated[float, positive("current", "A", high=1e7)]
PowerFactor = Annotated[float, Input("power factor", "", 0.0, 1.0, is_above=True)]
Length = Annotated[float, positive("length, one way", "m", high=1e5)]
Area = Annotated[float, positive("cross-section of a conductor", "mm2", high=1e7)]
MetalName = Annotated[str, choice("metal of the conductor", "copper", "aluminium")]
Efficiency = Annotated[float, Input("power out over power in", "", 0.0, 1.0, is_above=True)]
StageLoad = Annotated[
    float,
    Input("share of its rating that every stage carries; 0: each at its own", "", 0.0, 1.0),
]
CoolingShare = Annotated[float, number("W of cooling for each W of heat", high=10)]
ChainName = Annotated[Chain, named("a delivery chain", "chain", electrical.chain)]
StageName = Annotated[Stage, named("a stage of a chain", "stage", electrical.stage)]
BusBarName = Annotated[BusBar, named("a bus bar", "bus bar", electrical.bus_bar)]


def _series(name: str) -> str:
    return electrical.breakers(name).name


# --- amps -----------------------------------------------------------------------------------------


@question("electrical", gives="A", source=OHM)
def feed_current(
    power: Power, volts: Volts, feed: Feed = "three-phase", power_factor: PowerFactor = 1.0
) -> float:
    """Current of a load at a voltage."""
    return feeders.current_a(power, volts, PHASES[feed], power_factor)


@question("electrical", gives="kW", source=OHM)
def feed_power(
    current: Amps, volts: Volts, feed: Feed = "three-phase", power_factor: PowerFactor = 1.0
) -> float:
    """Power that a current carries at a voltage."""
    return feeders.power_w(current, volts, PHASES[feed], power_factor)


@question("electrical", gives="A", source=CODE)
def design_current(
    current: Amps,
    continuous: Annotated[float, Input("share that may flow for hours", "", 0.1, 1.0)] = 0.8,
) -> float:
    """Current that a circuit must be made for when its load runs for hours."""
    return feeders.design_a(current, continuous)


@question("electrical", gives="A", source=CODE)
def breaker_size(
    current: Amps,
    series: Annotated[
        str, Input("a series of breakers: nec, iec", kind="breakers", find=_series)
    ] = "nec",
) -> float:
    """The smallest breaker that bears a current for hours."""
    return feeders.breaker_a(current, electrical.breakers(series))


@question("electrical", gives="mm2", source=CODE)
def wire_area(current: Amps, metal: MetalName = "copper") -> Found:
    """Least metal in each conductor of a circuit for a current, in sizes that are sold."""
    found = feeders.wires(current, electrical.conductors(), metal)
    area = found.conductor.area_m2 * found.parallel
    return Found(area, note=f"{found.parallel} x {found.conductor.name} side by side")


@question("electrical", gives="kW", source="electrical.toml of the catalog")
def bus_bar_power(bar: BusBarName) -> Found:
    """Power that a bus bar inside a rack carries."""
    return Found(feeders.power_w(bar.amps, bar.volts, 0), note=bar.source)


@question("electrical", gives="mm2", source="Definition: current / current density")
def bus_bar_area(
    current: Amps,
    density: Annotated[float, positive("current on a cross-section", "A/mm2", high=100)] = 1.6e6,
) -> float:
    """Cross-section of a bus bar; 1.2 to 1.8 A/mm² of copper where air alone cools it."""
    return feeders.bar_area_m2(current, density)


# --- metal ----------------------------------------------------------------------------------------


@question("electrical", gives="W", source=JOULE)
def wire_loss(
    current: Amps,
    length: Length,
    area: Area,
    feed: Feed = "three-phase",
    metal: MetalName = "copper",
) -> float:
    """Power that the conductors of a feed turn into heat."""
    ohm = feeders.resistance_ohm(length, area, electrical.metal(metal))
    return feeders.loss_w(current, ohm, PHASES[feed])


@question("electrical", gives="V", source=JOULE)
def voltage_drop(
    current: Amps,
    length: Length,
    area: Area,
    feed: Feed = "three-phase",
    metal: MetalName = "copper",
    power_factor: PowerFactor = 1.0,
) -> float:
    """Voltage that is lost on the way to a load; reactance is left out."""
    ohm = feeders.resistance_ohm(length, area, electrical.metal(metal))
    return feeders.drop_v(current, ohm, PHASES[feed], power_factor)


@question("electrical", gives="kg", source="Definition: volume · density")
def conductor_mass(
    length: Length,
    area: Area,
    conductors: Annotated[float, positive("conductors of that length", high=1e4)] = 2.0,
    metal: MetalName = "copper",
) -> float:
    """Metal in so many conductors or bars."""
    return feeders.metal_kg(length, area, electrical.metal(metal), conductors)


@question("electrical", gives="mm2", source="Definition: mass over length and density")
def area_of_mass(
    mass: Annotated[float, positive("mass of all conductors", "kg")],
    length: Length,
    conductors: Annotated[float, positive("conductors of that length", high=1e4)] = 2.0,
    metal: MetalName = "copper",
) -> float:
    """Cross-section of each of so many bars that weigh so much together."""
    return feeders.area_for_mass_m2(mass, length, electrical.metal(metal), conductors)


@question("electrical", gives="x", source="Joule: R · (P / V)²")
def conduction_gain(low: Volts, high: Volts) -> float:
    """How many times less the same conductor loses at a higher voltage, for the same power."""
    return feeders.conduction_ratio(low, high)


# --- conversions ----------------------------------------------------------------------------------


@question("electrical", gives="%", source="Definition: product of the stages' efficiencies")
def cascade_loss(
    efficiency: Efficiency,
    stages: Annotated[float, positive("stages one after the other", high=100)],
) -> float:
    """Share of the power from the grid that equal stages lose together."""
    return 1 - delivery.equal_stages(efficiency, stages)


@question("electrical", gives="%", source=CHAINS)
def chain_efficiency(chain: ChainName, load: StageLoad = 0.0) -> Found:
    """Share of the power from the grid that reaches the boards over a delivery chain."""
    found = delivery.deliver(1.0, chain, load or None)
    return Found(found.efficiency_frac, binds=found.worst.name)


@question("electrical", gives="kW", source=CHAINS)
def chain_loss(power: Power, chain: ChainName, load: StageLoad = 0.0) -> Found:
    """Power that a delivery chain loses for so much at the boards."""
    found = delivery.deliver(power, chain, load or None)
    return Found(found.loss_w, binds=found.worst.name)


@question("electrical", gives="x", source=CHAINS)
def chain_pue(chain: ChainName, load: StageLoad = 0.0) -> float:
    """What a delivery chain alone makes of the PUE: what is lost before the machines' meter."""
    return delivery.deliver(1.0, chain, load or None).pue_part


@question("electrical", gives="%", source="Who says so, as the catalog names them")
def stated_efficiency(
    chain: ChainName, end: Annotated[str, choice("end of the stated range", "low", "high")] = "low"
) -> Found:
    """What somebody says that a whole chain gives."""
    said = chain.stated
    if said is None:
        raise PlanError(f"nobody states a figure of {chain.name}", hint="ask chain_efficiency")
    return Found(said.low_frac if end == "low" else said.high_frac, note=said.source)


@question("electrical", gives="%", source="electrical.toml of the catalog")
def stage_efficiency(stage: StageName) -> Found:
    """Efficiency of one stage at the load that its source is for."""
    return Found(stage.efficiency_frac, note=stage.source)


@question("electrical", gives="kW", source=INPUT_BASE)
def loss_of_input(power: Power, efficiency: Efficiency) -> float:
    """Power lost of what is taken from the grid."""
    return delivery.loss_of_input_w(power, efficiency)


@question("electrical", gives="kW", source=LOAD_BASE)
def loss_of_load(power: Power, efficiency: Efficiency) -> float:
    """Power lost on top of what is delivered."""
    return delivery.loss_of_load_w(power, efficiency)


@question("electrical", gives="kW", source="Definition: heat · W of cooling for each W of heat")
def cooling_of_loss(loss: Power, cooling: CoolingShare) -> float:
    """Power that cooling draws to take a loss away."""
    return delivery.cooling_of_loss_w(loss, cooling)


@question("electrical", gives="USD/year", source="Loss with its cooling · 8,760 hours · price")
def loss_cost_per_year(loss: Power, price: PowerPrice, cooling: CoolingShare = 0.0) -> float:
    """What a loss costs in a year, with the energy that cools it where a share is given."""
    usd_per_kwh = price * 3.6e6
    return delivery.loss_usd_per_year(loss, usd_per_kwh, cooling) / YEAR_S
