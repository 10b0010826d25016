"""The figures of `wattmill finance`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wattmill.finance.outcome import Fan, Histogram
from wattmill.plan.pictures import COLOURS, figure
from wattmill.plan.studies.finance import text as text
from wattmill.plan.studies.finance.report import FinanceReport
from wattmill.plan.studies.timeline import Timeline

BLUE, ORANGE, GREEN, PINK, *_ = COLOURS
GREY = "#999999"


# --- lines over months ----------------------------------------------------------------------------


def _months(report: FinanceReport) -> list[str]:
    line = Timeline(report.start, report.months)
    return [line.label(month) for month in range(report.months + 1)]


def _line(report: FinanceReport, values: Sequence[float | None], name: str, **style: Any) -> Any:
    import plotly.graph_objects as go

    return go.Scatter(x=_months(report), y=list(values), mode="lines", name=name, **style)


def cash(report: FinanceReport) -> Any:
    """What the owner gets each month, and the sum so far."""
    import plotly.graph_objects as go

    flows = np.array(report.monthly["equity_flow_usd"])
    bars = go.Bar(x=_months(report), y=flows, name="flow", marker={"color": BLUE})
    total = _line(report, np.cumsum(flows).tolist(), "sum so far", line={"color": ORANGE})
    traces = [bars, total]
    back = report.equity.payback_months
    if back:
        at = min(report.months, int(np.ceil(back)))
        traces.append(
            go.Scatter(
                x=[_months(report)[at]], y=[float(np.cumsum(flows)[at])], mode="markers+text",
                text=[f"{back:.0f} months"], textposition="top center", name="payback",
                marker={"size": 10, "color": GREEN},
            )
        )  # fmt: skip
    return figure(traces, yaxis={"title": {"text": report.currency}}, bargap=0.1)


def earning(report: FinanceReport) -> Any:
    """Revenue, running costs and debt service by month."""
    shown = (
        ("revenue_usd", "revenue", BLUE),
        ("opex_usd", "running", ORANGE),
        ("service_usd", "debt service", PINK),
    )
    traces = [
        _line(report, report.monthly[key], name, line={"color": colour})
        for key, name, colour in shown
        if any(report.monthly[key])
    ]
    return figure(traces, yaxis={"title": {"text": f"{report.currency} a month"}})


def dscr(report: FinanceReport) -> Any:
    """Cover of debt service with its covenants and its band."""
    traces = [
        *_band(report, "dscr"),
        _line(report, report.dscr, "without chance", line={"color": BLUE}),
    ]
    drawn = figure(traces, yaxis={"title": {"text": "DSCR"}, "rangemode": "tozero"})
    for loan in report.lenders:
        if loan.covenant_dscr is not None:
            drawn.add_hline(y=loan.covenant_dscr, line_dash="dash", line_color=ORANGE)
    drawn.add_hline(y=1.0, line_color=GREY)
    top = max((r for r in report.dscr if r is not None), default=2.0)
    drawn.update_yaxes(range=[0, max(2.0, 1.6 * top)])
    return drawn


def ltv(report: FinanceReport) -> Any:
    """What is owed over what it would sell for."""
    traces = [
        *_band(report, "ltv"),
        _line(report, report.ltv, "without chance", line={"color": BLUE}),
    ]
    drawn = figure(traces, yaxis={"title": {"text": "LTV"}, "rangemode": "tozero"})
    for loan in report.lenders:
        if loan.covenant_ltv is not None:
            drawn.add_hline(y=loan.covenant_ltv, line_dash="dash", line_color=ORANGE)
    drawn.add_hline(y=1.0, line_color=GREY)
    return drawn


def _band(report: FinanceReport, name: str) -> list[Any]:
    """P5 to P95 of a monthly line, where it is finite."""
    import plotly.graph_objects as go

    fan: Fan | None = report.risk.fans.get(name) if report.risk is not None else None
    if fan is None:
        return []
    low, high = np.array(fan.percentiles["P5"]), np.array(fan.percentiles["P95"])
    kept = np.flatnonzero(np.isfinite(low) & np.isfinite(high) & _served(report, name))
    months = np.array(_months(report))[kept]
    return [
        go.Scatter(
            x=np.concatenate((months, months[::-1])),
            y=np.concatenate((high[kept], low[kept][::-1])),
            fill="toself", fillcolor=BLUE, opacity=0.15, line={"width": 0}, hoverinfo="skip",
            mode="lines", name="nine of ten futures",
        )
    ]  # fmt: skip


def _served(report: FinanceReport, name: str) -> Any:
    """Months that a line is about: a DSCR ends with the debt."""
    return np.array([name != "dscr" or ratio is not None for ratio in report.dscr])


def values(report: FinanceReport) -> Any:
    """Value by the books and on the market, and what is owed."""
    shown = (
        ("book_value_usd", "books", BLUE),
        ("market_value_usd", "market", ORANGE),
        ("balance_usd", "owed", PINK),
    )
    traces = [
        _line(report, report.monthly[key][:-1], name, line={"color": colour})
        for key, name, colour in shown
        if any(report.monthly[key])
    ]
    return figure(traces, yaxis={"title": {"text": report.currency}})


def durations(report: FinanceReport) -> Any:
    """Contract, debt and machines, by how long they last."""
    import plotly.graph_objects as go

    gap = report.gap
    assert gap is not None, "a study with lenders has a balance"
    rows = (
        ("machines earn more than they cost", gap.life_months, GREEN),
        ("debt", gap.debt_months, PINK),
        ("contract", gap.contract_months, BLUE),
    )
    bars = go.Bar(
        x=[months for _, months, _ in rows],
        y=[name for name, _, _ in rows],
        orientation="h",
        marker={"color": [colour for *_, colour in rows]},
        text=[f"{months:.0f}" for _, months, _ in rows],
    )
    return figure(
        [bars],
        xaxis={"title": {"text": "months"}},
        height=260,
        margin={"l": 230, "r": 20, "t": 20, "b": 50},
    )


# --- what it hangs on, what may happen ------------------------------------------------------------


def tornado(report: FinanceReport) -> Any:
    """The owner's NPV at both ends of each knob."""
    import plotly.graph_objects as go

    bars = report.knobs[::-1]
    base = report.equity.npv_usd
    traces = [
        go.Bar(
            x=[getattr(bar, f"at_{end}") - base for bar in bars],
            y=[bar.name for bar in bars],
            base=base,
            orientation="h",
            name=f"{end} end",
            text=[text.turned(getattr(bar, end), bar) for bar in bars],
            marker={"color": colour},
        )
        for end, colour in (("low", ORANGE), ("high", BLUE))
    ]
    return figure(
        traces,
        barmode="overlay",
        xaxis={"title": {"text": f"owner's NPV, {report.currency}"}},
        margin={"l": 200, "r": 20, "t": 30, "b": 60},
    )


def price_fan(report: FinanceReport, fan: Fan, name: str) -> Any:
    """A random price by month."""
    middle = _line(report, fan.percentiles["P50"], "P50", line={"color": BLUE})
    unit = "USD an hour" if name == "rent" else "USD per Mtok of output"
    return figure([*_band(report, name), middle], yaxis={"title": {"text": unit}})


def histogram(found: Histogram, label: str) -> Any:
    """How often a figure lies where."""
    import plotly.graph_objects as go

    edges = np.array(found.edges)
    bars = go.Bar(
        x=(edges[:-1] + edges[1:]) / 2,
        y=list(found.counts),
        width=np.diff(edges),
        marker={"color": BLUE},
    )
    axis = {"title": {"text": label}} | ({"tickformat": ".0%"} if "IRR" in label else {})
    return figure([bars], xaxis=axis, yaxis={"title": {"text": "futures"}}, height=320, bargap=0)
