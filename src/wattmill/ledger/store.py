"""The database of the books: SQLite in WAL mode, every commit on disk, one process that writes.

Whoever opens it to write holds ``ledger.lock``; anybody may open it to read at the same time.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, create_engine, event, select, text
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import DatabaseError

from wattmill.core.errors import LedgerError
from wattmill.core.records import METERS
from wattmill.ledger import schema
from wattmill.ledger.accounts import AccountsState
from wattmill.ledger.entries import Deliver, Entry, Hold, Settle, Void, Waive
from wattmill.ledger.locks import take_lock

DATABASE = "ledger.db"
LOCK = "ledger.lock"
_BUSY = "another process writes the books"
_BUSY_HINT = "a factory is running there, or a command is at work: stop it or try again"
_ENTRY_COLUMNS: dict[type, tuple[str, ...]] = {
    Hold: ("request", "at_us", "held_us", "tenant", "key", "model", "price", "amount_pusd"),
    Settle: (
        *("request", "at_us", "held_us", "tenant", "key", "model", "pool", "price"),
        *(*METERS, "usage_source", "amount_pusd", "note"),
    ),
    Void: (
        *("request", "at_us", "held_us", "tenant", "key", "model", "pool"),
        *(*METERS, "usage_source", "amount_pusd", "note"),
    ),
    Deliver: ("request", "at_us", "amount_pusd"),
    Waive: ("request", "at_us", "held_us", "tenant", "amount_pusd", "note"),
}
"""What each kind of entry says; its other columns are empty."""

_INSERT_ENTRIES = {
    kind: f"INSERT OR IGNORE INTO entry (kind, {', '.join(columns)}) "
    f"VALUES ({number}{', ?' * len(columns)})"
    for number, (kind, columns) in enumerate(_ENTRY_COLUMNS.items(), start=1)
}


class Store:
    """Reads and writes the tables. Use as a context manager."""

    def __init__(self, directory: Path, *, write: bool) -> None:
        self.directory = directory
        if not write and not (directory / DATABASE).exists():
            raise LedgerError(
                f"there are no books in {directory}",
                hint="start the factory once (wattmill up FACTORY.toml), or name the folder with --data",
            )
        self._lock = take_lock(directory / LOCK, _BUSY, hint=_BUSY_HINT) if write else None
        self._engine = _engine(directory / DATABASE, write=write)
        try:
            self._create_or_check(write=write)
        except DatabaseError as error:
            self.close()
            raise LedgerError(
                f"the database cannot be used: {error.orig}",
                place=str(directory / DATABASE),
                hint="restore it from a backup (wattmill backup makes them)",
            ) from error

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._engine.dispose()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _create_or_check(self, *, write: bool) -> None:
        if write:
            schema.metadata.create_all(self._engine)
        with self._engine.begin() as connection:
            if write:
                for trigger in schema.APPEND_ONLY:
                    connection.execute(trigger)
                connection.execute(
                    sqlite_insert(schema.meta)
                    .values(name="schema", value=str(schema.SCHEMA_VERSION))
                    .on_conflict_do_nothing()
                )
            found = connection.execute(
                select(schema.meta.c.value).where(schema.meta.c.name == "schema")
            ).scalar()
        if found != str(schema.SCHEMA_VERSION):
            raise LedgerError(
                f"these books have schema {found}, this wattmill knows {schema.SCHEMA_VERSION}",
                place=str(self.directory / DATABASE),
                hint="use the version of wattmill that wrote them, or a newer one",
            )

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """All or nothing; durable when the block ends."""
        with self._engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent view of the books: what others commit meanwhile is not seen."""
        with self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")  # SQLite's driver begins none for reading alone
            yield connection

    # --- journal and accounts ----------------------------------------------------------------------------------------

    def positions(self) -> dict[int, int]:
        """How far each journal segment has been loaded."""
        with self.reading() as connection:
            rows = connection.execute(select(schema.journal_position))
            return {row.segment: row.offset for row in rows}

    def accounts_state(self) -> AccountsState:
        """The accounts as of ``positions``."""
        with self.reading() as connection:
            blob = connection.execute(select(schema.accounts_state.c.state)).scalar()
        return msgspec.msgpack.decode(blob, type=AccountsState) if blob else AccountsState()

    def load(
        self, entries: Sequence[Entry], positions: dict[int, int], state: AccountsState
    ) -> None:
        """Enter journalled entries, how far the journal was read, and the accounts after them, in one transaction."""
        with self.transaction() as connection:
            for kind, statement in _INSERT_ENTRIES.items():
                rows = [_entry_row(entry) for entry in entries if type(entry) is kind]
                if rows:
                    connection.exec_driver_sql(statement, rows)
            for segment, offset in positions.items():
                _upsert(connection, schema.journal_position, segment=segment, offset=offset)
            _upsert(connection, schema.accounts_state, id=1, state=msgspec.msgpack.encode(state))

    # --- backup ------------------------------------------------------------------------------------------------------

    def backup(self, target: Path) -> None:
        """Write a consistent copy while others read and write; ``LedgerError`` when the target exists."""
        if target.exists():
            raise LedgerError(f"{target} exists already", hint="name a new file")
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            try:
                connection.execute(text("VACUUM INTO :target"), {"target": str(target)})
            except DatabaseError as error:
                raise LedgerError(
                    f"no copy can be written there: {error.orig}",
                    place=str(target),
                    hint="name a new file in a folder that exists, on a disk with room",
                ) from None


def entry_columns(entry: Entry) -> dict[str, Any]:
    """What an entry says, by column of the table ``entry``; it is silent on the others."""
    kind = list(_ENTRY_COLUMNS).index(type(entry)) + 1
    return {"kind": kind, **dict(zip(_ENTRY_COLUMNS[type(entry)], _entry_row(entry), strict=True))}


def _entry_row(entry: Entry) -> tuple[Any, ...]:
    """The values of ``_ENTRY_COLUMNS``."""
    who: tuple[Any, ...]
    match entry:
        case Hold():
            at_us = _us(entry.at_s)
            who = (entry.tenant, entry.key, entry.model, entry.price)
            return (entry.request, at_us, at_us, *who, entry.amount_pusd)
        case Settle():
            who = (entry.tenant, entry.key, entry.model, entry.pool, entry.price)
            what = (*entry.usage.meters, entry.usage.source, entry.amount_pusd, entry.outcome)
            return (entry.request, _us(entry.at_s), _us(entry.held_at_s), *who, *what)
        case Void():
            what = (*entry.usage.meters, entry.usage.source, 0, entry.reason)
            who = (entry.tenant, entry.key, entry.model, entry.pool)
            return (entry.request, _us(entry.at_s), _us(entry.held_at_s), *who, *what)
        case Deliver():
            return (entry.request, _us(entry.at_s), 0)
        case Waive():
            when = (_us(entry.at_s), _us(entry.held_at_s))
            return (entry.request, *when, entry.tenant, -entry.amount_pusd, entry.reason)


def _us(seconds: float) -> int:
    return round(seconds * 1e6)


def _upsert(connection: Connection, table: Any, **values: Any) -> None:
    statement = sqlite_insert(table).values(**values)
    keys = [column.name for column in table.primary_key]
    rest = {name: value for name, value in values.items() if name not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=rest))


def _engine(path: Path, *, write: bool) -> Engine:
    mode = "rwc" if write else "ro"
    engine = create_engine(
        f"sqlite:///file:{path}?mode={mode}&uri=true", connect_args={"timeout": 30}
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        if write:
            connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA busy_timeout=30000")

    return engine
