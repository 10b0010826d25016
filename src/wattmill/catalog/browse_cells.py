"""The cells of what the catalog shows on a terminal: numbers, notes, headings, numbered sources."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.table import Table

UNKNOWN = "-"

HEADINGS = {
    "memory_gib": "GiB",
    "bandwidth_gb_per_s": "GB/s",
    "tflops_16bit": "TFLOP/s",
    "tdp_w": "W",
    "price_usd": "USD",
    "price_what": "sold",
    "price_as_of": "as of",
    "as_of": "as of",
    "params": "weights",
    "active_params": "active",
    "max_context_tokens": "context",
    "gb_per_s": "GB/s",
    "latency_us": "\u00b5s",
    "max_devices": "devices",
    "max_w": "max W",
    "input_usd_per_mtok": "input",
    "cached_input_usd_per_mtok": "cached",
    "cache_write_usd_per_mtok": "write",
    "output_usd_per_mtok": "output",
    "batch_input_usd_per_mtok": "batch in",
    "batch_output_usd_per_mtok": "out",
}

WRAPPED = ("name", "value", "for", "terms", "hardware", "link", "figures")
"""Columns that give way where the terminal is narrow."""


def table_of(*headings: str) -> Table:
    """A plain table; a heading that ends in `>` is of numbers."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in headings:
        is_right = heading.endswith(">")
        table.add_column(
            heading.removesuffix(">"),
            justify="right" if is_right else "left",
            no_wrap=heading.removesuffix(">") not in WRAPPED,
            overflow="fold",
        )
    return table


def notes_of(**flags: bool) -> str:
    """The words of those flags that are set."""
    return ", ".join(word for word, is_set in flags.items() if is_set)


def is_number(value: Any) -> bool:
    """Whether it is a figure, not a word or yes or no."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def value_of(value: Any) -> str:
    """A cell: 131,072, 0.0028, 70.6e9, yes, or a word."""
    if value is None or value == "":
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(value_of, value))
    if not is_number(value):
        return str(value)
    if abs(value) >= 1e6:
        return f"{value / 1e9:.4g}e9" if abs(value) >= 1e9 else f"{value / 1e6:.4g}e6"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"


def usd_of(value: float) -> str:
    """A price with as many digits as it was printed with, two at least below a thousand."""
    if value >= 1000:
        return f"{value:,.6g}"
    return max(f"{value:.2f}", f"{value:.6g}", key=len)


def quoted(what: str) -> str:
    """What a quote is of, without the unit."""
    return what.partition("_usd")[0]


def number_of(source: str, sources: dict[str, int]) -> str:
    """The number of a source in the list below the tables, which takes it in."""
    return str(sources.setdefault(source, len(sources) + 1))


def sources_of(sources: dict[str, int]) -> Table:
    """The list below the tables: a number and a source in each line."""
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 1, 0, 0))
    table.add_column(justify="right")
    table.add_column(overflow="fold")
    for source, number in sources.items():
        table.add_row(str(number), source)
    table.add_row("", "")
    return table
