"""Copies of the books: from any database into one SQLite file, and from such a file into an empty database of any kind.

A copy is consistent however much is written meanwhile, is whole or not there, and carries its own proof: the chain is
walked before a copy is restored.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, func, inspect, select
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool

from wattmill.core.errors import LedgerError
from wattmill.ledger import chain, schema, tables
from wattmill.ledger.journal import sync
from wattmill.ledger.location import DATABASE_URL, database_url, open_database, remember
from wattmill.ledger.locks import BUSY, BUSY_HINT, LOCK, take_lock

BATCH_ROWS = 10_000
_TODAY = str(schema.SCHEMA_VERSION)


def copy_to_file(source: Engine, target: Path) -> None:
    """Write one state of the books as a SQLite file; ``LedgerError`` when the file exists or cannot be written."""
    if target.exists():
        raise LedgerError(f"{target} exists already", hint="name a new file")
    unfinished = target.with_name(target.name + ".new")
    try:
        unfinished.unlink(missing_ok=True)
        _write_copy(source, unfinished)
        unfinished.chmod(0o600)
        sync(unfinished)
        unfinished.rename(target)
        sync(target.parent)
    except (DatabaseError, OSError) as error:
        unfinished.unlink(missing_ok=True)
        raise LedgerError(
            f"no copy can be written there: {getattr(error, 'orig', error)}",
            place=str(target),
            hint="name a new file in a folder that exists, on a disk with room",
        ) from error


def _write_copy(source: Engine, target: Path) -> None:
    isolation = "AUTOCOMMIT" if source.dialect.name == "sqlite" else "REPEATABLE READ"
    with source.connect().execution_options(isolation_level=isolation) as seen:
        if source.dialect.name == "sqlite":
            seen.exec_driver_sql("VACUUM INTO ?", (str(target),))
            return
        with _writing(_sqlite(target)) as connection:
            create_tables(connection)
            copy_rows(seen, connection)


def restore(copy: Path, target: Engine) -> int:
    """Fill an empty database from a copy, in one transaction; returns the number of its last block.

    ``LedgerError`` when the copy is damaged or of another schema, or when there are books in the database.
    """
    with _reading(copy) as source:
        _check(source, copy)
        with _writing(target) as connection:
            if inspect(connection).has_table(schema.meta.name):
                raise LedgerError(
                    "there are books already",
                    place=str(target.url),
                    hint="a copy is restored into an empty database or a new data folder",
                )
            create_tables(connection)
            copy_rows(source, connection)
            _set_sequences(connection)
            return chain.tail(connection).number


def restore_books(copy: Path, directory: Path) -> int:
    """Fill the empty database of a data folder from a copy, while nothing runs there; the number of the last block."""
    lock = take_lock(directory / LOCK, BUSY, hint=BUSY_HINT)
    try:
        url = database_url(directory)
        if url is not None:
            remember(directory, url)
        engine = open_database(directory, url, write=True)
        try:
            return restore(copy, engine)
        except DatabaseError as error:
            hint = f"is the server running, and {DATABASE_URL} right?" if url else "is there room?"
            raise LedgerError(
                f"the copy cannot be restored: {error.orig}", place=str(engine.url), hint=hint
            ) from error
        finally:
            engine.dispose()
    finally:
        os.close(lock)


def create_tables(connection: Connection) -> None:
    """All tables and triggers, empty."""
    tables.metadata.create_all(connection)
    for statement in tables.append_only_triggers(connection.dialect.name):
        connection.exec_driver_sql(statement)


def copy_rows(source: Connection, target: Connection) -> None:
    """Every row of every table, a batch at a time."""
    for table in tables.metadata.sorted_tables:
        every = select(table).execution_options(yield_per=BATCH_ROWS)
        for rows in source.execute(every).mappings().partitions():
            target.execute(table.insert(), [dict(row) for row in rows])


def _check(source: Connection, copy: Path) -> None:
    """The copy has the schema of today and an unbroken chain."""
    try:
        found = _schema_version(source)
        fault = next(iter(chain.verify(source)), None) if found == _TODAY else None
    except DatabaseError as error:
        raise _unreadable(copy, error) from error
    if found != _TODAY:
        raise LedgerError(
            f"this copy has schema {found}, this wattmill knows {schema.SCHEMA_VERSION}",
            place=str(copy),
            hint="put it into an empty data folder as ledger.db and open it there: it is brought up to date",
        )
    if fault is not None:
        raise LedgerError(
            f"this copy is damaged: {fault.place}: {fault.what}",
            place=str(copy),
            hint="take an older one",
        )


def _schema_version(source: Connection) -> str | None:
    name, value = schema.meta.c
    if not inspect(source).has_table(schema.meta.name):
        return None
    return source.execute(select(value).where(name == "schema")).scalar()


def _set_sequences(connection: Connection) -> None:
    """PostgreSQL counts on from where the copied numbers end."""
    if connection.dialect.name != "postgresql":
        return
    for table in tables.metadata.sorted_tables:
        column = table.autoincrement_column
        if column is not None and _sequence(connection, table, column.name):
            last = connection.execute(select(func.max(column))).scalar()
            if last is not None:
                sequence = _sequence(connection, table, column.name)
                connection.execute(select(func.setval(sequence, last)))


def _sequence(connection: Connection, table: Table, column: str) -> str | None:
    named = select(func.pg_get_serial_sequence(table.name, column))
    return connection.execute(named).scalar()


@contextmanager
def _writing(engine: Engine) -> Iterator[Connection]:
    """One transaction, tables and triggers included; SQLite's driver must be told to begin it."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield connection
        connection.commit()
    engine.dispose()


@contextmanager
def _reading(copy: Path) -> Iterator[Connection]:
    if not copy.exists():
        raise LedgerError(f"there is no {copy}", hint="name a file that wattmill backup wrote")
    engine = _sqlite(copy, mode="ro")
    try:
        connection = engine.connect()
    except DatabaseError as error:
        raise _unreadable(copy, error) from error
    with connection:
        yield connection
    engine.dispose()


def _unreadable(copy: Path, error: DatabaseError) -> LedgerError:
    hint = "name a file that wattmill backup wrote"
    return LedgerError(f"this copy cannot be read: {error.orig}", place=str(copy), hint=hint)


def _sqlite(path: Path, mode: str = "rwc") -> Engine:
    query = {"mode": mode, "uri": "true"}
    url = URL.create("sqlite", database=path.absolute().as_uri(), query=query)
    engine = create_engine(url, poolclass=NullPool)

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA synchronous=FULL")

    return engine
