"""An invoice or credit note as PDF, set by typst.

Everything that anybody wrote reaches the template as data, so that it cannot be markup. The same
document gives the same bytes.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import msgspec

from wattmill.ledger.billing.documents import Document
from wattmill.ledger.export import words

TEMPLATE = Path(__file__).parents[1] / "invoice.typ"


def invoice_pdf(document: Document, open_minor: int | None = None) -> bytes:
    """The PDF: one A4 page for a small invoice, more under repeated headings for a long one.

    ``open_minor`` is what is not paid yet, where that is to be said.
    """
    import typst

    noon = datetime.combine(document.issued, time(12), UTC)
    data = msgspec.json.encode(_data(document, open_minor)).decode()
    pages: bytes = typst.compile(
        TEMPLATE.read_bytes(),
        format="pdf",
        sys_inputs={"invoice": data},
        timestamp=noon,
    )
    return pages


def _data(document: Document, open_minor: int | None) -> dict[str, Any]:
    """What the template prints, as it is printed."""
    seller, buyer = document.seller, document.buyer
    is_invoice = document.kind == "invoice"
    return {
        "kind": words.kind(document),
        "number": document.number,
        "status": words.STATUS_WORDS[document.status],
        "seller": seller.name,
        "seller_lines": [*seller.address, *_labelled(seller.tax_id), *_filled(seller.email)],
        "buyer": document.tenant,
        "buyer_lines": [*buyer.address, *_labelled(buyer.tax_id), *_filled(buyer.email)],
        "facts": _facts(document),
        "empty": words.NOTHING_USED,
        "groups": list(_groups(document)),
        "currency": document.currency,
        "sums": words.sums(document),
        "total": words.amount(document.total_minor, document),
        "total_label": "Total" if is_invoice else "Total credited",
        "terms": words.terms(document, open_minor),
        "bank": list(seller.bank) if is_invoice and document.total_minor > 0 else [],
        "remarks": words.remarks(document),
    }


def _facts(document: Document) -> list[tuple[str, str]]:
    facts = [
        ("Period", words.period(document.period)),
        ("Time zone", document.period.timezone),
        ("Issued", words.day(document.issued)),
    ]
    if document.credits:
        facts.insert(0, ("Credits", document.credits))
    if document.kind == "invoice":
        facts.append(("Due", words.day(document.due)))
    return facts


def _groups(document: Document) -> Iterator[dict[str, Any]]:
    for (model, about), rows in words.by_model(document.lines):
        printed = [
            (name, quantity, price, words.amount(line.amount_minor, document))
            for name, quantity, price, line in rows
        ]
        yield {"model": model, "about": about, "rows": printed}


def _labelled(tax_id: str) -> list[str]:
    return [f"Tax ID {tax_id}"] if tax_id else []


def _filled(text: str) -> list[str]:
    return [text] if text else []
