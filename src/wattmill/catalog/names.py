"""How people write names, and the nearest names to one that nobody knows."""

from __future__ import annotations

import re
from collections.abc import Iterable


def plain(name: str) -> str:
    """A name without what people write differently: case, spaces, '-' and '_'."""
    return re.sub(r"[\s_-]+", "", name.lower())


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint for an unknown `name`: the nearest of the `known`, or all of them."""
    import difflib  # here, because only a mistake needs it and it costs 10 ms

    names = list(known)
    close = difflib.get_close_matches(name.lower(), names, n=3, cutoff=0.5)
    if close:
        return "did you mean " + " or ".join(repr(c) for c in close) + "?"
    return "known are: " + ", ".join(names) if names else "none is defined yet"
