"""A copy of the books is whole, is taken while they are used, and can be restored into any empty database."""

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select
from tests.support.books import charged, faults_of, fill_tables, load, rows, void
from tests.support.faults import Faults
from tests.support.postgres import PostgresServer

from wattmill.core.errors import LedgerError
from wattmill.ledger import tables
from wattmill.ledger.copying import copy_to_file, restore
from wattmill.ledger.entries import Hop
from wattmill.ledger.store import DATABASE, Store

NewStore = Callable[..., Store]


def content(store: Store) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, whatever its order."""
    with store.reading() as connection:
        return {
            table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
            for table in tables.metadata.sorted_tables
        }


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database to restore into."""
    if request.param == "sqlite":
        (tmp_path / "new").mkdir()
        return f"sqlite:///{tmp_path / 'new' / DATABASE}"
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return server.new_database()


def open_restored(url: str, tmp_path: Path) -> Store:
    return Store(tmp_path / "new", write=True, url=None if url.startswith("sqlite") else url)


def test_what_is_restored_is_what_was_copied_and_numbers_go_on(
    store: Store, tmp_path: Path, empty_url: str
) -> None:
    load(store, charged(2**63 - 1, tenant="Ñandú", upline=(Hop("reseller", 2, 5),)), void(3))
    fill_tables(store)
    copy_to_file(store._engine, tmp_path / "copy.db")
    engine = create_engine(empty_url)
    assert restore(tmp_path / "copy.db", engine) == 2
    engine.dispose()
    with open_restored(empty_url, tmp_path) as restored:
        assert content(restored) == content(store)
        load(restored, charged(4))
        assert faults_of(restored) == []
        with restored.transaction() as connection:
            text = tables.metadata.tables["factory_version"]
            added = connection.execute(text.insert().values(loaded_us=1, path="p", text="t"))
            assert added.inserted_primary_key == (2,)


def test_a_copy_is_one_state_of_books_that_are_written_meanwhile(
    store: Store, tmp_path: Path
) -> None:
    copied = threading.Event()

    def write() -> None:
        block = 0
        while not copied.is_set():
            load(store, *(charged(100 * block + n) for n in range(100)))
            block += 1

    writer = threading.Thread(target=write)
    writer.start()
    for n in range(3):
        copy_to_file(store._engine, tmp_path / f"copy{n}.db")
    copied.set()
    writer.join()
    for n in range(3):
        with closing(sqlite3.connect(tmp_path / f"copy{n}.db")) as copy:
            blocks, requests = (
                copy.execute(f"SELECT count(*) FROM {t}").fetchone()[0]
                for t in ("block", "request")
            )
        assert requests == 100 * blocks


def test_a_copy_is_private_and_replaces_nothing(store: Store, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    copy_to_file(store._engine, target)
    assert target.stat().st_mode & 0o777 == 0o600
    with pytest.raises(LedgerError, match="exists"):
        copy_to_file(store._engine, target)
    with pytest.raises(LedgerError, match="no copy"):
        copy_to_file(store._engine, tmp_path / "nowhere" / "copy.db")


def test_books_that_are_there_are_not_written_over(store: Store, tmp_path: Path) -> None:
    load(store, charged(1))
    copy_to_file(store._engine, tmp_path / "copy.db")
    with pytest.raises(LedgerError, match="already"):
        restore(tmp_path / "copy.db", store._engine)
    assert rows(store, "SELECT count(*) FROM request") == [(1,)]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("DROP TRIGGER request_never_update; UPDATE request SET amount_pusd = 0", "block 1"),
        ("DROP TRIGGER block_never_delete; DELETE FROM block", "belong to no block"),
        ("UPDATE meta SET value = '99'", "schema 99"),
        ("DROP TABLE meta", "schema None"),
    ],
)
def test_a_damaged_copy_is_refused_and_nothing_is_written(
    store: Store, tmp_path: Path, empty_url: str, damage: str, message: str
) -> None:
    load(store, charged(1))
    copy_to_file(store._engine, tmp_path / "copy.db")
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        copy.executescript(damage)
    engine = create_engine(empty_url)
    with pytest.raises(LedgerError, match=message):
        restore(tmp_path / "copy.db", engine)
    engine.dispose()
    with open_restored(empty_url, tmp_path) as empty:
        assert rows(empty, "SELECT count(*) FROM request") == [(0,)]


@pytest.mark.parametrize("garbage", [b"", b"no database at all" * 1000, None])
def test_what_is_no_copy_is_refused(tmp_path: Path, garbage: bytes | None) -> None:
    if garbage is not None:
        (tmp_path / "copy.db").write_bytes(garbage)
    engine = create_engine("sqlite://")
    with pytest.raises(LedgerError) as refused:
        restore(tmp_path / "copy.db", engine)
    assert refused.value.hint


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_copy_that_finds_no_room_is_not_there(
    store: Store, faults: Faults, database_url: None
) -> None:
    load(store, charged(1))
    copy = """
import sys
from pathlib import Path
from wattmill.ledger.copying import copy_to_file
from wattmill.ledger.store import Store
copy_to_file(Store(Path(sys.argv[1]), write=False)._engine, Path(sys.argv[2]))
"""
    target = faults.folder / "copy.db"
    faults.fill()
    run = faults.python(copy, store.directory, target)
    assert "no copy can be written there" in run.stderr
    assert list(faults.folder.iterdir()) == []
    faults.disarm()
    assert faults.python(copy, store.directory, target).returncode == 0
