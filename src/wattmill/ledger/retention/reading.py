"""What is gone and what is kept of it, for whoever reads the books.

Sums are kept by quarter of an hour. Who asks for less than that, or for single requests, is refused: nobody is given
less than there was.
"""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Table, select

from wattmill.core.errors import LedgerError
from wattmill.core.records import METERS
from wattmill.ledger import schema
from wattmill.ledger.retention.tables import (
    KIND,
    retired_block,
    retired_request,
    retired_resale,
    retired_usage,
)
from wattmill.ledger.schema import LIMB, QUARTER_US

HINT = (
    "sums, invoices and margins of that time are still there; single requests only in copies that were "
    "made before (wattmill backup, wattmill export usage)"
)


class Range(Struct, frozen=True, array_like=True):
    """Numbers from ``first`` to ``last``, both of them in it."""

    first: int
    last: int


class Ranges:
    """Numbers in ranges that do not overlap."""

    def __init__(self, ranges: Sequence[Range]) -> None:
        self._ranges = sorted(ranges, key=lambda one: one.last)
        self._lasts = [one.last for one in self._ranges]

    def __contains__(self, number: int) -> bool:
        at = bisect_left(self._lasts, number)
        return at < len(self._ranges) and self._ranges[at].first <= number

    def __bool__(self) -> bool:
        return bool(self._ranges)


def retired_error(what: str) -> LedgerError:
    """Told to who asks for what is gone."""
    return LedgerError(f"{what}: the details of these requests are retired", hint=HINT)


def retired_blocks(connection: Connection) -> Ranges:
    """The blocks whose rows are gone, as far as a record says so."""
    record, gone = schema.record.c, retired_block.c
    named = schema.record.join(retired_block, gone.retirement == record.block)
    statement = select(gone.first, gone.last).select_from(named).where(record.kind == KIND)
    return Ranges([Range(*row) for row in connection.execute(statement)])


def retired_requests(connection: Connection, least: int, most: int) -> Ranges:
    """Those numbers of retired requests that may be in ``[least, most]``."""
    gone = retired_request.c
    wanted = (gone.last >= least, gone.first <= most)
    rows = connection.execute(select(gone.first, gone.last).where(*wanted))
    return Ranges([Range(*row) for row in rows])


def first_retired(connection: Connection, requests: Sequence[int]) -> int | None:
    """The first of these requests that was in the books and is retired."""
    if not requests:
        return None
    gone = retired_requests(connection, min(requests), max(requests))
    return next((number for number in requests if gone and number in gone), None)


def require_request(connection: Connection, number: int) -> None:
    """``LedgerError`` for the number of a request that is retired."""
    if first_retired(connection, [number]) is not None:
        raise retired_error(f"request wm-{number:x}")


def has_retired(
    connection: Connection, start_us: int, end_us: int, tenant: str | None = None
) -> bool:
    """Whether requests held in ``[start_us, end_us)`` are retired: of a tenant and its clients, or of anybody."""
    own, sold = retired_usage.c, retired_resale.c
    found = [_first(retired_usage, start_us, end_us, *_of(own.tenant, tenant))]
    if tenant is not None:
        found.append(_first(retired_resale, start_us, end_us, sold.party == tenant))
    return any(connection.execute(statement).first() is not None for statement in found)


def require_details(connection: Connection, start_us: int, end_us: int, tenant: str) -> None:
    """``LedgerError`` when a row of what is asked for is gone."""
    if has_retired(connection, start_us, end_us, tenant):
        raise retired_error(f"{tenant}, {_day(start_us)} to {_day(end_us)}")


def retired_usage_rows(
    connection: Connection,
    start_us: int,
    end_us: int,
    tenant: str | None = None,
    up_to_block: int | None = None,
) -> list[Any]:
    """Rows of ``retired_usage`` that were held in ``[start_us, end_us)`` and were known at a block.

    ``LedgerError`` where one lies only in part in it.
    """
    wanted = _within(retired_usage, start_us, end_us, *_of(retired_usage.c.tenant, tenant))
    return _whole(connection, retired_usage, wanted, start_us, end_us, up_to_block)


def retired_resale_rows(
    connection: Connection,
    start_us: int,
    end_us: int,
    party: str | None = None,
    up_to_block: int | None = None,
) -> list[Any]:
    """The same of ``retired_resale``."""
    wanted = _within(retired_resale, start_us, end_us, *_of(retired_resale.c.party, party))
    return _whole(connection, retired_resale, wanted, start_us, end_us, up_to_block)


def amount_of(row: Any) -> int:
    """What requests were charged, in pUSD; of a resale, what the party pays."""
    return int(row.amount_high) * LIMB + int(row.amount_low)


def absorbed_of(row: Any) -> int:
    """What was rated beyond the charge, in pUSD."""
    return int(row.absorbed_high) * LIMB + int(row.absorbed_low)


def sold_of(row: Any) -> int:
    """What a party sold it for, in pUSD."""
    return int(row.sold_high) * LIMB + int(row.sold_low)


def meters_of(row: Any) -> tuple[int, ...]:
    """Tokens in the order of ``METERS``."""
    return tuple(int(getattr(row, meter)) for meter in METERS)


def _whole(
    connection: Connection,
    table: Table,
    wanted: Sequence[ColumnElement[bool]],
    start_us: int,
    end_us: int,
    up_to_block: int | None,
) -> list[Any]:
    found = connection.execute(select(table).where(*wanted).order_by(*table.primary_key)).all()
    if up_to_block is not None:
        found = [row for row in found if row.first_block <= up_to_block]
    for row in found:
        begin_us = row.quarter * QUARTER_US
        if begin_us < start_us or begin_us + QUARTER_US > end_us:
            raise retired_error(
                f"{row.tenant}, a part of the quarter of an hour from {_minute(begin_us)}"
            )
        if up_to_block is not None and row.last_block > up_to_block:
            raise retired_error(f"{row.tenant}, {_day(begin_us)}, as block {up_to_block} knew it")
    return list(found)


def _within(
    table: Table, start_us: int, end_us: int, *wanted: ColumnElement[bool]
) -> list[ColumnElement[bool]]:
    quarter = table.c.quarter
    return [quarter >= start_us // QUARTER_US, quarter * QUARTER_US < end_us, *wanted]


def _first(table: Table, start_us: int, end_us: int, *wanted: ColumnElement[bool]) -> Any:
    return select(table.c.quarter).where(*_within(table, start_us, end_us, *wanted)).limit(1)


def _of(column: Any, name: str | None) -> list[ColumnElement[bool]]:
    return [] if name is None else [column == name]


def _day(at_us: int) -> str:
    return f"{datetime.fromtimestamp(at_us / 1e6, UTC):%Y-%m-%d}"


def _minute(at_us: int) -> str:
    return f"{datetime.fromtimestamp(at_us / 1e6, UTC):%Y-%m-%d %H:%M} UTC"
