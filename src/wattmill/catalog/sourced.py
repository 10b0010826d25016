"""What rows of the site's tables have in common: ranges of figures, and who says so since when."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, TypeVar

import msgspec

from wattmill.catalog.links import Confidence as Confidence
from wattmill.catalog.links import Positive as Positive
from wattmill.catalog.table import Named, by_every_name, look_up

R = TypeVar("R", bound=msgspec.Struct)

Amount = Annotated[float, msgspec.Meta(ge=0)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Efficiency = Annotated[float, msgspec.Meta(gt=0, le=1)]
"""Above 0 and at most 1."""


class Dated(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who says so, as of which day or month, how sure that is, and what it holds for."""

    source: str
    as_of: str
    confidence: Confidence = "low"
    terms: str = ""


class Sourced(Dated, frozen=True, kw_only=True):
    """The same, of something with a name."""

    name: str
    aliases: tuple[str, ...] = ()


def ordered(name: str, *figures: float) -> None:
    """ValueError where figures from low to high are not in order, which a reader says with its line."""
    if list(figures) != sorted(figures):
        raise ValueError(f"{name} = {', '.join(f'{f:g}' for f in figures)} is not from low to high")


def row(file: str, kind: str, record: type[R], what: str, name: str) -> R:
    """The row of a kind called `name`; CatalogError with the nearest names of `what`."""
    found: R = look_up(what, name, _named(file, kind, record))
    return found


@cache
def _named(file: str, kind: str, record: Any) -> dict[str, Named[Any]]:
    return by_every_name(file, kind, record, _same)


def _same(found: R) -> R:
    return found
