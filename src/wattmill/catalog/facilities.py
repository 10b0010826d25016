"""What places cost, how long they take, and what power they have: dated rows with sources.

Buildings, lead times, rules and fees of colocation, carbon of grids, own generation and storage.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

import msgspec

from wattmill.catalog.names import plain
from wattmill.catalog.sourced import (
    Amount,
    Dated,
    Efficiency,
    Positive,
    Share,
    Sourced,
    ordered,
    row,
)
from wattmill.catalog.table import by_region, read_rows, unknown

FILE = "facilities.toml"

Per = Literal["mw_it", "mw", "rack", "m2", "frac"]


class Build(Sourced, frozen=True, kw_only=True):
    """What room costs in USD, or `frac` of another cost where per is `frac`.

    per: what of; mw_it counts megawatts of machines, mw those at the meter. rack_kw: what one such
    rack can carry.
    """

    region: str
    kind: Literal["new", "retrofit", "premium"]
    per: Per
    usd: Positive | None = None
    frac: Positive | None = None
    rack_kw: Positive | None = None

    def __post_init__(self) -> None:
        if (self.usd is None) == (self.frac is None) or (self.frac is not None) != (
            self.per == "frac"
        ):
            raise ValueError("it takes usd, or frac where per is frac")


class LeadTime(Sourced, frozen=True, kw_only=True):
    """Months from order to ready: lowest, likeliest and highest."""

    kind: Literal["equipment", "build", "grid", "generation"]
    months: tuple[Amount, Amount, Amount]
    region: str = ""

    def __post_init__(self) -> None:
        ordered("months", *self.months)


class Attrition(Sourced, frozen=True, kw_only=True):
    """Share of applications that reach the end."""

    done_frac: Share


class ColoFee(Sourced, frozen=True, kw_only=True):
    """What is charged, from low to high, in `unit`."""

    unit: Literal["usd_per_kw_month", "usd_per_month", "usd_per_hour"]
    low: Amount
    high: Amount

    def __post_init__(self) -> None:
        ordered("low, high", self.low, self.high)

    @property
    def middle(self) -> float:
        """Halfway between low and high, for a first guess."""
        return (self.low + self.high) / 2


class ColoRule(Sourced, frozen=True, kw_only=True):
    """Which deployments a class of colocation takes; liquid None is that it has none."""

    air_kw_per_rack: Positive
    least_kw: Amount
    liquid_kw_per_rack: Positive | None = None


class Grid(Dated, frozen=True, kw_only=True):
    """Grams of CO2 per kWh of a region. Compare only rows of one basis."""

    region: str
    g_per_kwh: Amount
    basis: Literal["combustion", "lifecycle"]


class Fuel(Sourced, frozen=True, kw_only=True):
    """A fuel by its heat (HHV)."""

    usd_per_mmbtu: Amount
    kg_co2_per_mmbtu: Amount


class Generator(Sourced, frozen=True, kw_only=True):
    """A way to make power. availability_frac: share of the year's hours at full power it can give."""

    kind: Literal["thermal", "nuclear", "solar"]
    capital_usd_per_kw: Positive
    fixed_usd_per_kw_year: Amount
    variable_usd_per_mwh: Amount
    availability_frac: Efficiency
    life_years: Positive
    fuel: str | None = None
    heat_rate_btu_per_kwh: Positive | None = None

    def __post_init__(self) -> None:
        if self.fuel is not None and self.heat_rate_btu_per_kwh is None:
            raise ValueError("a fuel needs heat_rate_btu_per_kwh")


class Storage(Sourced, frozen=True, kw_only=True):
    """A way to keep energy; costs are per kWh that it holds, None is not known."""

    round_trip_frac: Efficiency
    capital_usd_per_kwh: Positive | None = None
    fixed_usd_per_kwh_year: Amount | None = None
    life_years: Positive | None = None


RECORDS: dict[str, type[msgspec.Struct]] = {
    "build": Build,
    "lead_time": LeadTime,
    "attrition": Attrition,
    "colo_fee": ColoFee,
    "colo_rule": ColoRule,
    "fuel": Fuel,
    "generator": Generator,
    "storage": Storage,
}
"""Kinds whose rows have a name; a grid has a region."""


@cache
def builds() -> tuple[Build, ...]:
    """Every cost of a building."""
    return read_rows(FILE, "build", Build)


@cache
def lead_times() -> tuple[LeadTime, ...]:
    """Every lead time."""
    return read_rows(FILE, "lead_time", LeadTime)


@cache
def colo_rules() -> tuple[ColoRule, ...]:
    """Every class of colocation."""
    return read_rows(FILE, "colo_rule", ColoRule)


@cache
def generators() -> tuple[Generator, ...]:
    """Every way to make power."""
    return read_rows(FILE, "generator", Generator)


@cache
def grids() -> tuple[Grid, ...]:
    """Every grid whose carbon is known."""
    return read_rows(FILE, "grid", Grid, by_region)


def check() -> None:
    """Read every table, so that what is wrong in a user's file is found; CatalogError for that."""
    grids()
    for kind, record in RECORDS.items():
        read_rows(FILE, kind, record)


def build(name: str) -> Build:
    """The cost called `name`; CatalogError with the nearest names, as for all that follow."""
    return row(FILE, "build", Build, "building cost", name)


def lead_time(name: str) -> LeadTime:
    """The lead time called `name`."""
    return row(FILE, "lead_time", LeadTime, "lead time", name)


def attrition(name: str) -> Attrition:
    """The share of applications called `name`."""
    return row(FILE, "attrition", Attrition, "attrition", name)


def colo_fee(name: str) -> ColoFee:
    """The fee called `name`."""
    return row(FILE, "colo_fee", ColoFee, "colocation fee", name)


def colo_rule(name: str) -> ColoRule:
    """The class of colocation called `name`."""
    return row(FILE, "colo_rule", ColoRule, "class of colocation", name)


def fuel(name: str) -> Fuel:
    """The fuel called `name`."""
    return row(FILE, "fuel", Fuel, "fuel", name)


def generator(name: str) -> Generator:
    """The generator called `name`."""
    return row(FILE, "generator", Generator, "generator", name)


def storage(name: str) -> Storage:
    """The storage called `name`."""
    return row(FILE, "storage", Storage, "storage", name)


def grid(region: str) -> Grid:
    """The grid of a region: a country or state (ISO 3166), or a market such as ERCOT."""
    found = _grids().get(plain(region))
    if found is None:
        names = {each.region: each.region for each in grids()}
        raise unknown(f"carbon of the grid of {region!r}", region, names)
    return found


@cache
def _grids() -> dict[str, Grid]:
    return {plain(each.region): each for each in grids()}
