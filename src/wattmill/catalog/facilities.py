"""What places cost, how long they take, and what power they have: dated rows with sources.

Buildings, lead times, rules and fees of colocation, carbon of grids, own generation and storage.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Literal, TypeVar

import msgspec

from wattmill.catalog.links import Confidence, Positive
from wattmill.catalog.names import plain
from wattmill.catalog.table import Named, by_every_name, look_up, read_rows, unknown

T = TypeVar("T", bound=msgspec.Struct)

FILE = "facilities.toml"

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Amount = Annotated[float, msgspec.Meta(ge=0)]
Per = Literal["mw_it", "mw", "rack", "m2", "frac"]


class Build(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What room costs in USD, or `frac` of another cost where per is `frac`.

    per: what of; mw_it counts megawatts of machines, mw those at the meter. rack_kw: what one such
    rack can carry.
    """

    name: str
    region: str
    kind: Literal["new", "retrofit", "premium"]
    per: Per
    source: str
    as_of: str
    confidence: Confidence
    usd: Positive | None = None
    frac: Positive | None = None
    rack_kw: Positive | None = None
    terms: str = ""


class LeadTime(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Months from order to ready: lowest, likeliest and highest."""

    name: str
    kind: Literal["equipment", "build", "grid", "generation"]
    months: tuple[Amount, Amount, Amount]
    source: str
    as_of: str
    confidence: Confidence
    region: str = ""
    terms: str = ""


class Attrition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Share of applications that reach the end."""

    name: str
    done_frac: Share
    source: str
    as_of: str
    confidence: Confidence
    terms: str = ""


class ColoFee(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is charged, from low to high, in `unit`."""

    name: str
    unit: Literal["usd_per_kw_month", "usd_per_month", "usd_per_hour"]
    low: Amount
    high: Amount
    source: str
    as_of: str
    confidence: Confidence
    terms: str = ""

    @property
    def middle(self) -> float:
        """Halfway between low and high, for a first guess."""
        return (self.low + self.high) / 2


class ColoRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which deployments a class of colocation takes; liquid None is that it has none."""

    name: str
    air_kw_per_rack: Positive
    least_kw: Amount
    source: str
    as_of: str
    confidence: Confidence
    liquid_kw_per_rack: Positive | None = None
    terms: str = ""


class Grid(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Grams of CO2 per kWh of a region. Compare only rows of one basis."""

    region: str
    g_per_kwh: Amount
    basis: Literal["combustion", "lifecycle"]
    source: str
    as_of: str
    confidence: Confidence
    terms: str = ""


class Fuel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A fuel by its heat (HHV)."""

    name: str
    usd_per_mmbtu: Amount
    kg_co2_per_mmbtu: Amount
    source: str
    as_of: str
    confidence: Confidence
    terms: str = ""


class Generator(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A way to make power. availability_frac: share of the year's hours at full power it can give."""

    name: str
    kind: Literal["thermal", "nuclear", "solar"]
    capital_usd_per_kw: Positive
    fixed_usd_per_kw_year: Amount
    variable_usd_per_mwh: Amount
    availability_frac: Share
    life_years: Positive
    source: str
    as_of: str
    confidence: Confidence
    fuel: str | None = None
    heat_rate_btu_per_kwh: Positive | None = None
    terms: str = ""


class Storage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A way to keep energy; costs are per kWh that it holds, None is not known."""

    name: str
    round_trip_frac: Share
    source: str
    as_of: str
    confidence: Confidence
    capital_usd_per_kwh: Positive | None = None
    fixed_usd_per_kwh_year: Amount | None = None
    life_years: Positive | None = None
    terms: str = ""


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
    return read_rows(FILE, "grid", Grid, lambda row: plain(str(row.get("region", ""))))


def build(name: str) -> Build:
    """The cost called `name`; CatalogError with the nearest names, as for all that follow."""
    return look_up("building cost", name, _named("build", Build))


def lead_time(name: str) -> LeadTime:
    """The lead time called `name`."""
    return look_up("lead time", name, _named("lead_time", LeadTime))


def attrition(name: str) -> Attrition:
    """The share of applications called `name`."""
    return look_up("attrition", name, _named("attrition", Attrition))


def colo_fee(name: str) -> ColoFee:
    """The fee called `name`."""
    return look_up("colocation fee", name, _named("colo_fee", ColoFee))


def colo_rule(name: str) -> ColoRule:
    """The class of colocation called `name`."""
    return look_up("class of colocation", name, _named("colo_rule", ColoRule))


def fuel(name: str) -> Fuel:
    """The fuel called `name`."""
    return look_up("fuel", name, _named("fuel", Fuel))


def generator(name: str) -> Generator:
    """The generator called `name`."""
    return look_up("generator", name, _named("generator", Generator))


def storage(name: str) -> Storage:
    """The storage called `name`."""
    return look_up("storage", name, _named("storage", Storage))


def grid(region: str) -> Grid:
    """The grid of a region: a country or state (ISO 3166), or a market such as ERCOT."""
    known = {plain(row.region): row for row in grids()}
    if plain(region) not in known:
        names = {row.region: row.region for row in grids()}
        raise unknown(f"carbon of the grid of {region!r}", region, names)
    return known[plain(region)]


def _named(kind: str, record: type[T]) -> dict[str, Named[T]]:
    return by_every_name(FILE, kind, record, lambda row: row)
