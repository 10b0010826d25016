"""All tables of the books together, and the triggers that keep those append-only that are.

The tables themselves are in ``schema`` and, where only one part of the ledger uses them, beside that part.
"""

from wattmill.ledger import outbox_tables, schema
from wattmill.ledger.billing import tables as billing_tables
from wattmill.ledger.cost import tables as cost_tables
from wattmill.ledger.retention import tables as retention_tables

metadata = schema.metadata
APPEND_ONLY = (
    *schema.APPEND_ONLY,
    *billing_tables.APPEND_ONLY,
    *outbox_tables.APPEND_ONLY,
    *cost_tables.APPEND_ONLY,
    *retention_tables.APPEND_ONLY,
)


def append_only_triggers(dialect: str) -> list[str]:
    """Statements that make ``APPEND_ONLY`` true in a database of this dialect; they can be run again.

    Rows of details may be deleted where ``retention.tables.MAY_GO`` says so, and nowhere else.
    """
    if dialect == "postgresql":
        tables = [statement for table in APPEND_ONLY for statement in _postgresql_triggers(table)]
        return [_REFUSE, _REFUSE_DETAILS, *tables]
    wanted = [sqlite_trigger(table, verb) for table in APPEND_ONLY for verb in ("update", "delete")]
    return [text.replace("TRIGGER", "TRIGGER IF NOT EXISTS", 1) for text in wanted]


def sqlite_trigger(table: str, verb: str) -> str:
    """The trigger that refuses a verb, as SQLite keeps its text."""
    is_free = verb == "delete" and table in retention_tables.DETAILS
    unless = f"WHEN NOT EXISTS ({retention_tables.MAY_GO.format(row='OLD')}) " if is_free else ""
    return (
        f"CREATE TRIGGER {table}_never_{verb} BEFORE {verb.upper()} ON {table} {unless}"
        f"BEGIN SELECT RAISE(ABORT, 'the books are append-only: {table} takes no {verb}'); END"
    )


_REFUSE = """
CREATE OR REPLACE FUNCTION books_are_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the books are append-only: %% takes no %%', TG_TABLE_NAME, lower(TG_OP);
END $$"""

_REFUSE_DETAILS = f"""
CREATE OR REPLACE FUNCTION only_retired_details_go() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM lost WHERE NOT EXISTS ({retention_tables.MAY_GO.format(row="lost")})) THEN
    RAISE EXCEPTION 'the books are append-only: %% takes no delete', TG_TABLE_NAME;
  END IF;
  RETURN NULL;
END $$"""


def _postgresql_triggers(table: str) -> list[str]:
    is_free = table in retention_tables.DETAILS
    verbs = "UPDATE OR TRUNCATE" if is_free else "UPDATE OR DELETE OR TRUNCATE"
    never = (
        f"CREATE OR REPLACE TRIGGER {table}_append_only BEFORE {verbs} "
        f"ON {table} FOR EACH STATEMENT EXECUTE FUNCTION books_are_append_only()"
    )
    retired = (
        f"CREATE OR REPLACE TRIGGER {table}_retired_only AFTER DELETE ON {table} "
        f"REFERENCING OLD TABLE AS lost FOR EACH STATEMENT EXECUTE FUNCTION only_retired_details_go()"
    )
    return [never, retired] if is_free else [never]
