"""List prices of APIs that sell tokens: what a pool of one's own is held against."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Annotated, Any, Literal

import msgspec

from wattmill.catalog.names import plain
from wattmill.catalog.staleness import first_day
from wattmill.catalog.table import Entry, entries, read_rows, refuse
from wattmill.catalog.user_file import user_rows

UsdPerMtok = Annotated[float, msgspec.Meta(ge=0)]


class ApiPrice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """USD per million tokens of one model at one provider, from a day on.

    `open_model` is the catalog's name of the model, where its weights are open.
    `cached_input` None is a provider without a price for cached input, `cache_write` None one that
    asks nothing extra for filling the cache, `batch` None one without a price for answers by the
    next day. Prices are those of the shortest context, where a longer one costs more.
    """

    name: str
    provider: str
    input_usd_per_mtok: UsdPerMtok
    output_usd_per_mtok: UsdPerMtok
    source: str
    as_of: str
    open_model: str | None = None
    cached_input_usd_per_mtok: UsdPerMtok | None = None
    cache_write_usd_per_mtok: UsdPerMtok | None = None
    batch_input_usd_per_mtok: UsdPerMtok | None = None
    batch_output_usd_per_mtok: UsdPerMtok | None = None
    confidence: Literal["low", "medium", "high"] = "high"


def api_prices(at: date | str | None = None) -> tuple[ApiPrice, ...]:
    """The price of every model at every provider: the newest, or the one in force on the day `at`.

    A price is taken to be in force until a newer one of the same model and provider is known.
    """
    return _in_force(first_day(at) if isinstance(at, str) else at)


@cache
def _in_force(day: date | None) -> tuple[ApiPrice, ...]:
    newest: dict[str, ApiPrice] = {}
    for price in api_price_history():
        if day is None or first_day(price.as_of) <= day:
            newest[_offer(price.provider, price.name)] = price
    return tuple(newest.values())


def api_prices_of(open_model: str, at: date | str | None = None) -> tuple[ApiPrice, ...]:
    """The prices of an open model by its catalog name; none is an empty tuple."""
    wanted = plain(open_model)
    return tuple(p for p in api_prices(at) if p.open_model and plain(p.open_model) == wanted)


@cache
def api_price_history() -> tuple[ApiPrice, ...]:
    """Every price of the catalog, those of one model and provider oldest first.

    A user's rows replace the package's of the same model at the same provider, with their history.
    """
    prices = read_rows("api_prices.toml", "api", ApiPrice, _identity)
    for entry, price in zip(_entries(), prices, strict=True):
        _check(entry, price)
    return tuple(sorted(prices, key=lambda price: first_day(price.as_of)))


def is_yours(price: ApiPrice) -> bool:
    """Whether the price is from the user's catalog file."""
    wanted = _offer(price.provider, price.name)
    return any(_identity(row) == wanted for row in user_rows("api"))


def _entries() -> tuple[Entry, ...]:
    return entries("api_prices.toml", "api", _identity)


def _identity(row: Mapping[str, Any]) -> str:
    return _offer(str(row.get("provider")), str(row.get("name")))


def _offer(provider: str, name: str) -> str:
    return f"{plain(provider)}/{plain(name)}"


def _check(entry: Entry, price: ApiPrice) -> None:
    cached = price.cached_input_usd_per_mtok
    if cached is not None and cached > price.input_usd_per_mtok:
        said = f"{price.name}: cached input at {cached} costs more than {price.input_usd_per_mtok} uncached"
        hint = "are they the wrong way round?"
        raise refuse(entry, said, hint=hint, key="cached_input_usd_per_mtok")
