"""The server that other tests stand on."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

from tests.support.postgres import PostgresServer, postgres_server, postgres_url, running_postgres

__all__ = ["postgres_server", "postgres_url"]


@pytest.fixture
def engine(postgres_url: str) -> Iterator[Engine]:
    engine = create_engine(postgres_url)
    yield engine
    engine.dispose()


def test_each_test_has_a_database_of_its_own(
    postgres_server: PostgresServer, engine: Engine
) -> None:
    other = create_engine(postgres_server.new_database())
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE here (a int)"))
    with other.connect() as connection:
        tables = connection.execute(text("SELECT 1 FROM pg_tables WHERE tablename = 'here'"))
        assert tables.all() == []
    other.dispose()


def test_no_port_is_opened_and_no_root_serves(postgres_server: PostgresServer) -> None:
    assert postgres_server.execute("SHOW listen_addresses") == [("",)]
    assert Path(f"/proc/{postgres_server.pid}").stat().st_uid != 0


def test_what_was_committed_is_there_after_a_crash_and_nothing_stays_behind() -> None:
    with running_postgres(fsync=True) as server:
        assert server.execute("SHOW fsync") == [("on",)]
        server.execute("CREATE TABLE kept (a int)")
        server.execute("INSERT INTO kept VALUES (7)")
        server.crash()
        server.start()
        assert server.execute("SELECT a FROM kept") == [(7,)]
        pid, folder = server.pid, server.folder
    assert not folder.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
