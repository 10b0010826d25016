"""An invoice as PDF, set by typst.

Everything that anybody wrote reaches the template as data, so that it cannot be markup. The same
invoice gives the same bytes.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any, Literal

import msgspec

from wattmill.core.money import format_cents
from wattmill.ledger.export import words
from wattmill.ledger.invoice import Invoice, InvoiceLine

TEMPLATE = Path(__file__).parents[1] / "invoice.typ"


def invoice_pdf(invoice: Invoice) -> bytes:
    """The PDF: one A4 page for a small invoice, more under repeated headings for a long one."""
    pages = _typeset(invoice, "pdf")
    assert isinstance(pages, bytes)
    return pages


def invoice_pictures(invoice: Invoice) -> list[bytes]:
    """Its pages as PNG."""
    pages = _typeset(invoice, "png")
    return pages if isinstance(pages, list) else [pages]


def _typeset(invoice: Invoice, form: Literal["pdf", "png"]) -> bytes | list[bytes]:
    import typst

    noon = datetime.combine(invoice.issued, time(12), UTC)
    data = msgspec.json.encode(_data(invoice)).decode()
    pages: bytes | list[bytes] = typst.compile(
        TEMPLATE.read_bytes(),
        format=form,
        ppi=100,
        sys_inputs={"invoice": data},
        timestamp=noon,
    )
    return pages


def _data(invoice: Invoice) -> dict[str, Any]:
    """What the template prints, as it is printed."""
    seller, buyer = invoice.seller, invoice.buyer
    return {
        "number": invoice.number,
        "status": invoice.status.capitalize(),
        "seller": seller.name,
        "seller_lines": [*seller.address, *_labelled(seller.tax_id), *_filled(seller.email)],
        "buyer": invoice.tenant,
        "buyer_lines": [*buyer.address, *_labelled(buyer.tax_id), *_filled(buyer.email)],
        "facts": [
            ["Period", words.period(invoice.period)],
            ["Time zone", invoice.period.timezone],
            ["Issued", words.day(invoice.issued)],
            ["Due", words.day(invoice.due)],
        ],
        "empty": words.NOTHING_USED,
        "groups": list(_groups(invoice.lines)),
        "currency": invoice.currency,
        "total": format_cents(invoice.total_cents),
        "terms": _terms(invoice),
        "bank": list(seller.bank),
        "remarks": words.remarks(invoice),
    }


def _groups(lines: tuple[InvoiceLine, ...]) -> Iterator[dict[str, Any]]:
    for (model, price), rows in words.by_model(lines):
        yield {"model": model, "price": price, "rows": rows}


def _terms(invoice: Invoice) -> str:
    days = invoice.seller.payment_terms_days
    if not days:
        return "Payable on receipt."
    plural = "" if days == 1 else "s"
    return f"Payable within {days} day{plural}, by {words.day(invoice.due)}."


def _labelled(tax_id: str) -> list[str]:
    return [f"Tax ID {tax_id}"] if tax_id else []


def _filled(text: str) -> list[str]:
    return [text] if text else []
