"""What users must feel at the most: `ttft=500ms,tpot=30ms`."""

from __future__ import annotations

import math
import re

import msgspec

from wattmill.catalog.names import nearest
from wattmill.core.errors import PlanError, UsageError

UNITS_S = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
MEASURES = {"ttft": "ttft_s", "tpot": "tpot_s", "itl": "tpot_s"}
PART = re.compile(r"\s*([A-Za-z_]+)\s*(?:=|<=|<)\s*([0-9.eE+-]+)\s*([A-Za-zµ]*)\s*")
EXAMPLE = "write it as ttft=500ms,tpot=30ms"


class Slo(msgspec.Struct, frozen=True):
    """The most that the mean request may take; None is no bound. At least one is set."""

    ttft_s: float | None = None
    tpot_s: float | None = None

    def __post_init__(self) -> None:
        bounds = [bound for bound in (self.ttft_s, self.tpot_s) if bound is not None]
        if not bounds or not all(0 < bound < math.inf for bound in bounds):
            raise PlanError(f"{self} bounds nothing", hint=EXAMPLE)

    def __str__(self) -> str:
        named = (("TTFT", self.ttft_s), ("TPOT", self.tpot_s))
        return ", ".join(f"{n} ≤ {s * 1e3:.4g} ms" for n, s in named if s is not None) or "no SLO"


def parse_slo(text: str) -> Slo:
    """An Slo from text; UsageError with the part that makes no sense."""
    bounds: dict[str, float] = {}
    for part in text.split(","):
        name, seconds = _bound(part)
        if name in bounds:
            raise _refusal(f"{part.strip()!r} bounds what is bounded already", EXAMPLE)
        bounds[name] = seconds
    return Slo(**bounds)


def _bound(part: str) -> tuple[str, float]:
    found = PART.fullmatch(part)
    if found is None:
        raise _refusal(f"{part.strip()!r} is no bound", EXAMPLE)
    word, number, unit = found[1].lower(), found[2], found[3].replace("µ", "u")
    if word not in MEASURES:
        raise _refusal(f"{found[1]!r} is nothing to bound", nearest(word, ("ttft", "tpot")))
    if unit not in UNITS_S:
        said = f"{found[3]!r} is no unit of time" if unit else f"{part.strip()!r} has no unit"
        raise _refusal(said, "use us, ms or s: " + EXAMPLE)
    return MEASURES[word], _seconds(part, number) * UNITS_S[unit]


def _seconds(part: str, number: str) -> float:
    try:
        value = float(number)
    except ValueError:
        raise _refusal(f"{number!r} is no number", EXAMPLE) from None
    if not 0 < value < math.inf:
        raise _refusal(f"{part.strip()!r} cannot be met", "give a time above 0")
    return value


def _refusal(message: str, hint: str) -> UsageError:
    return UsageError(message, hint=hint, place="--slo")
