"""A claim as an audit file writes it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

import msgspec

from wattmill.core.errors import UsageError

Verdict = Literal["reproduced", "refuted", "unknown"]
Check = Literal["equal", "within", "contains", "overlaps", "at-most", "at-least", "bound", "floor"]
"""How what is stated is held against what is computed (c):

equal: c is what is stated. within: c lies in the range that is stated. contains: what is stated
lies in the range of c. overlaps: both ranges meet. at-most, at-least: c is not above, not below it.
bound: c is the most that there can be, and what is stated is not above it. floor: c is the least.
"""

MISSING = "?"
"""An input that nobody gave."""

Plain = str | float | int | bool
Stated = Plain | list[Plain]


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A `[[claim]]` as it is written."""

    id: str
    text: str
    ask: str | None = None
    compute: str | None = None
    inputs: dict[str, Plain | list[Plain]] = {}
    stated: Stated | None = None
    check: Check | None = None
    tolerance: float | str = 0.05
    unit: str | None = None
    expect: Verdict = "reproduced"
    topic: str = ""
    source: str = ""
    note: str = ""


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An audit file: claims, and perhaps a title and the tolerance of those that have none."""

    claim: tuple[Row, ...]
    title: str = ""


def read(path: Path) -> File:
    """An audit file; UsageError with the place of what is wrong in it."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text("utf-8-sig")), File)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError, OSError) as error:
        hint = "docs/audit.md says how a claim is written"
        raise UsageError(str(error), place=str(path), hint=hint) from None
