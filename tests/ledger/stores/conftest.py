"""The same books in SQLite and in PostgreSQL; and disks that fail."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.faults import faults, faults_library
from tests.support.postgres import PostgresServer, postgres_server, postgres_url

from wattmill.ledger.store import Store

__all__ = ["faults", "faults_library", "postgres_server", "postgres_url"]

NewStore = Callable[..., Store]


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """Where the books of this test are: ``None`` for SQLite in the data folder, or a fresh PostgreSQL database."""
    if request.param == "sqlite":
        yield None
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    url = server.new_database()
    yield url
    server.drop_database(url)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """An empty data folder."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def new_store(data: Path, database_url: str | None) -> Iterator[NewStore]:
    """Opens the books of this test; as often as one likes."""
    opened: list[Store] = []

    def make(*, write: bool = True, directory: Path = data) -> Store:
        opened.append(Store(directory, write=write, url=database_url))
        return opened[-1]

    yield make
    for store in opened:
        store.close()


@pytest.fixture
def store(new_store: NewStore) -> Store:
    """Empty books, open to write."""
    return new_store()
