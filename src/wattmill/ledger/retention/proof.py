"""What a retirement kept, as one digest: the record has it, and the doctor makes it anew."""

import hashlib
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from wattmill.ledger import schema
from wattmill.ledger.retention.reading import Range, Ranges
from wattmill.ledger.retention.tables import SUMS, retired_block

_encode = msgspec.msgpack.Encoder().encode


def sums_digest(connection: Connection, retirement: int) -> str:
    """Over everything that was kept with a record: in hex, the same in every database."""
    found = hashlib.sha256()
    for table in SUMS:
        columns = [column for column in table.columns if column.name != "retirement"]
        rows = connection.execute(select(*columns).where(table.c.retirement == retirement))
        found.update(_encode((str(table.name), sorted(tuple(row) for row in rows))))
    found.update(_encode(("resale", kept_resales(connection, retirement))))
    return found.hexdigest()


def kept_resales(connection: Connection, retirement: int) -> list[tuple[Any, ...]]:
    """The rows of ``resale`` that stay, because a correction of their request is resold like the request was."""
    gone = blocks_of(connection, retirement)
    hop, correction = schema.resale.c, schema.correction.c
    corrected = select(correction.request).where(correction.request.is_not(None))
    columns = (hop.request, hop.hop, hop.block, hop.party, hop.price, hop.amount_pusd)
    rows = connection.execute(select(*columns).where(hop.request.in_(corrected)))
    return sorted(tuple(row) for row in rows if row.block in gone)


def blocks_of(connection: Connection, retirement: int) -> Ranges:
    """The blocks that went with a record."""
    gone = retired_block.c
    rows = connection.execute(select(gone.first, gone.last).where(gone.retirement == retirement))
    return Ranges([Range(*row) for row in rows])
