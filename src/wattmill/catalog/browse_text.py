"""What `catalog.browse` found, as tables for a terminal; sources are numbered below the tables."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from wattmill.catalog.browse import ApiLine, Price, Sheet
from wattmill.catalog.browse_cells import (
    HEADINGS,
    notes_of,
    number_of,
    quoted,
    sources_of,
    table_of,
    usd_of,
    value_of,
)

API_PRICES = tuple(key for key in HEADINGS if key.endswith("_usd_per_mtok"))


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
    return [*parts, sources_of(sources)]


def _headline(sheet: Sheet) -> Text:
    also = f" (also {', '.join(sheet.aliases)})" if sheet.aliases else ""
    kind = {"api": "prices of an API", "market": "prices"}.get(sheet.kind, sheet.kind)
    instead = ", in place of the package's row" if sheet.replaces else ""
    yours = f"\nfrom your catalog file{instead}: {sheet.place}" if sheet.is_yours else ""
    return Text(sheet.name, "bold").append(f"{also}: {kind}{yours}", "not bold")


def _figures(sheet: Sheet, sources: dict[str, int]) -> Table:
    has_notes = any(figure.is_stale for figure in sheet.figures)
    notes = ["note"] if has_notes else []
    table = table_of("figure", "value>", "unit", "as of", "sure", *notes, "source>")
    for figure in sheet.figures:
        name, said = figure.label, (figure.as_of, figure.confidence)
        value = str(figure.value) if name == "year" else value_of(figure.value)
        note = [notes_of(stale=figure.is_stale)] if has_notes else []
        number = number_of(figure.source, sources)
        table.add_row(name, value, figure.unit, *said, *note, number)
    return table


def _prices(prices: Sequence[Price], sources: dict[str, int]) -> Table:
    table = table_of("price", "value>", "unit", "for", "as of", "sure", "note", "source>")
    last = prices[0].what
    for price in prices:
        if price.what != last:
            table.add_section()
            last = price.what
        table.add_row(
            quoted(price.what),
            usd_of(price.value),
            price.unit,
            price.terms,
            price.as_of,
            price.confidence,
            notes_of(stale=price.is_stale, yours=price.is_yours),
            number_of(price.source, sources),
        )
    return table


def _api_prices(lines: Sequence[ApiLine], sources: dict[str, int]) -> Text:
    """The offers one below the other, under their names, in columns of one width."""
    known = [key for key in API_PRICES if any(getattr(line, key) is not None for line in lines)]
    headings = ("as of", *(HEADINGS[key] for key in known), "sure", "note", "source")
    rows = [
        (
            line.as_of,
            *(value_of(getattr(line, key)) for key in known),
            line.confidence,
            _apinotes_of(line),
            number_of(line.source, sources),
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


def _apinotes_of(line: ApiLine) -> str:
    is_stale = line.is_in_force and line.is_stale
    return notes_of(replaced=not line.is_in_force, stale=is_stale, yours=line.is_yours)
