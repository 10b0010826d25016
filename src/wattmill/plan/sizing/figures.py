"""The figures of both studies: Pareto scatter, speed by batch, and where the memory goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wattmill.catalog.units import GIGA, KILO
from wattmill.physics.deployment import Deployment
from wattmill.physics.memory import fit, kv_bytes
from wattmill.physics.sweep import Outcomes, evaluate, stack
from wattmill.plan.pictures import COLOURS, Section, figure, page
from wattmill.plan.sizing.fit_records import FitReport, FitRow
from wattmill.plan.sizing.meeting import Found
from wattmill.plan.sizing.money import UNKNOWN
from wattmill.plan.sizing.size import SizeStudy
from wattmill.plan.sizing.text import LONG, digits

MOST_POINTS = 3000
CURVES = 5
MEMORY_ROWS = 14


def size_page(study: SizeStudy) -> str:
    """The study as one HTML file; with nothing found, what the terminal says."""
    report, found = study.report, study.found
    load = report.workload
    who = f"{report.users:,} sequences at once" if report.users else f"{report.rps:g} requests/s"
    title = f"{report.model}: {who}"
    lines = [f"{load.isl:,} tokens in, {load.osl:,} out; {report.slo}", *report.notes]
    if found is None:
        knobs = report.miss.knobs if report.miss else ()
        return page(title, [*lines, "nothing meets the SLO", *knobs], ())
    sections = [
        Section("Cost and speed", PARETO, _pareto(study, found)),
        Section("Speed by batch", BATCHES, _tpot_by_batch(study, found)),
        Section("Throughput by batch", THROUGHPUT, _throughput_by_batch(study, found)),
        Section("Memory of one card", MEMORY, _memory(study, found)),
        Section("Options", "The front, cheapest first.", table=_options_table(study)),
    ]
    return page(title, lines, sections)


PARETO = (
    "Every option that meets the SLO is a point: left is cheaper, lower is faster, a large point draws"
    " more power. Blue is the Pareto front, which nothing beats; options without a known price are left out."
)
BATCHES = (
    "Time per output token against sequences on one replica, with its 90 % interval; the dot is where"
    " the option runs, the dashed line is the SLO."
)
THROUGHPUT = "Answer tokens per second of one replica; the dot is where the option runs."
MEMORY = "What each card holds at the batch of the option, by its share of the card."


# --- Pareto ---------------------------------------------------------------------------------------


def _pareto(study: SizeStudy, found: Found) -> Any:
    import plotly.graph_objects as go

    is_priced = found.usd < UNKNOWN
    by = found.usd if is_priced.any() else found.power_w / KILO
    cloud = np.flatnonzero(is_priced if is_priced.any() else np.ones(len(found), bool))
    front = np.array([i for i in study.front if by[i] < UNKNOWN], dtype=np.int64)
    some = cloud[:: max(1, len(cloud) // MOST_POINTS)]
    traces = [_points(found, by, some, "in time", "#bbbbbb", 5.0, 0.5)]
    front = front[np.argsort(by[front])]
    traces.append(_points(found, by, front, "Pareto front", COLOURS[0], 0.0, 1.0))
    for name in ("cost", "power", "speed"):
        best = [
            i for o, i in zip(study.report.options, study.shown, strict=True) if name in o.best_at
        ]
        kept = np.array([i for i in best if by[i] < UNKNOWN], dtype=np.int64)
        if len(kept):
            traces.append(_star(found, by, kept, f"least {name}" if name != "speed" else "fastest"))
    what = "USD per hour" if is_priced.any() else "kW at the peak"
    assert isinstance(traces[0], go.Scatter)
    return figure(
        traces,
        xaxis={"title": {"text": what}, "type": "log"},
        yaxis={"title": {"text": "TPOT, ms"}, "type": "log"},
    )


def _points(
    found: Found, by: Any, some: Any, name: str, colour: str, size: float, opacity: float
) -> Any:
    import plotly.graph_objects as go

    widest = float(np.sqrt(found.power_w[some]).max())
    sizes = np.full(len(some), size) if size else 6 + 18 * np.sqrt(found.power_w[some]) / widest
    return go.Scatter(
        x=by[some], y=found.seen.tpot_s[some] * 1e3, mode="markers", name=name,
        text=[_says(found, int(i)) for i in some], hoverinfo="text",
        marker={"color": colour, "size": sizes, "opacity": opacity, "line": {"width": 0}},
    )  # fmt: skip


def _star(found: Found, by: Any, some: Any, name: str) -> Any:
    import plotly.graph_objects as go

    return go.Scatter(
        x=by[some], y=found.seen.tpot_s[some] * 1e3, mode="markers+text", name=name,
        text=[f"{_cards(found, int(i))}" for i in some], textposition="top right",
        hovertext=[_says(found, int(i)) for i in some], hoverinfo="text",
        marker={"symbol": "star", "size": 14, "color": COLOURS[1]}, showlegend=False,
    )  # fmt: skip


def _cards(found: Found, i: int) -> str:
    d = found.field.deployments[found.row[i]]
    return f"{int(found.cards[i])}x {d.hardware.accelerator.name}"


def _says(found: Found, i: int) -> str:
    d = found.field.deployments[found.row[i]]
    usd = found.usd[i]
    price = f"${digits(float(usd))}/h" if usd < UNKNOWN else "no price"
    return (
        f"{_cards(found, i)} · {d.precision}<br>{int(found.replicas[i])} × tp {d.tp} dp {d.dp} pp {d.pp},"
        f" batch {int(found.batch[i])}<br>TPOT {digits(float(found.seen.tpot_s[i]) * 1e3)} ms, TTFT"
        f" {digits(float(found.seen.ttft_s[i]) * 1e3)} ms<br>{price},"
        f" {digits(float(found.power_w[i]) / KILO)} kW"
    )


# --- by batch -------------------------------------------------------------------------------------


def _curves(study: SizeStudy, found: Found) -> list[tuple[str, int, Any, Outcomes]]:
    """(name, batch of the option, batches, outcomes) of the first options, as far as memory holds."""
    load, curves = study.report.workload, []
    chosen = sorted(
        zip(study.report.options, study.shown, strict=True), key=lambda p: not p[0].best_at
    )
    for option, i in chosen[:CURVES]:
        layouts = stack([found.field.deployments[found.row[i]]])
        most = max(option.batch, min(4 * option.batch, int(found.seen.largest_batch[i])))
        batch = np.unique(np.round(np.geomspace(1, most, 60)))
        seen = evaluate(layouts, batch=batch, isl=load.isl, osl=load.osl, hit_frac=load.hit_frac)
        curves.append((f"{option.hardware}, {option.precision}", option.batch, batch, seen))
    return curves


def _tpot_by_batch(study: SizeStudy, found: Found) -> Any:
    traces: list[Any] = []
    for number, (name, at, batch, seen) in enumerate(_curves(study, found)):
        colour = COLOURS[number]
        traces += _band(batch, seen, colour)
        traces += _curve(name, at, batch, seen.tpot_s[0] * 1e3, colour)
    drawn = figure(
        traces,
        xaxis={"title": {"text": "sequences on one replica"}, "type": "log"},
        yaxis={"title": {"text": "TPOT, ms"}, "type": "log"},
    )
    if study.report.slo.tpot_s is not None:
        drawn.add_hline(y=study.report.slo.tpot_s * 1e3, line_dash="dash", line_color="#555")
    return drawn


def _throughput_by_batch(study: SizeStudy, found: Found) -> Any:
    traces: list[Any] = []
    for number, (name, at, batch, seen) in enumerate(_curves(study, found)):
        traces += _curve(name, at, batch, seen.tok_per_s[0], COLOURS[number])
    return figure(
        traces,
        xaxis={"title": {"text": "sequences on one replica"}, "type": "log"},
        yaxis={"title": {"text": "answer tokens per second"}, "type": "log"},
    )


def _band(batch: Any, seen: Outcomes, colour: str) -> list[Any]:
    import plotly.graph_objects as go

    there = np.concatenate((batch, batch[::-1]))
    edge = np.concatenate((seen.tpot_high_s[0], seen.tpot_low_s[0][::-1])) * 1e3
    return [
        go.Scatter(
            x=there, y=edge, fill="toself", fillcolor=colour, opacity=0.12, mode="lines",
            line={"width": 0}, hoverinfo="skip", showlegend=False,
        )
    ]  # fmt: skip


def _curve(name: str, at: int, batch: Any, values: Any, colour: str) -> list[Any]:
    import plotly.graph_objects as go

    here = float(np.interp(at, batch, values))
    return [
        go.Scatter(x=batch, y=values, mode="lines", name=name, line={"color": colour, "width": 2}),
        go.Scatter(
            x=[at], y=[here], mode="markers", showlegend=False, hoverinfo="skip",
            marker={"color": colour, "size": 10},
        ),
    ]  # fmt: skip


# --- memory ---------------------------------------------------------------------------------------


def _memory(study: SizeStudy, found: Found) -> Any:
    load = study.report.workload
    tokens = load.isl + load.osl
    names, parts = [], []
    for option, i in zip(study.report.options, study.shown, strict=True):
        names.append(
            f"{option.hardware}, {option.precision} tp{option.tp}·dp{option.dp}·pp{option.pp}"
        )
        parts.append(memory_parts(found.field.deployments[found.row[i]], option.batch, tokens))
    return _stack(names, parts)


def memory_parts(d: Deployment, batch: int, context_tokens: int) -> dict[str, float]:
    """Bytes of one replica's memory: weights, reserve, KV of `batch` sequences, free, kept back."""
    held = fit(d, context_tokens)
    kv = batch * d.kv_copies * kv_bytes(d.model, d.kv_precision, context_tokens)
    free = held.free_bytes - kv
    return {
        "weights": held.weights_bytes,
        "activations and contexts": held.reserve_bytes,
        "KV cache": kv,
        "free": max(0.0, free),
        "not given to the engine": held.memory_bytes - held.usable_bytes,
    }


