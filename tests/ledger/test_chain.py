"""The chain finds whatever was changed, added, left out or put in another place, by whoever can write the file."""

import hashlib
import sqlite3
import tracemalloc
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from wattmill.core.records import Usage
from wattmill.ledger import chain, schema
from wattmill.ledger.accounts import AccountsState, Finished
from wattmill.ledger.entries import Hop, Settle, Void
from wattmill.ledger.records import Correction, PaymentReceived, decode_record
from wattmill.ledger.store import DATABASE, Store

NOON_US = 1_794_916_800_000_000


def charged(number: int, tenant: str = "acme") -> Finished:
    whose = (NOON_US / 1e6, tenant, "k_1", "house")
    paid = (Hop("reseller", 2, 90 + number), Hop("site", 3, 80 + number))
    usage = Usage(input_uncached=number, output_text=7)
    settle = Settle(number, 0.0, *whose, "here", 1, usage, 100 + number, "finished", paid, 1)
    return Finished(settle, "charged", NOON_US / 1e6 + 2)


def voided(number: int) -> Finished:
    void = Void(number, 0.0, NOON_US / 1e6, "acme", "k_1", "house", None, "client_gone")
    return Finished(void, "void", NOON_US / 1e6 + 1, "client_gone")


def payment(number: int) -> PaymentReceived:
    return PaymentReceived(
        payment=f"P-{number}", tenant="acme", amount_pusd=number, received_us=NOON_US
    )


