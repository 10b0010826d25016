"""`wattmill decide` for a terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from wattmill.plan.studies.decide.report import ChangeReport, DecideReport
from wattmill.plan.studies.words import (
    UNKNOWN,
    digits,
    inputs_line,
    inputs_table,
    months,
    percent,
    table_of,
)


def render(report: DecideReport, *, with_inputs: bool = False) -> RenderableType:
    """The whole study: head, an answer for each change, figures, inputs."""
    parts: list[RenderableType] = [Text(headline(report), "bold")]
    parts += [Text(line) for change in report.changes for line in answer(report, change)]
    parts += [_figures(report)]
    parts += [inputs_table(report.inputs)] if with_inputs else [Text(inputs_line(report.inputs))]
    return Group(*parts, *(Text(f"note: {note}") for note in report.notes))


def headline(report: DecideReport) -> str:
    """What, when, for which demand."""
    asked = report.demand
    return (
        f"{report.factory}: {report.kind}, {report.months} months from {report.start:%Y-%m},"
        f" {digits(asked.input_mtok)} Mtok in and {digits(asked.output_mtok)} out a month,"
        f" {report.currency} before tax\n"
    )


def answer(report: DecideReport, change: ChangeReport) -> tuple[str, ...]:
    """Verdict, why, and where it would be another one."""
    date = f" from {change.break_even} on" if change.break_even else ""
    said = f"{change.verdict}{date}; {change.because}"
    if change.because.startswith(change.verdict):
        said = change.because
    lines = [f"{change.name}: {said}."]
    if change.is_own and change.kind != "second-node" and change.list_usd_per_month > 0:
        lines.append(
            f"At an API's prices the work that is spared would be {change.list_usd_per_month:,.0f} a month;"
            f" on your own machine it is {round(change.saved_usd_per_month):,}."
        )
    lines.append(_load(report, change))
    if change.alone_tok_per_s:
        each = (f"{digits(rate)} {where}" for where, rate in change.alone_tok_per_s.items())
        lines.append(f"One answer alone, tok/s: {', '.join(each)}.")
    return tuple(lines)


def _load(report: DecideReport, change: ChangeReport) -> str:
    at = change.pays_from_output_mtok
    if at is None:
        return "It does not pay at any load up to a hundred times the demand."
    times = at / report.demand.output_mtok
    grown = "" if change.reached is None else f"; the demand grows to that by {change.reached}"
    return f"It pays from {digits(at)} Mtok of output a month on, {digits(times)} times the demand{grown}."


ROWS = (
    "on",
    "requests, times as fast",
    "load before",
    "load after",
    "saved a month",
    "  power and space",
    "  work that waits or spills",
    "  machines that can go",
    "  bill of the API",
    "upkeep a month, repeats too",
    "paid once",
    "works from",
    "breaks even",
    "in",
    "NPV",
)


def cells(change: ChangeReport) -> tuple[str, ...]:
    """The figures of a change, in the order of ROWS."""
    saved = change.saved
    parts = (saved.power_usd, saved.waiting_usd, saved.machines_usd, saved.api_usd)
    return (
        f"{change.pool}, {'own machine' if change.is_own else 'API'}",
        UNKNOWN if change.speed_up is None else digits(change.speed_up),
        percent(change.load_frac),
        percent(change.load_after_frac),
        f"{round(change.saved_usd_per_month):,}",
        *(f"{round(usd):,}" if round(usd) else UNKNOWN for usd in parts),
        f"{change.upkeep_usd_per_month:,.0f}",
        f"{change.once_usd:,.0f}",
        change.works_from,
        months(change.break_even_months),
        change.break_even or UNKNOWN,
        f"{round(change.npv_usd):,}",
    )


def _figures(report: DecideReport) -> Table:
    table = table_of(report.currency, *(change.name for change in report.changes))
    for label, *values in zip(ROWS, *map(cells, report.changes), strict=True):
        table.add_row(label, *values)
    return table
