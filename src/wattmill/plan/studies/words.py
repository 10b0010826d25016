"""How studies write numbers, tables and their inputs for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Table

from wattmill.plan.studies.sourced import Sourced

UNKNOWN = "-"
NEVER = "never"
LARGE = 1e6
BEYOND = 100.0
"""Shares above this say nothing more to anybody."""


def table_of(*heads: str, left: Sequence[int] = (0,)) -> Table:
    """A table with these heads; all but the `left` columns stand right."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, head in enumerate(heads):
        table.add_column(head, justify="left" if index in left else "right", overflow="fold")
    return table


def inputs_table(inputs: Sequence[Sourced]) -> Table:
    """Every input with its source."""
    table = table_of("input", "value", "unit", "from", left=(0, 2, 3))
    for each in inputs:
        table.add_row(each.name, shown(each), each.unit, each.source)
    return table


def shown(each: Sourced) -> str:
    """A value as it is printed."""
    value = each.value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ", ".join(f"{v:g}" for v in value) if isinstance(value, tuple) else str(value)
    return f"{value:,.6g}" if abs(value) < LARGE else f"{value:,.0f}"


def inputs_line(inputs: Sequence[Sourced]) -> str:
    """How many inputs there are, by where they come from."""
    kinds = ("factory file", "catalog", "computed", "default")
    counts = [sum(each.source.startswith(kind) for each in inputs) for kind in kinds]
    each = ", ".join(f"{n} {kind}" for n, kind in zip(counts, kinds, strict=True) if n)
    return f"{len(inputs)} inputs: {each}; --inputs lists them"


def amount(value: float, scale: float) -> str:
    """Whole units; nothing where it is zero."""
    return f"{value / scale:,.0f}" if round(value / scale) else UNKNOWN


def percent(value: float | None) -> str:
    """One digit below 10 %, none above."""
    if value is None:
        return UNKNOWN
    if value > BEYOND:
        return f"> {BEYOND * 100:,.0f} %"
    return f"{value * 100:.1f} %" if abs(value) < 0.1 else f"{value * 100:,.0f} %"


def ratio(value: float | None) -> str:
    """Two digits."""
    return UNKNOWN if value is None else f"{value:.2f}"


def month(value: int | None) -> str:
    """`from month 12`, or never."""
    return NEVER if value is None else f"from month {value}"


def digits(value: float) -> str:
    """Three digits that count."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def whole(value: float) -> str:
    """No decimals."""
    return f"{value:,.0f}"


def months(value: float | None) -> str:
    """`7.5 months`, or never."""
    return NEVER if value is None else f"{value:.1f} months"
