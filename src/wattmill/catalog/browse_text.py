"""What `catalog.browse` found, as tables for a terminal; sources are numbered below the tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from wattmill.catalog.browse import ApiLine, Figure, Listing, Price, Sheet

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
API_PRICES = tuple(key for key in HEADINGS if key.endswith("_usd_per_mtok"))
FLAGS = ("is_stale", "price_is_stale", "is_yours")
"""What becomes a word in the column of notes."""

HIDDEN = ("vendor", "open_model", "rack_units", "quotes", "confidence")
"""Too wide beside the rest; in the JSON."""

WRAPPED = ("name", "for", "terms", "hardware", "link")
"""Columns that give way where the terminal is narrow."""

CAPTIONS = {
    "accelerators": "TFLOP/s: dense, 16 bit. USD: the newest price, new or used.",
    "apis": "USD per million tokens, prices in force.",
    "market": "The newest quote of each.",
}


# --- one name -------------------------------------------------------------------------------------


def sheets_screen(found: Sequence[Sheet]) -> RenderableType:
    """Every figure and price with unit, date, confidence and the number of its source."""
    return Group(*(part for sheet in found for part in _sheet(sheet)))


def _sheet(sheet: Sheet) -> list[RenderableType]:
    sources: dict[str, int] = {}
    parts: list[RenderableType] = [_headline(sheet)]
    if sheet.figures:
        parts.append(_figures(sheet, sources))
    if sheet.prices:
        parts.append(_prices(sheet.prices, sources))
    if sheet.api_prices:
        parts.append(_api_prices(sheet.api_prices, sources))
    return [*parts, _sources(sources)]


def _headline(sheet: Sheet) -> Text:
    also = f" (also {', '.join(sheet.aliases)})" if sheet.aliases else ""
    kind = {"api": "prices of an API", "market": "prices"}.get(sheet.kind, sheet.kind)
    instead = ", in place of the package's row" if sheet.replaces else ""
    yours = f"\nfrom your catalog file{instead}: {sheet.place}" if sheet.is_yours else ""
    return Text(sheet.name, "bold").append(f"{also}: {kind}{yours}", "not bold")


def _figures(sheet: Sheet, sources: dict[str, int]) -> Table:
    table = _table("figure", "value>", "unit", "as of", "sure", "source>")
    for figure in sheet.figures:
        name = _label(figure)
        number = _number_of(figure.source, sources)
        value = str(figure.value) if name == "year" else _value(figure.value)
        table.add_row(name, value, figure.unit, figure.as_of, figure.confidence, number)
    return table


def _label(figure: Figure) -> str:
    """The key of a figure without the unit, which has a column of its own."""
    unit = figure.unit.lower().replace("/", "_per_").replace("\u00b5", "u")
    name = f"_{figure.name}".removesuffix(f"_{unit}").strip("_")
    return name.replace("_", " ") or "rate"


def _prices(prices: Sequence[Price], sources: dict[str, int]) -> Table:
    table = _table("price", "value>", "unit", "for", "as of", "sure", "note", "source>")
    last = prices[0].what
    for price in prices:
        if price.what != last:
            table.add_section()
            last = price.what
        table.add_row(
            _what(price.what),
            _usd(price.value),
            price.unit,
            price.terms,
            price.as_of,
            price.confidence,
            _notes(stale=price.is_stale, yours=price.is_yours),
            _number_of(price.source, sources),
        )
    return table


def _api_prices(lines: Sequence[ApiLine], sources: dict[str, int]) -> Text:
    """The offers one below the other, under their names, in columns of one width."""
    known = [key for key in API_PRICES if any(getattr(line, key) is not None for line in lines)]
    headings = ("as of", *(HEADINGS[key] for key in known), "sure", "note", "source")
    rows = [
        (
            line.as_of,
            *(_value(getattr(line, key)) for key in known),
            line.confidence,
            _api_notes(line),
            _number_of(line.source, sources),
        )
        for line in lines
    ]
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    left = [heading in ("as of", "sure", "note") for heading in headings]
    text = Text("\n USD per million tokens\n")
    text.append(f" {_line(headings, widths, left)}\n", "bold")
    text.append(" " + "\u2500" * (sum(widths) + 2 * len(widths) - 2))
    last = ""
    for line, row in zip(lines, rows, strict=True):
        offer = f"{line.provider}: {line.name}"
        text.append("" if offer == last else f"\n {offer}", "italic")
        text.append(f"\n {_line(row, widths, left)}")
        last = offer
    return text.append("\n")


def _line(cells: Sequence[str], widths: Sequence[int], left: Sequence[bool]) -> str:
    columns = zip(cells, widths, left, strict=True)
    return "  ".join(cell.ljust(n) if is_left else cell.rjust(n) for cell, n, is_left in columns)


def _api_notes(line: ApiLine) -> str:
    is_stale = line.is_in_force and line.is_stale
    return _notes(replaced=not line.is_in_force, stale=is_stale, yours=line.is_yours)


def _number_of(source: str, sources: dict[str, int]) -> str:
    return str(sources.setdefault(source, len(sources) + 1))


def _sources(sources: dict[str, int]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 1, 0, 0))
    table.add_column(justify="right")
    table.add_column(overflow="fold")
    for source, number in sources.items():
        table.add_row(str(number), source)
    table.add_row("", "")
    return table


# --- lists ----------------------------------------------------------------------------------------


def listing_screen(found: Listing, user_file: str) -> RenderableType:
    """The rows, what is stale or the user's own marked; without a kind also where their file is."""
    if not found.rows:
        return Text("none")
    keys = [key for key in found.rows[0] if key not in (*FLAGS, *HIDDEN)]
    kept = [key for key in keys if any(row[key] not in (None, "") for row in found.rows)]
    numbers = {key for key in kept if any(_is_number(row[key]) for row in found.rows)}
    headings = [HEADINGS.get(key, key.replace("_", " ")) for key in kept]
    has_flags = any(row.get(flag) for row in found.rows for flag in FLAGS)
    table = _table(
        *(h + (">" if key in numbers else "") for key, h in zip(kept, headings, strict=True)),
        *(["note"] if has_flags else []),
    )
    for row in found.rows:
        stale = row.get("is_stale") or row.get("price_is_stale")
        notes = _notes(stale=bool(stale), yours=bool(row.get("is_yours")))
        cells = (_what(row[key]) if key == "what" else _value(row[key]) for key in kept)
        table.add_row(*cells, *([notes] if has_flags else []))
    below = [CAPTIONS[found.what]] if found.what in CAPTIONS else []
    if found.what == "catalog":
        below.append(f"your catalog file: {user_file}")
    return Group(table, *(Text(line) for line in below))


def _what(what: str) -> str:
    """What a quote is of, without the unit."""
    return what.partition("_usd")[0]


# --- cells ----------------------------------------------------------------------------------------


def _table(*headings: str) -> Table:
    """A plain table; a heading that ends in `>` is of numbers."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in headings:
        is_number = heading.endswith(">")
        table.add_column(
            heading.removesuffix(">"),
            justify="right" if is_number else "left",
            no_wrap=heading not in WRAPPED,
            overflow="fold",
        )
    return table


def _notes(**flags: bool) -> str:
    return ", ".join(word for word, is_set in flags.items() if is_set)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _value(value: Any) -> str:
    """A cell: 131,072, 0.0028, 70.6e9, yes, or a word."""
    if value is None or value == "":
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(_value, value))
    if not _is_number(value):
        return str(value)
    if abs(value) >= 1e6:
        return f"{value / 1e9:.4g}e9" if abs(value) >= 1e9 else f"{value / 1e6:.4g}e6"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"


def _usd(value: float) -> str:
    """A price with as many digits as it was printed with, two at least below a thousand."""
    if value >= 1000:
        return f"{value:,.6g}"
    return max(f"{value:.2f}", f"{value:.6g}", key=len)
