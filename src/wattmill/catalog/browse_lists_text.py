"""What `catalog.browse_lists` found, as a table for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from wattmill.catalog.browse_cells import (
    HEADINGS,
    is_number,
    notes_of,
    number_of,
    quoted,
    sources_of,
    table_of,
    value_of,
)
from wattmill.catalog.browse_lists import LISTS, Listing
from wattmill.catalog.figures import label_of, unit_in
from wattmill.catalog.kinds import SITE

FLAGS = ("is_stale", "price_is_stale", "is_yours")
"""What becomes a word in the column of notes."""

HIDDEN = ("vendor", "open_model", "rack_units", "quotes", "confidence")
"""Too wide beside the rest; in the JSON."""

SAID = ("name", "source", "as_of", "confidence", *FLAGS)
"""What has a column of its own in the lists of a site's tables."""

CAPTIONS = {
    "accelerators": "TFLOP/s: dense, 16 bit. USD: the newest price, new or used.",
    "apis": "USD per million tokens, prices in force.",
    "market": "The newest quote of each.",
}


def listing_screen(found: Listing, user_file: str) -> RenderableType:
    """The rows, what is stale or the user's own marked; without a kind also where their file is."""
    if not found.rows:
        return Text("none")
    if LISTS.get(found.what) in SITE:
        return _site_screen(found)
    keys = [key for key in found.rows[0] if key not in (*FLAGS, *HIDDEN)]
    kept = [key for key in keys if any(row[key] not in (None, "") for row in found.rows)]
    numbers = {key for key in kept if any(is_number(row[key]) for row in found.rows)}
    headings = [HEADINGS.get(key, key.replace("_", " ")) for key in kept]
    has_flags = any(row.get(flag) for row in found.rows for flag in FLAGS)
    table = table_of(
        *(h + (">" if key in numbers else "") for key, h in zip(kept, headings, strict=True)),
        *(["note"] if has_flags else []),
    )
    for row in found.rows:
        stale = row.get("is_stale") or row.get("price_is_stale")
        notes = notes_of(stale=bool(stale), yours=bool(row.get("is_yours")))
        cells = (quoted(row[key]) if key == "what" else value_of(row[key]) for key in kept)
        table.add_row(*cells, *([notes] if has_flags else []))
    below = [CAPTIONS[found.what]] if found.what in CAPTIONS else []
    if found.what == "catalog":
        below.append(f"your catalog file: {user_file}")
    return Group(table, *(Text(line) for line in below))


def _site_screen(found: Listing) -> RenderableType:
    """A row of a site's tables in one line: its figures with their units, date and source."""
    sources: dict[str, int] = {}
    table = table_of("name", "figures", "as of", "sure", "note", "source>")
    for row in found.rows:
        notes = notes_of(stale=row["is_stale"], yours=row["is_yours"])
        said = (row["as_of"], row["confidence"], notes, number_of(row["source"], sources))
        table.add_row(row["name"], "; ".join(_figures(row)), *said)
    return Group(table, sources_of(sources))


def _figures(row: Mapping[str, Any]) -> list[str]:
    kept = {key: row[key] for key in row if key not in SAID and row[key] not in (None, "")}
    return [
        f"{label_of(key)} {value_of(value)} {unit_in(row, key)}".rstrip()
        for key, value in kept.items()
        if not isinstance(value, dict)
    ]
