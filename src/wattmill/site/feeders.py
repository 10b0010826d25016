"""Amps, breakers, wires and bus bars: what carries power to a rack, what it weighs and loses.

phases: 1 is single-phase, 3 is three-phase with volts between the lines, 0 is direct current.
Reactance is left out: it matters for short circuits and for wires above 250 mm², not for these sums.
"""

from __future__ import annotations

import math

import msgspec

from wattmill.catalog.electrical import Breakers, Conductor, Metal, Phases
from wattmill.core.errors import PlanError
from wattmill.site.checks import at_least_0, efficiency, positive

ROOT_3 = math.sqrt(3.0)
REFERENCE_C = 20.0
RUNNING_C = 75.0
"""Where metals are quoted, and what a wire of the table reaches at its ampacity."""

SMALLEST_PARALLEL_M2 = 53.4e-6
"""NEC 310.10(G): only wires of 1/0 AWG and more may share a current."""

MOST_PARALLEL = 12
TABLE_C = 30.0
"""Air around the wires of the table."""


class Wires(msgspec.Struct, frozen=True):
    """A size of wire, and how many of it run side by side in each conductor."""

    conductor: Conductor
    parallel: int
    ampacity_a: float


class Feeder(msgspec.Struct, frozen=True):
    """One feed: its current, breaker and wires, what they lose over a length, and their metal."""

    current_a: float
    breaker_a: float
    wires: Wires
    drop_frac: float
    loss_w: float
    metal_kg: float


def current_a(power_w: float, volts: float, phases: Phases, power_factor: float = 1.0) -> float:
    """A of a load: P / V, P / (V · pf), or P / (√3 · V · pf) with volts between the lines."""
    pf = 1.0 if phases == 0 else efficiency("power_factor", power_factor)
    return at_least_0("power_w", power_w) / (positive("volts", volts) * pf * _root(phases))


def power_w(amps: float, volts: float, phases: Phases, power_factor: float = 1.0) -> float:
    """W that a current carries: the inverse of `current_a`."""
    pf = 1.0 if phases == 0 else efficiency("power_factor", power_factor)
    return at_least_0("amps", amps) * positive("volts", volts) * pf * _root(phases)


def design_a(current_a: float, continuous_frac: float = 0.8) -> float:
    """A that a circuit must be made for when the load runs for hours: I / 0.8 in North America."""
    return at_least_0("current_a", current_a) / efficiency("continuous_frac", continuous_frac)


def breaker_a(current_a: float, series: Breakers) -> float:
    """The smallest breaker of a series that bears a current for hours; PlanError above the largest."""
    wanted = design_a(current_a, series.continuous_frac)
    found = next((size for size in series.sizes_a if size >= wanted * (1 - 1e-12)), None)
    if found is None:
        raise PlanError(
            f"no {series.name} breaker bears {current_a:,.0f} A for hours",
            hint=f"the largest is {series.sizes_a[-1]:,.0f} A: raise the voltage, or feed twice",
        )
    return found


def feeds_needed(load_w: float, feed_w: float, redundant: int = 0) -> int:
    """Feeds that carry a load while `redundant` of them are away: ⌈load / feed⌉ + redundant."""
    whole = math.ceil(positive("load_w", load_w) / positive("feed_w", feed_w) * (1 - 1e-12))
    return whole + int(at_least_0("redundant", redundant))


def ambient_frac(celsius: float) -> float:
    """What is left of an ampacity in warmer air: √((75 - T) / (75 - 30)), NEC 310.15(B).

    Above 1 in colder air. PlanError from 70 °C on, where the code has no figure.
    """
    if not -20 <= celsius < 70:
        raise PlanError(f"no ampacity at {celsius} °C", hint="give -20 to 70 °C")
    return math.sqrt((RUNNING_C - celsius) / (RUNNING_C - TABLE_C))


def wires(
    amps: float, table: tuple[Conductor, ...], metal: str = "copper", breaker_a: float = 0.0
) -> Wires:
    """The least metal that bears `amps`, side by side from 1/0 AWG on; PlanError if 12 do not.

    breaker_a: what protects them; small wires may not stand behind a large one (NEC 240.4(D)).
    """
    positive("amps", amps)
    fits = [
        Wires(wire, parallel, parallel * ampacity)
        for wire in table
        if (ampacity := _ampacity(wire, metal)) and _most_breaker_a(wire, metal) >= breaker_a
        for parallel in _side_by_side(wire)
        if parallel * ampacity >= amps * (1 - 1e-12)
    ]
    if not fits:
        hint = "use busway, a higher voltage, or more feeds"
        raise PlanError(f"no wires of the table bear {amps:,.0f} A", hint=hint)
    return min(fits, key=lambda found: (found.conductor.area_m2 * found.parallel, found.parallel))


