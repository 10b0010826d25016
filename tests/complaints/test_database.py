"""What operators met with the database: locked, full, away, out of connections."""

import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from tests.complaints.factory import TOML, at_once, new_tenant, wait_for_rows
from tests.gateway.mill import Mill, running_mill
from tests.support.books import charged, load
from tests.support.factory import COMMAND
from tests.support.postgres import PostgresServer, running_postgres
from wattmill.ledger.location import DATABASE, DATABASE_URL
from wattmill.ledger.store import Store

CLIENTS = 24


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server with few connections to give."""
    with running_postgres(settings=("-c", "max_connections=10")) as server:
        yield server


@pytest.fixture(scope="module")
def postgres_mill(
    server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mill]:
    """A factory with its books there."""
    folder = tmp_path_factory.mktemp("pg")
    with running_mill(folder, TOML, **{DATABASE_URL: server.new_database()}) as mill:
        yield mill


def test_requests_that_end_at_once_do_not_wait_for_a_locked_database(mill: Mill) -> None:
    """new-api #6805: settlements met in SQLite, were told that it is busy, and were lost."""
    tenant = new_tenant(mill)
    mill.key(tenant)
    with closing(sqlite3.connect(mill.factory.data / DATABASE, isolation_level=None)) as somebody:
        somebody.execute("BEGIN IMMEDIATE")
        answers = at_once([partial(mill.chat, tenant=tenant)] * CLIENTS)
        assert [answer.status for answer in answers] == [200] * CLIENTS
        somebody.execute("ROLLBACK")
    rows = wait_for_rows(mill, tenant, CLIENTS)
    assert {row["id"] for row in rows} == {answer.request for answer in answers}
    assert {row["state"] for row in rows} == {"charged"}


def test_a_writer_that_dies_is_replaced_and_has_missed_nothing(mill: Mill) -> None:
    """litellm #20697: the process that wrote to the database died of memory, and what was left served no one."""
    tenant = new_tenant(mill)
    answers = [mill.chat(tenant=tenant)]
    dead = mill.factory.kill_child("books")
    answers += [mill.chat(tenant=tenant) for _ in range(3)]
    mill.factory.wait_for_new_child("books", dead)
    rows = wait_for_rows(mill, tenant, 4)
    assert {row["id"] for row in rows} == {answer.request for answer in answers}


def test_a_request_takes_some_hundred_bytes_of_the_database(tmp_path: Path) -> None:
    """bifrost #2286: 923 MB of log in one file, kept for a year, until reading and writing stood still."""
    with Store(tmp_path, write=True) as store:
        empty = (tmp_path / DATABASE).stat().st_size
        for first in range(1, 5001, 1000):
            load(store, *(charged(n) for n in range(first, first + 1000)))
    grown = (tmp_path / DATABASE).stat().st_size - empty
    assert grown / 5000 < 400


def test_clients_use_up_no_connections_of_the_server(
    postgres_mill: Mill, server: PostgresServer
) -> None:
    """litellm #6895, #27989, #18708: pods opened connections until the server had too many clients, or deadlocked."""
    tenant = new_tenant(postgres_mill)
    postgres_mill.key(tenant)
    before = len(postgres_mill.engine.of("well"))
    answers = at_once([partial(postgres_mill.chat, tenant=tenant)] * CLIENTS)
    assert [answer.status for answer in answers] == [200] * CLIENTS
    assert len(postgres_mill.engine.of("well")) == before + CLIENTS
    ((used,),) = server.execute("SELECT count(*) FROM pg_stat_activity WHERE datname ~ '^t'")
    assert used <= 4
    spent = next(row for row in postgres_mill.do("balances") if row["tenant"] == tenant)
    assert spent["spent_pusd"] == CLIENTS * 17 * 10**6


def test_a_database_that_is_away_is_named_at_the_start_and_found_when_it_is_back(
    postgres_mill: Mill, server: PostgresServer
) -> None:
    """litellm #38121: started while its database was down, it answered 401 for ever, whatever it was told."""
    factory = postgres_mill.factory
    factory.stop()
    server.stop()
    started_s = time.monotonic()
    words = [*COMMAND, "up", str(factory.toml), "--data", str(factory.data)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, env=factory._env)
    assert done.returncode != 0
    assert "database" in done.stderr and time.monotonic() - started_s < 30
    server.start()
    factory.start()
    assert postgres_mill.chat().status == 200
