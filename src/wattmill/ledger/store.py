"""The database of the books: SQLite in WAL mode, or PostgreSQL; every commit on disk, one process that writes.

Whoever opens it to write holds ``ledger.lock``; anybody may open it to read at the same time.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, case, inspect, select, text
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError

from wattmill.core.errors import LedgerBusy, LedgerError
from wattmill.ledger import chain, schema, tables
from wattmill.ledger.accounts import AccountsState, Finished, decode_state, encode_state
from wattmill.ledger.location import DATABASE as DATABASE
from wattmill.ledger.location import (
    DATABASE_URL,
    database_url,
    open_database,
    remember,
    require_books,
)
from wattmill.ledger.locks import BUSY, BUSY_HINT, LOCK, take_lock
from wattmill.ledger.retention.reading import first_retired
from wattmill.ledger.rows import (
    QUARTER_FIELDS,
    QUARTER_KEY,
    QUARTER_SUMS,
    REQUEST_FIELDS,
    RESALE_FIELDS,
    quarters_of,
    rows_of,
)

_SERVER_LOCK = 0x776D
"""The advisory lock of whoever writes books into a PostgreSQL database."""

ERASABLE = ("request", "resale", "tenant_identity", "document_buyer", "factory_version")
"""Tables of which rows are deleted or changed so that nobody can read them any more."""


class Store:
    """Reads and writes the tables. Use as a context manager."""

    def __init__(self, directory: Path, *, write: bool, url: str | None = None) -> None:
        self.directory = directory
        self._url = database_url(directory, url)
        if not write:
            require_books(directory, self._url)
        self._engine = open_database(directory, self._url, write=write)
        self._lock = take_lock(directory / LOCK, BUSY, hint=BUSY_HINT) if write else None
        self._server_lock: Connection | None = None
        try:
            if write and self._url is not None:
                self._server_lock = self._take_server_lock()
                remember(directory, self._url)
            self._create_or_check(write=write)
        except DatabaseError as error:
            self.close()
            raise LedgerError(
                f"the database cannot be used: {error.orig}", place=self.place, hint=self._hint
            ) from error
        except LedgerError:
            self.close()
            raise

    @property
    def _hint(self) -> str:
        if self._url:
            return f"is the server running, and {DATABASE_URL} right?"
        return "restore it from a backup (wattmill backup makes them)"

    def _take_server_lock(self) -> Connection:
        """Held as long as its connection: another folder, maybe of another machine, may not write as well."""
        connection = self._engine.connect()
        statement = text("SELECT pg_try_advisory_lock(:number)")
        if not connection.execute(statement, {"number": _SERVER_LOCK}).scalar():
            connection.close()
            raise LedgerBusy(f"{BUSY} in {self.place}", hint=BUSY_HINT)
        connection.commit()
        return connection

    def _hold_server_lock(self) -> None:
        """The lock ends with its connection, when the server is restarted for one: then it is taken again."""
        if self._server_lock is not None:
            try:
                self._server_lock.exec_driver_sql("SELECT 1")
                self._server_lock.commit()
                return
            except DatabaseError:
                self._server_lock.invalidate()
                self._server_lock.close()
        self._server_lock = None
        self._server_lock = self._take_server_lock()

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self._engine.dialect.name

    @property
    def _driver(self) -> Any:
        """Its own errors come from what goes past SQLAlchemy."""
        return self._engine.dialect.loaded_dbapi

    @property
    def place(self) -> str:
        """Where the books are, without a password."""
        return str(self._engine.url) if self._url else str(self.directory / DATABASE)

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._server_lock is not None:
            self._server_lock.invalidate()
            self._server_lock = None
        self._engine.dispose()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _create_or_check(self, *, write: bool) -> None:
        found = self._schema_version()
        if write and found is None:
            self._create()
        elif write and found is not None and found < schema.SCHEMA_VERSION:
            from wattmill.ledger.migrations import upgrade

            upgrade(self._engine, self.directory, found)
        elif found != schema.SCHEMA_VERSION:
            raise LedgerError(
                f"these books have schema {found}, this wattmill knows {schema.SCHEMA_VERSION}",
                place=self.place,
                hint="start the version of wattmill that wrote them, or a newer one",
            )

    def _schema_version(self) -> int | None:
        """``None`` for a database without books."""
        if not inspect(self._engine).has_table(schema.meta.name):
            return None
        name, value = schema.meta.c
        with self._engine.connect() as connection:
            found = connection.execute(select(value).where(name == "schema")).scalar()
        return None if found is None else int(found)

    def _create(self) -> None:
        with self._engine.begin() as connection:
            tables.metadata.create_all(connection)
            for statement in tables.append_only_triggers(self.dialect):
                connection.exec_driver_sql(statement)
            connection.execute(
                schema.meta.insert().values(name="schema", value=str(schema.SCHEMA_VERSION))
            )

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except OperationalError as error:
            hint = self._hint if self._url else "is there room on its disk?"
            raise LedgerError(
                f"the database does not answer: {error.orig}", place=self.place, hint=hint
            ) from error

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """All or nothing; durable when the block ends."""
        with self._answering():
            if self._url is not None and self._lock is not None:
                self._hold_server_lock()
            with self._engine.begin() as connection:
                yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent view of the books: what others commit meanwhile is not seen."""
        with self._answering(), self._engine.connect() as connection:
            if self.dialect == "postgresql":
                connection.execution_options(isolation_level="REPEATABLE READ")
            if self.dialect == "sqlite":
                connection.exec_driver_sql("BEGIN")  # its driver begins none for reading alone
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
        return decode_state(blob) if blob else AccountsState()

    def load(
        self,
        finished: Sequence[Finished],
        positions: dict[int, int],
        state: AccountsState,
        recorded_us: int,
    ) -> None:
        """Enter requests that are over as one block, how far the journal was read, and the accounts after it, in one
        transaction. ``LedgerError`` when a request is in the books already: it would be charged twice."""
        with self.transaction() as connection:
            if finished:
                self._append_requests(connection, finished, recorded_us)
            for segment, offset in positions.items():
                self._upsert(connection, schema.journal_position, segment=segment, offset=offset)
            self._upsert(connection, schema.accounts_state, id=1, state=encode_state(state))

    def _append_requests(
        self, connection: Connection, finished: Sequence[Finished], recorded_us: int
    ) -> None:
        rows, resales = rows_of(finished)
        if (again := first_retired(connection, [row[0] for row in rows])) is not None:
            raise self._twice(f"request {again:#x} is retired")
        digest = chain.digest_of_requests(rows, resales)
        block = chain.append_block(connection, chain.REQUESTS, len(rows), digest, recorded_us)
        try:
            self._insert(connection, "request", REQUEST_FIELDS, rows, block)
            self._insert(connection, "resale", RESALE_FIELDS, resales, block)
            self._add_to_quarters(connection, rows, block)
        except (IntegrityError, self._driver.IntegrityError) as error:
            raise self._twice(getattr(error, "orig", error)) from error

    def _twice(self, why: object) -> LedgerError:
        return LedgerError(
            f"a request is in the books already: {why}",
            place=str(self.directory),
            hint="the journal and the database do not belong together: restore both from one backup",
        )

    def _insert(
        self,
        connection: Connection,
        table: str,
        fields: Sequence[str],
        rows: Sequence[Sequence[Any]],
        block: int,
    ) -> None:
        """Many rows of one block as fast as the database takes them: ``fields`` and ``block`` among them."""
        if not rows:
            return
        names = ("block", *(field for field in fields if field != "block"))
        lines = [(block, *row) for row in rows]
        if self.dialect == "postgresql":
            raw = connection.connection.cursor()
            with raw.copy(f"COPY {table} ({', '.join(names)}) FROM STDIN") as copy:
                for line in lines:
                    copy.write_row(line)
            return
        places = ", ".join("?" * len(names))
        connection.exec_driver_sql(
            f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places})", lines
        )

    def _add_to_quarters(
        self, connection: Connection, rows: Sequence[Sequence[Any]], block: int
    ) -> None:
        sums = quarters_of(rows, block)
        insert = self._dialect_insert(schema.usage_quarter)
        new, old = insert.excluded, schema.usage_quarter.c
        sums_too = {name: old[name] + new[name] for name in QUARTER_SUMS}
        first = case(
            (new.first_held_us < old.first_held_us, new.first_held_us), else_=old.first_held_us
        )
        connection.execute(
            insert.on_conflict_do_update(
                index_elements=QUARTER_KEY,
                set_={**sums_too, "first_held_us": first, "last_block": new.last_block},
            ),
            [
                dict(zip(QUARTER_FIELDS, (*key, *values), strict=True))
                for key, values in sums.items()
            ],
        )

    def _dialect_insert(self, table: Any) -> Any:
        return postgresql_insert(table) if self.dialect == "postgresql" else sqlite_insert(table)

    def _upsert(self, connection: Connection, table: Any, **values: Any) -> None:
        statement = self._dialect_insert(table).values(**values)
        keys = [column.name for column in table.primary_key]
        rest = {name: value for name, value in values.items() if name not in keys}
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=rest))

    # --- retention ---------------------------------------------------------------------------------------------------

    def overwrite_deleted(self, connection: Connection) -> None:
        """From now on nothing can be read in the file of what this connection deletes."""
        if self.dialect == "sqlite":
            connection.exec_driver_sql("PRAGMA secure_delete=ON").close()

    def clean(self) -> None:
        """Take deleted rows out of what the database keeps beside its tables: the log, and pages that wait."""
        with self._answering(), self._engine.connect() as connection:
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")
            if self.dialect == "sqlite":
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").close()
            else:
                connection.exec_driver_sql(f"VACUUM {', '.join(ERASABLE)}")

    # --- backup ------------------------------------------------------------------------------------------------------

    def backup(self, target: Path) -> None:
        """Write a consistent copy while others read and write; ``LedgerError`` when the target exists."""
        from wattmill.ledger.copying import copy_to_file

        copy_to_file(self._engine, target)
