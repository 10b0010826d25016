"""How people write names, and the nearest names to one that nobody knows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

BRAND = re.compile(
    r"\b(nvidia|geforce|tesla|amd|instinct|radeon|apple|intel|google|cloud|aws|amazon|qualcomm|groq"
    r"|cerebras|tenstorrent|generation)\b",
    re.IGNORECASE,
)


def plain(name: str) -> str:
    """A name without what people write differently: case, spaces, '-' and '_'."""
    return re.sub(r"[\s_-]+", "", name.lower())


def unbranded(name: str) -> str:
    """A name without makers and brands: `NVIDIA GeForce RTX 4090` is an `RTX 4090`."""
    return BRAND.sub("", name).strip(" -_") or name


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint for an unknown `name`: the nearest of the `known`, or all of them."""
    return nearest_shown(name, {each: each for each in known})


def nearest_shown(name: str, known: Mapping[str, str]) -> str:
    """The same; `known` has the name to be shown for each way to write one."""
    import difflib  # here, because only a mistake needs it and it costs 10 ms

    spelled = {written.lower(): shown for written, shown in known.items()}
    close = difflib.get_close_matches(name.lower(), spelled, n=9, cutoff=0.5)
    if close:
        names = list(dict.fromkeys(spelled[c] for c in close))[:3]
        return "did you mean " + " or ".join(map(repr, names)) + "?"
    names = list(dict.fromkeys(known.values()))
    return "known are: " + ", ".join(names) if names else "none is defined yet"
