"""The catalog file of the user: rows of the same kinds as the package's, read with their lines.

What is wrong in it as a file (TOML, kinds, dates) is found here, what is wrong in a row by its
record in `catalog.table`.
"""

from __future__ import annotations

import os
import re
from datetime import date
from functools import cache
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

from wattmill.catalog import kinds
from wattmill.catalog.names import nearest
from wattmill.catalog.staleness import first_day
from wattmill.core.errors import CatalogError

RawRow = dict[str, Any]

KINDS = tuple(kinds.KINDS)
"""The kinds of rows that the file may have."""


class UserFile(NamedTuple):
    """The file, read; tables by kind."""

    path: Path
    text: str
    tables: dict[str, list[RawRow]]


def user_catalog_path() -> Path:
    """$WATTMILL_CATALOG, else wattmill/catalog.toml in $XDG_CONFIG_HOME or in ~/.config."""
    named = os.environ.get("WATTMILL_CATALOG")
    if named:
        return Path(named).expanduser()
    folder = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(folder).expanduser() / "wattmill" / "catalog.toml"


def user_rows(kind: str) -> list[RawRow]:
    """The rows of one kind as they are written, dates as text; no file is no rows."""
    file = user_file()
    return file.tables.get(kind, []) if file else []


def place_of(kind: str, number: int, key: str | None = None) -> str:
    """`file:line` of the `number`th row of a kind, or of one key in it."""
    file = user_file()
    return f"{file.path}:{_line_of(file.text, kind, number, key)}" if file else ""


@cache
def user_file() -> UserFile | None:
    """The file at `user_catalog_path`; None if there is none. CatalogError if it is broken."""
    path = user_catalog_path()
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        hint = "make it readable, or name another in WATTMILL_CATALOG"
        raise CatalogError(
            f"cannot be read: {error.strerror}", hint=hint, place=f"{path}"
        ) from None
    except UnicodeDecodeError:
        raise CatalogError("is not UTF-8 text", hint="save it as UTF-8", place=f"{path}") from None
    return UserFile(path, text, _tables(_parse(text, path), text, path))


def _parse(text: str, path: Path) -> dict[str, Any]:
    import tomllib  # 20 ms, and most people have no such file

    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        found = re.search(r" \(at line (\d+), column \d+\)$", str(error))
        line = int(found[1]) if found else text.count("\n") + 1
        message = re.sub(r" \(at [^)]*\)$", "", str(error))
        hint = "a catalog file is TOML: [[accelerator]], key = value"
        raise CatalogError(f"not TOML: {message}", hint=hint, place=f"{path}:{line}") from None


def _tables(content: dict[str, Any], text: str, path: Path) -> dict[str, list[RawRow]]:
    for kind, rows in content.items():
        place = f"{path}:{_line_of(text, kind, 0)}"
        if kind not in KINDS:
            raise CatalogError(
                f"{kind!r} is no kind of row", hint=nearest(kind, KINDS), place=place
            )
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            hint = f"begin each row with [[{kind}]]"
            raise CatalogError(f"{kind!r} is not a list of rows", hint=hint, place=place)
    return {
        kind: [_Row(path, text, kind, number).cleaned(row) for number, row in enumerate(rows)]
        for kind, rows in content.items()
    }


class _Row(NamedTuple):
    """Where a row stands."""

    path: Path
    text: str
    kind: str
    number: int

    def cleaned(self, row: RawRow, within: str | None = None) -> RawRow:
        """The row with dates as text, as the package writes them; CatalogError for no figures."""
        return {key: self._value(key, value, within or key) for key, value in row.items()}

    def _value(self, key: str, value: Any, top: str) -> Any:
        if isinstance(value, dict):
            return self.cleaned(value, top)
        if isinstance(value, float) and not isfinite(value):
            raise self._refused(f"{key} = {value} is no figure", "leave it out", top)
        if type(value) is date:
            return value.isoformat()
        if key == "as_of" and isinstance(value, str):
            try:
                first_day(value)
            except CatalogError as error:
                raise self._refused(error.message, error.hint, top) from None
        return value

    def _refused(self, message: str, hint: str, key: str) -> CatalogError:
        place = f"{self.path}:{_line_of(self.text, self.kind, self.number, key)}"
        return CatalogError(message, hint=hint, place=place)


def _line_of(text: str, kind: str, number: int, key: str | None = None) -> int:
    """The line of a key in the `number`th `[[kind]]`, or of the row itself; 1 if not found."""
    lines = list(enumerate(text.splitlines(), 1))
    name = rf"[\"']?{re.escape(kind)}[\"']?"
    starts = [n for n, line in lines if re.match(rf"\s*\[\[\s*{name}\s*\]\]", line)]
    if len(starts) <= number:  # written in another way than as [[kind]]
        other = re.compile(rf"\s*\[?\s*{name}\s*[=.\]]")
        return next((n for n, line in lines if other.match(line)), 1)
    if key:
        part = rf"[\"']?{re.escape(key)}[\"']?"
        wanted = re.compile(rf"\s*(\[\s*{name}\s*\.\s*{part}\s*[\].]|{part}\s*[=.])")
        for n, line in lines[starts[number] :]:
            if line.lstrip().startswith("[["):
                break
            if wanted.match(line):
                return n
    return starts[number]
