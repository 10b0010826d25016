"""Where each number of a study comes from, so that terminal, JSON and page can trace it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TypeVar

import msgspec

from wattmill.catalog.factory import Factory
from wattmill.catalog.market import Quote

T = TypeVar("T", float, int, str, bool, date, tuple[float, ...])

LISTS = ("pool", "loan", "lease", "capex", "offer", "candidate", "change", "rate_plan")
DEFAULT = "default"


class Sourced(msgspec.Struct, frozen=True):
    """One number that went into a study.

    source: `factory file [finance] tax_frac`, `catalog: …, 2026-10`, `computed by …`, or `default`
    with what speaks for it. value: None is not known, or not given and without effect.
    """

    name: str
    value: float | int | str | bool | tuple[float, ...] | None
    unit: str
    source: str


class Sources:
    """Collects what a study takes, in the order in which it takes it; the latest of a name counts."""

    def __init__(self, factory: Factory) -> None:
        self.factory = factory
        self._by_name: dict[str, Sourced] = {}

    def told(self, path: str, value: T, unit: str, otherwise: str = DEFAULT) -> T:
        """A value of the factory file by its dotted path (`finance.tax_frac`, `loan.bank.months`).

        `otherwise` is said where the file does not have it. Answers the value.
        """
        parts = path.split(".")
        source = place(parts) if self.factory.says(*parts) else otherwise
        return self.add(path, value, unit, source)

    def add(self, name: str, value: T, unit: str, source: str) -> T:
        """A value from anywhere else. Answers it."""
        shown = value.isoformat() if isinstance(value, date) else value
        self._by_name[name] = Sourced(name, shown, unit, source)
        return value

    @property
    def all(self) -> tuple[Sourced, ...]:
        """Everything that was taken."""
        return tuple(self._by_name.values())


def place(path: list[str]) -> str:
    """`loan.bank.months` as a person finds it: `factory file [[loan]] bank, months`."""
    table, *rest = path
    if table in LISTS:
        return f"factory file [[{table}]] {'.'.join(rest[:-1])}, {rest[-1]}"
    return f"factory file [{'.'.join([table, *rest[:-1]])}] {rest[-1]}"


def in_other_currency(factory: Factory, inputs: Sequence[Sourced]) -> tuple[str, ...]:
    """A note with the prices of the catalog that a factory in another currency took; they are in USD.

    The factory file has no rate of exchange, so they are taken as they are.
    """
    taken = [s.name for s in inputs if s.source.startswith("catalog") and "USD" in s.unit]
    currency = factory.site.currency
    if currency == "USD" or not taken:
        return ()
    names = ", ".join(taken)
    return (f"prices of the catalog are USD, not {currency}: {names}; none is converted",)


def quoted(quote: Quote) -> str:
    """The source of a price of the catalog."""
    return f"catalog: {quote.what} of {quote.of}, {quote.source}, {quote.as_of}"
