"""List prices of APIs that sell tokens: what a pool of one's own is held against."""

from __future__ import annotations

from functools import cache

import msgspec

from wattmill.catalog.names import plain
from wattmill.catalog.table import read_rows


class ApiPrice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """USD per million tokens of one model at one provider.

    `open_model` is the catalog's name of the model, where its weights are open.
    `cached_input` None is a provider without a price for cached input.
    """

    name: str
    provider: str
    input_usd_per_mtok: float
    output_usd_per_mtok: float
    source: str
    as_of: str
    open_model: str | None = None
    cached_input_usd_per_mtok: float | None = None
    confidence: str = "high"


@cache
def api_prices() -> tuple[ApiPrice, ...]:
    """Every API price of the catalog."""
    return read_rows("api_prices.toml", "api", ApiPrice)


def api_prices_of(open_model: str) -> tuple[ApiPrice, ...]:
    """The prices of an open model by its catalog name; none is an empty tuple."""
    wanted = plain(open_model)
    return tuple(p for p in api_prices() if p.open_model and plain(p.open_model) == wanted)
