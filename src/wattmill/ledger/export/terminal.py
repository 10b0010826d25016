"""Invoices and credit notes on a screen. What users wrote is shown as text, never read as markup."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattmill.ledger.billing.documents import Document
from wattmill.ledger.export import words
from wattmill.ledger.export.tables import dim, table, text

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table


def invoice_screen(document: Document) -> RenderableType:
    """The document for a terminal, whole."""
    from rich.console import Group

    return Group(
        text(f"{words.kind(document)} {document.number} ({document.status})", "bold"),
        text(""),
        _parties(document),
        _lines(document),
        *dim(words.remarks(document)),
    )


def _parties(document: Document) -> Table:
    seller, buyer = document.seller, document.buyer
    lines = table()
    lines.add_column(style="dim", overflow="fold")
    lines.add_column(overflow="fold")
    rows = (
        ("from", _joined(seller.name, *seller.address, seller.tax_id, seller.email)),
        ("to", _joined(document.tenant, *buyer.address, buyer.tax_id, buyer.email)),
        ("period", f"{words.period(document.period)} ({document.period.timezone})"),
        ("credits", document.credits or ""),
        ("issued", words.day(document.issued)),
        ("due", words.day(document.due) if document.kind == "invoice" else ""),
        ("pay to", _joined(*seller.bank) if document.kind == "invoice" else ""),
    )
    for label, value in rows:
        if value:
            lines.add_row(label, text(value))
    return lines


def _lines(document: Document) -> Table:
    lines = table("usage", right=("quantity", "price", document.currency))
    for (model, about), rows in words.by_model(document.lines):
        lines.add_row(text(f"{model}  {about}".rstrip(), "bold"))
        for name, quantity, price, line in rows:
            amount = words.amount(line.amount_minor, document)
            lines.add_row(text(f"  {name}"), quantity, price, amount)
    if not document.lines:
        lines.add_row(words.NOTHING_USED)
    lines.add_section()
    for label, amount in words.sums(document):
        lines.add_row(text(label), "", "", amount)
    total = text(words.amount(document.total_minor, document), "bold")
    lines.add_row(text(f"Total {document.currency}", "bold"), "", "", total)
    return lines


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)
