"""Where the books of a data folder are: in its ``ledger.db``, or in a PostgreSQL database that it remembers.

The address is told once (an argument, the factory file, or ``WATTMILL_DATABASE_URL``) and kept in the folder without
its password, so that a command that is told nothing reads the same books and never an empty file beside them.
"""

import os
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from wattmill.core.errors import LedgerError

DATABASE = "ledger.db"
DATABASE_URL = "WATTMILL_DATABASE_URL"
"""From the environment, because it may carry a password."""
REMEMBERED = "database_url"
_READ_ONLY = {"options": "-c default_transaction_read_only=on"}
_DURABLE = {"options": "-c synchronous_commit=on"}
"""Whatever the server's default is: a commit must be on disk, because the journal is deleted after it."""
_HINT = "write it as postgresql://user@host/name"


def database_url(directory: Path, told: str | None = None) -> str | None:
    """The database of a data folder; ``None`` for the SQLite file in it.

    ``told``, else the environment, else what the folder remembers. ``LedgerError`` when it is no PostgreSQL URL.
    """
    found = told or os.environ.get(DATABASE_URL) or _remembered(directory)
    return None if found is None else _with_driver(found)


def require_books(directory: Path, url: str | None = None) -> None:
    """``LedgerError`` when a folder has no books: no file in it, no server that it remembers, and no ``url``."""
    if url is None and not any((directory / name).exists() for name in (DATABASE, REMEMBERED)):
        raise LedgerError(
            f"there are no books in {directory}",
            hint="start the factory once (wattmill up FACTORY.toml), or name the folder with --data",
        )


def open_database(directory: Path, url: str | None, *, write: bool) -> Engine:
    """The database at an address that ``database_url`` gave; ``LedgerError`` when its driver is missing."""
    if url is None:
        return _sqlite(directory / DATABASE, write=write)
    try:
        return create_engine(
            url, pool_pre_ping=True, connect_args=_DURABLE if write else _READ_ONLY
        )
    except ModuleNotFoundError as error:
        raise LedgerError(
            f"PostgreSQL cannot be reached: {error}",
            place=DATABASE_URL,
            hint="install its driver: pip install 'wattmill[postgres]'",
        ) from None


def remember(directory: Path, url: str) -> None:
    """Keep a database's address, not its password, in the folder; ``LedgerError`` when the folder has books itself.

    Otherwise a factory that is moved to a server would start with empty books, and every budget anew.
    """
    if (directory / DATABASE).exists():
        raise LedgerError(
            f"there are books in {directory / DATABASE}, and others are wanted in a server",
            hint="carry them over: wattmill backup FILE, move ledger.db away, wattmill restore FILE",
        )
    address = make_url(url).set(password=None).render_as_string() + "\n"
    path = directory / REMEMBERED
    if not path.exists() or path.read_text(encoding="utf-8") != address:
        path.write_text(address, encoding="utf-8")


def _remembered(directory: Path) -> str | None:
    path = directory / REMEMBERED
    return path.read_text(encoding="utf-8").strip() if path.exists() else None


def _with_driver(text: str) -> str:
    """The URL with the driver that is installed; the password stays in it."""
    try:
        url = make_url(text)
    except ArgumentError:
        raise LedgerError(
            "the database's URL cannot be read", place=DATABASE_URL, hint=_HINT
        ) from None
    if "password" in url.query:
        hint = "write it as postgresql://user:password@host/name, or use ~/.pgpass or PGPASSWORD"
        raise LedgerError("a password behind the ? is shown in logs", place=DATABASE_URL, hint=hint)
    if url.get_backend_name() not in ("postgresql", "postgres"):
        scheme = url.drivername
        raise LedgerError(f"books are not kept in {scheme!r}", place=DATABASE_URL, hint=_HINT)
    return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def _sqlite(path: Path, *, write: bool) -> Engine:
    mode = "rwc" if write else "ro"
    file = path.absolute().as_uri()
    url = URL.create("sqlite", database=file, query={"mode": mode, "uri": "true"})
    engine = create_engine(url, connect_args={"timeout": 30})

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        if write:
            connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA busy_timeout=30000")

    return engine
