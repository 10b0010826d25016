"""What may come into the books: text that every database can keep, and limits that every reader can hold.

PostgreSQL has no character NUL, and no database keeps half of a UTF-16 pair, which is how bytes that are no UTF-8 reach
a program from its command line. Both are refused before anything is written, in SQLite too, so that books can be
carried from one to the other.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from wattmill.core.errors import UsageError
from wattmill.core.money import UUSD_PER_USD

MOST_BUDGET_UUSD = 2**63 - 1
"""The largest number of a column of long whole numbers: nine million million of a currency."""
MOST_COUNT = 2**31 - 1
"""The largest number of a column of whole numbers in PostgreSQL."""
_SHOWN = 60
_LIMITS = {
    "budget_uusd": MOST_BUDGET_UUSD,
    "requests_per_minute": MOST_COUNT,
    "max_concurrency": MOST_COUNT,
}


def require_text(place: str, value: object) -> None:
    """``UsageError`` with the place of the first text in ``value`` that no database keeps.

    Looks into mappings, sequences and records; whatever else there is may pass.
    """
    if isinstance(value, str):
        _require_kept(place, value)
    elif isinstance(value, Mapping):
        for name, one in value.items():
            require_text(f"{place}, a name", name)
            require_text(f"{place} {name}", one)
    elif isinstance(value, list | tuple):
        for one in value:
            if not isinstance(one, int):
                require_text(place, one)
    elif isinstance(value, msgspec.Struct):
        require_text(place, msgspec.structs.asdict(value))


def _require_kept(place: str, text: str) -> None:
    if "\0" in text:
        what = "has a NUL character"
    elif not _is_utf8(text):
        what = "is no text in UTF-8"
    else:
        return
    shown = ascii(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
    raise UsageError(f"{shown} {what}", place=place, hint="leave that out; all letters may stay")


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def require_limits(values: Mapping[str, Any]) -> None:
    """``UsageError`` for a limit that is negative or beyond what is kept: no limit is ``None``, and nothing else."""
    for name, most in _LIMITS.items():
        limit = values.get(name)
        if limit is None:
            continue
        if limit < 0:
            raise UsageError(f"a limit cannot be negative: {limit}", hint="none is no limit")
        if limit > most:
            raise UsageError(_beyond(name, limit), place=name, hint="leave it out for no limit")


def _beyond(name: str, limit: int) -> str:
    if name == "budget_uusd":
        budget, most = limit // UUSD_PER_USD, MOST_BUDGET_UUSD // UUSD_PER_USD
        return f"a budget of {budget:,} a month is more than {most:,}"
    return f"a limit of {limit:,} is more than {MOST_COUNT:,}"
