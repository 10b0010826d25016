"""Delivery chains, conductors, breakers, coolants, ways to cool and floors, in SI units."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Literal

import msgspec

from wattmill.catalog.sourced import Dated, Efficiency, Positive, Share, Sourced, ordered, row
from wattmill.catalog.table import Named, by_every_name, every, look_up, read_rows

FILE = "electrical.toml"
M2_PER_MM2 = 1e-6

Phases = Literal[0, 1, 3]
Side = Literal["facility", "it"]


class Stage(Sourced, frozen=True, kw_only=True):
    """One conversion or one wire.

    efficiency_frac: power out over power in while `at_load_frac` of its rating flows. Of the losses
    at that load, `fixed_frac` is there without load and `square_frac` grows with the square of the
    current; the rest grows with the load. side: "facility" counts into the PUE, "it" does not.
    """

    efficiency_frac: Efficiency
    at_load_frac: Efficiency
    side: Side
    fixed_frac: Share = 0.0
    square_frac: Share = 0.0

    def __post_init__(self) -> None:
        if self.fixed_frac + self.square_frac > 1:
            raise ValueError("fixed_frac and square_frac are more than the whole loss")


class Stated(Dated, frozen=True, kw_only=True):
    """What somebody says that a whole chain gives, low to high."""

    low_frac: Efficiency
    high_frac: Efficiency

    def __post_init__(self) -> None:
        ordered("low_frac, high_frac", self.low_frac, self.high_frac)


class ChainRow(Sourced, frozen=True, kw_only=True):
    """A chain as it is written: stages by name. source: of their order; each has one of its own."""

    feed_v: Positive
    phases: Phases
    bus_v: Positive
    stages: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    stated: Stated | None = None


class Chain(msgspec.Struct, frozen=True):
    """The stages between the grid and the input of a board, in their order.

    feed_v, phases: as power comes to the rack; 0 phases is direct current. bus_v: inside the rack.
    """

    name: str
    feed_v: float
    phases: Phases
    bus_v: float
    stages: tuple[Stage, ...]
    stated: Stated | None


class ConductorRow(Sourced, frozen=True, kw_only=True):
    """A row of the table of conductors, in mm²."""

    area_mm2: Positive
    copper_a: Positive
    aluminium_a: Positive | None = None
    breaker_a: Positive | None = None
    aluminium_breaker_a: Positive | None = None


class Conductor(msgspec.Struct, frozen=True):
    """A wire of a size: its cross-section, and the current that it carries for ever at 75 °C.

    aluminium_a: None where it is not made of aluminium. breaker_a, aluminium_breaker_a: the most
    that the code lets protect a small one; None is no limit but its ampacity.
    """

    name: str
    area_m2: float
    copper_a: float
    aluminium_a: float | None
    breaker_a: float | None
    aluminium_breaker_a: float | None = None


class Breakers(Sourced, frozen=True, kw_only=True):
    """Ratings in which breakers are sold, A; continuous_frac: how much of one may flow for hours."""

    sizes_a: Annotated[tuple[Positive, ...], msgspec.Meta(min_length=1)]
    continuous_frac: Efficiency

    def __post_init__(self) -> None:
        ordered("sizes_a", *self.sizes_a)


class Metal(Sourced, frozen=True, kw_only=True):
    """Resistivity at 20 °C, its rise for each kelvin, and density."""

    resistivity_ohm_m: Positive
    per_k: Positive
    kg_per_m3: Positive


class BusBar(Sourced, frozen=True, kw_only=True):
    """A bus bar inside a rack."""

    volts: Positive
    amps: Positive


class Coolant(Sourced, frozen=True, kw_only=True):
    """A liquid at 40 °C."""

    kg_per_m3: Positive
    j_per_kg_k: Positive


class Cooling(Sourced, frozen=True, kw_only=True):
    """A way to cool racks.

    up_to_kw: the most that a rack may draw. liquid_frac: the share of its heat that leaves it in a
    liquid. needs_liquid_ready: machines must be made for it. pue: of a site that is cooled so;
    None where nobody says it.
    """

    up_to_kw: Positive
    liquid_frac: Share
    pue: Annotated[float, msgspec.Meta(ge=1)] | None = None
    needs_liquid_ready: bool = False


class Floor(Sourced, frozen=True, kw_only=True):
    """A floor: kg for each m², and kg under one foot; foot_kg None is not known."""

    kg_per_m2: Positive
    foot_kg: Positive | None = None


RECORDS: dict[str, type[msgspec.Struct]] = {
    "delivery_stage": Stage,
    "breakers": Breakers,
    "metal": Metal,
    "bus_bar": BusBar,
    "coolant": Coolant,
    "cooling": Cooling,
    "floor": Floor,
}
"""Kinds whose rows are records as they are written."""


def stage(name: str) -> Stage:
    """The stage called `name`; CatalogError with the nearest names."""
    return row(FILE, "delivery_stage", Stage, "delivery stage", name)


def chain(name: str) -> Chain:
    """The delivery chain called `name` (`208v`, `48v`, `800vdc`); CatalogError with the nearest."""
    return look_up("delivery chain", name, _chains())


def bus_bar(name: str) -> BusBar:
    """The bus bar called `name`; CatalogError with the nearest names."""
    return row(FILE, "bus_bar", BusBar, "bus bar", name)


def coolant(name: str) -> Coolant:
    """The coolant called `name`; CatalogError with the nearest names."""
    return row(FILE, "coolant", Coolant, "coolant", name)


def cooling(name: str) -> Cooling:
    """The way to cool called `name`; CatalogError with the nearest names."""
    return row(FILE, "cooling", Cooling, "way to cool", name)


def floor(name: str) -> Floor:
    """The floor called `name`; CatalogError with the nearest names."""
    return row(FILE, "floor", Floor, "floor", name)


def metal(name: str) -> Metal:
    """The metal called `name`; CatalogError with the nearest names."""
    return row(FILE, "metal", Metal, "metal", name)


def breakers(series: str) -> Breakers:
    """The series of breakers called `series` (`nec`, `iec`); CatalogError with the nearest names."""
    return row(FILE, "breakers", Breakers, "series of breakers", series)


@cache
def chains() -> tuple[Chain, ...]:
    """Every delivery chain, in the order of the table."""
    return every(_chains())


@cache
def coolings() -> tuple[Cooling, ...]:
    """Every way to cool, the simplest first."""
    return read_rows(FILE, "cooling", Cooling)


@cache
def floors() -> tuple[Floor, ...]:
    """Every floor of the table."""
    return read_rows(FILE, "floor", Floor)


@cache
def conductors() -> tuple[Conductor, ...]:
    """Every conductor, thinnest first."""
    found = (_conductor(wire) for wire in read_rows(FILE, "conductor", ConductorRow))
    return tuple(sorted(found, key=lambda wire: wire.area_m2))


def check() -> None:
    """Read every table, so that what is wrong in a user's file is found; CatalogError for that."""
    chains()
    conductors()
    for kind, record in RECORDS.items():
        read_rows(FILE, kind, record)


def _conductor(wire: ConductorRow) -> Conductor:
    return Conductor(
        wire.name,
        wire.area_mm2 * M2_PER_MM2,
        wire.copper_a,
        wire.aluminium_a,
        wire.breaker_a,
        wire.aluminium_breaker_a,
    )


@cache
def _chains() -> dict[str, Named[Chain]]:
    return by_every_name(FILE, "delivery_chain", ChainRow, _chain)


def _chain(made: ChainRow) -> Chain:
    stages = tuple(map(stage, made.stages))
    return Chain(made.name, made.feed_v, made.phases, made.bus_v, stages, made.stated)
