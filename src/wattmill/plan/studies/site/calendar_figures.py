"""The figures of `wattmill site` about the calendar, delay and the fleet."""

from __future__ import annotations

from typing import Any

from wattmill.plan.pictures import COLOURS, figure
from wattmill.plan.studies.site.report import Calendar, Fleet, SiteReport

BLUE, ORANGE, GREEN, _, _, SKY, _, GREY = COLOURS


def calendar(report: SiteReport) -> Any:
    """Steps as bars by likeliest durations, with P10 to P90 of their ends."""
    import plotly.graph_objects as go

    found = report.calendar
    assert found is not None, "drawn where there is one"
    steps = sorted(found.plan.steps, key=lambda step: (-step.start, -step.finish))
    bars = go.Bar(
        x=[step.finish - step.start for step in steps], y=[step.name for step in steps],
        base=[step.start for step in steps], orientation="h", name="likeliest",
        marker={"color": [ORANGE if step.is_critical else SKY for step in steps]},
    )  # fmt: skip
    late = {task.name: task for task in found.outlook.tasks}
    ends = [late[step.name] for step in steps]
    points = go.Scatter(
        x=[each.p50_months for each in ends], y=[step.name for step in steps], mode="markers",
        name="P50, from P10 to P90", marker={"color": "#000", "size": 8, "symbol": "diamond"},
        error_x={
            "type": "data", "symmetric": False, "color": "#000", "thickness": 1.5,
            "array": [_above(each.p90_months, each.p50_months, found) for each in ends],
            "arrayminus": [_above(each.p50_months, each.p10_months, found) for each in ends],
        },
    )  # fmt: skip
    drawn = figure(
        [bars, points], xaxis={"title": {"text": "months from today"}, "range": [0, _last(found)]},
        height=130 + 40 * len(steps), margin={"l": 160, "r": 20, "t": 30, "b": 50},
        legend={"orientation": "h", "y": 1.14},
    )  # fmt: skip
    drawn.add_vline(x=found.planned_months, line_dash="dash", line_color=GREEN,
                    annotation_text="machines ordered for", annotation_position="top")  # fmt: skip
    return drawn


def _above(high: float | None, low: float | None, found: Calendar) -> float:
    """How far a percentile lies from another; what never ends reaches beyond the picture."""
    if low is None:
        return 0.0
    return (_last(found) * 2 if high is None else high) - low


def _last(found: Calendar) -> float:
    """The month at which the picture ends: P90, where that is not far out, else twice the plan."""
    last = found.outlook.p90_months
    most = 2.0 * max(found.plan.finish_months, found.outlook.p50_months or 0.0)
    return most if last is None else 1.06 * min(last, most)


def ends(report: SiteReport) -> Any:
    """Chance that the first revenue is there by a month."""
    import plotly.graph_objects as go

    found = report.calendar
    assert found is not None, "drawn where there is one"
    months = found.outlook.finishes
    done = 1 - found.outlook.never_frac
    shares = [done * (n + 0.5) / len(months) for n in range(len(months))]
    line = go.Scatter(x=months, y=shares, mode="lines", line={"color": BLUE, "shape": "hv"})
    drawn = figure(
        [line],
        xaxis={"title": {"text": "months from today"}, "range": [0, _last(found)]},
        yaxis={
            "title": {"text": "chance of revenue by then"},
            "range": [0, 1],
            "tickformat": ".0%",
        },
        height=340,
    )
    for name, share in (("P10", 0.1), ("P50", 0.5), ("P90", 0.9)):
        drawn.add_hline(y=share, line_dash="dot", line_color=GREY,
                        annotation_text=name, annotation_position="left")  # fmt: skip
    drawn.update_layout(margin={"l": 100, "r": 20, "t": 20, "b": 50})
    return drawn


def delay(report: SiteReport) -> Any:
    """What one month of delay costs, by part."""
    import plotly.graph_objects as go

    found = report.calendar
    assert found is not None, "drawn where there is one"
    parts = list(found.late_month_usd.items())[::-1]
    colours = {"total": BLUE, "margin not earned": GREY}
    bars = go.Bar(
        x=[usd for _, usd in parts], y=[name for name, _ in parts], orientation="h",
        text=[f"{usd:,.0f}" for _, usd in parts],
        marker={"color": [colours.get(name, ORANGE) for name, _ in parts]},
    )  # fmt: skip
    return figure(
        [bars], xaxis={"title": {"text": report.currency}}, height=280,
        margin={"l": 150, "r": 20, "t": 20, "b": 50},
    )  # fmt: skip


def caps(fleet: Fleet) -> Any:
    """What the best fleet makes at other caps, and what one more kW would bring there."""
    import plotly.graph_objects as go

    kw = [point.kw for point in fleet.points]
    made = go.Scatter(x=kw, y=[p.value for p in fleet.points], name="best fleet",
                      mode="lines+markers", line={"color": BLUE})  # fmt: skip
    slope = go.Scatter(x=kw, y=[p.per_kw for p in fleet.points], name="one more kW (right)",
                       mode="lines+markers", line={"color": ORANGE, "dash": "dot"}, yaxis="y2")  # fmt: skip
    unit = fleet.mix.unit
    return figure(
        [made, slope],
        xaxis={"title": {"text": "cap, kW"}, "rangemode": "tozero"},
        yaxis={"title": {"text": unit}, "rangemode": "tozero"},
        yaxis2={"title": {"text": f"{unit} per kW"}, "overlaying": "y", "side": "right",
                "rangemode": "tozero", "showgrid": False},
        margin={"l": 80, "r": 90, "t": 30, "b": 60},
        legend={"orientation": "h", "y": 1.12},
    )  # fmt: skip
