"""How a record comes into the books: one block, and its postings with it."""

from sqlalchemy import Connection, insert

from wattmill.ledger import chain, schema
from wattmill.ledger.admission import require_text
from wattmill.ledger.postings import Legs, legs_of_record
from wattmill.ledger.records import Record


def book(connection: Connection, record: Record, now_us: int, legs: Legs | None = None) -> int:
    """Append a record with the legs that follow from it, or with ``legs``; returns its block.

    ``UsageError`` where it holds text that no database keeps.
    Call it inside a transaction: what it writes is in the books when that commits, or not at all.
    """
    require_text(str(record.__struct_config__.tag), record)
    block = chain.append_record(connection, record, now_us)
    rows = [
        {"block": block, "leg": number, "account": leg.account, "amount": str(leg.amount_pusd)}
        for number, leg in enumerate(legs_of_record(record) if legs is None else legs, start=1)
    ]
    if rows:
        connection.execute(insert(schema.posting), rows)
    return block
