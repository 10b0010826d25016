"""A tenant's usage, a row for each request and correction: from it a tenant can recompute its invoice.

Rows are read and written one after the other: memory does not grow with them. ``block`` says when a row came into
the books, so that what came after an invoice can be told from what it covers. Of a reseller, what its clients used
follows, at the price at which the reseller buys.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, select

from wattmill.core.money import pusd_to_usd
from wattmill.core.records import METERS, Price
from wattmill.ledger import schema
from wattmill.ledger.periods import Month
from wattmill.ledger.retention.reading import require_details
from wattmill.ledger.store import Store

COLUMNS = (
    *("request", "kind", "time", "client", "model", "pool", "key", "state", "source"),
    *("plan", "plan_version", "band", "price", *METERS, "amount", "absorbed", "reason", "block"),
)
"""``kind``: own, resold or correction. ``time``: of the hold, in UTC. ``amount``: at the price of the request, in whole
currency units with every digit; the invoice may be lower. ``price`` and ``plan_version`` number the books' versions."""

AT_ONCE = 5000


def usage_lines(
    store: Store, tenant: str, month: Month, prices: Mapping[int, Price]
) -> Iterator[str]:
    """CSV, line by line, of one consistent view of the books; ``LedgerError`` when some rows of it are retired."""
    with store.reading() as connection:
        require_details(connection, *_bounds(month), tenant)
        yield _line(COLUMNS)
        for kind, statement in _statements(tenant, month):
            streamed = statement.execution_options(yield_per=AT_ONCE)
            for row in connection.execute(streamed):
                yield _line(_cells(kind, row._mapping, prices))


def _statements(tenant: str, month: Month) -> Iterable[tuple[str, Select[Any]]]:
    bounds = _bounds(month)
    yield "own", _own(tenant, *bounds)
    yield "correction", _corrections(tenant, *bounds)
    yield "resold", _resold(tenant, *bounds)
    yield "correction", _resold_corrections(tenant, *bounds)


def _bounds(month: Month) -> tuple[int, int]:
    return round(month.start_s * 1e6), round(month.end_s * 1e6)


def _own(tenant: str, start_us: int, end_us: int) -> Select[Any]:
    row = schema.request.c
    within = (row.tenant == tenant, row.held_us >= start_us, row.held_us < end_us)
    return select(schema.request).where(*within).order_by(row.held_us, row.id)


def _corrections(tenant: str, start_us: int, end_us: int) -> Select[Any]:
    row = schema.correction.c
    within = (row.tenant == tenant, row.held_us >= start_us, row.held_us < end_us)
    return select(schema.correction).where(*within).order_by(row.held_us, row.block)


def _resold(party: str, start_us: int, end_us: int) -> Select[Any]:
    row, sold = schema.request.c, schema.resale.c
    own = [column for column in row if column.name not in ("price", "amount_pusd", "absorbed_pusd")]
    joint = schema.request.join(schema.resale, row.id == sold.request)
    within = (sold.party == party, row.held_us >= start_us, row.held_us < end_us)
    columns = select(*own, sold.price, sold.amount_pusd).select_from(joint)
    return columns.where(*within).order_by(row.held_us, row.id)


def _resold_corrections(party: str, start_us: int, end_us: int) -> Select[Any]:
    row, sold = schema.correction.c, schema.resale.c
    own = [column for column in row if column.name not in ("price", "amount_pusd")]
    joint = schema.correction.join(schema.resale, row.request == sold.request)
    within = (sold.party == party, row.held_us >= start_us, row.held_us < end_us)
    columns = select(*own, sold.price).select_from(joint)
    return columns.where(*within).order_by(row.held_us, row.block)


def _cells(kind: str, row: Mapping[Any, Any], prices: Mapping[int, Price]) -> list[str]:
    price = prices.get(row["price"] or 0)
    amount = row.get("amount_pusd")
    cells = {
        "request": row["id"] if "id" in row else row["request"] or "",
        "kind": kind,
        "time": _instant(row["held_us"]),
        "client": row["tenant"],
        "model": row["model"],
        "pool": row["pool"] or "",
        "key": row.get("key", ""),
        "state": row.get("state", "charged"),
        "source": row.get("source", "corrected"),
        "plan": price.plan if price else "",
        "plan_version": (price and price.plan_version) or "",
        "band": price.band.name if price and price.band else "",
        "price": row["price"] or "",
        **{meter: row[meter] for meter in METERS},
        "amount": "" if amount is None else _usd(amount),
        "absorbed": _usd(row.get("absorbed_pusd") or 0),
        "reason": row.get("reason") or "",
        "block": row["block"],
    }
    return [_safe(str(cells[name])) for name in COLUMNS]


def _line(cells: Iterable[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


def _safe(cell: str) -> str:
    """Words that a spreadsheet would take for a formula get a quote mark; numbers below zero do not."""
    is_word = not cell.lstrip("-").replace(".", "", 1).isdigit()
    return (
        "'" + cell if is_word and cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else cell
    )


def _instant(us: int) -> str:
    seconds, rest = divmod(us, 10**6)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:06d}Z"


def _usd(pusd: int) -> str:
    return f"{pusd_to_usd(pusd):f}"
