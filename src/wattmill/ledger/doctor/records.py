"""Records, and the tables that say the same by column."""

from collections.abc import Iterator
from typing import Any

import msgspec
from sqlalchemy import Table, select

from wattmill.core.records import METERS
from wattmill.ledger import schema
from wattmill.ledger.billing import archive, numbering, tables
from wattmill.ledger.chain import Fault
from wattmill.ledger.doctor.case import Case
from wattmill.ledger.records import Correction, CreditGranted, DocumentIssued, decode_record


def faults(case: Case) -> Iterator[Fault]:
    projected: set[tuple[str, int]] = set()
    rows = case.connection.execute(
        select(schema.record).order_by(schema.record.c.block).execution_options(yield_per=1000)
    )
    for row in rows:
        place = f"block {row.block}"
        try:
            record = decode_record(row.body)
        except msgspec.DecodeError as error:
            yield Fault(place, f"its record cannot be read: {error}")
            continue
        table = _TABLES.get(row.kind)
        if table is not None:
            projected.add((table.name, row.block))
            yield from _projection(case, place, table, row.block, record)
    yield from _unrecorded(case, projected)
    yield from _numbers(case)


_TABLES: dict[str, Table] = {
    "correction": schema.correction,
    "credit_granted": tables.credit_grant,
    "document_issued": schema.document,
    "payment_received": tables.payment,
    "payment_returned": tables.payment,
    "debt_written_off": tables.payment,
}


def _projection(case: Case, place: str, table: Table, block: int, record: Any) -> Iterator[Fault]:
    row = case.connection.execute(select(table).where(table.c.block == block)).mappings().first()
    if row is None:
        yield Fault(place, f"its {table.name} is missing")
        return
    for column, value in _expected(record).items():
        if row[column] != value:
            yield Fault(place, f"{table.name}.{column} is {row[column]!r}, recorded is {value!r}")
    if isinstance(record, DocumentIssued) and archive.digest_of(row["body"]) != record.body_sha256:
        yield Fault(place, f"the document {_name(record)} is not as it was issued")


_SAME: dict[type, tuple[str, ...]] = {
    Correction: ("tenant", "held_us", "model", "pool", "price", "amount_pusd", "request", "reason"),
    CreditGranted: ("tenant", "priority", "granted_us", "expires_us", "source"),
    DocumentIssued: ("series", "number", "kind", "tenant", "month", "issued_us"),
}
"""Columns that are named as the field of the record."""


def _expected(record: Any) -> dict[str, Any]:
    """What the table of a record says by column."""
    same = {name: getattr(record, name) for name in _SAME.get(type(record), ("tenant",))}
    match record:
        case Correction():
            return same | dict(zip(METERS, record.meters, strict=True))
        case CreditGranted():
            return same | {"id": record.grant, "amount": str(record.amount_pusd)}
        case DocumentIssued():
            return same
        case _:
            return same | {"id": record.payment, "amount": str(record.amount_pusd)}


def _unrecorded(case: Case, projected: set[tuple[str, int]]) -> Iterator[Fault]:
    for table in dict.fromkeys(_TABLES.values()):
        for (block,) in case.connection.execute(select(table.c.block)):
            if (table.name, block) not in projected:
                yield Fault(f"block {block}", f"a row of {table.name} was never recorded")


def _numbers(case: Case) -> Iterator[Fault]:
    column = schema.document.c
    rows = case.connection.execute(
        select(column.series, column.number).order_by(column.series, column.number)
    )
    for name in numbering.gaps(list(rows)):
        yield Fault(name, "no document has this number, and later ones are there")


def _name(record: DocumentIssued) -> str:
    return numbering.written(record.series, record.number)
