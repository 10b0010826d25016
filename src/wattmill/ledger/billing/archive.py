"""Documents that were issued: stored once, read back as they were.

The body is JSON without the buyer; who that is lies beside it in ``document_buyer``, from where it can
be erased. That an invoice is void is not written on it: a credit note that cancels it says so.
"""

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Select, insert, select

from wattmill.core.errors import LedgerError, UsageError
from wattmill.ledger import outbox, schema
from wattmill.ledger.billing import numbering, tables
from wattmill.ledger.billing.booking import book
from wattmill.ledger.billing.documents import Document
from wattmill.ledger.export.for_stripe import alone_messages, invoice_messages, messages_on
from wattmill.ledger.outbox import Message
from wattmill.ledger.postings import legs_of_document
from wattmill.ledger.records import DocumentIssued
from wattmill.ledger.store import Store
from wattmill.ledger.usage import Identity

NOBODY = Identity()
_decoder = msgspec.json.Decoder(Document)


class Stored(Struct, frozen=True):
    """A document with its block."""

    block: int
    document: Document


def document(store: Store, number: str) -> Document:
    """The document of that number (``INV-00042``); ``UsageError`` when there is none."""
    with store.reading() as connection:
        return find(connection, number).document


def documents(store: Store, tenant: str | None = None, month: str | None = None) -> list[Document]:
    """Issued documents, oldest first; those of a tenant, of a month, or all."""
    with store.reading() as connection:
        return [stored.document for stored in stored_documents(connection, tenant, month)]


def find(connection: Connection, number: str) -> Stored:
    """The document of that number with its block; ``UsageError`` when there is none."""
    series, digits = numbering.parsed(number)
    table = schema.document.c
    row = connection.execute(_rows().where(table.series == series, table.number == digits)).first()
    if row is None:
        raise UsageError(
            f"there is no document {number!r}", hint="wattmill invoices list shows them all"
        )
    tenant = stored_documents(connection, row.tenant)
    return next(stored for stored in tenant if stored.block == row.block)


def stored_documents(
    connection: Connection, tenant: str | None = None, month: str | None = None
) -> list[Stored]:
    """The same as ``documents``, on a connection."""
    statement = _rows().order_by(schema.document.c.block)
    if tenant is not None:
        statement = statement.where(schema.document.c.tenant == tenant)
    found = [_stored(row) for row in connection.execute(statement)]
    voided = {stored.document.credits for stored in found if stored.document.cancels}
    marked = [_void(stored) if stored.document.number in voided else stored for stored in found]
    return [stored for stored in marked if month in (None, stored.document.period.month)]


def live_documents(connection: Connection, tenant: str) -> list[Stored]:
    """What stands: documents of a tenant that bill usage and are not cancelled, oldest first.

    Credit notes on an invoice are not among them: they give money back, and change no usage.
    """
    return [
        stored
        for stored in stored_documents(connection, tenant)
        if stored.document.status == "final" and stored.document.credits is None
    ]


def covered(live: Iterable[Stored]) -> dict[str, int]:
    """The months that are invoiced, and up to which block: they are closed that far."""
    bounds: dict[str, int] = {}
    for stored in live:
        for part in stored.document.coverage:
            bounds[part.month] = max(bounds.get(part.month, 0), part.up_to_block)
    return bounds


def enter(connection: Connection, draft: Document, now_us: int) -> Stored:
    """Give a draft its number and store it for ever, with its record, its postings, and what is to be delivered of it.

    Call it inside the transaction that issues it.
    """
    series = numbering.series_of(draft.kind, draft.issuer)
    number = numbering.next_number(connection, series)
    name = numbering.written(series, number)
    final = msgspec.structs.replace(draft, number=name, status="final")
    body = body_of(final)
    issued = DocumentIssued(
        series=series,
        number=number,
        kind=final.kind,
        tenant=final.tenant,
        month=final.period.month,
        issued_us=now_us,
        body_sha256=digest_of(body),
    )
    block = book(connection, issued, now_us, legs_of_document(final))
    key = {"series": series, "number": number}
    about = {"kind": final.kind, "tenant": final.tenant, "month": final.period.month}
    rest = {"block": block, "issued_us": now_us, "body": body}
    connection.execute(insert(schema.document).values(**key, **about, **rest))
    buyer = msgspec.json.encode(final.buyer).decode()
    connection.execute(insert(tables.document_buyer).values(**key, body=buyer))
    for message in _messages(connection, final):
        outbox.put(connection, message, now_us)
    return Stored(block, final)


def _messages(connection: Connection, final: Document) -> tuple[Message, ...]:
    """For Stripe. What is on a document that it was never told of, it is not told either."""
    if final.credits is None:
        return invoice_messages(final) or alone_messages(final)
    stored = stored_documents(connection, final.tenant)
    (credited,) = (one.document for one in stored if one.document.number == final.credits)
    return tuple(
        message
        for message in messages_on(final, credited)
        if outbox.is_known(connection, message.after)
    )


def body_of(final: Document) -> str:
    """What is stored of a document: everything but its buyer."""
    return msgspec.json.encode(msgspec.structs.replace(final, buyer=NOBODY)).decode()


def digest_of(body: str) -> str:
    """What the record of a document says of its body."""
    return hashlib.sha256(body.encode()).hexdigest()


def _rows() -> Select[Any]:
    buyer, table = tables.document_buyer, schema.document
    is_its = (buyer.c.series == table.c.series) & (buyer.c.number == table.c.number)
    columns = (table.c.block, table.c.tenant, table.c.body, buyer.c.body.label("buyer"))
    return select(*columns).select_from(table.outerjoin(buyer, is_its))


def _stored(row: Any) -> Stored:
    try:
        found = _decoder.decode(row.body)
    except msgspec.DecodeError as error:
        raise LedgerError(
            f"a document cannot be read: {error}",
            place=f"block {row.block}",
            hint="restore the books from a backup",
        ) from error
    if row.buyer is not None:
        buyer = msgspec.json.decode(row.buyer, type=Identity)
        found = msgspec.structs.replace(found, buyer=buyer)
    return Stored(row.block, found)


def _void(stored: Stored) -> Stored:
    return Stored(stored.block, msgspec.structs.replace(stored.document, status="void"))
