"""What the books say of each hour: usage grouped in the database, one hour at a time.

Hours are counted from the first instant of the month, so a day on which the clocks change has 23 or
25 of them. A request is of the hour of its hold, with its tokens and its charge. Its work may reach
into later hours; such requests come one by one, because only their own two instants say how far.
Everything else comes in groups, so memory does not grow with the number of requests.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

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
    row = schema.request.c
    within = (row.held_us >= window.month_us, row.held_us < window.until_us)
    found = connection.execute(
        select(func.min(row.held_us)).where(known_tenant(row), *within)
    ).scalar()
    return None if found is None else int(found)


def usage_lines(connection: Connection, window: Window) -> Iterator[UsageLine]:
    """Requests that are over, by hour; those of hours before the window may reach into it."""
    whole, earlier = _lines(earlier=False), _lines(earlier=True)
    final = window.hour_of(window.until_us - 1)
    for hour in range(window.first_hour - LOOKBACK_HOURS, final + 1):
        start_us = window.month_us + hour * HOUR_US
        bounds = {"start_us": start_us, "end_us": start_us + HOUR_US}
        bounds |= {"window_us": window.start_us, "until_us": window.until_us}
        statement = earlier if hour < window.first_hour else whole
        for row in connection.execute(statement, bounds):
            yield _line(hour, row)


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
