"""One hash chain over everything that is in the books, so that nothing can be changed, left out or slipped in unseen.

A *block* is what came in together: requests that were over, or one record. Its ``digest`` is over its content as the
tables hold it, its ``hash`` over the hash before it, its number, the time it was recorded, its kind and its digest.
Who keeps the last hash (it is printed on every document) can prove all that came before.
"""

import hashlib
import struct
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, insert, select

from wattmill.ledger import schema
from wattmill.ledger.retention.reading import Ranges, retired_blocks

REQUESTS, RECORD = "requests", "record"
GENESIS = bytes(32)
_HEAD = struct.Struct(">QQ")
_encode = msgspec.msgpack.Encoder().encode

REQUEST_COLUMNS = tuple(column for column in schema.request.columns if column.name != "block")
RESALE_COLUMNS = tuple(column for column in schema.resale.columns if column.name != "block")


class Tail(Struct, frozen=True):
    """The last block."""

    number: int
    recorded_us: int
    hash: bytes


class Fault(Struct, frozen=True):
    """What is wrong, and where."""

    place: str
    what: str


def digest_of_requests(
    requests: Sequence[Sequence[Any]], resales: Sequence[Sequence[Any]]
) -> bytes:
    """Over the rows of a block without its number, each list in the order of its key."""
    return hashlib.sha256(_encode((requests, resales))).digest()


def digest_of_record(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()


def block_hash(before: bytes, number: int, recorded_us: int, kind: str, digest: bytes) -> bytes:
    head = _HEAD.pack(number, recorded_us)
    return hashlib.sha256(before + head + kind.encode() + digest).digest()


def tail(connection: Connection) -> Tail:
    """The last block; before the first one, number 0 and a hash of zeros."""
    block = schema.block.c
    newest = select(block.number, block.recorded_us, block.hash)
    row = connection.execute(newest.order_by(block.number.desc()).limit(1)).first()
    return Tail(*row) if row else Tail(0, 0, GENESIS)


def hash_of(connection: Connection, number: int) -> bytes | None:
    """The hash of a block; ``None`` when there is no such block."""
    block = schema.block.c
    return connection.execute(select(block.hash).where(block.number == number)).scalar()


def append_block(
    connection: Connection, kind: str, rows: int, digest: bytes, recorded_us: int
) -> int:
    """Add a block and return its number. Time does not run backwards in the chain, whatever the clock does."""
    last = tail(connection)
    number, recorded_us = last.number + 1, max(last.recorded_us, recorded_us)
    connection.execute(
        insert(schema.block).values(
            number=number,
            recorded_us=recorded_us,
            kind=kind,
            rows=rows,
            digest=digest,
            hash=block_hash(last.hash, number, recorded_us, kind, digest),
        )
    )
    return number


def append_record(connection: Connection, record: Struct, recorded_us: int) -> int:
    """Add one record (``ledger.records``) as a block of its own; returns the block's number.

    Its body is JSON, whose whole numbers do not end at 64 bits.
    """
    body = msgspec.json.encode(record)
    number = append_block(connection, RECORD, 1, digest_of_record(body), recorded_us)
    kind = str(record.__struct_config__.tag)
    connection.execute(insert(schema.record).values(block=number, kind=kind, body=body))
    return number


# --- verifying --------------------------------------------------------------------------------------------------------


def verify(connection: Connection) -> Iterator[Fault]:
    """Go along the chain and hold every block against its content. One pass, memory for one block.

    Of a block whose details are retired only hash and digest are left, and no row of it may be.
    """
    record = schema.record.c
    tables = {
        "request": Rows.of_requests(connection),
        "resale": Rows.of_resales(connection),
        "record": Rows(connection, (record.kind, record.body), record.block),
    }
    gone = retired_blocks(connection)
    last = Tail(0, 0, GENESIS)
    blocks = select(schema.block).order_by(schema.block.c.number)
    for block in connection.execute(blocks.execution_options(yield_per=1000)):
        content = [rows.of(block.number) for rows in tables.values()]
        yield from _link_faults(last, block)
        yield from _content_faults(block, gone, *content)
        last = Tail(block.number, block.recorded_us, block.hash)
    for table, rows in tables.items():
        if rows.are_left:
            yield Fault(table, f"rows behind block {last.number}, the last one, belong to no block")


def _link_faults(last: Tail, block: Any) -> Iterator[Fault]:
    place = f"block {block.number}"
    if block.number != last.number + 1:
        yield Fault(place, f"it follows block {last.number}: one in between is missing")
    if block.recorded_us < last.recorded_us:
        yield Fault(place, "it was recorded before the block in front of it")
    expected = block_hash(last.hash, block.number, block.recorded_us, block.kind, block.digest)
    if expected != block.hash:
        yield Fault(place, "its hash does not follow from the block before it")


def _content_faults(
    block: Any, gone: Ranges, requests: list[Any], resales: list[Any], records: list[Any]
) -> Iterator[Fault]:
    place = f"block {block.number}"
    if block.kind == REQUESTS and block.number in gone:
        if left := len(requests) + len(records):
            yield Fault(place, f"its details are retired, and it has {left} rows")
        return
    if block.kind == REQUESTS:
        digest, rows = digest_of_requests(requests, resales), len(requests) + len(records)
    else:
        kind, body = records[0] if records else ("", b"")
        digest, rows = digest_of_record(body), len(records) + len(requests) + len(resales)
        if records and kind != _kind_of(body):
            yield Fault(place, f"its kind says {kind}, its body {_kind_of(body)}")
    if rows != block.rows:
        yield Fault(place, f"it was written with {block.rows} rows and has {rows}")
    elif digest != block.digest:
        yield Fault(place, "its rows are not those that were written")


def _kind_of(body: bytes) -> str | None:
    """What a record calls itself; ``None`` when it is no record."""
    try:
        return msgspec.json.decode(body, type=dict[str, Any]).get("type")
    except msgspec.DecodeError:
        return None


class Rows:
    """Rows of a table, asked for block by block in rising order; of blocks ``first`` to ``last``, or of all."""

    def __init__(
        self,
        connection: Connection,
        columns: Sequence[Any],
        block: Any,
        *order: Any,
        first: int = 0,
        last: int | None = None,
    ) -> None:
        statement = select(block, *columns).where(block >= first).order_by(block, *order)
        if last is not None:
            statement = statement.where(block <= last)
        self._rows = iter(connection.execute(statement.execution_options(yield_per=5000)))
        self._next = next(self._rows, None)

    @classmethod
    def of_requests(cls, connection: Connection, first: int = 0, last: int | None = None) -> "Rows":
        """As ``digest_of_requests`` wants them."""
        row = schema.request.c
        return cls(connection, REQUEST_COLUMNS, row.block, row.id, first=first, last=last)

    @classmethod
    def of_resales(cls, connection: Connection, first: int = 0, last: int | None = None) -> "Rows":
        """The same of what resellers pay."""
        hop = schema.resale.c
        order = (hop.block, hop.request, hop.hop)
        return cls(connection, RESALE_COLUMNS, *order, first=first, last=last)

    @property
    def are_left(self) -> bool:
        return self._next is not None

    def of(self, number: int) -> list[tuple[Any, ...]]:
        """The rows of a block, and of any missing one before it."""
        found = []
        while self._next is not None and self._next[0] <= number:
            found.append(tuple(self._next[1:]))
            self._next = next(self._rows, None)
        return found
