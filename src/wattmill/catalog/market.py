"""What things cost, over time: hardware new, used and by the hour; memory, power, racks.

Every price is a dated quote; the newest of its kind answers, and its history says how far it moved.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Annotated, Any, Literal

import msgspec

from wattmill.catalog.names import nearest, plain, unbranded
from wattmill.catalog.staleness import DAYS_PER_MONTH, first_day
from wattmill.catalog.table import Entry, entries, read_rows, refuse, unknown
from wattmill.core.errors import CatalogError

Usd = Annotated[float, msgspec.Meta(gt=0)]

UNIT_KEYS = {
    "new": "usd",
    "resale": "usd",
    "rent": "usd_per_hour",
    "lease": "usd_per_hour",
    "dram_usd_per_gb": "usd_per_gb",
    "power_usd_per_kwh": "usd_per_kwh",
    "colo_usd_per_kw_month": "usd_per_kw_month",
    "ppa_usd_per_mwh": "usd_per_mwh",
}
"""What a quote can be of, and the key of its row that names the unit of its value."""

UNITS = {
    "usd": "USD",
    "usd_per_hour": "USD/h",
    "usd_per_gb": "USD/GB",
    "usd_per_kwh": "USD/kWh",
    "usd_per_kw_month": "USD/kW/month",
    "usd_per_mwh": "USD/MWh",
}
"""The key of a value in a row, and its unit as it is printed; hours are of one card."""

CONFIDENCE = ("low", "medium", "high")
"""hearsay and estimates; a survey, or a list at second hand; the seller's own page, a statistic."""

OUT_OF_SALE_MONTHS = 24.0
"""A card whose newest price as new is older than its newest used price by this is sold used only."""


class QuoteRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row of market.toml: exactly one of the usd keys, the one that belongs to `what`."""

    of: str
    what: str
    source: str
    as_of: str
    confidence: Literal["low", "medium", "high"] = "low"
    terms: str = ""
    usd: Usd | None = None
    usd_per_hour: Usd | None = None
    usd_per_gb: Usd | None = None
    usd_per_kwh: Usd | None = None
    usd_per_kw_month: Usd | None = None
    usd_per_mwh: Usd | None = None


class Quote(msgspec.Struct, frozen=True):
    """One price that was seen.

    of: an accelerator or system by its catalog name, a kind of memory, or a region (ISO 3166-2).
    what: a key of UNIT_KEYS. `rent` is by the hour or up to a year, `lease` a contract of years,
    both per card. value: in `unit`. terms: what the price is for, where that matters.
    """

    of: str
    what: str
    value: float
    unit: str
    source: str
    as_of: str
    confidence: str
    terms: str
    is_yours: bool


def quotes(of: str, what: str) -> tuple[Quote, ...]:
    """Every quote, oldest first; none is an empty tuple. CatalogError for unknown words.

    Of one day the best evidence comes last. A user's quotes replace the package's of the same
    thing and kind.
    """
    if what not in UNIT_KEYS:
        raise CatalogError(f"{what!r} is nothing that is quoted", hint=nearest(what, UNIT_KEYS))
    name = canonical(of)
    found = _by_subject().get((plain(name), what))
    if found is None and plain(name) not in _known():
        raise unknown(f"{of!r}", of, _known() | {shown: shown for shown in _known().values()})
    return found or ()


def latest(of: str, what: str, at: date | str | None = None) -> Quote | None:
    """The newest quote, or the newest that was known on the day `at`; None is none."""
    day = first_day(at) if isinstance(at, str) else at
    known = [quote for quote in quotes(of, what) if day is None or first_day(quote.as_of) <= day]
    return known[-1] if known else None


def price_quote(accelerator: str, at: date | str | None = None) -> Quote | None:
    """What one card costs a buyer: new, or used where nobody sells it new any more; or None."""
    new, used = latest(accelerator, "new", at), latest(accelerator, "resale", at)
    if new is None or used is None:
        return new or used
    months = (first_day(used.as_of) - first_day(new.as_of)).days / DAYS_PER_MONTH
    return used if months > OUT_OF_SALE_MONTHS else new


def price_usd(accelerator: str) -> float | None:
    """`price_quote` in USD; None where no price is known."""
    quote = price_quote(accelerator)
    return quote.value if quote else None


def all_quotes() -> tuple[Quote, ...]:
    """Every quote of the catalog, by thing and kind, oldest first."""
    return tuple(quote for found in _by_subject().values() for quote in found)


def canonical(of: str) -> str:
    """The catalog's own name of an accelerator or system, however it is written; else `of`."""
    return _names().get(plain(unbranded(of)), of)


@cache
def _by_subject() -> dict[tuple[str, str], tuple[Quote, ...]]:
    found: dict[tuple[str, str], list[Quote]] = {}
    for entry, row in zip(_entries(), _rows(), strict=True):
        quote = _quote(entry, row)
        found.setdefault((plain(quote.of), quote.what), []).append(quote)
    return {subject: tuple(sorted(some, key=_age_and_worth)) for subject, some in found.items()}


def _age_and_worth(quote: Quote) -> tuple[date, int]:
    return first_day(quote.as_of), CONFIDENCE.index(quote.confidence)


@cache
def _rows() -> tuple[QuoteRow, ...]:
    return read_rows("market.toml", "quote", QuoteRow, _subject)


def _entries() -> tuple[Entry, ...]:
    return entries("market.toml", "quote", _subject)


def _subject(row: Mapping[str, Any]) -> str:
    return f"{plain(canonical(str(row.get('of'))))} {row.get('what')}"


def _quote(entry: Entry, row: QuoteRow) -> Quote:
    key = _unit_key(entry, row)
    return Quote(
        of=canonical(row.of),
        what=row.what,
        value=getattr(row, key),
        unit=UNITS[key],
        source=row.source,
        as_of=row.as_of,
        confidence=row.confidence,
        terms=row.terms,
        is_yours=entry.is_yours,
    )


def _unit_key(entry: Entry, row: QuoteRow) -> str:
    """The key of the value, which `what` decides; CatalogError if it is not the one given."""
    key = UNIT_KEYS.get(row.what)
    if key is None:
        said = f"{row.what!r} is nothing that is quoted"
        raise refuse(entry, said, hint=nearest(row.what, UNIT_KEYS), key="what")
    given = [name for name in UNITS if getattr(row, name) is not None]
    if given != [key]:
        said = f"a quote of {row.what!r} for {row.of} is in {key}, not in {', '.join(given) or 'nothing'}"
        raise refuse(entry, said, hint=f"write {key} = …", key=given[0] if given else "what")
    return key


@cache
def _names() -> dict[str, str]:
    """Canonical names of all that has aliases, by every way to write them."""
    found: dict[str, str] = {}
    for file, kind in (("systems.toml", "system"), ("accelerators.toml", "accelerator")):
        for row in (entry.row for entry in entries(file, kind)):
            name = str(row.get("name"))
            written = (*row.get("aliases", ()), name)
            found |= {plain(unbranded(str(alias))): name for alias in written}
    return found


@cache
def _known() -> dict[str, str]:
    """Everything that can be asked for, as it is written."""
    quoted = {of: found[0].of for (of, _), found in _by_subject().items()}
    return {plain(name): name for name in _names().values()} | quoted
