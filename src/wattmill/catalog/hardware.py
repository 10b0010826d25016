"""Accelerators and machines: what the data sheet says, in SI units."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Annotated, Literal

import msgspec

from wattmill.catalog.links import Confidence, Link, Positive, Several, link
from wattmill.catalog.names import nearest, plain, unbranded
from wattmill.catalog.table import NAMES, Named, by_every_name, look_up, read_rows
from wattmill.catalog.units import GIB, GIGA, TERA
from wattmill.core.errors import CatalogError

NO_LINK = "none"
COUNT = re.compile(r"\s*(?:([0-9]{1,5})\s*[x\u00d7*]\s*)?(\S.*?)\s*", re.IGNORECASE)


Form = Literal["sxm", "oam", "pcie", "superchip", "module", "soc", "socket", "wafer"]
Status = Literal["sold", "announced"]
NumberFormat = Literal["fp4", "fp8", "int8", "bf16", "fp16", "fp32"]
Rates = Annotated[dict[NumberFormat, Positive], msgspec.Meta(min_length=1)]

WIDER: dict[str, tuple[str, ...]] = {
    "fp4": ("fp4", "fp8", "bf16", "fp16", "fp32"),
    "fp8": ("fp8", "bf16", "fp16", "fp32"),
    "int8": ("int8", "bf16", "fp16", "fp32"),
    "bf16": ("bf16", "fp16", "fp32"),
    "fp16": ("fp16", "bf16", "fp32"),
    "fp32": ("fp32",),
}
"""What a chip computes in when it lacks a format: the first of these that it has."""


class Quoted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One figure that is not on the data sheet, with where and when it was seen."""

    value: Positive
    source: str
    as_of: str
    confidence: Confidence = "low"


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row of accelerators.toml, in the units of data sheets."""

    name: str
    vendor: str
    family: str
    memory_gib: Positive
    bandwidth_gb_per_s: Positive
    tflops: Rates
    tdp_w: Positive
    idle_w: Quoted
    host_w: Quoted
    link: str
    source: str
    as_of: str
    aliases: tuple[str, ...] = ()
    confidence: Confidence = "high"
    year: int | None = None
    form: Form | None = None
    status: Status = "sold"
    sram_gib: Positive | None = None
    link_gb_per_s: Positive | None = None
    link_devices: Several | None = None

    def __post_init__(self) -> None:
        if self.idle_w.value >= self.tdp_w:
            raise ValueError(f"idle_w = {self.idle_w.value} is not less than tdp_w = {self.tdp_w}")


class Accelerator(msgspec.Struct, frozen=True):
    """One card, or one machine where compute and memory are one piece.

    flops_per_s: dense operations per second by number format, a multiply-add counted as two.
    tdp_w: the board, or the chip's package where there is no board. idle_w: loaded and waiting.
    host_w: its share of the host (processors, fans, network, conversion) when it is busy.
    link: the way to its neighbours by its name in `catalog.links`, or `none`. link_bytes_per_s: per
    direction; None without a link. link_devices: how many one domain joins; None is any number.
    sram_bytes: on-chip memory that software places data in, where that is stated.
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
    source: str
    as_of: str
    confidence: Confidence
    year: int | None = None
    form: Form | None = None
    status: Status = "sold"
    sram_bytes: float | None = None
    link_bytes_per_s: float | None = None
    link_devices: int | None = 1

    @property
    def price_usd(self) -> float | None:
        """What one costs a buyer by the newest quote of `catalog.market`; None is unknown."""
        from wattmill.catalog.market import price_usd  # here: speed needs no prices

        return price_usd(self.name)

    def rate_flops_per_s(self, number_format: NumberFormat) -> float:
        """Dense rate of a product whose operands are in this format (`bf16`, `fp8`, `int8`, ...).

        A chip without the format takes the next wider one that it has, as engines do. CatalogError
        for another format, or where the maker stated no such rate.
        """
        if number_format not in WIDER:
            raise CatalogError(
                f"{number_format!r} is no number format", hint=nearest(number_format, WIDER)
            )
        stated = [f for f in WIDER[number_format] if f in self.flops_per_s]
        if not stated:
            raise CatalogError(
                f"no rate of {self.name} in {number_format} or wider is known",
                hint="known are: " + ", ".join(self.flops_per_s),
            )
        return self.flops_per_s[stated[0]]


class Hardware(msgspec.Struct, frozen=True):
    """So many of one accelerator: `4x L40S`."""

    count: int
    accelerator: Accelerator

    def __str__(self) -> str:
        return f"{self.count}x {self.accelerator.name}"


@cache
def accelerators() -> tuple[Accelerator, ...]:
    """Every accelerator of the catalog."""
    return tuple(_from_sheet(row) for row in read_rows("accelerators.toml", "accelerator", Row))


@cache
def _by_name() -> dict[str, Named[Accelerator]]:
    return by_every_name("accelerators.toml", "accelerator", Row, _from_sheet, _key)


@lru_cache(NAMES)
def accelerator(name: str) -> Accelerator:
    """The accelerator called `name`, brand words or not; CatalogError with the nearest names."""
    return look_up("accelerator", unbranded(name), _by_name())


def _key(name: str) -> str:
    return plain(unbranded(name))


def hardware(text: str) -> Hardware:
    """`4x L40S`, `H100-SXM` or `cpu` as so many of one accelerator; CatalogError otherwise."""
    found = COUNT.fullmatch(text)
    count = int(found[1] or 1) if found else 0
    if not found or count < 1:
        raise CatalogError(f"{text!r} is no hardware", hint='write it like "4x L40S"')
    return Hardware(count, accelerator(found[2]))


def _from_sheet(row: Row) -> Accelerator:
    wire = link(row.link) if row.link != NO_LINK else None
    return Accelerator(
        name=row.name,
        vendor=row.vendor,
        family=row.family,
        memory_bytes=row.memory_gib * GIB,
        bandwidth_bytes_per_s=row.bandwidth_gb_per_s * GIGA,
        flops_per_s={number_format: rate * TERA for number_format, rate in row.tflops.items()},
        tdp_w=row.tdp_w,
        idle_w=row.idle_w.value,
        host_w=row.host_w.value,
        link=row.link,
        source=row.source,
        as_of=row.as_of,
        confidence=row.confidence,
        year=row.year,
        form=row.form,
        status=row.status,
        sram_bytes=row.sram_gib * GIB if row.sram_gib else None,
        link_bytes_per_s=_link_bytes_per_s(row, wire),
        link_devices=row.link_devices or (wire.max_devices if wire else 1),
    )


def _link_bytes_per_s(row: Row, wire: Link | None) -> float | None:
    if wire is None:
        return None
    return row.link_gb_per_s * GIGA if row.link_gb_per_s else wire.bytes_per_s
