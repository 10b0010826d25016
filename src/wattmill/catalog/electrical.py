"""Delivery chains, conductors, breakers, coolants, ways to cool and floors, in SI units.

A row may not be replaced by a catalog file of one's own yet; what differs goes into the factory file.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from wattmill.catalog.links import Confidence
from wattmill.catalog.table import Named, by_every_name, look_up, read_rows

FILE = "electrical.toml"
M2_PER_MM2 = 1e-6
CONDUCTOR_SOURCE = (
    "NFPA 70 (NEC) 2023, table 310.16 at 75 °C, 240.4(D); areas of chapter 9, table 8"
)

R = TypeVar("R", bound=msgspec.Struct)

Positive = Annotated[float, msgspec.Meta(gt=0)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Efficiency = Annotated[float, msgspec.Meta(gt=0, le=1)]
Phases = Literal[0, 1, 3]
Side = Literal["facility", "it"]


class _Sourced(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every row has: who says so, as of which month, and how sure that is."""

    name: str
    source: str
    as_of: str
    confidence: Confidence = "low"
    aliases: tuple[str, ...] = ()


class Stage(_Sourced, frozen=True, kw_only=True):
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


class Stated(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody says that a whole chain gives, low to high."""

    low_frac: Efficiency
    high_frac: Efficiency
    source: str
    as_of: str
    confidence: Confidence = "low"


class ChainRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A chain as it is written: stages by name."""

    name: str
    feed_v: Positive
    phases: Phases
    bus_v: Positive
    stages: tuple[str, ...]
    aliases: tuple[str, ...] = ()
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


class ConductorRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row of the table of conductors, in mm²."""

    name: str
    area_mm2: Positive
    copper_a: Positive
    aluminium_a: Positive | None = None
    breaker_a: Positive | None = None


class Conductor(msgspec.Struct, frozen=True):
    """A wire of a size: its cross-section, and the current that it carries for ever at 75 °C.

    aluminium_a: None where it is not made of aluminium. breaker_a: the most that the code lets
    protect a small one; None is no limit but its ampacity.
    """

    name: str
    area_m2: float
    copper_a: float
    aluminium_a: float | None
    breaker_a: float | None


class Breakers(_Sourced, frozen=True, kw_only=True):
    """Ratings in which breakers are sold, A; continuous_frac: how much of one may flow for hours."""

    sizes_a: tuple[float, ...]
    continuous_frac: Efficiency


class Metal(_Sourced, frozen=True, kw_only=True):
    """Resistivity at 20 °C, its rise for each kelvin, and density."""

    resistivity_ohm_m: Positive
    per_k: Positive
    kg_per_m3: Positive


class BusBar(_Sourced, frozen=True, kw_only=True):
    """A bus bar inside a rack."""

    volts: Positive
    amps: Positive


class Coolant(_Sourced, frozen=True, kw_only=True):
    """A liquid at 40 °C."""

    kg_per_m3: Positive
    j_per_kg_k: Positive


class Cooling(_Sourced, frozen=True, kw_only=True):
    """A way to cool racks.

    up_to_kw: the most that a rack may draw. liquid_frac: the share of its heat that leaves it in a
    liquid. needs_liquid_ready: machines must be made for it. pue: of a site that is cooled so;
    None where nobody says it.
    """

    up_to_kw: Positive
    liquid_frac: Share
    pue: Annotated[float, msgspec.Meta(ge=1)] | None = None
    needs_liquid_ready: bool = False


class Floor(_Sourced, frozen=True, kw_only=True):
    """A floor: kg for each m², and kg under one foot; foot_kg None is not known."""

    kg_per_m2: Positive
    foot_kg: Positive | None = None


def stage(name: str) -> Stage:
    """The stage called `name`; CatalogError with the nearest names."""
    return _row("delivery stage", name, "delivery_stage", Stage)


def chain(name: str) -> Chain:
    """The delivery chain called `name` (`208v`, `48v`, `800vdc`); CatalogError with the nearest."""
    return _chain(_row("delivery chain", name, "delivery_chain", ChainRow))


def bus_bar(name: str) -> BusBar:
    """The bus bar called `name`; CatalogError with the nearest names."""
    return _row("bus bar", name, "bus_bar", BusBar)


def coolant(name: str) -> Coolant:
    """The coolant called `name`; CatalogError with the nearest names."""
    return _row("coolant", name, "coolant", Coolant)


def cooling(name: str) -> Cooling:
    """The way to cool called `name`; CatalogError with the nearest names."""
    return _row("way to cool", name, "cooling", Cooling)


def floor(name: str) -> Floor:
    """The floor called `name`; CatalogError with the nearest names."""
    return _row("floor", name, "floor", Floor)


def metal(name: str) -> Metal:
    """The metal called `name`; CatalogError with the nearest names."""
    return _row("metal", name, "metal", Metal)


def breakers(series: str) -> Breakers:
    """The series of breakers called `series` (`nec`, `iec`); CatalogError with the nearest names."""
    return _row("series of breakers", series, "breakers", Breakers)


@cache
def chains() -> tuple[Chain, ...]:
    """Every delivery chain, in the order of the table."""
    return tuple(_chain(row) for row in read_rows(FILE, "delivery_chain", ChainRow))


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
    found = (_conductor(row) for row in read_rows(FILE, "conductor", ConductorRow))
    return tuple(sorted(found, key=lambda wire: wire.area_m2))


def _conductor(row: ConductorRow) -> Conductor:
    return Conductor(
        row.name, row.area_mm2 * M2_PER_MM2, row.copper_a, row.aluminium_a, row.breaker_a
    )


def _chain(row: ChainRow) -> Chain:
    stages = tuple(map(stage, row.stages))
    return Chain(row.name, row.feed_v, row.phases, row.bus_v, stages, row.stated)


def _row(what: str, name: str, kind: str, record: type[R]) -> R:
    found: R = look_up(what, name, _named(kind, record))
    return found


@cache
def _named(kind: str, record: Any) -> dict[str, Named[Any]]:
    return by_every_name(FILE, kind, record, _same)


def _same(row: R) -> R:
    return row
