"""What there is of each kind: rows with the same keys, for a list on a screen or as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

import msgspec

from wattmill.catalog import apis, market
from wattmill.catalog.browse import check, rows_of
from wattmill.catalog.figures import NOT_A_FIGURE
from wattmill.catalog.kinds import KINDS
from wattmill.catalog.links import links
from wattmill.catalog.models import models
from wattmill.catalog.names import nearest, plain
from wattmill.catalog.staleness import staleness
from wattmill.catalog.systems import systems
from wattmill.catalog.user_file import user_catalog_path, user_rows
from wattmill.core.errors import CatalogError

LISTS = {kind.listed: kind.name for kind in KINDS.values()}
"""What can be listed, and the kind of its rows."""


class Listing(msgspec.Struct, frozen=True):
    """Rows of one kind with the same keys, units in the keys."""

    what: str
    rows: tuple[dict[str, Any], ...]


def listing(what: str | None, today: date) -> Listing:
    """All rows of one of LISTS, or how many there are of each; CatalogError for other words."""
    check()
    if what is None:
        return Listing("catalog", tuple(_count(name, kind) for name, kind in LISTS.items()))
    lines: dict[str, Callable[[date], Iterable[dict[str, Any]]]] = {
        "accelerators": _accelerator_lines,
        "models": _model_lines,
        "links": _link_lines,
        "systems": _system_lines,
        "apis": _offer_lines,
        "market": _market_lines,
    }
    if what in lines:
        return Listing(what, tuple(lines[what](today)))
    if what not in LISTS:
        hint = nearest(what, LISTS)
        raise CatalogError(f"{what!r} is nothing that the catalog lists", hint=hint)
    return Listing(what, tuple(_site_lines(LISTS[what], today)))


def user_file() -> str:
    """Where the user's catalog file is, or would be."""
    path = user_catalog_path()
    return f"{path}" if path.exists() else f"{path} (there is none)"


def _count(name: str, kind: str) -> dict[str, Any]:
    if kind == "api":
        dates = [price.as_of for price in apis.api_price_history()]
    elif kind == "quote":
        dates = [quote.as_of for quote in market.all_quotes()]
    else:
        dates = [entry.row["as_of"] for entry in rows_of(kind)]
    return {
        "list": name,
        "rows": len(dates),
        "yours": len(user_rows(kind)),
        "oldest": min(dates, default=""),
        "newest": max(dates, default=""),
    }


def _yours(kind: str) -> set[str]:
    return {entry.row["name"] for entry in rows_of(kind) if entry.is_yours}


def _accelerator_lines(today: date) -> Iterable[dict[str, Any]]:
    yours = _yours("accelerator")
    for row in (entry.row for entry in rows_of("accelerator")):
        quote = market.price_quote(row["name"])
        tflops = row["tflops"]
        yield {
            "name": row["name"],
            "vendor": row["vendor"],
            "memory_gib": row["memory_gib"],
            "bandwidth_gb_per_s": row["bandwidth_gb_per_s"],
            "tflops_16bit": tflops.get("bf16", tflops.get("fp16")),
            "tdp_w": row["tdp_w"],
            "price_usd": quote.value if quote else None,
            "price_what": quote.what if quote else None,
            "price_as_of": quote.as_of if quote else None,
            "price_is_stale": quote and staleness(quote.as_of, quote.what, today).is_stale,
            "is_yours": row["name"] in yours,
        }


def _model_lines(today: date) -> Iterable[dict[str, Any]]:
    yours = _yours("model")
    for model in models():
        yield {
            "name": model.name,
            "params": model.params,
            "active_params": model.active_params,
            "layers": model.layers,
            "hidden": model.hidden,
            "max_context_tokens": model.max_context_tokens,
            "as_of": model.as_of,
            "is_yours": model.name in yours,
        }


def _link_lines(today: date) -> Iterable[dict[str, Any]]:
    yours = _yours("link")
    for link in links():
        yield {
            "name": link.name,
            "kind": link.kind,
            "gb_per_s": link.bytes_per_s / 1e9,
            "latency_us": None if link.latency_s is None else link.latency_s * 1e6,
            "max_devices": link.max_devices,
            "as_of": link.as_of,
            "is_yours": link.name in yours,
        }


def _system_lines(today: date) -> Iterable[dict[str, Any]]:
    yours = _yours("system")
    for system in systems():
        yield {
            "name": system.name,
            "hardware": str(system.hardware),
            "link": system.link.name if system.link else None,
            "max_w": system.max_w.value if system.max_w else None,
            "cooling": system.cooling,
            "rack_units": system.rack_units,
            "as_of": system.as_of,
            "is_yours": system.name in yours,
        }


def _offer_lines(today: date) -> Iterable[dict[str, Any]]:
    for price in sorted(apis.api_prices(), key=lambda p: (plain(p.provider), plain(p.name))):
        yield {
            "provider": price.provider,
            "name": price.name,
            "open_model": price.open_model,
            "input_usd_per_mtok": price.input_usd_per_mtok,
            "cached_input_usd_per_mtok": price.cached_input_usd_per_mtok,
            "output_usd_per_mtok": price.output_usd_per_mtok,
            "as_of": price.as_of,
            "is_stale": staleness(price.as_of, "api", today).is_stale,
            "is_yours": apis.is_yours(price),
        }


def _market_lines(today: date) -> Iterable[dict[str, Any]]:
    """The newest quote of every thing and kind."""
    newest = {(quote.of, quote.what): quote for quote in market.all_quotes()}
    counts: dict[tuple[str, str], int] = {}
    for quote in market.all_quotes():
        counts[quote.of, quote.what] = counts.get((quote.of, quote.what), 0) + 1
    for subject, quote in newest.items():
        yield {
            "of": quote.of,
            "what": quote.what,
            "value": quote.value,
            "unit": quote.unit,
            "terms": quote.terms,
            "quotes": counts[subject],
            "as_of": quote.as_of,
            "confidence": quote.confidence,
            "is_stale": staleness(quote.as_of, quote.what, today).is_stale,
            "is_yours": quote.is_yours,
        }


def _site_lines(kind: str, today: date) -> Iterable[dict[str, Any]]:
    """Rows of electrical.toml and facilities.toml as they are written, with the same keys in each."""
    found = rows_of(kind)
    about = KINDS[kind].key
    keys = dict.fromkeys(key for entry in found for key in entry.row)
    shown = [key for key in keys if key not in (*NOT_A_FIGURE, about)]
    for entry in found:
        row = entry.row
        yield {
            "name": row[about],
            **{key: row.get(key) for key in shown},
            "source": row["source"],
            "as_of": row["as_of"],
            "confidence": row.get("confidence", "low"),
            "is_stale": staleness(row["as_of"], KINDS[kind].ages_as, today).is_stale,
            "is_yours": entry.is_yours,
        }
