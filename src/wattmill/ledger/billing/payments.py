"""Money that came in, went back, or is no longer expected."""

from typing import Any, Literal

from msgspec import Struct
from sqlalchemy import Connection, insert, select

from wattmill.core.errors import UsageError
from wattmill.ledger import chain
from wattmill.ledger.billing import tables
from wattmill.ledger.billing.booking import book
from wattmill.ledger.records import DebtWrittenOff, PaymentReceived, PaymentReturned
from wattmill.ledger.store import Store

PaymentKind = Literal["received", "returned", "written_off"]


class Payment(Struct, frozen=True):
    """One of them. ``document`` is the invoice that it is for; ``None`` is for the oldest.

    ``returns`` is the payment that bounced; ``None`` for what is a refund, or came in.
    """

    payment: str
    kind: PaymentKind
    tenant: str
    amount_pusd: int
    at_us: int
    reference: str
    document: str | None
    returns: str | None

    @property
    def pays_pusd(self) -> int:
        """By how much it lessens what the tenant owes: a returned payment adds to it."""
        return -self.amount_pusd if self.kind == "returned" else self.amount_pusd


def payments(store: Store, tenant: str | None = None) -> list[Payment]:
    """All payments, of a tenant or of all, in the order in which they were entered."""
    with store.reading() as connection:
        return stored_payments(connection, tenant)


def stored_payments(connection: Connection, tenant: str | None = None) -> list[Payment]:
    """The same, on a connection."""
    statement = select(tables.payment).order_by(tables.payment.c.block)
    if tenant is not None:
        statement = statement.where(tables.payment.c.tenant == tenant)
    return [_payment(row) for row in connection.execute(statement)]


def receive(
    connection: Connection,
    tenant: str,
    amount_pusd: int,
    *,
    at_us: int,
    reference: str,
    document: str | None,
    now_us: int,
) -> Payment:
    """Enter a payment. One with a reference that is known already is not entered again.

    ``UsageError`` when that reference stands for another amount or invoice.
    """
    _require_positive(amount_pusd)
    known = _of_reference(connection, tenant, reference)
    if known is not None:
        if (known.amount_pusd, known.document) == (amount_pusd, document):
            return known
        raise UsageError(
            f"{known.payment} has this reference and is another payment",
            hint="use the reference of the bank; it is different for every payment",
        )
    record = PaymentReceived(
        payment=_next_id(connection),
        tenant=tenant,
        amount_pusd=amount_pusd,
        received_us=at_us,
        reference=reference,
        document=document,
    )
    return _enter(connection, "received", record, at_us, now_us)


def give_back(
    connection: Connection,
    tenant: str,
    amount_pusd: int,
    *,
    of: str | None,
    unallocated_pusd: int,
    at_us: int,
    reference: str,
    now_us: int,
) -> Payment:
    """Enter a payment that bounced (``of`` names it), or a refund of what is unallocated.

    ``UsageError`` when more would go back than came in by it, or than is unallocated.
    """
    _require_positive(amount_pusd)
    bounced = None if of is None else _require_payment(connection, tenant, of)
    limit = unallocated_pusd if bounced is None else _not_returned(connection, bounced)
    if amount_pusd > limit:
        raise UsageError(
            "more would go back than there is",
            hint="wattmill payments list shows what came in and what is unallocated",
        )
    record = PaymentReturned(
        payment=_next_id(connection),
        tenant=tenant,
        amount_pusd=amount_pusd,
        returned_us=at_us,
        returns=of,
        reference=reference,
        document=None if bounced is None else bounced.document,
    )
    return _enter(connection, "returned", record, at_us, now_us)


def write_off(
    connection: Connection,
    tenant: str,
    amount_pusd: int,
    *,
    document: str,
    open_pusd: int,
    reason: str,
    now_us: int,
) -> Payment:
    """Give up what is open of an invoice; ``UsageError`` when less than that is open."""
    _require_positive(amount_pusd)
    if amount_pusd > open_pusd:
        raise UsageError(f"less than that is open of {document}", hint="wattmill payments list")
    record = DebtWrittenOff(
        payment=_next_id(connection),
        tenant=tenant,
        amount_pusd=amount_pusd,
        written_off_us=now_us,
        document=document,
        reason=reason,
    )
    return _enter(connection, "written_off", record, now_us, now_us)


def _enter(
    connection: Connection,
    kind: PaymentKind,
    record: PaymentReceived | PaymentReturned | DebtWrittenOff,
    at_us: int,
    now_us: int,
) -> Payment:
    block = book(connection, record, now_us)
    reference = record.reason if isinstance(record, DebtWrittenOff) else record.reference
    returns = record.returns if isinstance(record, PaymentReturned) else None
    connection.execute(
        insert(tables.payment).values(
            id=record.payment,
            block=block,
            kind=kind,
            tenant=record.tenant,
            amount=str(record.amount_pusd),
            at_us=at_us,
            reference=reference,
            document=record.document,
            returns=returns,
        )
    )
    return _require_payment(connection, record.tenant, record.payment)


def _next_id(connection: Connection) -> str:
    return f"PAY-{chain.tail(connection).number + 1:05d}"


def _not_returned(connection: Connection, bounced: Payment) -> int:
    if bounced.kind != "received":
        raise UsageError(f"{bounced.payment} is no payment that came in", hint="name another")
    backs = (
        one.amount_pusd
        for one in stored_payments(connection, bounced.tenant)
        if one.returns == bounced.payment
    )
    return bounced.amount_pusd - sum(backs)


def _of_reference(connection: Connection, tenant: str, reference: str) -> Payment | None:
    if not reference:
        return None
    own = stored_payments(connection, tenant)
    return next((one for one in own if (one.kind, one.reference) == ("received", reference)), None)


def _require_payment(connection: Connection, tenant: str, payment: str) -> Payment:
    for one in stored_payments(connection, tenant):
        if one.payment == payment:
            return one
    raise UsageError(
        f"{tenant} has no payment {payment!r}", hint=f"wattmill payments list {tenant}"
    )


def _require_positive(amount_pusd: int) -> None:
    if amount_pusd <= 0:
        raise UsageError("a payment must be more than nothing", hint="write it as 500 or 12.50")


def _payment(row: Any) -> Payment:
    rest = (int(row.amount), row.at_us, row.reference, row.document, row.returns)
    return Payment(row.id, row.kind, row.tenant, *rest)
