"""What a factory file lays out for a choice: demand, offers, hardware one could have, and changes."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from wattmill.catalog.factory.meter_prices import Prices

OFFER_KINDS = ("rent", "buy", "lease", "api", "hybrid")
"""What can be done to serve a demand."""

CHANGE_KINDS = ("distill", "finetune", "cache", "quantise", "rag", "second-node")
"""What can be done to a factory that serves already."""


class Demand(msgspec.Struct, frozen=True):
    """The tokens that are asked for in a month of today, and in which shape they come.

    `cached_frac` is the share of prompt tokens that a prefix cache can find. The busiest hour is
    `peak_to_mean` times the mean one. `ttft_ms` and `tpot_ms` are what users will wait.
    """

    input_mtok_per_month: float | None = None
    output_mtok_per_month: float | None = None
    cached_frac: float = 0.0
    peak_to_mean: float = 3.0
    growth_frac_per_year: float = 0.0
    isl: int = 1000
    osl: int = 300
    ttft_ms: float | None = None
    tpot_ms: float | None = None


class Offer(msgspec.Struct, frozen=True):
    """One way to serve the demand, as it was offered.

    `usd` buys all of it, `usd_per_month` leases all of it, `usd_per_hour` rents one card; None is
    the catalog's price. `billed_frac` is the share of the hours that a rented card is paid for.
    `api` is a name of the catalog; `uusd_per_mtok` goes before its prices. A hybrid has `parts`: each
    serves what it can and leaves the rest to the next. `model` None is that of the first pool.
    """

    name: str
    kind: str
    hardware: str | None = None
    model: str | None = None
    precision: str | None = None
    engine: str | None = None
    usd: float | None = None
    usd_per_hour: float | None = None
    usd_per_month: float | None = None
    setup_usd: float = 0.0
    other_usd_per_month: float = 0.0
    months: int | None = None
    buyout_usd: float | None = None
    deposit_usd: float = 0.0
    billed_frac: float = 1.0
    api: str | None = None
    uusd_per_mtok: Prices | None = None
    parts: tuple[str, ...] = ()
    life_months: int = 36
    resale_usd: float | None = None
    kw: float | None = None
    available: date | None = None


class Candidate(msgspec.Struct, frozen=True):
    """Machines that one could have, to take the place of a pool or to fill a site.

    All figures are of one machine, `hardware`; None is from the catalog or from physics. `kw` is at
    the machine, `tok_per_s` are answer tokens at full load. `most` is how many can be had.
    """

    name: str
    hardware: str
    model: str | None = None
    precision: str | None = None
    usd: float | None = None
    usd_per_hour: float | None = None
    available: date | None = None
    kw: float | None = None
    tok_per_s: float | None = None
    most: int | None = None
    life_months: int = 36


class Change(msgspec.Struct, frozen=True):
    """Something that would make a pool's tokens cheaper: what it costs, and what it changes.

    It costs `usd` once and `usd_per_month` to keep, and again `repeat_usd` every `repeat_months`; it
    works after `months`. It takes over `traffic_frac` of the requests, of which `retry_frac` must be
    asked a second time as before. What changes is the model, its precision, the hardware, the length
    of prompts (`prompt_tokens` more, or fewer where it is negative), or the share found in the cache.
    """

    name: str
    kind: str
    pool: str | None = None
    usd: float = 0.0
    usd_per_month: float = 0.0
    months: int = 0
    repeat_months: int | None = None
    repeat_usd: float | None = None
    traffic_frac: float = 1.0
    retry_frac: float = 0.0
    model: str | None = None
    precision: str | None = None
    hardware: str | None = None
    prompt_tokens: int = 0
    hit_frac: float | None = None
