"""The catalog to look at: everything that is known of one name, and what there is of each kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from functools import cache
from typing import Any

import msgspec

from wattmill.catalog import apis, market
from wattmill.catalog.apis import ApiPrice
from wattmill.catalog.hardware import accelerators, unbranded
from wattmill.catalog.links import links
from wattmill.catalog.models import models
from wattmill.catalog.names import nearest, plain
from wattmill.catalog.staleness import staleness
from wattmill.catalog.systems import systems
from wattmill.catalog.table import Entry, entries, unknown
from wattmill.catalog.user_file import user_catalog_path, user_rows
from wattmill.core.errors import CatalogError

FILES = {
    "accelerator": "accelerators.toml",
    "system": "systems.toml",
    "model": "models.toml",
    "link": "links.toml",
}
"""Kinds with one row for each thing; prices are rows of `api` and `quote` beside them."""

LISTS = {
    "accelerators": "accelerator",
    "models": "model",
    "links": "link",
    "systems": "system",
    "apis": "api",
    "market": "quote",
}
"""What can be listed, and the kind of its rows."""

UNITS = {
    "_gib": "GiB",
    "_gb_per_s": "GB/s",
    "_usd_per_mtok": "USD/Mtok",
    "_tokens": "tokens",
    "_kg": "kg",
    "_us": "\u00b5s",
    "_w": "W",
    "_bits": "bits",
    "_params": "weights",
}
NOT_A_FIGURE = ("name", "aliases", "source", "as_of", "confidence")


class Figure(msgspec.Struct, frozen=True):
    """One figure or word of a row as its file says it; `name` is the key, `unit` what that says."""

    name: str
    value: Any
    unit: str
    source: str
    as_of: str
    confidence: str


class Price(msgspec.Struct, frozen=True):
    """One quote with its age."""

    what: str
    value: float
    unit: str
    terms: str
    source: str
    as_of: str
    confidence: str
    age_days: int
    is_stale: bool
    is_yours: bool


class ApiLine(msgspec.Struct, frozen=True):
    """One API price with its age; `is_in_force` until a newer one of the same offer is known."""

    provider: str
    name: str
    input_usd_per_mtok: float
    cached_input_usd_per_mtok: float | None
    cache_write_usd_per_mtok: float | None
    output_usd_per_mtok: float
    batch_input_usd_per_mtok: float | None
    batch_output_usd_per_mtok: float | None
    source: str
    as_of: str
    confidence: str
    age_days: int
    is_in_force: bool
    is_stale: bool
    is_yours: bool


class Sheet(msgspec.Struct, frozen=True):
    """All about one name. place: file and line of a row of the user's; replaces: one of the package.

    kind: of its row; "api" and "market" are names with prices and no row. prices: by what they are
    of, oldest first. api_prices: by provider and name, oldest first.
    """

    kind: str
    name: str
    aliases: tuple[str, ...]
    is_yours: bool
    place: str = ""
    replaces: bool = False
    figures: tuple[Figure, ...] = ()
    prices: tuple[Price, ...] = ()
    api_prices: tuple[ApiLine, ...] = ()


class Listing(msgspec.Struct, frozen=True):
    """Rows of one kind with the same keys, units in the keys."""

    what: str
    rows: tuple[dict[str, Any], ...]


# --- one name -------------------------------------------------------------------------------------


def sheets(name: str, today: date) -> tuple[Sheet, ...]:
    """Everything called `name`, of whatever kind; CatalogError with the nearest names of all."""
    check()
    wanted = _key(name)
    found = [_sheet(kind, entry, today) for kind, entry in _named(wanted)]
    if not any(sheet.kind == "model" for sheet in found):
        offers = _api_lines(lambda price: wanted in _api_keys(price), today)
        if offers:
            found.append(Sheet("api", offers[0].name, (), False, api_prices=offers))
    if not found:
        prices = _prices(name, today) if wanted in _quoted() else ()
        if prices:
            found.append(Sheet("market", _quoted()[wanted], (), False, prices=prices))
    if not found:
        raise unknown(f"{name!r}", name, _all_names())
    return tuple(found)


def check() -> None:
    """Read every table, so that what is wrong in a user's file is found; CatalogError for that."""
    for read in (accelerators, systems, models, links, apis.api_price_history, market.all_quotes):
        read()


def _named(wanted: str) -> list[tuple[str, Entry]]:
    return _by_key().get(wanted, [])


@cache
def _by_key() -> dict[str, list[tuple[str, Entry]]]:
    found: dict[str, list[tuple[str, Entry]]] = {}
    for kind, file in FILES.items():
        for entry in entries(file, kind):
            for key in _keys(entry):
                found.setdefault(key, []).append((kind, entry))
    return found


def _keys(entry: Entry) -> set[str]:
    row = entry.row
    names = (row["name"], *row.get("aliases", ()))
    with_maker = (f"{row['vendor']} {name}" for name in names if "vendor" in row)
    return {_key(name) for name in (*names, *with_maker)}


