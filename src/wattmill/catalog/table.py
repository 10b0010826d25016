"""Reads the tables of this room: the rows of the package, then those of the user's own catalog file.

The user's file has tables of the same kinds with the same fields. A row of theirs replaces the row
of the package that is about the same thing, whole; what the package does not know is added.
"""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar, get_args

import msgspec
import rtoml

from wattmill.catalog.names import nearest, nearest_shown, plain
from wattmill.catalog.user_file import RawRow, place_of, user_rows
from wattmill.catalog.user_file import user_catalog_path as user_catalog_path
from wattmill.core.errors import CatalogError

R = TypeVar("R", bound=msgspec.Struct)
S = TypeVar("S", bound=msgspec.Struct)
Identity = Callable[[Mapping[str, Any]], str]

DATA = Path(__file__).parent / "data"
NAMES = 1024
"""Records that are kept by the name that somebody asked for."""

MANY = 30
"""Names that are too many to be printed as a hint."""


class Entry(NamedTuple):
    """One row as written: number is None for the package's, else which of its kind it is.

    replaces: a row of the user stands in place of rows of the package.
    """

    kind: str
    row: RawRow
    number: int | None
    replaces: bool = False

    @property
    def is_yours(self) -> bool:
        """Whether the row is from the user's catalog file."""
        return self.number is not None

    def place(self, key: str | None = None) -> str:
        """`file:line` of a row of the user, or of one key in it; empty for the package's."""
        return "" if self.number is None else place_of(self.kind, self.number, key)


def by_name(row: Mapping[str, Any]) -> str:
    """What most rows are about: their name, however it is written."""
    return plain(str(row.get("name", "")))


def by_region(row: Mapping[str, Any]) -> str:
    """What a row of a grid is about."""
    return plain(str(row.get("region", "")))


def read_rows(file: str, kind: str, record: type[R], identity: Identity = by_name) -> tuple[R, ...]:
    """Every `[[kind]]` row as a `record`: the package's, then the user's, which replace them.

    identity: what a row is about; rows of the package with the identity of a row of the user go.
    CatalogError for what is wrong in the user's file.
    """
    return tuple(_convert(entry, record) for entry in entries(file, kind, identity))


def entries(file: str, kind: str, identity: Identity = by_name) -> tuple[Entry, ...]:
    """The same rows as they are written, in the units of the files, with where they are from."""
    about = {identity(row) for row in user_rows(kind)}
    theirs = [(identity(row), row) for row in _package_rows(file, kind)]
    gone = {key for key, _ in theirs if key in about}
    kept = [Entry(kind, row, None) for key, row in theirs if key not in about]
    mine = [
        Entry(kind, row, number, identity(row) in gone)
        for number, row in enumerate(user_rows(kind))
    ]
    if identity in (by_name, by_region):
        _refuse_twins(mine, identity)
    return (*kept, *mine)


def _package_rows(file: str, kind: str) -> tuple[RawRow, ...]:
    return tuple(_package_tables(file)[kind])


@cache
def _package_tables(file: str) -> dict[str, list[RawRow]]:
    return rtoml.loads((DATA / file).read_text(encoding="utf-8"))


class Named(NamedTuple, Generic[R]):
    """A row under one of its names. `record` makes the record: most answers need one row of many."""

    name: str
    record: Callable[[], R]


def by_every_name(
    file: str,
    kind: str,
    record: type[S],
    make: Callable[[S], R],
    key: Callable[[str], str] = plain,
) -> dict[str, Named[R]]:
    """Each row under its name and its aliases, as `key` writes them.

    Rows of the user are made at once: what is wrong in their file is told whatever is asked.
    """

    def made(entry: Entry) -> R:
        try:
            return make(_convert(entry, record))
        except CatalogError as error:
            if entry.is_yours and not error.place:
                raise refuse(entry, error.message, hint=error.hint) from None
            raise

    found: dict[str, Named[R]] = {}
    for entry in entries(file, kind):
        if entry.is_yours:
            made(entry)
        row = Named(entry.row["name"], partial(made, entry))
        for name in (row.name, *entry.row.get("aliases", ())):
            found[key(name)] = row
    return found


