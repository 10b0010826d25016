"""Systems that are bought whole: nodes, racks and desk machines, with what they draw at the wall."""

from __future__ import annotations

from functools import cache, partial
from typing import Annotated, Literal

import msgspec

from wattmill.catalog.hardware import Hardware, Quoted, Status, accelerator
from wattmill.catalog.links import Confidence, Link, Positive, link
from wattmill.catalog.names import plain
from wattmill.catalog.table import Named, look_up, read_rows
from wattmill.catalog.units import GIB

Cooling = Literal["air", "liquid"]
Count = Annotated[int, msgspec.Meta(ge=1)]


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row of systems.toml, in the units of data sheets."""

    name: str
    vendor: str
    accelerator: str
    count: Count
    cooling: Cooling
    source: str
    as_of: str
    aliases: tuple[str, ...] = ()
    link: str | None = None
    scale_out: str | None = None
    scale_out_count: Count | None = None
    cpu: str | None = None
    host_memory_gib: Positive | None = None
    max_w: Quoted | None = None
    typical_w: Quoted | None = None
    rack_units: Count | None = None
    weight_kg: Positive | None = None
    status: Status = "sold"
    confidence: Confidence = "high"


class System(msgspec.Struct, frozen=True):
    """One chassis, rack or desk machine.

    link joins its accelerators, scale_out (so many ports) joins it to others; None is no such link.
    max_w: the most it draws at the wall, or in direct current where a rack takes that. typical_w:
    while it serves a language model, as measured. Both are quoted with their own source.
    host_memory_bytes: memory of the processors; where the accelerator shares it, it is there alone.
    """

    name: str
    vendor: str
    hardware: Hardware
    link: Link | None
    scale_out: Link | None
    scale_out_count: int
    cpu: str | None
    host_memory_bytes: float | None
    max_w: Quoted | None
    typical_w: Quoted | None
    rack_units: int | None
    cooling: Cooling
    weight_kg: float | None
    status: Status
    source: str
    as_of: str
    confidence: Confidence

    @property
    def scale_out_bytes_per_s(self) -> float:
        """Line rate of all its ports to other systems, per direction; 0 without any."""
        return self.scale_out_count * self.scale_out.bytes_per_s if self.scale_out else 0.0


@cache
def systems() -> tuple[System, ...]:
    """Every system of the catalog."""
    return tuple(_from_sheet(row) for row in _rows())


@cache
def _rows() -> tuple[Row, ...]:
    return read_rows("systems.toml", "system", Row)


@cache
def _by_name() -> dict[str, Named[System]]:
    found: dict[str, Named[System]] = {}
    for row, system in zip(_rows(), systems(), strict=True):
        named = Named(row.name, partial(_same, system))
        for name in (row.name, *row.aliases):
            found |= {plain(name): named, plain(f"{row.vendor} {name}"): named}
    return found


def _same(system: System) -> System:
    return system


def system(name: str) -> System:
    """The system called `name`, its maker's name or not; CatalogError with the nearest names."""
    return look_up("system", name, _by_name())


def _from_sheet(row: Row) -> System:
    return System(
        name=row.name,
        vendor=row.vendor,
        hardware=Hardware(row.count, accelerator(row.accelerator)),
        link=link(row.link) if row.link else None,
        scale_out=link(row.scale_out) if row.scale_out else None,
        scale_out_count=row.scale_out_count or (1 if row.scale_out else 0),
        cpu=row.cpu,
        host_memory_bytes=row.host_memory_gib * GIB if row.host_memory_gib else None,
        max_w=row.max_w,
        typical_w=row.typical_w,
        rack_units=row.rack_units,
        cooling=row.cooling,
        weight_kg=row.weight_kg,
        status=row.status,
        source=row.source,
        as_of=row.as_of,
        confidence=row.confidence,
    )
