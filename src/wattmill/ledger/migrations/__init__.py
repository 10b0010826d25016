"""Brings books of an older schema to the one that this wattmill knows: forward only, all or nothing.

The number in ``meta`` is the only truth about a database's schema; Alembic is told it at the start, walks its
revisions (``versions``) and its own table is gone at the end. Everything happens in one transaction, so a migration
that is killed leaves the old books; and a copy of them is on disk before it begins.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DatabaseError

from wattmill.core.errors import LedgerError
from wattmill.ledger.journal import sync

BACKUP = "ledger-schema{}.db.bak"
_VERSION_TABLE = "alembic_version"


def upgrade(engine: Engine, directory: Path, found: int) -> None:
    """Take the books from schema ``found`` to the newest; ``LedgerError``, and nothing is changed, when they cannot be.

    SQLite: a copy of the old books is ``ledger-schema{found}.db.bak`` in ``directory`` before anything changes.
    """
    if engine.dialect.name == "sqlite":
        _copy(engine, directory / BACKUP.format(found))
    with engine.connect() as connection:
        _begin(connection)
        _migrate(connection, found)
        connection.commit()


def _begin(connection: Connection) -> None:
    """SQLite's driver begins no transaction for statements that change tables: it is told to."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _migrate(connection: Connection, found: int) -> None:
    config = Config(attributes={"connection": connection})
    here = str(Path(__file__).parent).replace("%", "%%")
    config.set_main_option("script_location", here)
    command.stamp(config, str(found))
    command.upgrade(config, "head")
    newest = connection.exec_driver_sql(f"SELECT version_num FROM {_VERSION_TABLE}").scalar_one()
    connection.exec_driver_sql(f"DROP TABLE {_VERSION_TABLE}")
    connection.exec_driver_sql(f"UPDATE meta SET value = '{int(newest)}' WHERE name = 'schema'")


def _copy(engine: Engine, target: Path) -> None:
    """Whole and on disk, or not there. A copy that an earlier attempt left is of the same books, or of older ones."""
    unfinished = target.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        try:
            connection.exec_driver_sql("VACUUM INTO ?", (str(unfinished),))
            unfinished.chmod(0o600)
            sync(unfinished)
            unfinished.rename(target)
            sync(target.parent)
        except (DatabaseError, OSError) as error:
            unfinished.unlink(missing_ok=True)
            raise LedgerError(
                f"the books must be copied before they are changed, and cannot be: {error}",
                place=str(target),
                hint="make room on that disk; the old books are untouched",
            ) from error
