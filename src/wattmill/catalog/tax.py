"""Standard rates of value added tax and its like, by country and day."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from functools import cache

import msgspec
import rtoml

from wattmill.catalog.links import Confidence
from wattmill.catalog.table import DATA


class TaxRate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The standard rate of a country from a day on.

    `name` is what the tax is called; `eu` says that the country is in the EU's VAT area;
    `confidence` is medium for a list at second hand, as all of them are.
    """

    country: str
    name: str
    rate_percent: Decimal
    valid_from: date
    source: str
    as_of: str
    eu: bool = False
    confidence: Confidence = "medium"


@cache
def tax_rates() -> tuple[TaxRate, ...]:
    """Every rate that is known, those of a country in the order of time."""
    rows = rtoml.loads((DATA / "tax.toml").read_text(encoding="utf-8"))["tax_rate"]
    return tuple(_in_order(msgspec.convert(rows, list[TaxRate])))


def _in_order(rates: Iterable[TaxRate]) -> list[TaxRate]:
    return sorted(rates, key=lambda rate: (rate.country, rate.valid_from))


def tax_rate(country: str, on: date) -> TaxRate | None:
    """The rate of a country on a day; None where none is known."""
    known = [rate for rate in tax_rates() if rate.country == country and rate.valid_from <= on]
    return known[-1] if known else None


def in_eu(country: str) -> bool:
    """Whether a country is in the EU's VAT area."""
    return any(rate.eu for rate in tax_rates() if rate.country == country)
