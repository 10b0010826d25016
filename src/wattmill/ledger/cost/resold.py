"""What resellers sold and what they pay for the same, by hour: requests, and corrections of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from msgspec import Struct
from sqlalchemy import BigInteger, Connection, Select, func, literal_column, select

from wattmill.core.records import METERS, Usage
from wattmill.ledger import schema
from wattmill.ledger.cost.hardware import HOUR_US
from wattmill.ledger.cost.hours import LOOKBACK_HOURS, Window, known_tenant
from wattmill.ledger.plans import prices
from wattmill.ledger.retention.reading import amount_of, retired_resale_rows, sold_of
from wattmill.ledger.usage import joined, limbs
from wattmill.tariff.rating import rate


class HopLine(Struct, frozen=True, gc=False):
    """What a reseller sold in an hour, and what it pays for the same: both in pUSD."""

    hour: int
    tenant: str
    model: str
    pool: str | None
    party: str
    requests: int
    sold_pusd: int
    bought_pusd: int


def hop_lines(connection: Connection, window: Window) -> Iterator[HopLine]:
    """What each reseller sold and bought, of requests that are charged."""
    for row in connection.execute(_hops(window)):
        yield HopLine(row.hour - LOOKBACK_HOURS, *row[1:6], *joined(row[6:]))
    for row in retired_resale_rows(connection, window.start_us, window.until_us):
        who = (row.tenant, row.model, row.pool or None, row.party)
        hour = window.hour_of(row.first_held_us)
        yield HopLine(hour, *who, int(row.requests), sold_of(row), amount_of(row))


def corrected_hops(connection: Connection, window: Window) -> Iterator[HopLine]:
    """The same of corrections: each hop buys the corrected tokens at the price of its request."""
    known = {price.version: price for price in prices(connection)}
    below: defaultdict[int, int | None] = defaultdict(lambda: None)
    for row in connection.execute(_corrected(window)):
        usage = Usage(**{meter: getattr(row, meter) for meter in METERS})
        bought_pusd = rate(usage, known[row.bought_at])
        sold_pusd = below[row.block]
        sold_pusd = row.amount_pusd if sold_pusd is None else sold_pusd
        below[row.block] = bought_pusd
        hour, who = window.hour_of(row.held_us), (row.tenant, row.model, row.pool, row.party)
        yield HopLine(hour, *who, 0, sold_pusd, bought_pusd)


def _corrected(window: Window) -> Select[Any]:
    row, hop = schema.correction.c, schema.resale.c
    return (
        select(schema.correction, hop.party, hop.hop, hop.price.label("bought_at"))
        .select_from(schema.correction.join(schema.resale, row.request == hop.request))
        .where(row.held_us >= window.start_us, row.held_us < window.until_us)
        .order_by(row.block, hop.hop)
    )


def _hops(window: Window) -> Select[Any]:
    row, hop = schema.request.c, schema.resale.alias("hop")
    below = schema.resale.alias("below")
    below_is = (below.c.request == hop.c.request) & (below.c.hop == hop.c.hop - 1)
    sold = func.coalesce(below.c.amount_pusd, row.amount_pusd)
    alike = (row.tenant, row.model, row.pool, hop.c.party)
    hour = _hour(row.held_us, window).label("hour")
    return (
        select(
            hour, *alike, func.count().label("requests"), *limbs(sold), *limbs(hop.c.amount_pusd)
        )
        .select_from(schema.request.join(hop, hop.c.request == row.id).outerjoin(below, below_is))
        .where(
            row.state == "charged",
            row.held_us >= window.start_us,
            row.held_us < window.until_us,
            known_tenant(row),
        )
        .group_by("hour", *alike)
        .order_by("hour", *alike)
    )


def _hour(column: Any, window: Window) -> Any:
    """Hours since a day before the month: never negative, so all databases divide alike."""
    zero_us = window.month_us - LOOKBACK_HOURS * HOUR_US
    return (column - _literal(zero_us)) // _literal(HOUR_US)


def _literal(number: int) -> Any:
    """Written out, so that what is grouped is what is selected."""
    return literal_column(str(number), BigInteger)
