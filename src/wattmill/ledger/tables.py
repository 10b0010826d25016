"""All tables of the books together, and the triggers that keep those append-only that are.

The tables themselves are in ``schema`` and, where only one part of the ledger uses them, beside that part.
"""

from wattmill.ledger import outbox_tables, schema
from wattmill.ledger.billing import tables as billing_tables
from wattmill.ledger.cost import tables as cost_tables

metadata = schema.metadata
APPEND_ONLY = (
    *schema.APPEND_ONLY,
    *billing_tables.APPEND_ONLY,
    *outbox_tables.APPEND_ONLY,
    *cost_tables.APPEND_ONLY,
)


def append_only_triggers(dialect: str) -> list[str]:
    """Statements that make ``APPEND_ONLY`` true in a database of this dialect; they can be run again."""
    if dialect == "postgresql":
        return [_REFUSE, *(_postgresql_trigger(table) for table in APPEND_ONLY)]
    return [
        f"CREATE TRIGGER IF NOT EXISTS {table}_never_{verb} BEFORE {verb.upper()} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, 'the books are append-only: {table} takes no {verb}'); END"
        for table in APPEND_ONLY
        for verb in ("update", "delete")
    ]


_REFUSE = """
CREATE OR REPLACE FUNCTION books_are_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the books are append-only: %% takes no %%', TG_TABLE_NAME, lower(TG_OP);
END $$"""


def _postgresql_trigger(table: str) -> str:
    return (
        f"CREATE OR REPLACE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE "
        f"ON {table} FOR EACH STATEMENT EXECUTE FUNCTION books_are_append_only()"
    )
