"""The catalog to look at: everything that is known of one name, with source, date and age."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import cache

import msgspec

from wattmill.catalog import apis, electrical, facilities, market
from wattmill.catalog.apis import ApiPrice
from wattmill.catalog.figures import Figure as Figure
from wattmill.catalog.figures import figures
from wattmill.catalog.hardware import accelerators
from wattmill.catalog.kinds import KINDS, OF_MANY_DATES, SITE
from wattmill.catalog.links import links
from wattmill.catalog.models import models
from wattmill.catalog.names import plain, unbranded
from wattmill.catalog.staleness import staleness
from wattmill.catalog.systems import systems
from wattmill.catalog.table import Entry, by_name, by_region, entries, unknown
from wattmill.catalog.user_file import user_rows

FILES = {kind.name: kind.file for kind in KINDS.values() if kind.name not in OF_MANY_DATES}
"""Kinds with one row for each thing; prices are rows of `api` and `quote` beside them."""

PRICED = ("accelerator", "system", "grid")
"""Kinds that quotes are of."""


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
    if any(user_rows(kind) for kind in SITE):
        electrical.check()
        facilities.check()


def rows_of(kind: str) -> tuple[Entry, ...]:
    """Every row of a kind of FILES as it is written, with where it is from."""
    return entries(FILES[kind], kind, by_region if KINDS[kind].key == "region" else by_name)


def _named(wanted: str) -> list[tuple[str, Entry]]:
    return _by_key().get(wanted, [])


@cache
def _by_key() -> dict[str, list[tuple[str, Entry]]]:
    found: dict[str, list[tuple[str, Entry]]] = {}
    for kind in FILES:
        for entry in rows_of(kind):
            for key in _keys(entry):
                found.setdefault(key, []).append((kind, entry))
    return found


def _keys(entry: Entry) -> set[str]:
    row = entry.row
    names = (_name(entry), *row.get("aliases", ()))
    with_maker = (f"{row['vendor']} {name}" for name in names if "vendor" in row)
    return {_key(name) for name in (*names, *with_maker)}


def _name(entry: Entry) -> str:
    return str(entry.row[KINDS[entry.kind].key])


def _key(name: str) -> str:
    return plain(unbranded(name))


def _sheet(kind: str, entry: Entry, today: date) -> Sheet:
    name, keys = _name(entry), _keys(entry)
    is_priced = kind in PRICED and not keys.isdisjoint(_quoted())
    return Sheet(
        kind=kind,
        name=name,
        aliases=tuple(entry.row.get("aliases", ())),
        is_yours=entry.is_yours,
        place=entry.place(),
        replaces=entry.replaces,
        figures=tuple(figures(entry.row, KINDS[kind], today)),
        prices=_prices(name, today) if is_priced else (),
        api_prices=_api_lines(lambda p: _is_of(p, keys), today) if kind == "model" else (),
    )


def _is_of(price: ApiPrice, keys: set[str]) -> bool:
    return _key(price.open_model or price.name) in keys


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
    found = [entry for kind in FILES for entry in rows_of(kind)]
    names = [name for entry in found for name in (_name(entry), *entry.row.get("aliases", ()))]
    names += [price.name for price in apis.api_prices()]
    return {name: name for name in (*names, *_quoted().values())}