def _key(name: str) -> str:
    return plain(unbranded(name))


def _sheet(kind: str, entry: Entry, today: date) -> Sheet:
    name = entry.row["name"]
    keys = _keys(entry)
    return Sheet(
        kind=kind,
        name=name,
        aliases=tuple(entry.row.get("aliases", ())),
        is_yours=entry.is_yours,
        place=entry.place(),
        replaces=entry.replaces,
        figures=tuple(_figures(entry.row)),
        prices=_prices(name, today) if kind in ("accelerator", "system") else (),
        api_prices=_api_lines(lambda p: _is_of(p, keys), today) if kind == "model" else (),
    )


def _is_of(price: ApiPrice, keys: set[str]) -> bool:
    return _key(price.open_model or price.name) in keys


def _figures(row: dict[str, Any]) -> Iterable[Figure]:
    own = {"source": row["source"], "as_of": row["as_of"]}
    own["confidence"] = row.get("confidence", "high")
    for key, value in row.items():
        if key in NOT_A_FIGURE:
            continue
        if not isinstance(value, dict):
            yield Figure(key, value, _unit(key), **own)
        elif "value" in value:
            quoted = {"confidence": "low"} | {k: v for k, v in value.items() if k != "value"}
            yield Figure(key, value["value"], _unit(key), **quoted)
        else:
            for inner, figure in value.items():
                yield Figure(f"{key}.{inner}", figure, _unit(key), **own)


def _unit(key: str) -> str:
    if key == "tflops":
        return "TFLOP/s"
    return next((unit for ending, unit in UNITS.items() if f"_{key}".endswith(ending)), "")


def _prices(name: str, today: date) -> tuple[Price, ...]:
    return tuple(
        _price(quote, today) for what in market.UNIT_KEYS for quote in market.quotes(name, what)
    )


def _price(quote: market.Quote, today: date) -> Price:
    age = staleness(quote.as_of, quote.what, today)
    return Price(
        what=quote.what,
        value=quote.value,
        unit=quote.unit,
        terms=quote.terms,
        source=quote.source,
        as_of=quote.as_of,
        confidence=quote.confidence,
        age_days=age.age_days,
        is_stale=age.is_stale,
        is_yours=quote.is_yours,
    )


def _api_lines(wanted: Callable[[ApiPrice], bool], today: date) -> tuple[ApiLine, ...]:
    """The wanted prices by offer, oldest first; a name may sell another model by now."""
    in_force = apis.api_prices()
    found = [price for price in apis.api_price_history() if wanted(price)]
    found.sort(key=lambda price: (plain(price.provider), plain(price.name)))
    return tuple(_api_line(price, price in in_force, today) for price in found)


def _api_line(price: ApiPrice, is_in_force: bool, today: date) -> ApiLine:
    age = staleness(price.as_of, "api", today)
    shared = set(ApiLine.__struct_fields__) & set(ApiPrice.__struct_fields__)
    return ApiLine(
        **{field: getattr(price, field) for field in shared},
        age_days=age.age_days,
        is_in_force=is_in_force,
        is_stale=age.is_stale,
        is_yours=apis.is_yours(price),
    )


def _api_keys(price: ApiPrice) -> set[str]:
    """How people ask for an offer: by name, with the provider, or without the maker in its path."""
    return {
        _key(price.name),
        _key(f"{price.provider} {price.name}"),
        _key(f"{price.provider}/{price.name}"),
        _key(price.name.rpartition("/")[2]),
    }


@cache
def _quoted() -> dict[str, str]:
    return {_key(quote.of): quote.of for quote in market.all_quotes()}


def _all_names() -> dict[str, str]:
    """What to show for each name that is known, aliases for themselves."""
    rows = [entry.row for kind, file in FILES.items() for entry in entries(file, kind)]
    names = [name for row in rows for name in (row["name"], *row.get("aliases", ()))]
    names += [price.name for price in apis.api_prices()]
    return {name: name for name in (*names, *_quoted().values())}


# --- lists ----------------------------------------------------------------------------------------


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
    if what not in lines:
        hint = nearest(what, LISTS)
        raise CatalogError(f"{what!r} is nothing that the catalog lists", hint=hint)
    return Listing(what, tuple(lines[what](today)))


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
        dates = [entry.row["as_of"] for entry in entries(FILES[kind], kind)]
    return {
        "list": name,
        "rows": len(dates),
        "yours": len(user_rows(kind)),
        "oldest": min(dates, default=""),
        "newest": max(dates, default=""),
    }


def _yours(kind: str) -> set[str]:
    return {entry.row["name"] for entry in entries(FILES[kind], kind) if entry.is_yours}


def _accelerator_lines(today: date) -> Iterable[dict[str, Any]]:
    yours = _yours("accelerator")
    for row in (entry.row for entry in entries(FILES["accelerator"], "accelerator")):
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
