"""What LiteLLM's spend tracking asks of its Prisma client, sent to PostgreSQL by psycopg.

Prisma's query engine is a program that is fetched from the internet when the client is generated; where that is not
possible this takes its place. It sends statements to the same effect (one ``INSERT … ON CONFLICT DO
NOTHING`` for a ``create_many``, one ``UPDATE`` for an ``update_many``, ``INSERT … ON CONFLICT DO UPDATE`` for an
``upsert``, one transaction for a ``batch_``) over connections that stay open, without the hop to another process.
Runs in LiteLLM's environment: nothing of wattmill is imported.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import psycopg

CONNECTIONS = 4

Row = Mapping[str, Any]
Statement = tuple[str, list[Any]]


def install_errors() -> None:
    """``import prisma`` finds the classes of errors that LiteLLM asks for; none is ever raised here."""
    package, errors = ModuleType("prisma"), ModuleType("prisma.errors")
    engine, engine_errors = ModuleType("prisma.engine"), ModuleType("prisma.engine.errors")
    missing = type("Missing", (Exception,), {})
    for module in (package, errors, engine, engine_errors):
        vars(module)["__getattr__"] = lambda _name: missing
    vars(package).update(errors=errors, engine=engine)
    vars(engine)["errors"] = engine_errors
    for module in (package, errors, engine, engine_errors):
        sys.modules[module.__name__] = module


class Tables:
    """How tables and their columns are really called."""

    def __init__(self, rows: Sequence[tuple[str, str]]) -> None:
        self._columns: dict[str, set[str]] = {}
        for table, column in rows:
            self._columns.setdefault(table, set()).add(column)
        self._names = {name.lower(): name for name in self._columns}

    def name(self, accessor: str) -> str:
        return self._names[accessor]

    def now(self, table: str) -> dict[str, Any]:
        """What the engine fills in by itself whenever it writes."""
        has = "updated_at" in self._columns[table]
        return {"updated_at": datetime.now(UTC)} if has else {}


def insert_many(tables: Tables, table: str, rows: Sequence[Row]) -> Statement:
    """All rows in one statement; those that are there already are left alone."""
    now = tables.now(table)
    columns = [*rows[0], *(name for name in now if name not in rows[0])]
    values: list[Any] = []
    lines = []
    for row in rows:
        first = len(values) + 1
        values += [{**row, **now}[column] for column in columns]
        lines.append(f"({', '.join(f'${first + at}' for at in range(len(columns)))})")
    names = ", ".join(f'"{column}"' for column in columns)
    return (
        f'INSERT INTO "{table}" ({names}) VALUES {", ".join(lines)} ON CONFLICT DO NOTHING',
        values,
    )


def update(tables: Tables, table: str, where: Row, data: Row) -> Statement:
    """``{"increment": x}`` is added, anything else is set."""
    values: list[Any] = []
    sets = _sets(table, {**data, **tables.now(table)}, values)
    wanted = " AND ".join(f'"{name}" = {_place(value, values)}' for name, value in where.items())
    return f'UPDATE "{table}" SET {sets} WHERE {wanted}', values


def upsert(tables: Tables, table: str, where: Row, data: Mapping[str, Row]) -> Statement:
    """``where`` names the unique columns, one or several under the name of their index."""
    only = next(iter(where.values()))
    keys = only if isinstance(only, Mapping) else where
    created = {**data["create"], **tables.now(table)}
    values: list[Any] = []
    places = ", ".join(_place(value, values) for value in created.values())
    names = ", ".join(f'"{name}"' for name in created)
    sets = _sets(table, {**data["update"], **tables.now(table)}, values)
    unique = ", ".join(f'"{name}"' for name in keys)
    return (
        f'INSERT INTO "{table}" ({names}) VALUES ({places}) ON CONFLICT ({unique}) DO UPDATE SET {sets}',
        values,
    )


def _sets(table: str, data: Row, values: list[Any]) -> str:
    return ", ".join(
        f'"{name}" = "{table}"."{name}" + {_place(value["increment"], values)}'
        if isinstance(value, Mapping)
        else f'"{name}" = {_place(value, values)}'
        for name, value in data.items()
    )


def _place(value: Any, values: list[Any]) -> str:
    values.append(value)
    return f"${len(values)}"


class Database:
    """``prisma_client.db``."""

    def __init__(self, tables: Tables, idle: asyncio.Queue[psycopg.AsyncConnection[Any]]) -> None:
        self._tables, self._idle = tables, idle

    def __getattr__(self, accessor: str) -> _Table:
        return _Table(self, self._tables.name(accessor))

    @asynccontextmanager
    async def tx(self, **_options: object) -> AsyncIterator[_Transaction]:
        connection = await self._idle.get()
        try:
            async with connection.transaction():
                yield _Transaction(self._tables, connection)
        finally:
            self._idle.put_nowait(connection)

    @asynccontextmanager
    async def batch_(self) -> AsyncIterator[_Batch]:
        async with self.tx() as transaction, transaction.batch_() as batch:
            yield batch

    async def close(self) -> None:
        """Close the connections that nobody uses."""
        while not self._idle.empty():
            await self._idle.get_nowait().close()

    async def insert(self, table: str, rows: Sequence[Row]) -> int:
        async with self.tx() as transaction:
            return await transaction.send(insert_many(self._tables, table, rows))


class _Table:
    def __init__(self, database: Database, name: str) -> None:
        self._database, self._name = database, name

    async def create_many(self, *, data: Sequence[Row], skip_duplicates: bool) -> int:
        assert skip_duplicates
        return await self._database.insert(self._name, data)


class _Transaction:
    def __init__(self, tables: Tables, connection: psycopg.AsyncConnection[Any]) -> None:
        self._tables, self._connection = tables, connection

    async def execute_raw(self, query: str, *values: object) -> int:
        return await self.send((query, list(values)))

    async def send(self, statement: Statement) -> int:
        text, values = statement
        cursor = psycopg.AsyncRawCursor(self._connection)
        await cursor.execute(text.encode(), values)
        return cursor.rowcount

    @asynccontextmanager
    async def batch_(self) -> AsyncIterator[_Batch]:
        batch = _Batch(self._tables)
        yield batch
        for statement in batch.statements:
            await self.send(statement)


class _Batch:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self.statements: list[Statement] = []

    def execute_raw(self, query: str, *values: object) -> None:
        self.statements.append((query, list(values)))

    def __getattr__(self, accessor: str) -> _BatchTable:
        return _BatchTable(self._tables, self._tables.name(accessor), self.statements.append)


class _BatchTable:
    def __init__(self, tables: Tables, name: str, add: Callable[[Statement], None]) -> None:
        self._tables, self._name, self._add = tables, name, add

    def update_many(self, *, where: Row, data: Row) -> None:
        self._add(update(self._tables, self._name, where, data))

    def upsert(self, *, where: Row, data: Mapping[str, Row]) -> None:
        self._add(upsert(self._tables, self._name, where, data))


async def connect(dsn: str) -> Database:
    """Connections as many as the engine would open on a core or two."""
    idle: asyncio.Queue[psycopg.AsyncConnection[Any]] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        idle.put_nowait(await psycopg.AsyncConnection.connect(dsn, autocommit=True))
    connection = await idle.get()
    columns = await connection.execute(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
    )
    tables = Tables(await columns.fetchall())
    idle.put_nowait(connection)
    return Database(tables, idle)