def resistance_ohm(
    length_m: float, area_m2: float, metal: Metal, celsius: float = RUNNING_C
) -> float:
    """Ω of a conductor: ρ₂₀ · (1 + α · (T - 20 °C)) · length / area."""
    warm = 1 + metal.per_k * (celsius - REFERENCE_C)
    return (
        metal.resistivity_ohm_m * warm * at_least_0("length_m", length_m)
        / positive("area_m2", area_m2)
    )  # fmt: skip


def loss_w(current_a: float, ohm: float, phases: Phases) -> float:
    """W lost in the conductors of one way of a feed: n · I² · R, n = 2, or 3 of three phases.

    ohm: of one conductor, one way. Balanced phases leave nothing in the neutral.
    """
    return _conductors(phases) * at_least_0("current_a", current_a) ** 2 * at_least_0("ohm", ohm)


def drop_v(current_a: float, ohm: float, phases: Phases, power_factor: float = 1.0) -> float:
    """V lost along a feed: 2 · I · R · pf, or √3 · I · R · pf between the lines of three phases."""
    factor = ROOT_3 if phases == 3 else 2.0
    pf = 1.0 if phases == 0 else efficiency("power_factor", power_factor)
    return factor * at_least_0("current_a", current_a) * at_least_0("ohm", ohm) * pf


def metal_kg(length_m: float, area_m2: float, metal: Metal, conductors: float) -> float:
    """kg of metal in so many conductors of a length and a cross-section."""
    volume = positive("length_m", length_m) * positive("area_m2", area_m2)
    return volume * positive("conductors", conductors) * metal.kg_per_m3


def bar_area_m2(amps: float, amps_per_m2: float) -> float:
    """m² of a bus bar at a current density; 1.2 to 1.8 MA/m² (A/mm²) where air alone cools it."""
    return positive("amps", amps) / positive("amps_per_m2", amps_per_m2)


def area_for_mass_m2(mass_kg: float, length_m: float, metal: Metal, conductors: float = 2) -> float:
    """m² of each of so many bars of a length that weigh `mass_kg` together."""
    return positive("mass_kg", mass_kg) / (
        positive("length_m", length_m) * positive("conductors", conductors) * metal.kg_per_m3
    )


def conduction_ratio(low_v: float, high_v: float) -> float:
    """How many times less the same conductor loses at a higher voltage: (high / low)²."""
    return (positive("high_v", high_v) / positive("low_v", low_v)) ** 2


class Line(msgspec.Struct, frozen=True):
    """What a feed is made of: voltage, phases, series of breakers, table of wires, metal, length.

    ambient_c: of the air around its wires; above a hot aisle 40 °C and more.
    """

    volts: float
    phases: Phases
    series: Breakers
    table: tuple[Conductor, ...]
    metal: Metal
    length_m: float
    power_factor: float = 1.0
    ambient_c: float = TABLE_C


def feeder(load_w: float, line: Line) -> Feeder:
    """Breaker, wires, drop and losses of one feed for a load. PlanError if nothing sold bears it.

    Wires bear what their breaker lets through, which both codes want or come near to.
    """
    amps = current_a(load_w, line.volts, line.phases, line.power_factor)
    breaker = breaker_a(amps, line.series)
    bears = breaker / ambient_frac(line.ambient_c)
    found = wires(bears, line.table, line.metal.name, breaker)
    area = found.conductor.area_m2 * found.parallel
    ohm = resistance_ohm(line.length_m, area, line.metal)
    drop = drop_v(amps, ohm, line.phases, line.power_factor) / line.volts
    lost = loss_w(amps, ohm, line.phases)
    mass = metal_kg(line.length_m, area, line.metal, _conductors(line.phases))
    if not drop < 1:
        raise PlanError(
            f"{line.length_m:g} m lose all of {line.volts:g} V",
            hint="raise the voltage, or bring it nearer",
        )
    return Feeder(amps, breaker, found, drop, lost, mass)


def _root(phases: Phases) -> float:
    return ROOT_3 if phases == 3 else 1.0


def _conductors(phases: Phases) -> int:
    return 3 if phases == 3 else 2


def _ampacity(wire: Conductor, metal: str) -> float | None:
    return wire.copper_a if metal == "copper" else wire.aluminium_a


def _most_breaker_a(wire: Conductor, metal: str) -> float:
    most = wire.breaker_a if metal == "copper" else wire.aluminium_breaker_a
    return math.inf if most is None else most


def _side_by_side(wire: Conductor) -> range:
    most = MOST_PARALLEL if wire.area_m2 >= SMALLEST_PARALLEL_M2 else 1
    return range(1, most + 1)
