"""The figures of `wattmill buy`."""

from __future__ import annotations

from typing import Any

import numpy as np

from wattmill.plan.pictures import COLOURS, figure
from wattmill.plan.studies.buy.report import BuyReport
from wattmill.plan.studies.buy.verdict import turned
from wattmill.plan.studies.timeline import Timeline

BLUE, ORANGE = COLOURS[0], COLOURS[1]
DASHES = ("solid", "dash", "dot", "dashdot")
"""With more options than colours that can be told apart, and for those that lie on each other."""


def _style(report: BuyReport, name: str) -> dict[str, Any]:
    index = [option.name for option in report.options].index(name)
    return {"color": COLOURS[index % len(COLOURS)], "dash": DASHES[index % len(DASHES)], "width": 2}


def paid(report: BuyReport) -> Any:
    """What each option has cost so far."""
    import plotly.graph_objects as go

    line = Timeline(report.start, report.months)
    months = [line.label(month) for month in range(report.months + 1)]
    traces = [
        go.Scatter(
            x=months, y=np.cumsum(np.negative(option.after_tax_flow_usd)).tolist(),
            mode="lines", name=option.name, line=_style(report, option.name),
        )
        for option in report.options
    ]  # fmt: skip
    return figure(traces, yaxis={"title": {"text": f"paid so far, {report.currency}"}})


PAID_FOR = {
    "machines": ("machines", COLOURS[5]),
    "resale": ("sale of machines", COLOURS[6]),
    "lease": ("lease", COLOURS[7]),
    "rent": ("rent", COLOURS[1]),
    "API": ("API", COLOURS[0]),
    "power": ("power", COLOURS[3]),
    "space": ("space", "#882255"),
    "upkeep": ("upkeep", COLOURS[4]),
    "setup": ("people and the rest", COLOURS[2]),
    "other": ("people and the rest", COLOURS[2]),
}
"""Lines of cost as they are drawn; a deposit comes back."""


def by_line(report: BuyReport) -> Any:
    """What each option pays for."""
    import plotly.graph_objects as go

    groups = dict.fromkeys(PAID_FOR.values())
    traces = []
    for name, colour in groups:
        lines = [line for line, group in PAID_FOR.items() if group == (name, colour)]
        usd = [sum(o.by_line_usd.get(line, 0.0) for line in lines) for o in report.options]
        if any(usd):
            options = [option.name for option in report.options]
            traces.append(go.Bar(x=options, y=usd, name=name, marker={"color": colour}))
    return figure(traces, barmode="relative", yaxis={"title": {"text": report.currency}})


def load(report: BuyReport) -> Any:
    """What a Mtok costs over the load, with the loads at which the answer changes."""
    import plotly.graph_objects as go

    curve = report.curve
    traces = [
        go.Scatter(
            x=list(curve.output_mtok), y=list(usd), mode="lines", name=name,
            line=_style(report, name),
        )
        for name, usd in curve.usd_per_mtok.items()
    ]  # fmt: skip
    every = [usd for line in curve.usd_per_mtok.values() for usd in line]
    ends = (min(every), max(every))
    traces.append(_mark(report.demand.output_mtok, ends, "today", "dot", "top left"))
    middle = (curve.output_mtok[0] * curve.output_mtok[-1]) ** 0.5
    for number, turn in enumerate(report.turns, 1):
        side = "top right" if turn.output_mtok < 10 * middle else "top left"
        label = f"{turn.above} from here"
        traces.append(_mark(turn.output_mtok, ends, label, "solid", side, lower=number))
    return figure(
        traces,
        xaxis={"type": "log", "title": {"text": "Mtok of output a month"}},
        yaxis={"type": "log", "title": {"text": f"{report.currency} per Mtok"}},
    )


def _mark(
    at: float, ends: tuple[float, float], label: str, dash: str, side: str, lower: int = 0
) -> Any:
    """A vertical line with its name near the top; shapes have no names on a logarithmic axis.

    lower: by how many lines of text, so that neighbours do not cover each other.
    """
    import plotly.graph_objects as go

    bottom, top = ends
    height = top * (bottom / top) ** (0.06 * lower)
    return go.Scatter(
        x=[at] * 3, y=[bottom, height, top], mode="lines+text", text=["", label, ""],
        textposition=side,
        line={"color": "#666", "dash": dash, "width": 1}, showlegend=False, hoverinfo="skip",
    )  # fmt: skip


def tornado(report: BuyReport) -> Any:
    """By how much the answer is ahead, at both ends of each input."""
    import plotly.graph_objects as go

    shown = report.knobs[::-1]
    base = report.by_name[report.next].cost_usd - report.by_name[report.cheapest].cost_usd
    traces = []
    for end, colour in (("low", ORANGE), ("high", BLUE)):
        labels = []
        for knob in shown:
            winner = getattr(knob, f"cheapest_at_{end}")
            other = "" if winner == report.cheapest else f": {winner}"
            labels.append(turned(getattr(knob.bar, end), knob) + other)
        traces.append(
            go.Bar(
                x=[getattr(knob.bar, f"at_{end}") - base for knob in shown],
                y=[knob.bar.name for knob in shown],
                base=base, orientation="h", name=f"{end} end", text=labels,
                marker={"color": colour},
            )
        )  # fmt: skip
    title = f"{report.next} less {report.cheapest}, {report.currency}"
    drawn = figure(
        traces,
        barmode="overlay",
        xaxis={"title": {"text": title}},
        margin={"l": 250, "r": 20, "t": 30, "b": 60},
    )
    drawn.add_vline(x=0.0, line_color="#666")
    return drawn


def risk(report: BuyReport) -> Any:
    """Nine of ten futures of each option's cost."""
    import plotly.graph_objects as go

    assert report.risk is not None
    costs = report.risk.cost_usd
    names = list(costs)[::-1]
    ends = [[costs[name].percentiles[p] for name in names] for p in ("P5", "P50", "P95")]
    low, middle, high = (np.array(each) for each in ends)
    spans = go.Bar(
        x=high - low, y=names, base=low, orientation="h", name="nine of ten",
        marker={"color": BLUE, "opacity": 0.35},
    )  # fmt: skip
    dots = go.Scatter(
        x=middle, y=names, mode="markers", name="P50", marker={"color": BLUE, "size": 9}
    )
    return figure(
        [spans, dots],
        xaxis={"title": {"text": f"cost over the study, {report.currency}"}, "rangemode": "tozero"},
        height=120 + 45 * len(names),
        margin={"l": 140, "r": 20, "t": 20, "b": 60},
    )
