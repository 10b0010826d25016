"""A plan for the eyes of a person: tables for a terminal, in the units of the trade."""

from __future__ import annotations

from collections.abc import Callable

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from wattmill.catalog.units import GIGA
from wattmill.plan.offers import Offer
from wattmill.plan.report import CloudPlan, PlanReport, PoolPlan

UNKNOWN = "-"
Row = tuple[str, Callable[[PoolPlan], str]]


def render(report: PlanReport) -> RenderableType:
    """The whole report: pools side by side, clouds, the site, and what to know about it."""
    parts: list[RenderableType] = [_headline(report)]
    parts += [_pools(report)] if report.pools else []
    parts += [_clouds(report.clouds)] if report.clouds else []
    parts += [_site(report), *(Text(f"note: {note}") for note in report.notes)]
    return Group(*parts)


def _headline(report: PlanReport) -> Text:
    return Text(f"{report.factory}: {report.load_frac:.0%} of full load, day and night", "bold")


ROWS: tuple[tuple[Row, ...], ...] = (
    (
        ("model", lambda p: p.model),
        ("hardware", lambda p: p.hardware + (f", tp {p.tp}" if p.tp > 1 else "")),
        ("engine, weights, KV", lambda p: f"{p.engine}, {p.precision}, {p.kv_precision}"),
    ),
    (
        ("weights", lambda p: f"{_gb(p.fit.weights_bytes)} of {_gb(p.fit.usable_bytes)}"),
        ("free for KV", lambda p: _gb(p.kv_free_bytes)),
        ("users at once", lambda p: f"{p.users:,} at {p.fit.context_tokens:,} tokens"),
    ),
    (
        ("requests of", lambda p: f"{p.workload.isl:,} in, {p.workload.osl:,} out"),
        ("one user alone", lambda p: f"{_digits(p.performance.single_tok_per_s)} tok/s"),
        ("full load", lambda p: _full(p)),
        ("at this load", lambda p: f"{_digits(p.performance.tok_per_s)} tok/s"),
        ("TTFT", lambda p: _ms(p.performance.ttft_s)),
        ("TPOT", lambda p: _ms(p.performance.tpot_s)),
        ("what binds", lambda p: p.binds),
        ("expected error", lambda p: f"{p.error_frac:.0%} of TPOT"),
    ),
    (
        ("power", lambda p: f"{_digits(p.mean_kw)} kW, {_digits(p.committed_kw)} committed"),
        ("tokens a month", lambda p: f"{_digits(p.tokens_per_month / 1e6)} million"),
        ("amortisation", lambda p: _amortisation(p)),
        ("energy", lambda p: _usd(p.cost.energy_usd_per_month)),
        ("colocation", lambda p: _usd(p.cost.colo_usd_per_month)),
        ("cost", lambda p: _per_mtok(p.cost.usd_per_mtok)),
        ("  laid on the output", lambda p: _per_mtok(p.cost.usd_per_mtok_output)),
        ("LCOT", lambda p: _per_mtok(p.cost.lcot_usd_per_mtok)),
    ),
    (
        ("held against", lambda p: _against(p)),
        (
            "API would cost",
            lambda p: _per_mtok(p.payback.offer.usd_per_mtok if p.payback else None),
        ),
        ("payback", lambda p: _payback(p)),
    ),
)


def _pools(report: PlanReport) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("pool")
    for pool in report.pools:
        table.add_column(pool.name, overflow="fold")
    for rows in ROWS:
        for label, show in rows:
            table.add_row(label, *map(show, report.pools))
        table.add_section()
    return table


def _clouds(clouds: tuple[CloudPlan, ...]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("cloud", "model", "input $/Mtok", "cached", "output", "this load"):
        table.add_column(heading, justify="left" if heading in ("cloud", "model") else "right")
    for cloud in clouds:
        table.add_row(cloud.name, cloud.model, *_prices(cloud.offer))
    return table


def _prices(offer: Offer | None) -> list[str]:
    if offer is None:
        return [UNKNOWN] * 4
    cached = offer.cached_input_usd_per_mtok
    return [
        f"{offer.input_usd_per_mtok:.4g}",
        UNKNOWN if cached is None else f"{cached:.4g}",
        f"{offer.output_usd_per_mtok:.4g}",
        f"{offer.usd_per_mtok:.4g}",
    ]


def _site(report: PlanReport) -> Text:
    site = report.site
    text = f"site {site.name}: {site.committed_kw:.2f} kW committed, {site.mean_kw:.2f} kW mean"
    if site.over_cap_kw is None:
        return Text(text + ", no cap")
    text += f", cap {site.power_cap_kw:.2f} kW: "
    return Text(text + (f"{site.over_cap_kw:.2f} kW too much" if site.over_cap_kw else "holds"))


def _full(pool: PoolPlan) -> str:
    seen = pool.performance
    return f"{_digits(seen.full_tok_per_s)} tok/s, {seen.full_batch} at once"


def _against(pool: PoolPlan) -> str:
    if pool.payback is None:
        return UNKNOWN
    offer = pool.payback.offer
    named = offer.name if offer.name == offer.provider else f"{offer.name}, {offer.provider}"
    return named + _dated(pool, "api")


def _amortisation(pool: PoolPlan) -> str:
    return _usd(pool.cost.amortisation_usd_per_month) + _dated(pool, "new", "resale")


def _dated(pool: PoolPlan, *kinds: str) -> str:
    """The date of the catalog's price behind a figure, and whether it is stale."""
    found = [price.dated for price in pool.prices if price.what in kinds]
    return f" ({found[0]})" if found else ""


def _payback(pool: PoolPlan) -> str:
    if pool.payback is None:
        return UNKNOWN
    months = pool.payback.months
    return "not within its life" if months is None else f"{months:.1f} months"


def _gb(size_bytes: float) -> str:
    return f"{size_bytes / GIGA:,.1f} GB" if size_bytes >= 1e8 else f"{size_bytes / 1e6:,.1f} MB"


def _ms(seconds: float) -> str:
    return f"{_digits(seconds * 1e3)} ms"


def _usd(usd: float | None) -> str:
    return UNKNOWN if usd is None else f"${usd:,.2f} a month"


def _per_mtok(usd: float | None) -> str:
    return UNKNOWN if usd is None else f"${_digits(usd)} / Mtok"


def _digits(value: float) -> str:
    """Three digits that count, as many as the physics is worth."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
