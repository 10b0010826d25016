"""What the books say of each hour: usage grouped in the database, one hour at a time.

Hours are counted from the first instant of the month, so a day on which the clocks change has 23 or
25 of them. A request is of the hour of its hold, with its tokens and its charge. Its work may reach
into later hours; such requests come one by one, because only their own two instants say how far.
Everything else comes in groups, so memory does not grow with the number of requests.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import (
    Connection,
    Select,
    bindparam,
    case,
    func,
    null,
    select,
)

from wattmill.core.records import METERS
from wattmill.ledger import schema
from wattmill.ledger.cost.hardware import HOUR_US
from wattmill.ledger.retention.reading import (
    absorbed_of,
    amount_of,
    meters_of,
    retired_usage_rows,
)
from wattmill.ledger.retention.tables import retired_usage
from wattmill.ledger.usage import joined, limbs

LOOKBACK_HOURS = 24
"""Work of a request is spread over this many hours at the most."""


class Window(Struct, frozen=True):
    """The part of a month that cost accrues for, in µs since the epoch; ``month_us`` begins it."""

    month_us: int
    month_end_us: int
    start_us: int
    until_us: int

    @property
    def first_hour(self) -> int:
        """The hour of ``start_us``, counted from the month's beginning."""
        return (self.start_us - self.month_us) // HOUR_US

    @property
    def edges(self) -> list[int]:
        """The instants between hours, the two ends of the window among them."""
        inner = self.month_us + (self.first_hour + 1) * HOUR_US
        return [self.start_us, *range(inner, self.until_us, HOUR_US), self.until_us]

    def hour_of(self, at_us: int) -> int:
        """The hour of an instant; negative before the month."""
        return (at_us - self.month_us) // HOUR_US


class UsageLine(Struct, frozen=True, gc=False):
    """Requests of one hour that are alike, or a single one whose work reaches into a later hour."""

    hour: int
    tenant: str
    model: str
    pool: str | None
    state: str
    requests: int
    held_us: int
    ended_us: int
    meters: tuple[int, ...]
    amount_pusd: int
    absorbed_pusd: int = 0


def first_held_us(connection: Connection, window: Window) -> int | None:
    """When the first request of the month was held."""
    row, gone = schema.request.c, retired_usage.c
    found = (
        connection.execute(
            select(func.min(held)).where(
                known_tenant(held.table.c), held >= window.month_us, held < window.until_us
            )
        ).scalar()
        for held in (row.held_us, gone.first_held_us)
    )
    return min((int(at_us) for at_us in found if at_us is not None), default=None)


def usage_lines(connection: Connection, window: Window) -> Iterator[UsageLine]:
    """Requests that are over, by hour; those of hours before the window may reach into it.

    Of those whose details are retired nobody knows how far: their work is in the hour of their hold.
    """
    retired = _retired_lines(connection, window)
    whole, earlier = _lines(earlier=False), _lines(earlier=True)
    final = window.hour_of(window.until_us - 1)
    for hour in range(window.first_hour - LOOKBACK_HOURS, final + 1):
        start_us = window.month_us + hour * HOUR_US
        bounds = {"start_us": start_us, "end_us": start_us + HOUR_US}
        bounds |= {"window_us": window.start_us, "until_us": window.until_us}
        statement = earlier if hour < window.first_hour else whole
        for row in connection.execute(statement, bounds):
            yield _line(hour, row)
        yield from retired.pop(hour, ())


def _retired_lines(connection: Connection, window: Window) -> dict[int, list[UsageLine]]:
    """By hour, in the same groups as those whose details are there."""
    start_us = window.month_us + window.first_hour * HOUR_US
    found: dict[tuple[Any, ...], UsageLine] = {}
    for row in retired_usage_rows(connection, start_us, window.until_us):
        line = UsageLine(
            window.hour_of(row.first_held_us),
            *(row.tenant, row.model, row.pool or None, row.state, int(row.requests)),
            *(row.first_held_us, row.first_held_us),
            meters_of(row),
            amount_of(row),
            absorbed_of(row),
        )
        alike = (line.hour, line.tenant, line.model, line.pool, line.state)
        found[alike] = _together(found[alike], line) if alike in found else line
    by_hour: dict[int, list[UsageLine]] = {}
    for line in found.values():
        by_hour.setdefault(line.hour, []).append(line)
    return by_hour


def _together(one: UsageLine, other: UsageLine) -> UsageLine:
    return msgspec.structs.replace(
        one,
        requests=one.requests + other.requests,
        held_us=min(one.held_us, other.held_us),
        ended_us=max(one.ended_us, other.ended_us),
        meters=tuple(map(sum, zip(one.meters, other.meters, strict=True))),
        amount_pusd=one.amount_pusd + other.amount_pusd,
        absorbed_pusd=one.absorbed_pusd + other.absorbed_pusd,
    )


def _line(hour: int, row: Any) -> UsageLine:
    tenant, model, pool, state, _, requests, held_us, ended_us, *sums = row
    return UsageLine(
        hour,
        tenant,
        model,
        pool,
        state,
        requests,
        held_us,
        ended_us,
        tuple(map(int, sums[: len(METERS)])),
        *joined(sums[len(METERS) :]),
    )


def correction_lines(connection: Connection, window: Window) -> list[UsageLine]:
    """Corrections of the time: signed tokens and charges, no requests and no work."""
    row = schema.correction.c
    within = (row.held_us >= window.start_us, row.held_us < window.until_us)
    statement = select(schema.correction).where(*within).order_by(row.held_us, row.block)
    return [
        UsageLine(
            window.hour_of(found.held_us),
            *(found.tenant, found.model, found.pool, "corrected", 0),
            *(found.held_us, found.held_us),
            tuple(getattr(found, meter) for meter in METERS),
            found.amount_pusd,
        )
        for found in connection.execute(statement)
    ]


# --- statements -----------------------------------------------------------------------------------


def _lines(*, earlier: bool) -> Select[Any]:
    """Requests of one hour in groups; ``earlier``: of one before the window, that reach into it.

    One hour at a time, because the database sorts what it groups. Amounts are summed in limbs; an
    hour of tokens is far within 64 bits, and SQLite stops rather than wrap.
    """
    row = schema.request.c
    alone = case((row.ended_us >= bindparam("end_us"), row.id), else_=null()).label("alone")
    alike = (row.tenant, row.model, row.pool, row.state, alone)
    wanted = [
        row.held_us >= bindparam("start_us"),
        row.held_us < bindparam("end_us"),
        row.held_us < bindparam("until_us"),
        known_tenant(row),
    ]
    if earlier:
        wanted.append(row.ended_us > bindparam("window_us"))
    return (
        select(
            *alike,
            func.count(),
            func.min(row.held_us),
            func.max(row.ended_us),
            *(func.sum(row[meter]) for meter in METERS),
            *limbs(row.amount_pusd),
            *limbs(row.absorbed_pusd),
        )
        .where(*wanted)
        .group_by(*(column.name for column in alike))
    )


def known_tenant(row: Any) -> Any:
    """True of every request; said so that the index by tenant and time serves."""
    return row.tenant.in_(select(schema.tenant.c.name))
