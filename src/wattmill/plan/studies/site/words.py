"""How the tables of `wattmill site` are made of words."""

from __future__ import annotations

import msgspec

from wattmill.plan.studies.words import NEVER, UNKNOWN


class Sheet(msgspec.Struct, frozen=True):
    """A table with its heading and what it says. key: of the figure that goes with it, if any."""

    key: str
    title: str
    text: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: tuple[int, ...] = (0,)


def kilowatts(kw: float) -> str:
    """One decimal from 10 kW on, three digits that count below."""
    return f"{kw:,.1f}" if abs(kw) >= 10 else f"{kw:.3g}"


def some(value: float | None, form: str) -> str:
    """A value in a format, or that it is not known."""
    return UNKNOWN if value is None else format(value, form)


def ending(value: float | None) -> str:
    """A month with one decimal, or never."""
    return NEVER if value is None else f"{value:.1f}"


def three(months: tuple[float, float, float]) -> str:
    """Low, likeliest and high."""
    return " / ".join(f"{value:g}" for value in months)
