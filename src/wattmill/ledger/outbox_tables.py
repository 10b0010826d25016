"""The tables of what leaves the books: messages, and every attempt to deliver one. Both only ever grow."""

from sqlalchemy import BigInteger, Column, Index, Integer, PrimaryKeyConstraint, Table, Text

from wattmill.ledger.schema import metadata

outbox = Table(
    "outbox",
    metadata,
    Column("id", Text, primary_key=True),
    Column("destination", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("after", Text),
    Column("created_us", BigInteger, nullable=False),
)

outbox_attempt = Table(
    "outbox_attempt",
    metadata,
    Column("id", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("retry_us", BigInteger),
    Column("detail", Text, nullable=False),
    PrimaryKeyConstraint("id", "number"),
)
Index("outbox_attempt_outcome", outbox_attempt.c.outcome, outbox_attempt.c.id)

APPEND_ONLY = ("outbox", "outbox_attempt")
"""For the triggers of ``ledger.schema``."""
