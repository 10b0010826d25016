"""`wattmill decide` as one HTML file: money over time, savings over the load, every input."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from wattmill.plan.pictures import COLOURS, Section, figure, page
from wattmill.plan.studies import words
from wattmill.plan.studies.decide import text as text
from wattmill.plan.studies.decide.report import DecideReport
from wattmill.plan.studies.timeline import Timeline


def decide_page(report: DecideReport) -> str:
    """The whole study."""
    lines = [text.headline(report).strip()]
    lines += [line for change in report.changes for line in text.answer(report, change)]
    return page(
        f"{report.factory}: {report.kind}", [*lines, *report.notes], list(_sections(report))
    )


SO_FAR = "Paid and saved so far, upkeep and repeats included; it has paid back where the line stays above zero."
MONTHLY = (
    "What each month saves once it works, before upkeep; it moves with the demand and with prices."
)
OVER = (
    "What the first month that it works saves, over the load. On an own machine it is little until work waits or a"
    " whole machine can go; the dotted line is the demand of today."
)


def _sections(report: DecideReport) -> Iterator[Section]:
    rows = list(zip(text.ROWS, *map(text.cells, report.changes), strict=True))
    heads = (report.currency, *(change.name for change in report.changes))
    yield Section(
        "Figures", "Of the first month in which it works, and of the study.", table=(heads, rows)
    )
    yield Section("So far", SO_FAR, _so_far(report))
    yield Section("Saved by month", MONTHLY, _monthly(report))
    yield Section("Over the load", OVER, _over_load(report))
    inputs = [(each.name, words.shown(each), each.unit, each.source) for each in report.inputs]
    said = "Every number that went in, and where it is from."
    yield Section("Inputs", said, table=(("input", "value", "unit", "from"), inputs))


def _lines(report: DecideReport, lines: list[tuple[list[Any], list[float]]], **layout: Any) -> Any:
    import plotly.graph_objects as go

    traces = [
        go.Scatter(x=x, y=y, mode="lines", name=change.name, line={"color": COLOURS[n % 8]})
        for n, (change, (x, y)) in enumerate(zip(report.changes, lines, strict=True))
    ]
    drawn = figure(traces, showlegend=True, **layout)
    drawn.add_hline(y=0.0, line_color="#999")
    return drawn


def _months(report: DecideReport) -> list[str]:
    line = Timeline(report.start, report.months)
    return [line.label(month) for month in range(report.months + 1)]


def _so_far(report: DecideReport) -> Any:
    lines = [(_months(report), np.cumsum(c.flow_usd).tolist()) for c in report.changes]
    return _lines(report, lines, yaxis={"title": {"text": f"so far, {report.currency}"}})


def _monthly(report: DecideReport) -> Any:
    lines = [(_months(report)[1:], list(change.saved_by_month_usd)) for change in report.changes]
    return _lines(report, lines, yaxis={"title": {"text": f"{report.currency} a month"}})


def _over_load(report: DecideReport) -> Any:
    lines = [
        ([load for load, _ in change.by_load], [usd for _, usd in change.by_load])
        for change in report.changes
    ]
    drawn = _lines(
        report, lines,
        xaxis={"type": "log", "title": {"text": "Mtok of output a month"}},
        yaxis={"title": {"text": f"{report.currency} a month"}},
    )  # fmt: skip
    drawn.add_vline(x=report.demand.output_mtok, line_dash="dot", line_color="#666")
    return drawn
