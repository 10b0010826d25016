"""The figures of `wattmill replace`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from wattmill.plan.pictures import COLOURS, figure
from wattmill.plan.studies.replace import words as say
from wattmill.plan.studies.replace.report import PoolReplacement, ReplaceReport
from wattmill.plan.studies.timeline import Timeline

BLUE, ORANGE, GREEN, PINK, YELLOW, SKY, BLACK, GREY = COLOURS
LIGHT = {"keep": "#e8e8e8", "redeploy": "#f3d9a0", "sell": "#f0b79a"}
SWAPS = ("#a9cfe8", "#a8dcc9", "#e3c3d6", "#cfe3f2")


def _months(report: ReplaceReport, count: int) -> list[str]:
    line = Timeline(report.start, report.months)
    return [line.label(month) for month in range(count)]


def _line(report: ReplaceReport, values: Sequence[float], name: str, **style: Any) -> Any:
    import plotly.graph_objects as go

    months = _months(report, len(values))
    return go.Scatter(x=months, y=list(values), mode="lines", name=name, **style)


def today(report: ReplaceReport, pool: PoolReplacement) -> Any:
    """Value of each action of today, and of never acting."""
    import plotly.graph_objects as go

    rows = [*pool.best.today.items(), ("never act", pool.best.never_usd)]
    rows.sort(key=lambda row: row[1])
    colours = [GREEN if name == pool.do_today else BLUE for name, _ in rows]
    bars = go.Bar(
        x=[usd for _, usd in rows], y=[name for name, _ in rows], orientation="h",
        marker={"color": colours}, text=[say.millions(usd) for _, usd in rows],
        textposition="outside", cliponaxis=False,
    )  # fmt: skip
    return figure(
        [bars], height=110 + 40 * len(rows), xaxis={"title": {"text": report.currency}},
        margin={"l": 150, "r": 70, "t": 30, "b": 50},
    )  # fmt: skip


def boundary(report: ReplaceReport, pool: PoolReplacement) -> Any:
    """Months and rents, coloured by what is best there, with the rents that are to be expected."""
    top = max(pool.price_high) * 1.25
    traces = [*_areas(report, pool, top), *_fan(report, pool)]
    unit = f"{pool.price_of}, {report.currency} an hour"
    if pool.units[0].usd_per_card_hour is None:
        unit = "price of tokens, 1 is today"
    return figure(
        traces, barmode="stack", bargap=0,
        xaxis={"type": "category", "nticks": 12},
        yaxis={"title": {"text": unit}, "range": [0, top]},
        legend={"traceorder": "normal", "font": {"size": 11}},
    )  # fmt: skip


def _areas(report: ReplaceReport, pool: PoolReplacement, top: float) -> list[Any]:
    """A stack of bars in each month, one part for each band of rents."""
    import plotly.graph_objects as go

    count = len(pool.best.boundary) and max(b.month for b in pool.best.boundary) + 1
    months, named, traces = _months(report, count), set(), []
    deepest = max((len(say.bands(pool, month)) for month in range(count)), default=0)
    for depth in range(deepest):
        for action in _actions(pool):
            heights = [_height(report, pool, m, depth, action, top) for m in range(count)]
            if any(heights):
                traces.append(
                    go.Bar(
                        x=months, y=heights, name=action, legendgroup=action,
                        showlegend=action not in named, hoverinfo="name+x",
                        marker={"color": _colour(pool, action), "line": {"width": 0}},
                    )
                )  # fmt: skip
                named.add(action)
    return traces


def _height(
    report: ReplaceReport, pool: PoolReplacement, month: int, depth: int, action: str, top: float
) -> float:
    found = say.bands(pool, month)
    if depth >= len(found) or found[depth].action != action:
        return 0.0
    low = 0.0 if depth == 0 else say.price_at(pool, month, found[depth].low)
    last = depth == len(found) - 1
    high = top if last else say.price_at(pool, month, found[depth].high)
    return max(0.0, min(top, high) - min(top, low))


def _actions(pool: PoolReplacement) -> list[str]:
    return sorted({band.action for band in pool.best.boundary})


def _colour(pool: PoolReplacement, action: str) -> str:
    if action in LIGHT:
        return LIGHT[action]
    swaps = [f"swap to {u.name}" for u in pool.units if not u.is_here]
    return SWAPS[swaps.index(action) % len(SWAPS)]


def _fan(report: ReplaceReport, pool: PoolReplacement) -> list[Any]:
    dots = {"color": BLACK, "dash": "dot", "width": 1}
    return [
        _line(report, pool.price_by_month[:-1], "P50 of rents", line={"color": BLACK, "width": 2}),
        _line(report, pool.price_low[:-1], "P5 and P95", line=dots, legendgroup="fan"),
        _line(report, pool.price_high[:-1], "P95", line=dots, legendgroup="fan", showlegend=False),
    ]


def chances(report: ReplaceReport, pool: PoolReplacement) -> Any:
    """Share of futures in which each action has been the first one by a month."""
    traces = [
        _line(
            report, list(accumulate(by)), action, stackgroup="one",
            line={"width": 0.5, "color": _colour(pool, action)},
        )
        for action, by in pool.best.act_frac.items()
        if sum(by) >= say.LEAST_CHANCE
    ]  # fmt: skip
    return figure(
        traces, height=320, showlegend=True, xaxis={"type": "category", "nticks": 12},
        yaxis={"title": {"text": "share of futures"}, "tickformat": ".0%", "range": [0, 1.02]},
    )  # fmt: skip


def worth(report: ReplaceReport, pool: PoolReplacement) -> Any:
    """Books, market and lenders by month, with the month of the first move."""
    shown = (
        ("books", [w.book_usd for w in pool.worth], BLUE),
        ("market", [w.market_usd for w in pool.worth], ORANGE),
        ("owed", [w.owed_usd for w in pool.worth], PINK),
    )
    traces = [
        _line(report, values, name, line={"color": colour})
        for name, values, colour in shown
        if any(values)
    ]
    drawn = figure(
        traces, yaxis={"title": {"text": report.currency}, "rangemode": "tozero"},
        xaxis={"type": "category", "nticks": 12},
    )  # fmt: skip
    if pool.month is not None:
        drawn.add_vline(x=pool.month, line_dash="dash", line_color=GREEN)
        drawn.add_annotation(
            x=pool.month, y=1.0, yref="paper", text=pool.action, showarrow=False, xanchor="left",
            xshift=6, font={"color": GREEN},
        )  # fmt: skip
    return drawn


def dark(report: ReplaceReport, pool: PoolReplacement) -> Any:
    """Parts of what a delay costs."""
    import plotly.graph_objects as go

    parts = (
        ("capital", [d.interest_usd for d in pool.dark], BLUE),
        ("lost value", [d.lost_value_usd for d in pool.dark], ORANGE),
        ("space", [d.space_usd for d in pool.dark], GREY),
    )
    labels = [f"{d.months:g}" for d in pool.dark]
    traces: list[Any] = [
        go.Bar(x=labels, y=values, name=name, marker={"color": colour})
        for name, values, colour in parts
    ]
    traces.append(
        go.Scatter(
            x=labels, y=[d.rent_usd for d in pool.dark], mode="markers", name="rent not earned",
            marker={"color": BLACK, "symbol": "line-ew-open", "size": 26, "line": {"width": 3}},
        )
    )  # fmt: skip
    return figure(
        traces, barmode="stack", height=340, bargap=0.5,
        xaxis={"title": {"text": "months dark"}, "type": "category"},
        yaxis={"title": {"text": report.currency}},
    )  # fmt: skip


def moved(report: ReplaceReport, pool: PoolReplacement) -> Any:
    """The value at both ends of each input, with what is done first then."""
    import plotly.graph_objects as go

    from wattmill.plan.studies.replace.text import first

    rows, base = pool.moved[::-1], pool.best.value_usd
    traces = [
        go.Bar(
            x=[getattr(m, f"usd_at_{end}") - base for m in rows], y=[m.name for m in rows],
            base=base, orientation="h", name=f"{end} end", marker={"color": colour},
            text=[
                f"{getattr(m, end)}: "
                + first(report, getattr(m, f"action_at_{end}"), getattr(m, f"month_at_{end}"))
                for m in rows
            ],
            textposition="outside", cliponaxis=False, textfont={"size": 11},
        )
        for end, colour in (("low", ORANGE), ("high", BLUE))
    ]  # fmt: skip
    values = [usd for m in rows for usd in (m.usd_at_low, m.usd_at_high)]
    room = 0.7 * (max(values) - min(values))
    return figure(
        traces, barmode="overlay", height=120 + 38 * len(rows),
        xaxis={"title": {"text": f"worth, {report.currency}"},
               "range": [min(values) - room, max(values) + room]},
        margin={"l": 190, "r": 20, "t": 30, "b": 60},
    )  # fmt: skip
