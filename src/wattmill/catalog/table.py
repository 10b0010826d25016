"""Reads the data files of this room: lists of TOML tables, each with where it is from."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, TypeVar

import msgspec

from wattmill.catalog.names import nearest, plain
from wattmill.core.errors import CatalogError

R = TypeVar("R", bound=msgspec.Struct)


def read_rows(file: str, kind: str, record: type[R]) -> tuple[R, ...]:
    """Every `[[kind]]` of a data file of the package as a `record`."""
    text = (files("wattmill.catalog") / "data" / file).read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = tomllib.loads(text)[kind]
    return tuple(msgspec.convert(row, record) for row in rows)


def look_up(kind: str, name: str, known: Mapping[str, R]) -> R:
    """The row called `name`, however it is written; CatalogError with the nearest names."""
    found = known.get(plain(name))
    if found is None:
        names = sorted({str(getattr(row, "name")) for row in known.values()})  # noqa: B009
        raise CatalogError(f"the catalog knows no {kind} {name!r}", hint=nearest(name, names))
    return found
