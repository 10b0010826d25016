"""Links between accelerators, hosts and racks: the line rate of each, in SI units."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Annotated, Literal

import msgspec

from wattmill.catalog.table import NAMES, Named, by_every_name, look_up, read_rows
from wattmill.catalog.units import GIGA

Kind = Literal["scale-up", "host", "scale-out", "desk", "package"]
Confidence = Literal["high", "medium", "low"]
Positive = Annotated[float, msgspec.Meta(gt=0)]
Several = Annotated[int, msgspec.Meta(ge=2)]

MICRO = 1e-6


class Latency(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Microseconds of a small message, with where and when they were seen."""

    value: Positive
    source: str
    as_of: str
    confidence: Confidence = "low"


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row of links.toml, in the units of data sheets."""

    name: str
    kind: Kind
    generation: str
    gb_per_s: Positive
    source: str
    as_of: str
    aliases: tuple[str, ...] = ()
    max_devices: Several | None = None
    latency_us: Latency | None = None
    confidence: Confidence = "high"


class Link(msgspec.Struct, frozen=True):
    """One kind of wire between devices.

    bytes_per_s: what one device can send while it receives as much; the line rate, which no
    collective reaches. latency_s: of a few bytes, without a collective library; None is unknown.
    generation: links with the same one differ only in width or in how many devices they join.
    max_devices: in one domain; None is as many as the switches allow.
    """

    name: str
    kind: Kind
    generation: str
    bytes_per_s: float
    latency_s: float | None
    max_devices: int | None
    source: str
    as_of: str
    confidence: Confidence


@cache
def links() -> tuple[Link, ...]:
    """Every link of the catalog."""
    return tuple(_from_sheet(row) for row in read_rows("links.toml", "link", Row))


@cache
def _by_name() -> dict[str, Named[Link]]:
    return by_every_name("links.toml", "link", Row, _from_sheet)


@lru_cache(NAMES)
def link(name: str) -> Link:
    """The link called `name`; CatalogError with the nearest names."""
    return look_up("link", name, _by_name())


def _from_sheet(row: Row) -> Link:
    return Link(
        name=row.name,
        kind=row.kind,
        generation=row.generation,
        bytes_per_s=row.gb_per_s * GIGA,
        latency_s=row.latency_us.value * MICRO if row.latency_us else None,
        max_devices=row.max_devices,
        source=row.source,
        as_of=row.as_of,
        confidence=row.confidence,
    )
