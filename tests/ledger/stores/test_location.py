"""Where a data folder's books are, and that they are never mistaken for others."""

from pathlib import Path

import pytest
from tests.support.books import charged, load, rows
from tests.support.postgres import PostgresServer

from wattmill.catalog.factory import parse_factory
from wattmill.core.errors import FactoryError, LedgerError
from wattmill.ledger.copying import restore_books
from wattmill.ledger.location import DATABASE_URL, REMEMBERED, database_url
from wattmill.ledger.store import DATABASE, Store


def test_the_books_are_in_the_folder_unless_somebody_says_otherwise(data: Path) -> None:
    assert database_url(data) is None
    with Store(data, write=True) as store:
        assert (store.dialect, store.place) == ("sqlite", str(data / DATABASE))
    assert not (data / REMEMBERED).exists()


def test_a_folder_remembers_its_database_without_the_password(
    data: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = postgres_url.replace("wattmill@", "wattmill:s3cret@")
    monkeypatch.setenv(DATABASE_URL, secret)
    with Store(data, write=True) as store:
        load(store, charged(1))
        assert "s3cret" not in store.place
    monkeypatch.delenv(DATABASE_URL)
    assert "s3cret" not in (data / REMEMBERED).read_text()
    with Store(data, write=False) as reader:
        assert rows(reader, "SELECT count(*) FROM request") == [(1,)]
    assert not (data / DATABASE).exists()


def test_books_in_the_folder_are_not_forgotten_for_empty_ones_in_a_server(
    data: Path, postgres_url: str
) -> None:
    Store(data, write=True).close()
    with pytest.raises(LedgerError, match="there are books") as refused:
        Store(data, write=True, url=postgres_url)
    assert "wattmill restore" in refused.value.hint
    assert not (data / REMEMBERED).exists()


@pytest.mark.parametrize("to", ["sqlite", "postgresql"])
def test_books_move_between_a_file_and_a_server_by_backup_and_restore(
    data: Path, tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch, to: str
) -> None:
    here, there = (None, postgres_url) if to == "postgresql" else (postgres_url, None)
    with Store(data, write=True, url=here) as store:
        load(store, charged(1), charged(2))
        store.backup(tmp_path / "books.db")
    new = tmp_path / "new"
    if there:
        monkeypatch.setenv(DATABASE_URL, there)
    assert restore_books(tmp_path / "books.db", new) == 1
    with Store(new, write=True) as store:
        assert store.dialect == to
        assert rows(store, "SELECT count(*) FROM request") == [(2,)]
    with pytest.raises(LedgerError, match="already"):
        restore_books(tmp_path / "books.db", new)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://user@host/books", "'mysql'"),
        ("sqlite:///elsewhere.db", "'sqlite'"),
        ("no url", "cannot be read"),
        ("postgresql://host/books?password=s3cret", "shown in logs"),
    ],
)
def test_what_is_no_postgresql_url_is_refused(data: Path, url: str, message: str) -> None:
    with pytest.raises(LedgerError, match=message) as refused:
        Store(data, write=True, url=url)
    assert "s3cret" not in str(refused.value)
    assert refused.value.hint


def test_a_server_that_is_away_is_named_without_its_password(data: Path, tmp_path: Path) -> None:
    url = f"postgresql://u:s3cret@/books?host={tmp_path}"
    for write in (True, False):
        with pytest.raises(LedgerError, match="cannot be used") as refused:
            Store(data, write=write, url=url)
        assert "s3cret" not in str(refused.value)
        assert "running" in refused.value.hint


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    for name in ("100%41 sure?", "a#b", "Bücher & Söhne"):
        Store(tmp_path / name, write=True).close()
        assert (tmp_path / name / DATABASE).exists()
        Store(tmp_path / name, write=False).close()


@pytest.mark.parametrize(
    "url", ["postgresql://u:pw@host/db", "mysql://u@host/db", "postgresql://h/db?password=x", ""]
)
def test_the_factory_file_takes_no_password(url: str) -> None:
    with pytest.raises(FactoryError, match="database_url") as refused:
        parse_factory(f'[serve]\ndatabase_url = "{url}"\n', "factory.toml")
    assert "pw" not in str(refused.value)


def test_a_commit_waits_for_the_disk_whatever_the_server_does_by_default(
    data: Path, postgres_server: PostgresServer, postgres_url: str
) -> None:
    name = postgres_url.partition("@/")[2].partition("?")[0]
    postgres_server.execute(f"ALTER DATABASE {name} SET synchronous_commit TO off")
    with Store(data, write=True, url=postgres_url) as store:
        assert rows(store, "SHOW synchronous_commit") == [("on",)]


def test_a_restarted_server_is_found_again_and_its_lock_taken_again(
    data: Path, tmp_path: Path, postgres_server: PostgresServer, postgres_url: str
) -> None:
    with Store(data, write=True, url=postgres_url) as store:
        load(store, charged(1))
        postgres_server.crash()
        with pytest.raises(LedgerError, match="does not answer"):
            load(store, charged(2))
        postgres_server.start()
        load(store, charged(2))
        with pytest.raises(LedgerError, match="another process"):
            Store(tmp_path / "elsewhere", write=True, url=postgres_url)
        assert rows(store, "SELECT count(*) FROM request") == [(2,)]
