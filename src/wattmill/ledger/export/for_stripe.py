"""A final document as messages for Stripe: in whole units of Stripe, fixed when it is issued.

A credit note there is always on an invoice, and only takes off it. What stands alone (a month in which more was taken
back than used), or adds to an invoice that is final there, changes the customer's balance instead, which Stripe sets
off against the next invoice (docs.stripe.com/billing/customer/balance): below zero we owe the customer.

What the customer pays there is what our document says: taxes and the credit that was drawn are items of their own, so
that nobody computes or rounds anything again. Names, addresses and mail addresses are not in the message, because they
can be erased; whoever delivers asks for them.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import msgspec

from wattmill.core.errors import LedgerError
from wattmill.ledger.billing.documents import Document, Line
from wattmill.ledger.export.words import line_text, tax_text
from wattmill.ledger.outbox import Message, message_of

DESTINATION = "stripe"
MAX_ITEMS = 200
"""Stripe takes 250 items on an invoice; taxes and credit need some."""

ZERO_DECIMAL = {
    *("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF"),
    *("VND", "VUV", "XAF", "XOF", "XPF"),
}
THREE_DECIMAL = {"BHD", "JOD", "KWD", "OMR", "TND"}
"""Stripe's lists (docs.stripe.com/currencies); all others have two decimals there, ISK and UGX too."""


def stripe_amount(minor: int, currency: str, exponent: int) -> int:
    """An amount in Stripe's units of a currency. ``LedgerError`` where Stripe cannot say it: nothing is rounded."""
    places = 0 if currency in ZERO_DECIMAL else 3 if currency in THREE_DECIMAL else 2
    amount, rest = divmod(minor * int(10**places), int(10**exponent))
    if rest or (currency in THREE_DECIMAL and amount % 10):
        raise LedgerError(
            f"Stripe has no amount of {minor} × 10^-{exponent} {currency}",
            hint=f"choose a rounding of the invoice that Stripe knows, or send {currency} by another way",
        )
    return amount


def customer_message(tenant: str) -> Message:
    """One customer for each tenant, for ever."""
    return message_of(DESTINATION, {"kind": "customer", "tenant": tenant})


def invoice_messages(document: Document) -> tuple[Message, ...]:
    """The customer and the invoice, where the seller collects with Stripe.

    Nothing for a draft, a credit note, what a reseller sends to its client, and where nothing is to be paid.
    """
    is_invoice = document.kind == "invoice" and document.total_minor > 0
    if not (_is_wanted(document) and is_invoice):
        return ()
    customer = customer_message(document.tenant)
    return customer, message_of(DESTINATION, _invoice(document), after=customer.id)


def alone_messages(note: Document) -> tuple[Message, ...]:
    """The customer, and what a final credit note that is on no invoice gives it."""
    if not (_is_wanted(note) and note.kind == "credit_note" and note.total_minor < 0):
        return ()
    customer = customer_message(note.tenant)
    return customer, _balance(note, customer)


def messages_on(note: Document, credited: Document) -> tuple[Message, ...]:
    """What a final document changes of an earlier one that Stripe was told of; a void takes all of it back."""
    earlier = msgspec.structs.replace(credited, status="final")
    invoice = invoice_messages(earlier)
    told = invoice or alone_messages(earlier)
    if not told or not note.total_minor:
        return ()
    if invoice and note.total_minor < 0:
        return (_credit_note(note, credited, invoice[-1]),)
    return (_balance(note, told[-1]),)


def _is_wanted(document: Document) -> bool:
    is_sites = document.issuer is None and document.status == "final"
    return is_sites and document.seller.collect_with == DESTINATION


def _credit_note(note: Document, invoice: Document, after: Message) -> Message:
    body = {
        "kind": "credit_note",
        "number": note.number,
        "invoice": invoice.number,
        "amount": stripe_amount(-note.total_minor, note.currency, note.exponent),
        "chain_hash": note.chain_hash,
    }
    return message_of(DESTINATION, body, after=after.id)


def _balance(document: Document, after: Message) -> Message:
    body = {
        "kind": "balance",
        "number": document.number,
        "tenant": document.tenant,
        "currency": document.currency.lower(),
        "amount": stripe_amount(document.total_minor, document.currency, document.exponent),
        "chain_hash": document.chain_hash,
    }
    return message_of(DESTINATION, body, after=after.id)


def _invoice(document: Document) -> dict[str, Any]:
    start, end = document.period.start, document.period.end
    items = [
        {"text": text, "amount": stripe_amount(minor, document.currency, document.exponent)}
        for text, minor in _items(document)
        if minor
    ]
    return {
        "kind": "invoice",
        "number": document.number,
        "tenant": document.tenant,
        "currency": document.currency.lower(),
        "due": document.due.isoformat(),
        "start_s": int(start.timestamp()),
        "end_s": int(end.timestamp()),
        "chain_hash": document.chain_hash,
        "total": sum(item["amount"] for item in items),
        "items": items,
    }


def _items(document: Document) -> list[tuple[str, int]]:
    """What adds up to the total: lines (one for each model when there are too many), credit, taxes."""
    lines = [(line_text(line), line.amount_minor) for line in document.lines]
    if len(lines) > MAX_ITEMS:
        lines = _by_model(document.lines)
    if len(lines) > MAX_ITEMS:
        lines = [(f"Usage, as invoice {document.number} says", document.net_minor)]
    taxes = [(tax_text(tax), tax.amount_minor) for tax in document.taxes]
    return [*lines, ("Prepaid credit", -document.credit_minor), *taxes]


def _by_model(lines: Sequence[Line]) -> list[tuple[str, int]]:
    def name(line: Line) -> str:
        return f"Usage of {line.model}" if line.model else line.text

    return [
        (text, sum(line.amount_minor for line in alike))
        for text, alike in groupby(sorted(lines, key=name), key=name)
    ]
