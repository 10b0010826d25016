"""Single requests in the books, as the report on one of them needs them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, select

from wattmill.core.errors import UsageError
from wattmill.core.records import METERS
from wattmill.ledger import schema
from wattmill.ledger.cost.hardware import HOUR_US, US_PER_S
from wattmill.ledger.cost.hours import LOOKBACK_HOURS, UsageLine, Window
from wattmill.ledger.periods import month_at
from wattmill.ledger.retention.reading import require_details, require_request

LABEL = "wm-"
"""What precedes the hexadecimal number of a request in ``x-request-id``."""


class RequestHop(Struct, frozen=True):
    """What a reseller above the tenant pays for the same tokens."""

    party: str
    bought_pusd: int


class RequestRow(Struct, frozen=True):
    """The row of a request, as a line of usage and with what that does not say."""

    number: int
    line: UsageLine
    price: int | None
    outcome: str | None


def request_number(text: str) -> int:
    """The number of a request: ``wm-1f`` as in ``x-request-id``, or decimal. ``UsageError`` else."""
    try:
        return int(text[len(LABEL) :], 16) if text.startswith(LABEL) else int(text)
    except ValueError:
        raise UsageError(
            f"{text!r} is no request", hint="give its x-request-id, for example wm-1f"
        ) from None


def find_request(connection: Connection, number: int, timezone: str) -> RequestRow:
    """The request of that number; its hours are counted from the site's month of its hold."""
    statement = select(schema.request).where(schema.request.c.id == number)
    row = connection.execute(statement).first()
    if row is None:
        require_request(connection, number)
        raise UsageError(
            f"the books have no request {LABEL}{number:x}",
            hint="a request is in the books once it is over and its delivery is confirmed",
        )
    month = month_at(row.held_us / US_PER_S, timezone)
    line = line_of(row, round(month.start_s * US_PER_S))
    return RequestRow(row.id, line, row.price, row.outcome)


def line_of(row: Any, month_us: int) -> UsageLine:
    """A row of ``request`` as a line of usage of a month."""
    return UsageLine(
        (row.held_us - month_us) // HOUR_US,
        *(row.tenant, row.model, row.pool, row.state, 1),
        *(row.held_us, row.ended_us),
        tuple(getattr(row, meter) for meter in METERS),
        row.amount_pusd,
        row.absorbed_pusd,
    )


def hops_of(connection: Connection, number: int) -> tuple[RequestHop, ...]:
    """What resellers pay for a request, the nearest to the tenant first."""
    table = schema.resale.c
    statement = select(schema.resale).where(table.request == number).order_by(table.hop)
    rows = connection.execute(statement)
    return tuple(RequestHop(row.party, row.amount_pusd) for row in rows)


def alike(connection: Connection, found: RequestRow, window: Window) -> Iterator[Any]:
    """Requests of the same kind that may have worked in a window; ``LedgerError`` when some of them are retired."""
    require_details(connection, window.start_us, window.until_us, found.line.tenant)
    row, line = schema.request.c, found.line
    charged = row.state == "charged"
    statement = (
        select(schema.request)
        .where(
            row.tenant == line.tenant,
            row.model == line.model,
            row.pool == line.pool,
            charged if line.state == "charged" else ~charged,
            row.held_us >= window.start_us - LOOKBACK_HOURS * HOUR_US,
            row.held_us < window.until_us,
            row.ended_us >= window.start_us,
        )
        .order_by(row.id)
    )
    yield from connection.execute(statement)
