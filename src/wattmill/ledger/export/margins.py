"""Margins on a screen and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Literal

from wattmill.core.money import format_usd, pusd_to_usd
from wattmill.ledger.cost.attribution import NOTHING, Cost
from wattmill.ledger.cost.report import (
    BreakEven,
    CostView,
    DayMargin,
    MarginReport,
    ModelMargin,
    PoolMargin,
    TenantMargin,
)
from wattmill.ledger.export.tables import dim, table, text

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

By = Literal["tenant", "model", "day"]
UNKNOWN = "unknown"
VIEW_WORDS = {
    "zero": "machines free",
    "electricity": "electricity only",
    "loaded": "fully loaded",
}
CSV_COLUMNS = (
    *("by", "name", "requests", "tokens", "revenue_usd"),
    *("energy_usd", "wear_usd", "space_usd", "cloud_usd"),
    *("shared_usd", "cost_usd", "margin_usd"),
)


def margin_screen(report: MarginReport, by: By = "tenant", currency: str = "USD") -> RenderableType:
    """The margin report for a terminal, with its rows by tenant, model or day."""
    from rich.console import Group

    span = f"{report.start:%Y-%m-%d %H:%M} to {report.until:%Y-%m-%d %H:%M} ({report.timezone})"
    told = any(one.verdict != "unknown" for one in report.break_even)
    optional = [_break_evens(report)] if told else []
    optional += [_resellers(report)] if report.resellers else []
    return Group(
        text(f"Margin of {report.site}, {report.month}", "bold"),
        text(span, "dim"),
        _sums(report, currency),
        *_rows(report, by),
        _pools(report),
        _pool_margins(report),
        _views(report, currency),
        _schedules(report, currency),
        *optional,
        *dim(report.notes),
    )


def margin_csv(report: MarginReport) -> str:
    """A header and one row for the site and each tenant, model, pool and day, in exact dollars.

    ``energy`` to ``cloud`` are what was caused; ``shared`` is the part of idleness, unbilled work
    and overhead, and of a day, of a pool and of the site all of them.
    """
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(CSV_COLUMNS)
    writer.writerows(_csv_rows(report))
    return file.getvalue()


# --- screen ---------------------------------------------------------------------------------------


def _sums(report: MarginReport, currency: str) -> Table:
    """Revenue, the parts of the cost, and what is left."""
    sums = table("", right=("energy", "wear", "space", "cloud", currency))
    places = _places(report)
    sums.add_row("Revenue", "", "", "", "", format_usd(report.revenue_pusd, places))
    parts = (
        ("Caused by tenants", report.attributed),
        ("Unbilled work", report.unbilled),
        ("Idle", report.idle),
        ("Overhead", report.overhead),
    )
    for name, cost in parts:
        sums.add_row(name, *_cost_cells(cost, places))
    sums.add_section()
    sums.add_row("Cost", *_cost_cells(report.cost, places))
    margin = text(format_usd(report.margin_pusd, places), "bold")
    sums.add_row(text("Margin", "bold"), "", "", "", "", margin)
    return sums


def _cost_cells(cost: Cost, places: int) -> list[str]:
    parts = (cost.energy_pusd, cost.amortisation_pusd, cost.space_pusd, cost.charges_pusd)
    return [
        *(format_usd(part, places) if part else "" for part in parts),
        format_usd(cost.total_pusd, places),
    ]


def _rows(report: MarginReport, by: By) -> list[Table]:
    if by == "day":
        return [_days(report)]
    found = report.tenants if by == "tenant" else report.models
    rows = [(one.tenant if isinstance(one, TenantMargin) else one.model, one) for one in found]
    return [_margins(report, by, rows), _causes(report, by, rows)]


Rows = Iterable[tuple[str, TenantMargin | ModelMargin]]


def _margins(report: MarginReport, by: By, rows: Rows) -> Table:
    margins = table(by, right=("revenue", "caused", "before idle", "idle share", "margin"))
    for name, one in rows:
        amounts = (
            one.revenue_pusd,
            one.attributed.total_pusd,
            one.margin_before_idle_pusd,
            one.idle_share.total_pusd,
            one.margin_pusd,
        )
        margins.add_row(text(name), *_amounts(amounts, report))
    return margins


def _causes(report: MarginReport, by: By, rows: Rows) -> Table:
    """What each caused, by kind."""
    causes = table(by, right=("requests", "tokens", "energy", "wear", "cloud"))
    for name, one in rows:
        own = one.attributed
        amounts = (own.energy_pusd, own.amortisation_pusd, own.charges_pusd)
        counts = (f"{one.requests:,}", f"{one.tokens:,}")
        causes.add_row(text(name), *counts, *_amounts(amounts, report))
    return causes


def _days(report: MarginReport) -> Table:
    days = table("day", right=("hours", "revenue", "caused", "idle", "cost", "margin"))
    for day in report.days:
        amounts = (
            day.revenue_pusd,
            day.attributed.total_pusd,
            day.idle.total_pusd,
            day.cost.total_pusd,
            day.margin_pusd,
        )
        days.add_row(f"{day.day}", f"{day.hours:.2f}", *_amounts(amounts, report))
    return days


def _pools(report: MarginReport) -> Table:
    pools = table("pool", right=("tokens", "hours", "busy", "energy", "wear", "cloud"))
    for pool in report.pools:
        pools.add_row(text(pool.pool), *_pool_cells(pool, _places(report)))
    return pools


def _pool_cells(pool: PoolMargin, places: int) -> list[str]:
    tokens = f"{pool.tokens:,}"
    charges = format_usd(pool.charges_pusd, places)
    if not pool.own_hardware:
        return [tokens, "", "", "", "", charges]
    busy = "" if pool.busy_frac is None else f"{100 * pool.busy_frac:.2f} %"
    costs = (pool.energy_pusd, pool.amortisation_pusd)
    known = (UNKNOWN if cost is None else format_usd(cost, places) for cost in costs)
    return [tokens, f"{pool.service_s / 3600:,.2f}", busy, *known, charges]


def _pool_margins(report: MarginReport) -> Table:
    pools = table("pool", right=("revenue", "caused", "idle", "overhead", "margin"))
    for pool in report.pools:
        amounts = (
            pool.revenue_pusd,
            (pool.attributed + pool.unbilled).total_pusd,
            pool.idle.total_pusd,
            pool.overhead.total_pusd,
            pool.margin_pusd,
        )
        pools.add_row(text(pool.pool), *_amounts(amounts, report))
    return pools


def _views(report: MarginReport, currency: str) -> Table:
    """The whole site and every tenant, three ways."""
    names = [VIEW_WORDS[view.name] for view in report.views]
    views = table(f"{currency} per Mtok", right=names)
    views.add_row("all", *(_per_mtok(view) for view in report.views))
    for tenant in report.tenants:
        views.add_row(text(tenant.tenant), *(_per_mtok(view) for view in tenant.views))
    return views


def _per_mtok(view: CostView) -> str:
    """``≥`` where a cost that nobody told us is missing."""
    if view.uusd_per_mtok is None:
        return "no tokens"
    return f"{'' if view.complete else '≥ '}{_price(view.uusd_per_mtok)}"


def _schedules(report: MarginReport, currency: str) -> Table:
    """The site under both schedules of wear; ``*`` is the one that the report uses."""
    schedules = table("wear by", right=("wear", "cost", "margin", f"{currency} per Mtok"))
    for one in report.schedules:
        mark = " *" if one.schedule == report.schedule else ""
        if not one.complete:
            schedules.add_row(one.schedule + mark, UNKNOWN, "", "", "")
            continue
        per_mtok = "no tokens" if one.uusd_per_mtok is None else _price(one.uusd_per_mtok)
        amounts = (one.amortisation_pusd, one.cost.total_pusd, one.margin_pusd)
        schedules.add_row(one.schedule + mark, *_amounts(amounts, report), per_mtok)
    return schedules


def _break_evens(report: MarginReport) -> Table:
    """From which load on each price pays for each pool."""
    loads = table("plan", "pool", right=("earns", "adds", "pays from", "tokens a month"))
    for one in report.break_even:
        plan = " ".join(filter(None, (one.plan, one.model, one.band)))
        prices = (one.price_uusd_per_mtok, one.marginal_uusd_per_mtok)
        cells = ("" if price is None else _price(price) for price in prices)
        loads.add_row(text(plan), text(one.pool), *cells, *_load_cells(one))
    return loads


def _load_cells(one: BreakEven) -> tuple[str, str]:
    if one.verdict == "unknown":
        return UNKNOWN, ""
    if one.busy_frac is None or one.tokens_per_month is None:
        return one.verdict, ""
    load = f"{100 * one.busy_frac:.2f} %"
    if one.verdict == "beyond full load":
        return f"not when full ({load})", ""
    return f"{load} busy", f"{one.tokens_per_month:,}"


def _resellers(report: MarginReport) -> Table:
    trades = table("reseller", right=("requests", "sells for", "buys for", "margin"))
    for one in report.resellers:
        amounts = (one.sold_pusd, one.bought_pusd, one.margin_pusd)
        trades.add_row(text(one.party), f"{one.requests:,}", *_amounts(amounts, report))
    return trades


def _price(uusd_per_mtok: int) -> str:
    return format_usd(uusd_per_mtok * 10**6, 4)


def _amounts(amounts: Iterable[int], report: MarginReport) -> list[str]:
    return [format_usd(amount, _places(report)) for amount in amounts]


def _places(report: MarginReport) -> int:
    """Cents, or finer where a cent would hide everything."""
    largest = max(abs(report.revenue_pusd), abs(report.cost.total_pusd))
    return 2 if largest >= 10 * 10**12 else 6


# --- CSV ------------------------------------------------------------------------------------------

Cell = str | int


def _csv_rows(report: MarginReport) -> Iterator[list[Cell]]:
    requests = sum(tenant.requests for tenant in report.tenants)
    tokens = sum(tenant.tokens for tenant in report.tenants)
    shared = report.unbilled + report.idle + report.overhead
    counted = (requests, tokens, report.revenue_pusd)
    yield _csv_row("site", report.site, *counted, report.attributed, shared)
    for one in report.tenants:
        yield _csv_row("tenant", one.tenant, *_borne(one))
    for model in report.models:
        yield _csv_row("model", model.model, *_borne(model))
    for pool in report.pools:
        yield _csv_row("pool", pool.pool, *_spent(pool))
    for day in report.days:
        yield _csv_row("day", day.day.isoformat(), *_spent(day))


def _borne(one: TenantMargin | ModelMargin) -> tuple[int, int, int, Cost, Cost]:
    return one.requests, one.tokens, one.revenue_pusd, one.attributed, one.idle_share


def _spent(one: PoolMargin | DayMargin) -> tuple[int, int, int, Cost, Cost]:
    shared = sum((one.unbilled, one.idle, one.overhead), NOTHING)
    return one.requests, one.tokens, one.revenue_pusd, one.attributed, shared


def _csv_row(
    by: str, name: str, requests: int, tokens: int, revenue: int, caused: Cost, shared: Cost
) -> list[Cell]:
    cost = caused.total_pusd + shared.total_pusd
    parts = (caused.energy_pusd, caused.amortisation_pusd, caused.space_pusd, caused.charges_pusd)
    amounts = (revenue, *parts, shared.total_pusd, cost, revenue - cost)
    return [by, _cell(name), requests, tokens, *(f"{pusd_to_usd(one):f}" for one in amounts)]


def _cell(name: str) -> str:
    """Text that no spreadsheet takes for a formula: one that begins like it gets a quote mark."""
    return "'" + name if name.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else name
