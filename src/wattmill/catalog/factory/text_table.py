"""One table of the file while it is read: its keys, its words, and each refusal with its line."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn, Self, TypeVar
from zoneinfo import ZoneInfo

from wattmill.catalog.factory.records import DEMO
from wattmill.catalog.factory.source import Source
from wattmill.catalog.factory.toml import Key
from wattmill.catalog.names import nearest
from wattmill.core.money import EXPONENTS

T = TypeVar("T")
W = TypeVar("W", bound=str)

NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
KEY_OF_MONEY = re.compile(r"\b(?:[a-z]+_)*usd(?:_[a-z]+)*\b")
ENV_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
URL = re.compile(r"https?://[^\s/@?#]+(/[^\s?#@]*)?")
DATABASE_URL = re.compile(r"(?!.*password=)postgres(ql)?://([^:@/?\s]+@)?[^@\s]*")
COUNTRY = re.compile(r"[A-Z]{2}")
ADDRESS = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")


class TextTable:
    """Keys are called as in wattmill, with `usd`; the file has its own currency in its place."""

    def __init__(self, source: Source, at: Key, values: object, known: Iterable[str]) -> None:
        self.source = source
        self.at = at
        if not isinstance(values, dict):
            source.fail(at, f"{show(at)} must be a table", f"write [{show(at)}]")
        self.values: dict[str, Any] = {}
        for key, value in values.items():
            name = source.plain_key(key)
            if name is None or name not in known:
                self.unknown(key, known)
            self.values[name] = value

    def unknown(self, key: str, known: Iterable[str]) -> NoReturn:
        at = (*self.at, key)
        for part in key.split("_"):
            other = "_".join("usd" if word == part else word for word in key.split("_"))
            if part.upper() in EXPONENTS and other in known:
                self.source.fail(
                    at,
                    f"{key} is in {part.upper()}, and the money of this factory is"
                    f" {self.source.currency}",
                    f"write {self.source.written(other)}, or set currency in [site]",
                )
        where = f" in {show(self.at)}" if self.at else ""
        names = [self.source.written(name) for name in known]
        self.source.fail(at, f"unknown key {key!r}{where}", nearest(key, names))

    def fail(self, key: str, message: str, hint: str) -> NoReturn:
        at = (*self.at, self.source.written(key))
        self.source.fail(at, self._in_currency(message), self._in_currency(hint))

    def _in_currency(self, words: str) -> str:
        """A message with its keys as they are written in this file."""
        return KEY_OF_MONEY.sub(lambda found: self.source.written(found[0]), words)

    def table(self, key: str, known: Iterable[str]) -> Self | None:
        """The table under a key, or None."""
        if key not in self.values:
            return None
        return type(self)(
            self.source, (*self.at, self.source.written(key)), self.values[key], known
        )

    def tables(self, key: str, known: Iterable[str]) -> list[Self]:
        """The list of tables under a key; empty if there is none."""
        rows = self.values.get(key, [])
        if not isinstance(rows, list):
            self.fail(key, f"{key} must be a list of tables", f"write [[{show((*self.at, key))}]]")
        at = (*self.at, self.source.written(key))
        return [type(self)(self.source, (*at, i), row, known) for i, row in enumerate(rows)]

    def required(self, value: T | None, key: str) -> T:
        if value is None:
            shown = self.source.written(key)
            self.source.fail(self.at, f"{show(self.at)} has no {shown}", f"add {shown} = …")
        return value

    def text(self, key: str, default: T) -> str | T:
        """A line of text, possibly empty."""
        if key not in self.values:
            return default
        value = self.values[key]
        if not isinstance(value, str):
            self.fail(key, f"{key} must be text, not {kind_of(value)}", f'write {key} = "…"')
        if not value.isprintable():
            self.fail(key, f"{key} holds a line break or control character", "write one line")
        return value

    def word(self, key: str, default: T) -> str | T:
        """A line of text that says something."""
        value = self.text(key, default)
        if isinstance(value, str) and (not value or value.strip() != value):
            self.fail(
                key,
                f"{key} is empty or has spaces around it",
                "write it without, or leave the key out",
            )
        return value

    def name(self, key: str) -> str:
        value = self.required(self.text(key, None), key)
        if not NAME.fullmatch(value):
            self.fail(
                key,
                f"{key} {value!r} is not a name",
                "use small letters, digits, '.', '_' and '-', a letter or digit first",
            )
        return value

    def one_of(self, key: str, default: T, options: Iterable[str]) -> str | T:
        value = self.text(key, default)
        if key in self.values and value not in set(options):
            self.fail(key, f"unknown {key} {value!r}", nearest(str(value), options))
        return value

    def choice(self, key: str, default: W, options: tuple[W, ...]) -> W:
        """One of a few words."""
        value = self.one_of(key, default, options)
        return next(each for each in options if each == value)

    def refers(self, key: str, value: str, known: set[str]) -> str:
        if value not in known:
            self.fail(
                key,
                f"{key} names {value!r}, which is not in this file",
                nearest(value, sorted(known)),
            )
        return value

    def route(self, key: str, pools: set[str]) -> tuple[str, ...]:
        names = self.lines(key)
        if not names:
            self.fail(key, f"{show(self.at)} has no {key}", 'add route = ["name of a pool"]')
        if len(set(names)) < len(names):
            self.fail(key, f"{key} names a pool twice", "name each pool once")
        return tuple(self.refers(key, name, pools) for name in names)

    def lines(self, key: str) -> tuple[str, ...]:
        values = self.values.get(key, [])
        if not isinstance(values, list) or not all(
            isinstance(v, str) and v.isprintable() for v in values
        ):
            self.fail(key, f"{key} must be a list of lines of text", f'write {key} = ["…", "…"]')
        return tuple(values)

    def date(self, key: str) -> date | None:
        value = self.values.get(key)
        if value is not None and (not isinstance(value, date) or isinstance(value, datetime)):
            self.fail(
                key, f"{key} must be a date, not {kind_of(value)}", f"write {key} = 2026-06-01"
            )
        return value

    def timezone(self, key: str, default: T) -> str | T:
        value = self.text(key, default)
        if isinstance(value, str) and not _is_timezone(value):
            self.fail(key, f"unknown time zone {value!r}", "use an IANA name: Europe/Berlin, UTC")
        return value

    def country(self, key: str) -> str | None:
        value = self.text(key, None)
        if value is not None and not COUNTRY.fullmatch(value):
            hint = f'write two capital letters: {key} = "DE"'
            self.fail(key, f"{key} {value!r} is not a country by ISO 3166", hint)
        return value

    def address(self, key: str, default: str) -> str:
        value = self.text(key, default)
        found = ADDRESS.fullmatch(value)
        if not found or int(found[2]) > 65535:
            self.fail(key, f"{key} {value!r} is not host:port", f'write {key} = "{default}"')
        return value

    def url(self, key: str) -> str | None:
        value = self.text(key, None)
        if value is not None and not URL.fullmatch(value):
            # The value is not shown: people paste keys into URLs.
            self.fail(
                key,
                f"{key} is not a plain http:// or https:// URL",
                "write it without user, password and query: http://10.0.0.5:8000/v1",
            )
        return value.rstrip("/") if value is not None else None

    def database_url(self, key: str) -> str | None:
        value = self.text(key, None)
        if value is not None and not DATABASE_URL.fullmatch(value):
            self.fail(
                key,
                f"{key} is not a postgresql:// URL without a password",
                "the books keep this file, so the password goes to ~/.pgpass, PGPASSWORD or "
                "WATTMILL_DATABASE_URL: postgresql://wattmill@10.0.0.7/books",
            )
        return value

    def path(self, key: str, base: Path) -> str | None:
        value = self.word(key, None)
        return value if value is None or value == DEMO else str(base / value)

    def env_name(self, key: str) -> str | None:
        value = self.text(key, None)
        if value is not None and not ENV_NAME.fullmatch(value):
            # The value is not shown: it may be the key itself.
            self.fail(
                key,
                f"{key} must be the name of an environment variable, never the key",
                f'write {key} = "CLOUD_API_KEY" and export that variable',
            )
        return value


def _is_timezone(name: str) -> bool:
    if name == "UTC":
        return True
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def show(at: Key) -> str:
    """`pool[1].usd_per_mtok` as a person would say it: `pool 2 usd_per_mtok`."""
    return " ".join(str(part + 1) if isinstance(part, int) else part for part in at)


def kind_of(value: object) -> str:
    kinds = {
        bool: "true or false",
        int: "a number",
        Decimal: "a number",
        str: "text",
        list: "a list",
        dict: "a table",
        date: "a date",
        datetime: "a date with a time",
    }
    return kinds.get(type(value), "a time")