def write_books(directory: Path) -> None:
    """Five blocks: requests, a payment, requests, requests, a payment."""
    with Store(directory, write=True) as store:
        contents: list[list[Finished] | int] = [
            [charged(1), voided(2), charged(3)],
            1,
            [charged(5), charged(4)],
            [voided(6)],
            2,
        ]
        for number, content in enumerate(contents):
            if isinstance(content, int):
                with store.transaction() as connection:
                    chain.append_record(connection, payment(content), NOON_US + number)
            else:
                store.load(content, {}, AccountsState(), NOON_US + number)


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The database of five blocks, whole in one file."""
    directory = tmp_path_factory.mktemp("chain")
    write_books(directory)
    with closing(sqlite3.connect(directory / DATABASE)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return (directory / DATABASE).read_bytes()


@pytest.fixture
def books(tmp_path: Path, sound: bytes) -> Path:
    (tmp_path / DATABASE).write_bytes(sound)
    return tmp_path


def tamper(directory: Path, *statements: str) -> None:
    """As somebody does who has the file and takes the triggers away first."""
    with closing(sqlite3.connect(directory / DATABASE)) as database:
        triggers = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        kept = triggers.fetchall()
        for name, _ in kept:
            database.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            assert database.execute(statement).rowcount != 0, statement
        for _, sql in kept:
            database.execute(sql)
        database.commit()


def faults(directory: Path) -> list[tuple[str, str]]:
    with Store(directory, write=False) as store, store.reading() as connection:
        return [(fault.place, fault.what) for fault in chain.verify(connection)]


def test_sound_books_have_no_fault(books: Path) -> None:
    assert faults(books) == []
    with Store(books, write=False) as store, store.reading() as connection:
        assert chain.tail(connection).number == 5


def test_books_without_a_block_have_no_fault(tmp_path: Path) -> None:
    Store(tmp_path, write=True).close()
    assert faults(tmp_path) == []


NOT_WRITTEN = "its rows are not those that were written"
MISSING = "one in between is missing"
UNHASHED = "its hash does not follow from the block before it"
COPY_REQUEST = (
    "INSERT INTO request SELECT 99, {block}, held_us, ended_us, tenant, key, model, pool, price, "
    + ", ".join(column.name for column in list(schema.request.columns)[9:])
    + " FROM request WHERE id = 1"
)
TAMPERING: dict[str, tuple[list[str], list[tuple[str, str]]]] = {
    "an amount is changed": (
        ["UPDATE request SET amount_pusd = 0 WHERE id = 3"],
        [("block 1", NOT_WRITTEN)],
    ),
    "tokens are changed": (
        ["UPDATE request SET output_text = output_text + 1 WHERE id = 4"],
        [("block 3", NOT_WRITTEN)],
    ),
    "a number is made a text that looks the same": (
        ["UPDATE request SET pool = CAST('here' AS BLOB) WHERE id = 4"],
        [("block 3", NOT_WRITTEN)],
    ),
    "a charge is given to another": (
        ["UPDATE request SET tenant = 'globex' WHERE id = 5"],
        [("block 3", NOT_WRITTEN)],
    ),
    "an unknown is made a nothing": (
        ["UPDATE request SET pool = '' WHERE id = 6"],
        [("block 4", NOT_WRITTEN)],
    ),
    "what a reseller pays is changed": (
        ["UPDATE resale SET amount_pusd = 1 WHERE request = 5 AND hop = 2"],
        [("block 3", NOT_WRITTEN)],
    ),
    "a hop is deleted": (
        ["DELETE FROM resale WHERE request = 5 AND hop = 2"],
        [("block 3", NOT_WRITTEN)],
    ),
    "a hop is added": (
        ["INSERT INTO resale VALUES (6, 1, 4, 'x', 1, 1)"],
        [("block 4", NOT_WRITTEN)],
    ),
    "a request is deleted": (
        ["DELETE FROM request WHERE id = 2"],
        [("block 1", "it was written with 3 rows and has 2")],
    ),
    "a request is added to a block": (
        [COPY_REQUEST.format(block=3)],
        [("block 3", "it was written with 2 rows and has 3")],
    ),
    "a request is added behind the last block": (
        [COPY_REQUEST.format(block=6)],
        [("request", "rows behind block 5, the last one, belong to no block")],
    ),
    "a request is added to the block of a record": (
        [COPY_REQUEST.format(block=2)],
        [("block 2", "it was written with 1 rows and has 2")],
    ),
    "a request is added before the first block": (
        [COPY_REQUEST.format(block=0)],
        [("block 1", "it was written with 3 rows and has 4")],
    ),
    "two requests change places": (
        ["UPDATE request SET block = 4 WHERE id = 4", "UPDATE request SET block = 3 WHERE id = 6"],
        [("block 3", NOT_WRITTEN), ("block 4", NOT_WRITTEN)],
    ),
    "two requests change numbers": (
        [
            "UPDATE request SET id = 98 WHERE id = 4",
            "UPDATE request SET id = 4 WHERE id = 5",
            "UPDATE request SET id = 5 WHERE id = 98",
        ],
        [("block 3", NOT_WRITTEN)],
    ),
    "a record is changed": (
        ["UPDATE record SET body = CAST(replace(body, 'P-1', 'P-9') AS BLOB) WHERE block = 2"],
        [("block 2", NOT_WRITTEN)],
    ),
    "a record is called another kind": (
        ["UPDATE record SET kind = 'correction' WHERE block = 2"],
        [("block 2", "its kind says correction, its body payment_received")],
    ),
    "a record is deleted": (
        ["DELETE FROM record WHERE block = 5"],
        [("block 5", "it was written with 1 rows and has 0")],
    ),
    "a record is added to a block of requests": (
        ["INSERT INTO record SELECT 4, kind, body FROM record WHERE block = 2"],
        [("block 4", "it was written with 1 rows and has 2")],
    ),
    "two records change places": (
        [
            "UPDATE record SET block = 9 WHERE block = 2",
            "UPDATE record SET block = 2 WHERE block = 5",
            "UPDATE record SET block = 5 WHERE block = 9",
        ],
        [("block 2", NOT_WRITTEN), ("block 5", NOT_WRITTEN)],
    ),
    "a block in the middle is deleted with its rows": (
        ["DELETE FROM block WHERE number = 2", "DELETE FROM record WHERE block = 2"],
        [("block 3", MISSING), ("block 3", UNHASHED)],
    ),
    "and those behind it are numbered anew": (
        [
            "DELETE FROM block WHERE number = 4",
            "DELETE FROM request WHERE block = 4",
            "UPDATE block SET number = 4 WHERE number = 5",
            "UPDATE record SET block = 4 WHERE block = 5",
        ],
        [("block 4", UNHASHED)],
    ),
    "the last block is deleted and its rows are left": (
        ["DELETE FROM block WHERE number = 5"],
        [("record", "rows behind block 4, the last one, belong to no block")],
    ),
    "the first block is deleted with its rows": (
        [
            "DELETE FROM block WHERE number = 1",
            "DELETE FROM request WHERE block = 1",
            "DELETE FROM resale WHERE block = 1",
        ],
        [("block 2", MISSING), ("block 2", UNHASHED)],
    ),
    "a hash is edited": (
        ["UPDATE block SET hash = zeroblob(32) WHERE number = 3"],
        [("block 3", UNHASHED), ("block 4", UNHASHED)],
    ),
    "a digest is edited": (
        ["UPDATE block SET digest = zeroblob(32) WHERE number = 3"],
        [("block 3", UNHASHED), ("block 3", NOT_WRITTEN)],
    ),
    "a block is dated later": (
        ["UPDATE block SET recorded_us = recorded_us + 1 WHERE number = 2"],
        [("block 2", UNHASHED)],
    ),
    "a block is dated before the one in front of it": (
        ["UPDATE block SET recorded_us = 1 WHERE number = 2"],
        [("block 2", "it was recorded before the block in front of it"), ("block 2", UNHASHED)],
    ),
    "a block is called another kind": (
        ["UPDATE block SET kind = 'record' WHERE number = 4"],
        [("block 4", UNHASHED), ("block 4", NOT_WRITTEN)],
    ),
    "blocks change places": (
        [
            "UPDATE block SET number = 9 WHERE number = 3",
            "UPDATE block SET number = 3 WHERE number = 4",
            "UPDATE block SET number = 4 WHERE number = 9",
            "UPDATE request SET block = 7 - block WHERE block IN (3, 4)",
            "UPDATE resale SET block = 7 - block WHERE block IN (3, 4)",
        ],
        [
            ("block 3", UNHASHED),
            ("block 4", "it was recorded before the block in front of it"),
            ("block 4", UNHASHED),
            ("block 5", UNHASHED),
        ],
    ),
}


@pytest.mark.parametrize("what", TAMPERING)
def test_tampering_is_found_where_it_is(books: Path, what: str) -> None:
    statements, expected = TAMPERING[what]
    tamper(books, *statements)
    found = faults(books)
    assert len(found) == len(expected), found
    for (place, words), (where, said) in zip(found, expected, strict=True):
        assert place == where and said in words, found


def test_who_rewrites_the_whole_chain_cannot_keep_its_last_hash(books: Path) -> None:
    """Taken off at the end, or hashed anew from a change on, it is sound in itself; but the hash that was printed on
    documents and sent to others is no longer in it."""
    with Store(books, write=False) as store, store.reading() as connection:
        printed = chain.tail(connection)
    tamper(books, "DELETE FROM block WHERE number = 5", "DELETE FROM record WHERE block = 5")
    assert faults(books) == []
    with Store(books, write=True) as store, store.transaction() as connection:
        assert chain.tail(connection).number == 4
        chain.append_record(connection, payment(3), printed.recorded_us)
        again = chain.tail(connection)
    assert faults(books) == []
    assert (again.number, again.recorded_us) == (printed.number, printed.recorded_us)
    assert again.hash != printed.hash


def test_the_chain_can_be_checked_without_any_of_this_code(books: Path) -> None:
    """SHA-256 over what is written down, as the documentation says."""
    with closing(sqlite3.connect(books / DATABASE)) as database:
        blocks = database.execute("SELECT * FROM block ORDER BY number").fetchall()
        (body,) = database.execute("SELECT body FROM record WHERE block = 2").fetchone()
    before = bytes(32)
    for number, recorded_us, kind, _, digest, block_hash in blocks:
        head = number.to_bytes(8, "big") + recorded_us.to_bytes(8, "big") + kind.encode()
        assert hashlib.sha256(before + head + digest).digest() == block_hash
        before = block_hash
    assert blocks[1][4] == hashlib.sha256(body).digest()


@pytest.mark.parametrize("table", schema.APPEND_ONLY)
def test_the_database_itself_refuses_changes_and_deletions(books: Path, table: str) -> None:
    with closing(sqlite3.connect(books / DATABASE)) as database:
        column = database.execute(f"SELECT name FROM pragma_table_info('{table}')").fetchone()[0]
        triggers = database.execute(
            "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?", (table,)
        ).fetchall()
        assert len(triggers) == 2
        if database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]:
            for statement in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}"):
                with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                    database.execute(statement)


def test_a_transaction_that_fails_leaves_the_chain_as_it_was(books: Path) -> None:
    with Store(books, write=True) as store:
        with pytest.raises(ZeroDivisionError), store.transaction() as connection:
            chain.append_record(connection, payment(7), NOON_US)
            raise ZeroDivisionError
        with store.reading() as connection:
            assert chain.tail(connection).number == 5
            count = connection.execute(select(schema.record.c.block)).all()
    assert len(count) == 2
    assert faults(books) == []


def test_a_record_comes_back_whole_however_large_its_amount_is(tmp_path: Path) -> None:
    """Ten million of a currency do not fit into 64 bits of pUSD."""
    large = Correction(
        tenant="Müller & Söhne",
        held_us=NOON_US,
        model="house",
        pool=None,
        price=1,
        meters=(-1, 0, 0, 0, 0, 0, 0, 2**40),
        amount_pusd=-(10**25),
        request=None,
        reason="counted twice",
    )
    with Store(tmp_path, write=True) as store, store.transaction() as connection:
        chain.append_record(connection, large, NOON_US)
        row = connection.execute(select(schema.record)).one()
    assert (row.block, row.kind) == (1, "correction")
    assert decode_record(row.body) == large
    assert faults(tmp_path) == []


# --- size -------------------------------------------------------------------------------------------------------------


def peak_bytes(directory: Path, blocks: int, rows: int = 300) -> int:
    with Store(directory, write=True) as store:
        for block in range(blocks):
            finished = [voided(block * rows + number) for number in range(1, rows + 1)]
            store.load(finished, {}, AccountsState(), NOON_US)
    with Store(directory, write=False) as store, store.reading() as connection:
        tracemalloc.start()
        try:
            assert not list(chain.verify(connection))
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


def test_verifying_takes_memory_for_one_block_however_long_the_chain_is(tmp_path: Path) -> None:
    short = peak_bytes(tmp_path / "short", blocks=20)
    long = peak_bytes(tmp_path / "long", blocks=60)
    assert long < 1.3 * short