def _stack(names: Sequence[str], parts: Sequence[dict[str, float]]) -> Any:
    import plotly.graph_objects as go

    traces = []
    for number, part in enumerate(parts[0]):
        shares = [100 * p[part] / sum(p.values()) for p in parts]
        said = [f"{part}: {digits(p[part] / GIGA)} GB" for p in parts]
        colour = (*COLOURS[:3], "#dddddd", "#f2f2f2")[number]
        traces.append(
            go.Bar(
                y=list(names), x=shares, name=part, orientation="h", hovertext=said,
                hoverinfo="text", marker={"color": colour},
            )
        )  # fmt: skip
    return figure(
        traces,
        barmode="stack",
        height=120 + 28 * len(names),
        xaxis={"title": {"text": "% of the memory"}, "range": [0, 100]},
        yaxis={"autorange": "reversed", "automargin": True},
        legend={"orientation": "h", "y": 1.12, "x": 0},
    )


def _options_table(study: SizeStudy) -> tuple[list[str], list[list[str]]]:
    heads = [name for name, _, _ in LONG]
    options = (*study.report.options, *study.report.others)
    return heads, [[cell(option) for _, _, cell in LONG] for option in options]


# --- fit ------------------------------------------------------------------------------------------


def fit_page(report: FitReport) -> str:
    """What holds the model: speed of one user against tokens per second of all, and the memory."""
    title = f"What holds {report.model}"
    lines = [
        f"users of {report.context_tokens:,} tokens; speeds at {report.workload.isl:,} in,"
        f" {report.workload.osl:,} out",
    ]
    if not report.rows:
        return page(title, [*lines, "nothing that was asked for holds it"], ())
    sections = [
        Section("Alone and together", ALONE, _alone_and_together(report)),
        Section("Memory", FIT_MEMORY, _fit_memory(report.rows)),
    ]
    return page(title, lines, sections)


