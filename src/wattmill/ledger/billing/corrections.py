"""Corrections: what was booked wrong stays, and an entry beside it says by how much.

A correction of a month that is invoiced already comes with the next invoice, as a difference. A month
is rated again under another price by a pair of entries for each kind of usage: its tokens less at the
price they had, and as many at the new one.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, insert, select

from wattmill.core.errors import UsageError
from wattmill.core.records import METERS, Price, Usage
from wattmill.ledger import schema
from wattmill.ledger.billing.booking import book
from wattmill.ledger.records import Correction
from wattmill.ledger.registry import Registry
from wattmill.ledger.retention.reading import require_request
from wattmill.ledger.store import Store
from wattmill.tariff.rating import rate


class CorrectionRow(Struct, frozen=True):
    """A correction with the block it came with."""

    block: int
    tenant: str
    held_us: int
    model: str
    pool: str | None
    price: int
    meters: tuple[int, ...]
    amount_pusd: int
    request: int | None
    reason: str


def corrections(store: Store, tenant: str | None = None) -> list[CorrectionRow]:
    """All corrections in the order in which they were entered."""
    statement = select(schema.correction).order_by(schema.correction.c.block)
    if tenant is not None:
        statement = statement.where(schema.correction.c.tenant == tenant)
    with store.reading() as connection:
        return [_row(row) for row in connection.execute(statement)]


def correct_request(
    connection: Connection,
    registry: Registry,
    request: int,
    meters: dict[str, int] | None,
    *,
    reason: str,
    now_us: int,
) -> CorrectionRow:
    """Add tokens (or, negative, take them off) to a request; without ``meters``, take all of it back.

    ``UsageError`` for a request that is not charged, and when a meter would fall below zero; ``LedgerError`` for one
    whose details are retired.
    """
    row = _require_charged(connection, request)
    counted = _counted(connection, row)
    delta = _negated(counted) if meters is None else _delta(meters)
    for meter, before, change in zip(METERS, counted, delta, strict=True):
        if before + change < 0:
            raise UsageError(
                f"request {request} has {before} of {meter}: {-change} cannot be taken off",
                hint="wattmill corrections list shows what was corrected before",
            )
    _require_some(delta)
    price = _require_price(registry, row.price)
    correction = Correction(
        tenant=row.tenant,
        held_us=row.held_us,
        model=row.model,
        pool=row.pool,
        price=row.price,
        meters=delta,
        amount_pusd=_amount_pusd(delta, price),
        request=request,
        reason=require_reason(reason),
    )
    return enter(connection, correction, now_us)


def enter(connection: Connection, correction: Correction, now_us: int) -> CorrectionRow:
    """Append a correction to the books."""
    block = book(connection, correction, now_us)
    values = {
        "block": block,
        "tenant": correction.tenant,
        "held_us": correction.held_us,
        "model": correction.model,
        "pool": correction.pool,
        "price": correction.price,
        "amount_pusd": correction.amount_pusd,
        "request": correction.request,
        "reason": correction.reason,
    }
    meters = dict(zip(METERS, correction.meters, strict=True))
    connection.execute(insert(schema.correction).values(**values, **meters))
    return _find(connection, block)


def repriced(correction_of: Correction, old: Price, new: Price) -> tuple[Correction, Correction]:
    """The pair that moves tokens from one price to another; ``correction_of`` has the tokens."""
    tokens = correction_of.meters
    away, there = _negated(tokens), tokens
    return (
        msgspec.structs.replace(
            correction_of, price=old.version, meters=away, amount_pusd=_amount_pusd(away, old)
        ),
        msgspec.structs.replace(
            correction_of, price=new.version, meters=there, amount_pusd=_amount_pusd(there, new)
        ),
    )


def _amount_pusd(meters: Sequence[int], price: Price) -> int:
    """Rated like requests: what is taken off comes to what it would cost, negated, exactly."""
    gained, lost = (
        {meter: max(0, sign * tokens) for meter, tokens in zip(METERS, meters, strict=True)}
        for sign in (1, -1)
    )
    return rate(usage_of(gained), price) - rate(usage_of(lost), price)


def usage_of(meters: dict[str, int]) -> Usage:
    """Tokens by the name of their meter, as a request's."""
    return msgspec.convert([meters[name] for name in METERS], Usage)


def _require_charged(connection: Connection, request: int) -> Any:
    table = schema.request
    row = connection.execute(select(table).where(table.c.id == request)).first()
    if row is None:
        require_request(connection, request)
        raise UsageError(
            f"there is no request {request} in the books", hint="look it up in a usage export"
        )
    if row.state != "charged":
        raise UsageError(
            f"request {request} is {row.state}: it is not charged", hint="nothing to correct"
        )
    if row.absorbed_pusd:
        raise UsageError(
            f"request {request} was charged in part, because credit had run out",
            hint="give credit instead: wattmill credit grant",
        )
    return row


def _counted(connection: Connection, row: Any) -> tuple[int, ...]:
    """The tokens of a request with its corrections so far."""
    table = schema.correction
    earlier = connection.execute(select(table).where(table.c.request == row.id)).all()
    return tuple(sum(getattr(one, meter) for one in (row, *earlier)) for meter in METERS)


def _negated(meters: Sequence[int]) -> tuple[int, ...]:
    return tuple(-tokens for tokens in meters)


def _delta(meters: dict[str, int]) -> tuple[int, ...]:
    if unknown := meters.keys() - set(METERS):
        raise UsageError(f"there is no meter {min(unknown)!r}", hint=", ".join(METERS))
    return tuple(meters.get(meter, 0) for meter in METERS)


def _require_some(delta: Sequence[int]) -> None:
    if not any(delta):
        raise UsageError("this would correct nothing", hint="for example output_text=-120")


def require_reason(reason: str) -> str:
    """The reason; ``UsageError`` for none."""
    if not reason.strip():
        raise UsageError("a correction needs a reason", hint="--reason 'counted twice'")
    return reason.strip()


def _require_price(registry: Registry, version: int) -> Price:
    return next(price for price in registry.prices() if price.version == version)


def _find(connection: Connection, block: int) -> CorrectionRow:
    table = schema.correction
    return _row(connection.execute(select(table).where(table.c.block == block)).one())


def _row(row: Any) -> CorrectionRow:
    meters = tuple(getattr(row, meter) for meter in METERS)
    who = (row.block, row.tenant, row.held_us, row.model, row.pool, row.price)
    return CorrectionRow(*who, meters, row.amount_pusd, row.request, row.reason)
