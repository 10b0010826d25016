"""The figures of `wattmill site`."""

from __future__ import annotations

from typing import Any

from wattmill.plan.pictures import COLOURS, figure
from wattmill.plan.studies.site.report import SiteReport
from wattmill.plan.studies.site.words import kilowatts

BLUE, ORANGE, GREEN, *_, GREY = COLOURS
ABOVE = {"orientation": "h", "y": 1.0, "yanchor": "bottom"}
"""A legend over the figure, however high that is."""


def power(report: SiteReport) -> Any:
    """From cards to the meter as a flow, kW at the peak."""
    import plotly.graph_objects as go

    seen = report.envelope
    names = ["meter", *(step.name for step in seen.steps), "machines"]
    inner = [step for step in seen.steps if step.name in INNER]
    flows = [(0, len(names) - 1, sum(step.kw for step in inner))]
    flows += [
        (len(names) - 1 if step in inner else 0, 1 + n, step.kw)
        for n, step in enumerate(seen.steps)
    ]
    kw = {0: seen.committed_kw, len(names) - 1: seen.machines_kw}
    kw |= {1 + n: step.kw for n, step in enumerate(seen.steps)}
    sankey = go.Sankey(
        node={
            "label": [f"{name}: {kilowatts(kw[n])} kW" for n, name in enumerate(names)],
            "color": [BLUE if n in (0, len(names) - 1) else GREY for n in range(len(names))],
            "pad": 24, "thickness": 18,
        },
        link={
            "source": [source for source, _, _ in flows],
            "target": [target for _, target, _ in flows],
            "value": [value for *_, value in flows],
            "color": ["rgba(0,114,178,.25)" if t == len(names) - 1 or s else "rgba(213,94,0,.3)"
                      for s, t, _ in flows],
        },
    )  # fmt: skip
    return figure([sankey], height=340)


INNER = ("cards at TDP", "hosts, fans, supplies", "machines, as measured")
"""Steps that are inside the machines."""


def chains(report: SiteReport) -> Any:
    """What each chain takes from the grid beside what its boards use."""
    import plotly.graph_objects as go

    rows = report.chains[::-1]
    names = [f"{row.name} (site)" if row.is_own else row.name for row in rows]
    parts = (
        ("lost before the machines", [row.facility_loss_kw for row in rows], ORANGE),
        ("lost in racks and machines", [row.it_loss_kw for row in rows], BLUE),
    )
    traces = [
        go.Bar(x=values, y=names, name=name, orientation="h", marker={"color": colour})
        for name, values, colour in parts
    ]
    return figure(
        traces, barmode="stack", xaxis={"title": {"text": "kW lost at the mean load"}},
        height=90 + 38 * len(rows), margin={"l": 110, "r": 20, "t": 40, "b": 50},
        legend=ABOVE | {"traceorder": "normal"},
    )  # fmt: skip


def contracts(report: SiteReport) -> Any:
    """Bills by year."""
    import plotly.graph_objects as go

    traces = [
        go.Scatter(
            x=[1 + year for year in range(len(row.per_year_usd))],
            y=[usd / months * 12 for usd, months in zip(row.per_year_usd, _months(report), strict=True)],
            mode="lines+markers", name=row.name,
            line={"dash": "solid" if row.is_agreed or row.name == "tariff" else "dot"},
        )
        for row in report.contracts.rows
    ]  # fmt: skip
    return figure(
        traces,
        xaxis={"title": {"text": "year"}, "dtick": 1},
        yaxis={"title": {"text": f"{report.currency} a year"}, "rangemode": "tozero"},
    )


def _months(report: SiteReport) -> list[int]:
    """Months that are in each year of the study; the last one may be short."""
    left = report.contracts.months
    return [min(12, left - at) for at in range(0, left, 12)]


SIDES = ("top center", "bottom center")
"""Where names stand, in turn, so that neighbours do not lie on each other."""


def plants(report: SiteReport) -> Any:
    """Price of a kWh against months until it is there."""
    import plotly.graph_objects as go

    found = report.generation
    assert found is not None, "drawn where there are plants"
    cheapest = sorted(found.plants, key=lambda each: -each.usd_per_kwh)
    shown = [(each, each.months) for each in cheapest if each.months is not None]
    points = go.Scatter(
        x=[months[1] for _, months in shown],
        y=[each.usd_per_kwh for each, _ in shown],
        error_x={
            "type": "data", "symmetric": False, "color": GREY,
            "array": [months[2] - months[1] for _, months in shown],
            "arrayminus": [months[1] - months[0] for _, months in shown],
        },
        mode="markers+text", text=[each.name for each, _ in shown],
        textposition=[SIDES[n % 2] for n in range(len(shown))],
        marker={"size": 10, "color": BLUE}, cliponaxis=False,
    )  # fmt: skip
    drawn = figure(
        [points],
        xaxis={"title": {"text": "months until it is there"}, "rangemode": "tozero"},
        yaxis={"title": {"text": "USD per kWh"}, "rangemode": "tozero"},
    )
    drawn.add_hline(y=report.usd_per_kwh, line_dash="dash", line_color=ORANGE,
                    annotation_text="grid", annotation_position="top right")  # fmt: skip
    return drawn


def speed(report: SiteReport) -> Any:
    """Energy and missed margin of each way to power."""
    found = report.generation
    assert found is not None, "drawn where there are plants"
    rows = found.speed[::-1]
    parts = (
        ("energy", [row.energy_usd for row in rows], BLUE),
        ("margin missed", [row.lost_margin_usd for row in rows], ORANGE),
    )
    return _stacked(parts, [row.name for row in rows], report.currency)


def _stacked(parts: tuple[tuple[str, list[float], str], ...], names: list[str], unit: str) -> Any:
    import plotly.graph_objects as go

    traces = [
        go.Bar(x=values, y=names, name=name, orientation="h", marker={"color": colour})
        for name, values, colour in parts
    ]
    return figure(
        traces, barmode="stack", xaxis={"title": {"text": unit}}, height=110 + 38 * len(names),
        margin={"l": 150, "r": 20, "t": 40, "b": 50},
        legend=ABOVE | {"traceorder": "normal"},
    )  # fmt: skip


def places(report: SiteReport) -> Any:
    """Scores by figure."""
    rows = report.places[::-1]
    words = {"usd_per_kwh": "price", "months_to_power": "months", "g_per_kwh": "carbon"}
    parts = tuple(
        (word, [row.score.parts.get(key, 0.0) for row in rows], colour)
        for (key, word), colour in zip(words.items(), (BLUE, ORANGE, GREEN), strict=True)
    )
    return _stacked(parts, [row.region for row in rows], "score, 0 is best in everything")