ALONE = "Each point is the fewest cards of one kind that hold the model in one format."
FIT_MEMORY = "Weights, and what is left for users, in GB of all the cards of a row."


def _alone_and_together(report: FitReport) -> Any:
    import plotly.graph_objects as go

    formats = dict.fromkeys(row.precision for row in report.rows)
    traces = []
    for number, precision in enumerate(formats):
        rows = [row for row in report.rows if row.precision == precision]
        traces.append(
            go.Scatter(
                x=[r.single_tok_per_s for r in rows], y=[r.full_tok_per_s for r in rows],
                mode="markers", name=precision, hoverinfo="text",
                text=[f"{r.hardware}, {r.precision}<br>{r.users:,} users" for r in rows],
                marker={"size": 9, "color": COLOURS[number % len(COLOURS)]},
            )
        )  # fmt: skip
    return figure(
        traces,
        xaxis={"title": {"text": "tokens per second of one user alone"}, "type": "log"},
        yaxis={"title": {"text": "tokens per second of all at full load"}, "type": "log"},
    )


def _fit_memory(rows: Sequence[FitRow]) -> Any:
    import plotly.graph_objects as go

    shown = [row for row in rows if row.usd_per_hour is not None][:MEMORY_ROWS] or rows[
        :MEMORY_ROWS
    ]
    names = [f"{row.hardware}, {row.precision}" for row in shown]
    parts = {
        "weights": [row.weights_bytes / GIGA for row in shown],
        "for users": [row.free_bytes / GIGA for row in shown],
        "engine and system": [
            (row.memory_bytes - row.weights_bytes - row.free_bytes) / GIGA for row in shown
        ],
    }
    colours = dict(zip(parts, (COLOURS[0], COLOURS[2], "#dddddd"), strict=True))
    traces = [
        go.Bar(y=names, x=sizes, name=part, orientation="h", marker={"color": colours[part]})
        for part, sizes in parts.items()
    ]
    return figure(
        traces,
        barmode="stack",
        height=120 + 28 * len(shown),
        xaxis={"title": {"text": "GB"}},
        yaxis={"autorange": "reversed", "automargin": True},
        legend={"orientation": "h", "y": 1.12, "x": 0},
    )
