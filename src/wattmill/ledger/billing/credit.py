"""Prepaid credit: granted, used up on invoices, given back by credit notes, expired.

Credit is taken off the lines before tax: bought credit was taxed when it was bought, given credit is a
discount. What is left of a grant is its amount less its draws; nothing else is kept.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, insert, select

from wattmill.core.errors import LedgerError, UsageError
from wattmill.ledger import chain
from wattmill.ledger.billing import tables
from wattmill.ledger.billing.booking import book
from wattmill.ledger.billing.documents import CreditDraw
from wattmill.ledger.records import (
    CreditCancelled,
    CreditExpired,
    CreditGranted,
    CreditSource,
)
from wattmill.ledger.store import Store

NEVER_US = 2**63 - 1
DOCUMENT, EXPIRED, CANCELLED = "document", "expired", "cancelled"


class Credit(Struct, frozen=True):
    """One grant as it stands. ``expires_us`` ``None``: never."""

    grant: str
    tenant: str
    source: CreditSource
    priority: int
    granted_us: int
    expires_us: int | None
    amount_pusd: int
    remaining_pusd: int
    reference: str
    document: str | None

    @property
    def ends_us(self) -> int:
        """When it expires; a time that never comes when it does not."""
        return NEVER_US if self.expires_us is None else self.expires_us

    @property
    def order(self) -> tuple[int, int, str]:
        """What is used up first: the smaller priority, then what expires sooner, then the older."""
        return self.priority, self.ends_us, self.grant


def credits_of(store: Store, tenant: str | None = None) -> list[Credit]:
    """Every grant, in the order in which they are used up."""
    with store.reading() as connection:
        return standing(connection, tenant)


def standing(connection: Connection, tenant: str | None = None) -> list[Credit]:
    """The same, on a connection."""
    statement = select(tables.credit_grant)
    if tenant is not None:
        statement = statement.where(tables.credit_grant.c.tenant == tenant)
    used = _used(connection)
    found = [_credit(row, used.get(row.id, 0)) for row in connection.execute(statement)]
    return sorted(found, key=lambda credit: (credit.tenant, credit.order))


def grant(
    connection: Connection,
    tenant: str,
    amount_pusd: int,
    *,
    priority: int,
    expires_us: int | None,
    source: CreditSource,
    reference: str,
    document: str | None,
    now_us: int,
) -> Credit:
    """Enter a grant; its id is ``CR-`` and the number of its block.

    ``UsageError`` when the amount is not positive or it would have expired already.
    """
    if amount_pusd <= 0:
        raise UsageError("credit must be more than nothing", hint="write it as 500 or 12.50")
    if expires_us is not None and expires_us <= now_us:
        raise UsageError("this credit would have expired already", hint="name a later --expires")
    record = CreditGranted(
        grant=f"CR-{chain.tail(connection).number + 1:05d}",
        tenant=tenant,
        amount_pusd=amount_pusd,
        priority=priority,
        granted_us=now_us,
        expires_us=expires_us,
        source=source,
        reference=reference,
        document=document,
    )
    block = book(connection, record, now_us)
    connection.execute(insert(tables.credit_grant).values(**_columns(record, block)))
    return next(one for one in standing(connection, tenant) if one.grant == record.grant)


def plan_draws(
    credits: Iterable[Credit],
    net_minor: int,
    minor_pusd: int,
    charged_before_minor: Callable[[int], int],
) -> tuple[CreditDraw, ...]:
    """Which grants pay how much of lines of ``net_minor``, in the order in which they are used up.

    ``charged_before_minor(at_us)`` is what the lines came to before an instant: a grant pays only for
    what was used before it expired. All grants that end by some instant together pay no more than
    that, so each may pay what every later end still leaves.
    """
    usable = sorted((one for one in credits if one.remaining_pusd > 0), key=lambda one: one.order)
    room = {one.ends_us: charged_before_minor(one.ends_us) for one in usable}
    room[NEVER_US] = net_minor
    draws = []
    for one in usable:
        limit = min(left for ends_us, left in room.items() if ends_us >= one.ends_us)
        amount = min(limit, one.remaining_pusd // minor_pusd)
        if amount > 0:
            draws.append(CreditDraw(one.grant, one.source, amount))
            room = {
                ends_us: left - amount if ends_us >= one.ends_us else left
                for ends_us, left in room.items()
            }
    return tuple(draws)


def give_back(
    draws: Sequence[CreditDraw], returned: dict[str, int], amount_minor: int
) -> tuple[CreditDraw, ...]:
    """Undo so much of an invoice's draws, the last one first; ``returned`` is what is back already."""
    backs = []
    for draw in reversed(draws):
        part = min(amount_minor, draw.amount_minor - returned.get(draw.grant, 0))
        if part > 0:
            backs.append(CreditDraw(draw.grant, draw.source, -part))
            amount_minor -= part
    return tuple(backs)


