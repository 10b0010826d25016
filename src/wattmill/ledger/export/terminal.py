"""Invoices and margins on a screen. What users wrote is shown as text, never read as markup."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from wattmill.core.money import format_cents, format_usd
from wattmill.ledger.attribution import Cost
from wattmill.ledger.export import words
from wattmill.ledger.invoice import Invoice
from wattmill.ledger.margin import CostView, MarginReport, PoolMargin

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

UNKNOWN = "unknown"
VIEW_WORDS = {
    "zero": "machines free",
    "electricity": "electricity only",
    "loaded": "fully loaded",
}


def invoice_screen(invoice: Invoice) -> RenderableType:
    """The invoice for a terminal."""
    from rich.console import Group

    return Group(
        _text(f"Invoice {invoice.number} ({invoice.status})", "bold"),
        _text(""),
        _parties(invoice),
        _invoice_lines(invoice),
        *_dim(words.remarks(invoice)),
    )


def margin_screen(report: MarginReport) -> RenderableType:
    """The margin report for a terminal."""
    from rich.console import Group

    span = f"{report.start:%Y-%m-%d %H:%M} to {report.until:%Y-%m-%d %H:%M} ({report.timezone})"
    return Group(
        _text(f"Margin of {report.site}, {report.month}", "bold"),
        _text(span, "dim"),
        _sums(report),
        _tenants(report),
        _causes(report),
        _pools(report),
        _views(report),
        *_dim(report.notes),
    )


# --- invoice --------------------------------------------------------------------------------------


def _parties(invoice: Invoice) -> Table:
    seller, buyer = invoice.seller, invoice.buyer
    table = _table()
    table.add_column(style="dim", overflow="fold")
    table.add_column(overflow="fold")
    rows = (
        ("from", _joined(seller.name, *seller.address, seller.tax_id, seller.email)),
        ("to", _joined(invoice.tenant, *buyer.address, buyer.tax_id, buyer.email)),
        ("period", f"{words.period(invoice.period)} ({invoice.period.timezone})"),
        ("issued", words.day(invoice.issued)),
        ("due", words.day(invoice.due)),
        ("pay to", _joined(*seller.bank)),
    )
    for label, value in rows:
        if value:
            table.add_row(label, _text(value))
    return table


def _invoice_lines(invoice: Invoice) -> Table:
    table = _table("usage", right=("tokens", "USD per Mtok", "USD"))
    for (model, price), rows in words.by_model(invoice.lines):
        table.add_row(_text(f"{model}  {price}", "bold"))
        for meter, *numbers in rows:
            table.add_row(f"  {meter}", *numbers)
    if not invoice.lines:
        table.add_row(words.NOTHING_USED)
    table.add_section()
    total = _text(format_cents(invoice.total_cents), "bold")
    table.add_row(_text(f"Total {invoice.currency}", "bold"), "", "", total)
    return table


# --- margin ---------------------------------------------------------------------------------------


def _sums(report: MarginReport) -> Table:
    """Revenue, the parts of the cost, and what is left."""
    table = _table("", right=("energy", "wear", "space", "cloud", "USD"))
    places = _places(report)
    table.add_row("Revenue", "", "", "", "", format_usd(report.revenue_pusd, places))
    parts = (
        ("Caused by tenants", report.attributed),
        ("Unbilled work", report.unbilled),
        ("Idle", report.idle),
        ("Overhead", report.overhead),
    )
    for name, cost in parts:
        table.add_row(name, *_cost_cells(cost, places))
    table.add_section()
    table.add_row("Cost", *_cost_cells(report.cost, places))
    margin = _text(format_usd(report.margin_pusd, places), "bold")
    table.add_row(_text("Margin", "bold"), "", "", "", "", margin)
    return table


def _cost_cells(cost: Cost, places: int) -> list[str]:
    parts = (cost.energy_pusd, cost.amortisation_pusd, cost.space_pusd, cost.charges_pusd)
    return [
        *(format_usd(part, places) if part else "" for part in parts),
        format_usd(cost.total_pusd, places),
    ]


def _tenants(report: MarginReport) -> Table:
    table = _table("tenant", right=("revenue", "caused", "before idle", "idle share", "margin"))
    for tenant in report.tenants:
        amounts = (
            tenant.revenue_pusd,
            tenant.attributed.total_pusd,
            tenant.margin_before_idle_pusd,
            tenant.idle_share.total_pusd,
            tenant.margin_pusd,
        )
        table.add_row(_text(tenant.tenant), *_amounts(amounts, report))
    return table


def _causes(report: MarginReport) -> Table:
    """What each tenant caused, by kind."""
    table = _table("tenant", right=("requests", "tokens", "energy", "wear", "cloud"))
    for tenant in report.tenants:
        own = tenant.attributed
        amounts = (own.energy_pusd, own.amortisation_pusd, own.charges_pusd)
        counts = (f"{tenant.requests:,}", f"{tenant.tokens:,}")
        table.add_row(_text(tenant.tenant), *counts, *_amounts(amounts, report))
    return table


def _pools(report: MarginReport) -> Table:
    table = _table("pool", right=("tokens", "hours", "busy", "energy", "wear", "cloud"))
    for pool in report.pools:
        table.add_row(_text(pool.pool), *_pool_cells(pool, _places(report)))
    return table


def _pool_cells(pool: PoolMargin, places: int) -> list[str]:
    tokens = f"{pool.tokens:,}"
    charges = format_usd(pool.charges_pusd, places)
    if not pool.own_hardware:
        return [tokens, "", "", "", "", charges]
    busy = "" if pool.busy_frac is None else f"{100 * pool.busy_frac:.2f} %"
    costs = (pool.energy_pusd, pool.amortisation_pusd)
    known = (UNKNOWN if cost is None else format_usd(cost, places) for cost in costs)
    return [tokens, f"{pool.service_s / 3600:,.2f}", busy, *known, charges]


def _views(report: MarginReport) -> Table:
    """The whole site and every tenant, three ways."""
    names = [VIEW_WORDS[view.name] for view in report.views]
    table = _table("USD per Mtok", right=names)
    table.add_row("all", *(_per_mtok(view) for view in report.views))
    for tenant in report.tenants:
        table.add_row(_text(tenant.tenant), *(_per_mtok(view) for view in tenant.views))
    return table


def _per_mtok(view: CostView) -> str:
    """``≥`` where a cost that nobody told us is missing."""
    if view.uusd_per_mtok is None:
        return "no tokens"
    return f"{'' if view.complete else '≥ '}{format_usd(view.uusd_per_mtok * 10**6, 4)}"


def _amounts(amounts: Iterable[int], report: MarginReport) -> list[str]:
    return [format_usd(amount, _places(report)) for amount in amounts]


def _places(report: MarginReport) -> int:
    """Cents, or finer where a cent would hide everything."""
    largest = max(abs(report.revenue_pusd), abs(report.cost.total_pusd))
    return 2 if largest >= 10 * 10**12 else 6


# --- parts ----------------------------------------------------------------------------------------


def _table(*left: str, right: Sequence[str] = ()) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD if left else None, pad_edge=False, show_header=bool(left))
    for name in left:
        table.add_column(name, overflow="fold")
    for name in right:
        table.add_column(name, justify="right", overflow="fold")
    return table


def _text(text: str, style: str = "") -> Text:
    from rich.text import Text

    return Text(words.one_line(text), style=style)


def _dim(sentences: Iterable[str]) -> list[Text]:
    return [_text(sentence, "dim") for sentence in sentences]


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)
