"""The stand-in does to a real PostgreSQL what Prisma's engine does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from bench.ledger.prisma_stand_in import Database, connect
from bench.ledger.runs import Server, postgres

SCHEMA = """
CREATE TABLE "Spend_Log" (request_id text PRIMARY KEY, spend float8, updated_at timestamptz NOT NULL);
CREATE TABLE "Key_Table" (token text PRIMARY KEY, spend float8 DEFAULT 0);
CREATE TABLE "Daily_Use" (day text, model text, spend float8, PRIMARY KEY (day, model));
INSERT INTO "Key_Table" VALUES ('a', 1), ('b', 1);
"""
Work = Callable[[Database], Awaitable[None]]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgres() as found:
        found.script("postgres", SCHEMA)
        yield found


def done(server: Server, work: Work, query: str) -> list[tuple[Any, ...]]:
    async def all_of_it() -> None:
        database = await connect(server.dsn("postgres"))
        try:
            await work(database)
        finally:
            await database.close()

    asyncio.run(all_of_it())
    return server.execute("postgres", query)


def test_many_rows_are_entered_once(server: Server) -> None:
    async def work(database: Database) -> None:
        rows = [{"request_id": name, "spend": 0.5} for name in ("x", "y")]
        assert await database.spend_log.create_many(data=rows, skip_duplicates=True) == 2
        assert await database.spend_log.create_many(data=rows, skip_duplicates=True) == 0

    query = 'SELECT count(*), sum(spend), count(updated_at) FROM "Spend_Log"'
    assert done(server, work, query) == [(2, 1.0, 2)]


def test_increments_are_added_to_what_is_there(server: Server) -> None:
    async def work(database: Database) -> None:
        async with database.tx() as transaction:
            await transaction.execute_raw("SELECT set_config('lock_timeout', $1::text, true)", "5s")
            async with transaction.batch_() as batch:
                for token, more in (("a", 2.0), ("b", 3.0), ("nobody", 4.0)):
                    where, data = {"token": token}, {"spend": {"increment": more}}
                    batch.key_table.update_many(where=where, data=data)

    query = 'SELECT token, spend FROM "Key_Table" ORDER BY token'
    assert done(server, work, query) == [("a", 3.0), ("b", 4.0)]


def test_an_upsert_creates_and_then_adds(server: Server) -> None:
    key = {"day": "2026-11-21", "model": "house"}

    async def work(database: Database) -> None:
        for _ in range(3):
            async with database.batch_() as batch:
                batch.daily_use.upsert(
                    where={"day_model": key},
                    data={
                        "create": {**key, "spend": 1.0},
                        "update": {"spend": {"increment": 0.5}},
                    },
                )

    assert done(server, work, 'SELECT * FROM "Daily_Use"') == [("2026-11-21", "house", 2.0)]


def test_a_batch_is_all_or_nothing(server: Server) -> None:
    async def work(database: Database) -> None:
        with pytest.raises(Exception, match="no_such_table"):
            async with database.batch_() as batch:
                data = {"spend": 100.0}
                batch.key_table.update_many(where={"token": "a"}, data=data)
                batch.execute_raw("DELETE FROM no_such_table")

    query = 'SELECT count(*) FROM "Key_Table" WHERE spend = 100'
    assert done(server, work, query) == [(0,)]
