"""Watts and joules: of a model on machines, of a token, of a site."""

from typing import Annotated

from wattmill.physics import energy
from wattmill.physics.power import peak_power_w
from wattmill.plan.questions.deployments import Served, deployed, interval
from wattmill.plan.questions.inputs import (
    Load,
    Machines,
    Model,
    Power,
    PowerPrice,
    Precision,
    Pue,
    Throughput,
    Tokens,
    number,
    positive,
)
from wattmill.plan.questions.registry import Found, question
from wattmill.site.power import site_kw

POWER = "wattmill.physics.power: TDP and shares fitted on ML.ENERGY readings (docs/physics.md)"
DEFINED = "Definition: watts over tokens per second"
PUE_DEFINITION = "ISO/IEC 30134-2: power at the meter over power at the machines"
SiteW = Annotated[float, positive("power at the meter", "MW")]


@question("power", gives="W", source=POWER)
def power_w(served: Served, load: Load = 0.3) -> Found:
    """Mean power of machines that serve a model at a share of full load, host share included."""
    watts = served.at(load).power_w
    return Found(watts, *interval(watts, served.deployment.spread.power))


@question("power", gives="W", source="TDP of the data sheet and the host's busy share")
def peak_power(model: Model, hardware: Machines, precision: Precision = "bf16") -> float:
    """Power that must be provisioned for machines: every card at TDP, every host busy."""
    return peak_power_w(deployed(model, hardware, precision, "llama.cpp"))


@question("power", gives="J/token", source=POWER)
def serving_j_per_token(served: Served, load: Load = 1.0) -> Found:
    """Joules for each output token of a model on machines at a share of full load."""
    found, spread = served.at(load), served.deployment.spread
    joules = energy.joules_per_token(found.power_w, found.tok_per_s)
    return Found(joules, *interval(joules, spread.tpot, spread.power))


@question("power", gives="J/token", source=DEFINED)
def j_per_token(power: Power, throughput: Throughput, pue: Pue = 1.0) -> float:
    """Joules of a token: watts over tokens per second, cooling included where a PUE is given."""
    return energy.joules_per_token(power * pue, throughput)


@question("power", gives="tok/J", source=DEFINED)
def tok_per_j(throughput: Throughput, power: Power) -> float:
    """Tokens of a joule."""
    return energy.tokens_per_joule(throughput, power)


@question("power", gives="Mtok/kWh", source=DEFINED)
def tokens_per_kwh(throughput: Throughput, power: Power, pue: Pue = 1.0) -> float:
    """Tokens of a kilowatt-hour at the meter."""
    return energy.tokens_per_joule(throughput, power * pue)


@question("power", gives="kWh", source="Definition: power · time")
def energy_kwh(power: Power, time: Annotated[float, number("time", "h")], pue: Pue = 1.0) -> float:
    """Energy at the meter of something that draws so much for so long."""
    return power * time * pue


@question("power", gives="USD/month", source="Power · PUE · price; a month has 730 hours")
def energy_cost_per_month(power: Power, price: PowerPrice, pue: Pue = 1.0) -> float:
    """What a mean draw costs in a month, cooling included."""
    return power * pue * price


@question("power", gives="USD/Mtok", source="Joules of a token · price of a joule")
def energy_usd_per_mtok(
    power: Power, throughput: Throughput, price: PowerPrice, pue: Pue = 1.0
) -> float:
    """What the electricity of a million tokens costs."""
    return energy.joules_per_token(power * pue, throughput) * price


@question("power", gives="kW", source=PUE_DEFINITION)
def meter_kw(power: Power, pue: Pue) -> float:
    """Power at the meter of machines that draw so much."""
    return site_kw(power, pue) * 1000.0


@question("power", gives="x", source=PUE_DEFINITION)
def machines_per_site(site: SiteW, machine: Power, pue: Pue = 1.2) -> float:
    """How many machines of so many watts a grid connection carries."""
    return energy.machines_in(site, pue, machine)


@question("power", gives="slots/MW", source=PUE_DEFINITION)
def slots_per_mw(
    slots: Annotated[float, positive("sequences that one machine decodes at once")],
    machine: Power,
    pue: Pue = 1.2,
) -> float:
    """Sequences in decode at once for each megawatt at the meter."""
    return slots / (machine * pue)


@question("power", gives="tok/s/MW", source=PUE_DEFINITION)
def tok_s_per_mw(throughput: Throughput, power: Power, pue: Pue = 1.2) -> float:
    """Tokens per second for each megawatt at the meter."""
    return energy.tokens_per_joule(throughput, power * pue)


@question("power", gives="Wh/req", source=DEFINED)
def wh_per_request(
    joules_per_token: Annotated[float, positive("joules of an output token", "J/token")],
    tokens: Tokens,
) -> float:
    """Energy of a request from that of its tokens."""
    return joules_per_token * tokens
