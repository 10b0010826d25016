"""What is kept of requests whose details are retired: it is what the records say, and an invoice has it."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, exists, func, select

from wattmill.ledger import chain, schema
from wattmill.ledger.billing.archive import stored_documents
from wattmill.ledger.chain import Fault
from wattmill.ledger.doctor.case import Case
from wattmill.ledger.periods import month_at
from wattmill.ledger.records import DetailsRetired, TenantSum, decode_record
from wattmill.ledger.retention import tables
from wattmill.ledger.retention.coverage import Invoiced, invoiced
from wattmill.ledger.retention.proof import sums_digest
from wattmill.ledger.retention.reading import absorbed_of, amount_of, meters_of
from wattmill.ledger.retention.sums import added
from wattmill.ledger.schema import QUARTER_US


def faults(case: Case) -> Iterator[Fault]:
    records = dict(_records(case.connection))
    for block, record in records.items():
        yield from _record_faults(case.connection, block, record)
    yield from _unrecorded(case.connection, set(records))
    yield from _twice(case.connection)
    yield from _left(case.connection)
    if records:
        yield from _amounts(case)
        yield from _not_invoiced(case)


def _records(connection: Connection) -> Iterator[tuple[int, DetailsRetired]]:
    row = schema.record.c
    found = select(row.block, row.body).where(row.kind == tables.KIND).order_by(row.block)
    for block, body in connection.execute(found):
        record = decode_record(body)
        if isinstance(record, DetailsRetired):
            yield block, record


# --- a record and what was kept with it -------------------------------------------------------------------------------


def _record_faults(connection: Connection, block: int, record: DetailsRetired) -> Iterator[Fault]:
    place = f"block {block}"
    gone = tables.retired_block.c
    named = [(one.first, one.last) for one in record.blocks]
    kept = select(gone.first, gone.last).where(gone.retirement == block).order_by(gone.last)
    if [tuple(row) for row in connection.execute(kept)] != named:
        yield Fault(place, "the blocks that it retired are not those that are kept as retired")
        return
    for one in record.blocks:
        found = chain.hash_of(connection, one.last)
        if one.last >= block or found is None or found.hex() != one.hash:
            yield Fault(place, f"block {one.last}, which it retired, has not the hash that it had")
    if sums_digest(connection, block) != record.sums_sha256:
        yield Fault(place, "what is kept of the requests that it retired is not what was kept")
    elif _sums(connection, block) != record.sums:
        yield Fault(place, "its sums by tenant are not those of what was kept")
    counts = {record.requests, *_counts(connection, block, record)}
    if len(counts) > 1:
        yield Fault(place, f"it retired {record.requests} requests, blocks and sums have others")


def _sums(connection: Connection, block: int) -> tuple[TenantSum, ...]:
    """By tenant and state, from the rows that were kept."""
    usage = select(tables.retired_usage).where(tables.retired_usage.c.retirement == block)
    return added(
        TenantSum(
            tenant=row.tenant,
            state=row.state,
            requests=row.requests,
            meters=meters_of(row),
            amount_pusd=amount_of(row),
            absorbed_pusd=absorbed_of(row),
        )
        for row in connection.execute(usage)
    )


def _counts(connection: Connection, block: int, record: DetailsRetired) -> Iterator[int]:
    """How many requests there were, by what was kept of numbers and by the blocks themselves."""
    gone, there = tables.retired_request.c, schema.block.c
    numbers = select(func.sum(gone.last - gone.first + 1)).where(gone.retirement == block)
    yield int(connection.execute(numbers).scalar() or 0)
    rows = 0
    for one in record.blocks:
        its = (there.number.between(one.first, one.last), there.kind == chain.REQUESTS)
        rows += int(connection.execute(select(func.sum(there.rows)).where(*its)).scalar() or 0)
    yield rows


def _unrecorded(connection: Connection, recorded: set[int]) -> Iterator[Fault]:
    for table in tables.SUMS:
        named = connection.execute(select(table.c.retirement).distinct()).scalars()
        for block in sorted(set(named) - recorded):
            yield Fault(f"block {block}", f"rows of {table.name} name it, and it retired nothing")


def _twice(connection: Connection) -> Iterator[Fault]:
    for table, word in ((tables.retired_block, "block"), (tables.retired_request, "request")):
        before = 0
        for row in connection.execute(select(table).order_by(table.c.last)):
            if not before < row.first <= row.last:
                yield Fault(f"{word} {row.first}", "it is retired twice")
            before = row.last


def _left(connection: Connection) -> Iterator[Fault]:
    """Details that should be gone. Rows of retired blocks are found along the chain."""
    request, hop, gone = schema.request.c, schema.resale.c, tables.retired_request.c
    again = exists().where(gone.last >= request.id, gone.first <= request.id)
    for (number,) in connection.execute(select(request.id).where(again).limit(100)):
        yield Fault(f"request {number:#x}", "it is retired, and it is there")
    of_retired = exists().where(gone.last >= hop.request, gone.first <= hop.request)
    correction = schema.correction.c.request
    corrected = select(correction).where(correction.is_not(None))
    left = select(hop.request).where(of_retired, hop.request.not_in(corrected)).limit(100)
    for (number,) in connection.execute(left):
        yield Fault(f"request {number:#x}", "it is retired, and a reseller's part of it is there")


# --- the sums themselves ----------------------------------------------------------------------------------------------


def _amounts(case: Case) -> Iterator[Fault]:
    """Each sum is its tokens at its price; where fractions were rounded, within half a pUSD a request."""
    rows = case.connection.execute(select(tables.retired_usage))
    for row in rows.yield_per(1000):
        if row.state == "void":
            continue
        price = case.prices.get(row.price)
        if price is None:
            yield Fault(f"price version {row.price}", "retired requests name it; it is not known")
            continue
        products = zip(meters_of(row), price.meters, strict=True)
        due = sum(tokens * unit for tokens, unit in products)
        said = (amount_of(row) + absorbed_of(row)) * price.denominator
        may_differ = row.requests * price.denominator if price.denominator > 1 else 0
        if abs(due - said) * 2 > may_differ:
            yield Fault(_place(row), f"it is charged {said} pUSD, its tokens cost {due}")


def _not_invoiced(case: Case) -> Iterator[Fault]:
    """What was charged went only when a document had it; documents that were taken back since are still there."""
    covered: defaultdict[tuple[str, int], list[Invoiced]] = defaultdict(list)
    for one in invoiced(stored_documents(case.connection)):
        covered[one.tenant, one.up_to_block].append(one)
    for table, party in _CHARGED:
        charged = (
            select(table).where(table.c.state == "charged") if "state" in table.c else select(table)
        )
        for row in case.connection.execute(charged):
            documents = covered[getattr(row, party), row.covered_by]
            at_s = row.quarter * QUARTER_US / 1e6
            has = any(one.has(at_s) for one in documents) and row.last_block <= row.covered_by
            if not has and (any(meters_of(row)) or amount_of(row)):
                yield Fault(_place(row), "it was charged and retired, and no invoice has it")


_CHARGED = ((tables.retired_usage, "tenant"), (tables.retired_resale, "party"))
"""With the column that says who pays."""


def _place(row: Any) -> str:
    month = month_at(row.quarter * QUARTER_US / 1e6, "UTC").name
    return f"{row.tenant}, {row.model}, retired of {month}"