def every(known: Mapping[str, Named[R]]) -> tuple[R, ...]:
    """Each record of `by_every_name` once, in the order of its rows."""
    return tuple(row.record() for row in dict.fromkeys(known.values()))


def look_up(kind: str, name: str, known: Mapping[str, Named[R]]) -> R:
    """The row called `name`, however it is written; CatalogError with the nearest names."""
    found = known.get(plain(name))
    if found is None:
        written = {key: row.name for key, row in known.items()}
        named = {shown: shown for shown in sorted(written.values())}
        raise unknown(f"{kind} {name!r}", name, named | written)
    return found.record()


def unknown(what: str, name: str, names: Mapping[str, str]) -> CatalogError:
    """The error for a name that no row has; names: what is shown for each way to write one."""
    hint = nearest_shown(name, names)
    if len(set(names.values())) > MANY and hint.startswith("known are"):
        hint = "`wattmill catalog list` says what there is"
    return CatalogError(f"the catalog knows no {what}", hint=hint)


def clear_caches() -> None:
    """Forget every table that was read, so that a changed catalog file is seen."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "wattmill":
            for value in vars(module).values():
                if isinstance(value, functools._lru_cache_wrapper):
                    value.cache_clear()


# --- what is wrong with a row ---------------------------------------------------------------------


def refuse(entry: Entry, message: str, *, hint: str, key: str | None = None) -> CatalogError:
    """A CatalogError with the file and line of a user's row; without them for the package's."""
    return CatalogError(message, hint=hint, place=entry.place(key))


def _convert(entry: Entry, record: type[R]) -> R:
    try:
        return msgspec.convert(entry.row, record)
    except msgspec.ValidationError as error:
        if entry.number is None:
            raise
        raise _refusal(entry, record, str(error)) from None


def _refusal(entry: Entry, record: type[R], said: str) -> CatalogError:
    """What msgspec found in a row of the user, in the words of the file, with line and next step."""
    fields = {field.encode_name: field for field in msgspec.structs.fields(record)}
    name = f"[[{entry.kind}]] {_subject(entry.row)}".rstrip()
    problem, _, path = said.replace("`", "").partition(" - at ")
    found = re.search(r"\$\.(\w+)", path)
    key = found[1] if found else None
    if unknown_field := re.search(r"unknown field (.+)", problem):
        word = unknown_field[1]
        hint = nearest(word, fields) if key is None else "a figure has value, source, as_of"
        return refuse(entry, f"{name} has no field {word!r}", hint=hint, key=key or word)
    if missing := re.search(r"missing required field (.+)", problem):
        needed = ", ".join(word for word, field in fields.items() if field.required)
        hint = f"needed are: {needed}" if key is None else "a figure has value, source, as_of"
        within = f" in {key}" if key else ""
        return refuse(entry, f"{name} lacks {missing[1]!r}{within}", hint=hint, key=key)
    words = _words(fields[key].type) if key and "enum" in problem else []
    hint = "`wattmill catalog show` prints a row of this kind with its units"
    if words:
        value = entry.row[key or ""]
        hint = nearest(value, words) if isinstance(value, str) else "known are: " + ", ".join(words)
    given = f"{key} = {entry.row[key]!r}: " if key else ""
    message = problem[:1].lower() + problem[1:]
    return refuse(entry, f"{name}: {given}{message}", hint=hint, key=key)


def _words(type_: Any) -> list[str]:
    """The words that a field may hold, where it holds only some."""
    found = [
        word
        for part in get_args(type_)
        for word in ([part] if isinstance(part, str) else _words(part))
    ]
    return list(dict.fromkeys(found))


def _refuse_twins(mine: list[Entry], identity: Identity) -> None:
    seen: set[str] = set()
    for entry in mine:
        about = identity(entry.row)
        if about in seen:
            said = f"[[{entry.kind}]] {_subject(entry.row)} is there twice"
            key = "name" if identity is by_name else "region"
            raise refuse(entry, said, hint="keep one of them", key=key)
        seen.add(about)


def _subject(row: RawRow) -> str:
    """What a row says that it is about."""
    return next((str(row[key]) for key in ("name", "of", "region") if key in row), "")
