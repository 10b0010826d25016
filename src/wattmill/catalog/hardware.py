"""Accelerators and machines: what the data sheet says, in SI units."""

from __future__ import annotations

import re
from functools import cache

import msgspec

from wattmill.catalog.names import plain
from wattmill.catalog.table import look_up, read_rows
from wattmill.catalog.units import GIB, GIGA, TERA
from wattmill.core.errors import CatalogError

BRAND = re.compile(r"\b(nvidia|geforce|amd|instinct|radeon|apple|intel|generation)\b", re.I)
COUNT = re.compile(r"\s*(?:([0-9]{1,5})\s*[x\u00d7*]\s*)?(\S.*?)\s*", re.IGNORECASE)


class Quoted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One figure that is not on the data sheet, with where and when it was seen."""

    value: float
    source: str
    as_of: str
    confidence: str = "low"


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row of accelerators.toml, in the units of data sheets."""

    name: str
    vendor: str
    family: str
    memory_gib: float
    bandwidth_gb_per_s: float
    tflops: dict[str, float]
    tdp_w: float
    idle_w: Quoted
    host_w: Quoted
    link: str
    source: str
    as_of: str
    aliases: tuple[str, ...] = ()
    price_usd: Quoted | None = None
    confidence: str = "high"


class Accelerator(msgspec.Struct, frozen=True):
    """One card, or one machine where compute and memory are one piece.

    flops_per_s: dense operations per second by number format, a multiply-add counted as two.
    tdp_w: the board, or the chip's package where there is no board. idle_w: loaded and waiting.
    host_w: its share of the host (processors, fans, network, conversion) when it is busy.
    """

    name: str
    vendor: str
    family: str
    memory_bytes: float
    bandwidth_bytes_per_s: float
    flops_per_s: dict[str, float]
    tdp_w: float
    idle_w: float
    host_w: float
    link: str
    price_usd: float | None
    source: str
    as_of: str
    confidence: str


class Hardware(msgspec.Struct, frozen=True):
    """So many of one accelerator: `4x L40S`."""

    count: int
    accelerator: Accelerator

    def __str__(self) -> str:
        return f"{self.count}x {self.accelerator.name}"


@cache
def accelerators() -> tuple[Accelerator, ...]:
    """Every accelerator of the catalog."""
    return tuple(_from_sheet(row) for row in _rows())


@cache
def _rows() -> tuple[Row, ...]:
    return read_rows("accelerators.toml", "accelerator", Row)


@cache
def _by_name() -> dict[str, Accelerator]:
    found: dict[str, Accelerator] = {}
    for row, accelerator in zip(_rows(), accelerators(), strict=True):
        found |= {plain(name): accelerator for name in (row.name, *row.aliases)}
    return found


def accelerator(name: str) -> Accelerator:
    """The accelerator called `name`, brand words or not; CatalogError with the nearest names."""
    return look_up("accelerator", BRAND.sub("", name), _by_name())


def hardware(text: str) -> Hardware:
    """`4x L40S`, `H100-SXM` or `cpu` as so many of one accelerator; CatalogError otherwise."""
    found = COUNT.fullmatch(text)
    count = int(found[1] or 1) if found else 0
    if not found or count < 1:
        raise CatalogError(f"{text!r} is no hardware", hint='write it like "4x L40S"')
    return Hardware(count, accelerator(found[2]))


def _from_sheet(row: Row) -> Accelerator:
    return Accelerator(
        name=row.name,
        vendor=row.vendor,
        family=row.family,
        memory_bytes=row.memory_gib * GIB,
        bandwidth_bytes_per_s=row.bandwidth_gb_per_s * GIGA,
        flops_per_s={precision: rate * TERA for precision, rate in row.tflops.items()},
        tdp_w=row.tdp_w,
        idle_w=row.idle_w.value,
        host_w=row.host_w.value,
        link=row.link,
        price_usd=row.price_usd.value if row.price_usd else None,
        source=row.source,
        as_of=row.as_of,
        confidence=row.confidence,
    )
