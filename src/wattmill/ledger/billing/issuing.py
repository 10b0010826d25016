"""Invoices and credit notes become final: number, document, postings and credit in one transaction.

A month is issued once: whoever comes again is given the document that is there. If anything else was
recorded between the draft and the transaction, nothing is written and the draft is made anew; a process
that is killed in between leaves nothing behind, no number either. A final invoice closes its months up
to its block: what comes in later is on the next invoice.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from msgspec import Struct
from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from wattmill.core.errors import LedgerBusy, UsageError, WattmillError
from wattmill.core.money import pusd_per_minor
from wattmill.ledger import chain, schema
from wattmill.ledger.billing import archive, credit, credit_notes
from wattmill.ledger.billing.archive import Stored
from wattmill.ledger.billing.documents import Document
from wattmill.ledger.billing.drafts import Bill, bill
from wattmill.ledger.billing.parties import require_tenant
from wattmill.ledger.periods import month_at, month_named
from wattmill.ledger.registry import Registry
from wattmill.ledger.store import Store

ATTEMPTS = 20

Outcome = Literal["issued", "already", "nothing", "refused"]


class Issue(Struct, frozen=True):
    """What became of a tenant's month. ``refused`` is parked for a person: ``reason`` says why."""

    tenant: str
    month: str
    outcome: Outcome
    document: Document | None = None
    reason: str = ""


class _Overtaken(Exception):
    """Something was recorded after the draft: nothing of it may be written."""


def issue(store: Store, registry: Registry, tenant: str, month: str, now_s: float) -> Issue:
    """Make the invoice of a tenant's month final, unless it is.

    ``UsageError`` while the month is not over; ``LedgerError`` when the books do not add up, and
    ``LedgerBusy`` when others keep writing.
    """
    _require_over(registry, tenant, month, now_s)
    for _ in range(ATTEMPTS):
        found = _issued(store, tenant, month)
        if found is not None:
            return Issue(tenant, month, "already", found)
        made = bill(store, registry, tenant, month, issued=_today(registry, tenant, now_s))
        try:
            with store.transaction() as connection:
                return _enter(connection, made, tenant, round(now_s * 1e6))
        except (_Overtaken, IntegrityError):
            continue
    raise LedgerBusy(
        f"{tenant}, {month}: others keep writing to the books", hint="run it again in a moment"
    )


def issue_all(store: Store, registry: Registry, month: str | None, now_s: float) -> list[Issue]:
    """Every tenant's invoice for a month, or for the last one that is over on its own calendar.

    A tenant whose books are in doubt is left out with the reason; the others are issued.
    """
    return [
        _issue_or_park(store, registry, row.name, month or last_month(row.timezone, now_s), now_s)
        for row in registry.tenants()
    ]


def void(store: Store, number: str, *, reason: str, issued: date, now_s: float) -> Document:
    """Cancel an invoice by a credit note over all that is left of it; its months are open again."""
    return _credited(store, number, None, reason=reason, issued=issued, now_s=now_s)


def credit_lines(
    store: Store,
    number: str,
    amounts: Mapping[int, int | None],
    *,
    reason: str,
    issued: date,
    now_s: float,
) -> Document:
    """Take lines of an invoice back: by index, so many minor units, or ``None`` for all that is left."""
    if not amounts:
        raise UsageError("no line is named", hint="--line 1, or --line 1=12.50")
    return _credited(store, number, amounts, reason=reason, issued=issued, now_s=now_s)


def last_month(timezone: str, now_s: float) -> str:
    """The last month that is over on a calendar."""
    return month_at(month_at(now_s, timezone).start_s - 1, timezone).name


# --- invoices -------------------------------------------------------------------------------------


def _issue_or_park(
    store: Store, registry: Registry, tenant: str, month: str, now_s: float
) -> Issue:
    try:
        return issue(store, registry, tenant, month, now_s)
    except LedgerBusy:
        raise
    except WattmillError as error:
        return Issue(tenant, month, "refused", None, str(error))


def _enter(connection: Connection, made: Bill, tenant: str, now_us: int) -> Issue:
    end_us = round(made.month.end_s * 1e6)
    if made.is_empty:
        credit.expire(connection, tenant, end_us, now_us)
        return Issue(tenant, made.month.name, "nothing")
    stored = archive.enter(connection, made.document, now_us)
    _require_nothing_between(connection, made.document.up_to_block, stored.block)
    minor = pusd_per_minor(made.document.currency)
    credit.enter_draws(connection, stored.block, stored.document.credit, minor)
    credit.expire(connection, tenant, end_us, now_us)
    return Issue(tenant, made.month.name, "issued", stored.document)


def _require_nothing_between(connection: Connection, up_to_block: int, block: int) -> None:
    """A record between the draft and its entry may be another invoice, or a use of the same credit.

    Requests may: they are late, and come with the next invoice.
    """
    number = schema.record.c.block
    between = select(number).where(number > up_to_block, number < block).limit(1)
    if connection.execute(between).first() is not None:
        raise _Overtaken


def _issued(store: Store, tenant: str, month: str) -> Document | None:
    with store.reading() as connection:
        for stored in archive.live_documents(connection, tenant):
            document = stored.document
            if document.coverage and document.period.month == month:
                return document
    return None


def _require_over(registry: Registry, tenant: str, month: str, now_s: float) -> None:
    row = require_tenant(registry, tenant)
    if now_s < month_named(month, row.timezone).end_s:
        raise UsageError(
            f"{month} is not over in {row.timezone}",
            hint=f"wattmill bill {tenant} --month {month} shows what it comes to so far",
        )


def _today(registry: Registry, tenant: str, now_s: float) -> date:
    zone = ZoneInfo(require_tenant(registry, tenant).timezone)
    return datetime.fromtimestamp(now_s, zone).date()


# --- credit notes ---------------------------------------------------------------------------------


def _credited(
    store: Store,
    number: str,
    amounts: Mapping[int, int | None] | None,
    *,
    reason: str,
    issued: date,
    now_s: float,
) -> Document:
    if not reason.strip():
        raise UsageError("a credit note needs a reason", hint="--reason 'billed twice'")
    now_us = round(now_s * 1e6)
    with store.transaction() as connection:
        invoice, notes = _with_notes(connection, number)
        last = chain.tail(connection)
        note = credit_notes.credit_note(
            invoice,
            notes,
            amounts,
            reason=reason.strip(),
            issued=issued,
            up_to_block=last.number,
            chain_hash=last.hash.hex(),
        )
        stored = archive.enter(connection, note, now_us)
        _settle_credit(connection, invoice, stored, now_us)
        return stored.document


def _with_notes(connection: Connection, number: str) -> tuple[Document, list[Document]]:
    invoice = archive.find(connection, number).document
    own = archive.stored_documents(connection, invoice.tenant)
    return invoice, [one.document for one in own if one.document.credits == invoice.number]


def _settle_credit(connection: Connection, invoice: Document, stored: Stored, now_us: int) -> None:
    """Give back what the invoice had drawn, and take back what was bought with it."""
    minor = pusd_per_minor(invoice.currency)
    note = stored.document
    credit.enter_draws(connection, stored.block, note.credit, minor)
    bought = -sum(line.amount_minor for line in note.lines if line.kind == "credit")
    if bought:
        credit.reduce_bought_with(connection, invoice.number, bought * minor, note.reason, now_us)
