"""`wattmill replace` for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from wattmill.plan.studies.replace import words as say
from wattmill.plan.studies.replace.report import PoolReplacement, ReplaceReport
from wattmill.plan.studies.timeline import Timeline
from wattmill.plan.studies.words import UNKNOWN, digits, inputs_line, inputs_table, table_of

Rows = tuple[Sequence[str], Sequence[Sequence[str]]]


def render(report: ReplaceReport, *, with_inputs: bool = False) -> RenderableType:
    """The answer first, then what it comes from."""
    parts: list[RenderableType] = [Text(say.headline(report), "bold")]
    for pool in report.pools:
        parts += _pool(report, pool)
    parts += [inputs_table(report.inputs)] if with_inputs else [Text(inputs_line(report.inputs))]
    return Group(*parts, *(Text(f"note: {note}") for note in report.notes))


def _pool(report: ReplaceReport, pool: PoolReplacement) -> list[RenderableType]:
    parts: list[RenderableType] = [
        Text(f"\n{say.standing(pool)}"),
        Text(say.verdict(report, pool), "bold"),
        *(Text(line) for line in say.sentences(report, pool)),
        _table(units(report, pool), left=(0, 1)),
        _table(today(pool)),
        _table(boundary(report, pool), left=(0, 1, 2)),
    ]
    parts += [_table(dark(pool))] if pool.dark else []
    return [*parts, _table(moved(report, pool), left=(0, 3, 4))]


def _table(rows: Rows, left: tuple[int, ...] = (0,)) -> Table:
    table = table_of(*rows[0], left=left)
    for row in rows[1]:
        table.add_row(*row)
    return table


# --- rows that the page shows as well -------------------------------------------------------------


def units(report: ReplaceReport, pool: PoolReplacement) -> Rows:
    """What fits into the slot, and what it earns and costs today, all machines together."""
    heads = ("in the slot", "machine", "fit", "kW", "worth or price", "rent", "earn", "run", "from")
    line = Timeline(report.start, report.months)
    rows = [
        (
            u.name,
            u.hardware,
            f"{u.in_slot}",
            f"{u.in_slot * u.kw:,.0f}",
            say.millions(u.in_slot * u.usd),
            UNKNOWN if u.usd_per_card_hour is None else digits(u.usd_per_card_hour),
            say.millions(u.in_slot * u.rent_usd_per_month),
            say.millions(u.in_slot * u.running_usd_per_month),
            "here" if u.is_here else line.label(u.available_month),
        )
        for u in pool.units
    ]
    return heads, rows


def today(pool: PoolReplacement) -> Rows:
    """What each action is worth if it is taken today, and the best policy after it."""
    found = sorted(pool.best.today.items(), key=lambda item: -item[1])
    most = found[0][1]
    rows = [
        (name, say.millions(usd), say.millions(usd - most) if usd < most else UNKNOWN)
        for name, usd in found
    ]
    return ("today", "worth", "less than the best"), rows


def boundary(report: ReplaceReport, pool: PoolReplacement) -> Rows:
    """What to do by month and rent, if the machines are still there."""
    line = Timeline(report.start, report.months)
    rows = [
        (
            line.label(month),
            f"{digits(pool.price_low[month])} to {digits(pool.price_high[month])}",
            say.band_line(pool, month),
        )
        for month in say.shown_months(report, pool)
    ]
    return ("month", f"{pool.price_of}, P5 to P95", "if still here"), rows


def dark(pool: PoolReplacement) -> Rows:
    """What it costs if new machines come on late."""
    heads = ("dark for", "capital", "lost value", "space", "cost", "and rent not earned")
    rows = [
        (
            f"{d.months:g} months" if d.months != 1 else "1 month",
            *map(say.millions, (d.interest_usd, d.lost_value_usd, d.space_usd, d.total_usd)),
            say.millions(d.rent_usd),
        )
        for d in pool.dark
    ]
    return heads, rows


def moved(report: ReplaceReport, pool: PoolReplacement) -> Rows:
    """What is done first, and when, with one input at either end."""
    heads = ("if", "from", "to", "then first", "or", "worth", "or")
    rows = [
        (
            m.name,
            m.low,
            m.high,
            first(report, m.action_at_low, m.month_at_low),
            first(report, m.action_at_high, m.month_at_high),
            say.millions(m.usd_at_low),
            say.millions(m.usd_at_high),
        )
        for m in pool.moved
    ]
    return heads, rows


def first(report: ReplaceReport, action: str, month: int | None) -> str:
    """`swap to b200 2027-03`, or keep."""
    if month is None:
        return "keep to the end"
    return f"{action} {Timeline(report.start, report.months).label(month)}"