def enter_draws(
    connection: Connection, block: int, draws: Iterable[CreditDraw], minor_pusd: int
) -> None:
    """Take a document's draws off their grants; ``LedgerError`` rather than below zero."""
    for draw in draws:
        _draw(connection, block, draw.grant, DOCUMENT, draw.amount_minor * minor_pusd)


def expire(connection: Connection, tenant: str, until_us: int, now_us: int) -> list[CreditExpired]:
    """Book as expired what is left of grants that ended by ``until_us``.

    It is called when a month is closed: until then its invoice may still draw on them.
    """
    expired = []
    for one in standing(connection, tenant):
        if one.ends_us <= until_us and one.remaining_pusd > 0:
            record = CreditExpired(
                grant=one.grant, tenant=tenant, amount_pusd=one.remaining_pusd, source=one.source
            )
            block = book(connection, record, now_us)
            _draw(connection, block, one.grant, EXPIRED, one.remaining_pusd)
            expired.append(record)
    return expired


def reduce_bought_with(
    connection: Connection, document: str, amount_pusd: int, reason: str, now_us: int
) -> None:
    """Take back a part of the grants bought with an invoice; ``UsageError`` when less is left."""
    for one in standing(connection):
        if one.document == document and amount_pusd:
            if amount_pusd > one.remaining_pusd:
                raise UsageError(
                    f"less is left of {one.grant}, which was bought with {document}",
                    hint="wattmill credit list shows what is left",
                )
            _cancel(connection, one, amount_pusd, reason, now_us)


def _cancel(
    connection: Connection, one: Credit, amount_pusd: int, reason: str, now_us: int
) -> None:
    record = CreditCancelled(
        grant=one.grant, tenant=one.tenant, amount_pusd=amount_pusd, reason=reason
    )
    block = book(connection, record, now_us)
    _draw(connection, block, one.grant, CANCELLED, amount_pusd)


def _draw(connection: Connection, block: int, grant: str, cause: str, amount_pusd: int) -> None:
    table = tables.credit_grant
    row = connection.execute(select(table).where(table.c.id == grant)).one()
    remaining = _credit(row, _used(connection, grant).get(grant, 0)).remaining_pusd
    if not 0 <= remaining - amount_pusd <= int(row.amount):
        raise LedgerError(
            f"{grant} has {remaining} pUSD left of {row.amount}: {amount_pusd} cannot be drawn",
            place=f"block {block}",
            hint="another command used this credit meanwhile: run it again",
        )
    values = {"block": block, "grant": grant, "cause": cause, "amount": str(amount_pusd)}
    connection.execute(insert(tables.credit_draw).values(**values))


def _used(connection: Connection, grant: str | None = None) -> dict[str, int]:
    """What was drawn from each grant, summed here: the database would leave whole numbers."""
    table = tables.credit_draw.c
    statement = select(table.grant, table.amount)
    if grant is not None:
        statement = statement.where(table.grant == grant)
    used: dict[str, int] = {}
    for name, amount in connection.execute(statement):
        used[name] = used.get(name, 0) + int(amount)
    return used


def _credit(row: Any, used_pusd: int) -> Credit:
    amount = int(row.amount)
    when = (row.priority, row.granted_us, row.expires_us)
    rest = (row.reference, row.document)
    return Credit(row.id, row.tenant, row.source, *when, amount, amount - used_pusd, *rest)


def _columns(record: CreditGranted, block: int) -> dict[str, Any]:
    return {
        "id": record.grant,
        "block": block,
        "tenant": record.tenant,
        "amount": str(record.amount_pusd),
        "priority": record.priority,
        "granted_us": record.granted_us,
        "expires_us": record.expires_us,
        "source": record.source,
        "reference": record.reference,
        "document": record.document,
    }
