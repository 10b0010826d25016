"""The text of a factory file: its tables, the line of each key, and the currency of its money."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

from wattmill.catalog.factory.toml import Key, lines_of, parse_toml
from wattmill.core.errors import FactoryError
from wattmill.core.money import EXPONENTS


class Source:
    """One text, parsed, and how to refuse what it says."""

    def __init__(self, text: str, place: str) -> None:
        self.place = place
        self.values = parse_toml(text, place)
        self.line_of = lines_of(text)
        self.currency = self._currency()

    def _currency(self) -> str:
        """The currency in which keys are written, which must be known before any of them is read."""
        site = self.values.get("site")
        named = site.get("currency") if isinstance(site, dict) else None
        if not isinstance(named, str):
            return "USD"
        if named not in EXPONENTS:
            at = ("site", "currency")
            self.fail(at, f"unknown currency {named!r}", "write its code by ISO 4217: EUR")
        return named

    def written(self, key: str) -> str:
        """How a key of wattmill is written in this file: `paid_usd` is `paid_eur`."""
        return self._swap(key, "usd", self.currency.lower())

    def plain_key(self, key: str) -> str | None:
        """What wattmill calls a key of this file; None where it names dollars and should not."""
        name = self._swap(key, self.currency.lower(), "usd")
        return name if self.written(name) == key else None

    def _swap(self, key: str, old: str, new: str) -> str:
        return "_".join(new if word == old else word for word in key.split("_"))

    def fail(self, at: Key, message: str, hint: str) -> NoReturn:
        """Raise a FactoryError at the line of the nearest thing written that holds `at`."""
        found = (self.line_of[at[:n]] for n in range(len(at), 0, -1) if at[:n] in self.line_of)
        raise FactoryError(message, hint=hint, place=f"{self.place}:{next(found, 1)}")


def keys_given(source: Source) -> Iterator[str]:
    """What the text says, as `site.pue` and `pool.l40s.paid_usd`; a row of a list goes by its name."""
    return _keys(source, source.values, ())


def _keys(source: Source, values: dict[str, Any], at: tuple[str, ...]) -> Iterator[str]:
    for key, value in values.items():
        path = (*at, source.plain_key(key) or key)
        yield ".".join(path)
        rows = value if isinstance(value, list) else [value]
        for row in (row for row in rows if isinstance(row, dict)):
            name = row.get("name") or row.get("alias")
            is_named = isinstance(value, list) and isinstance(name, str)
            yield from _keys(source, row, (*path, str(name)) if is_named else path)
