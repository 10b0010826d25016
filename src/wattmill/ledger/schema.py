"""The tables of the books. What happened is only ever inserted; triggers refuse anything else.

A request comes into the books once, when it is over, as a row of ``request``: charged, waived or void. Everything
that comes in belongs to a ``block`` of one hash chain (``ledger.chain``): many requests at a time, or one ``record``,
of which ``correction``, ``posting`` and ``document`` are what it says by column.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    false,
)

from wattmill.core.records import METERS

SCHEMA_VERSION = 2

QUARTER_US = 900_000_000
LIMB = 10**9
"""Money is summed as multiples of this and what is left, so that no sum is too long for 64 bits."""
MONEY_LIMBS = ("amount_high", "amount_low", "absorbed_high", "absorbed_low")

metadata = MetaData()

meta = Table(
    "meta", metadata, Column("name", Text, primary_key=True), Column("value", Text, nullable=False)
)

PrimaryInteger = BigInteger().with_variant(Integer, "sqlite")
"""64 bits everywhere, and in SQLite the row's own number."""

block = Table(
    "block",
    metadata,
    Column("number", PrimaryInteger, primary_key=True, autoincrement=False),
    Column("recorded_us", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)

request = Table(
    "request",
    metadata,
    Column("id", PrimaryInteger, primary_key=True, autoincrement=False),
    Column("block", BigInteger, nullable=False),
    Column("held_us", BigInteger, nullable=False),
    Column("ended_us", BigInteger, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("pool", Text),
    Column("price", Integer),
    *(Column(meter, BigInteger, nullable=False) for meter in METERS),
    Column("source", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("outcome", Text),
    Column("reason", Text),
    Column("amount_pusd", BigInteger, nullable=False),
    Column("absorbed_pusd", BigInteger, nullable=False),
)
Index("request_of_tenant", request.c.tenant, request.c.held_us)
Index("request_of_block", request.c.block)

resale = Table(
    "resale",
    metadata,
    Column("request", BigInteger, nullable=False),
    Column("hop", Integer, nullable=False),
    Column("block", BigInteger, nullable=False),
    Column("party", Text, nullable=False),
    Column("price", Integer, nullable=False),
    Column("amount_pusd", BigInteger, nullable=False),
    PrimaryKeyConstraint("request", "hop"),
)
Index("resale_of_party", resale.c.party, resale.c.block)

usage_quarter = Table(
    "usage_quarter",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("quarter", BigInteger, nullable=False),
    Column("model", Text, nullable=False),
    Column("pool", Text, nullable=False),
    Column("price", Integer, nullable=False),
    Column("source", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("requests", BigInteger, nullable=False),
    Column("first_held_us", BigInteger, nullable=False),
    Column("last_block", BigInteger, nullable=False),
    *(Column(meter, BigInteger, nullable=False) for meter in METERS),
    *(Column(limb, BigInteger, nullable=False) for limb in MONEY_LIMBS),
    PrimaryKeyConstraint("tenant", "quarter", "model", "pool", "price", "source", "state"),
    sqlite_with_rowid=False,
)
"""Sums of ``request`` by the quarter of an hour of the hold, kept up with it in one transaction. Every month of every
calendar begins at a quarter; ``last_block`` tells what came in late. It can be made anew from ``request``; no pool is
an empty text, no price 0."""

record = Table(
    "record",
    metadata,
    Column("block", PrimaryInteger, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

correction = Table(
    "correction",
    metadata,
    Column("block", PrimaryInteger, primary_key=True, autoincrement=False),
    Column("tenant", Text, nullable=False),
    Column("held_us", BigInteger, nullable=False),
    Column("model", Text, nullable=False),
    Column("pool", Text),
    Column("price", Integer, nullable=False),
    *(Column(meter, BigInteger, nullable=False) for meter in METERS),
    Column("amount_pusd", BigInteger, nullable=False),
    Column("request", BigInteger),
    Column("reason", Text, nullable=False),
)
Index("correction_of_tenant", correction.c.tenant, correction.c.held_us)

posting = Table(
    "posting",
    metadata,
    Column("block", BigInteger, nullable=False),
    Column("leg", Integer, nullable=False),
    Column("account", Text, nullable=False),
    Column("amount", Text, nullable=False),
    PrimaryKeyConstraint("block", "leg"),
)
Index("posting_of_account", posting.c.account, posting.c.block)

document = Table(
    "document",
    metadata,
    Column("series", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("block", BigInteger, nullable=False, unique=True),
    Column("tenant", Text, nullable=False),
    Column("month", Text, nullable=False),
    Column("issued_us", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    PrimaryKeyConstraint("series", "number"),
)
Index("document_of_tenant", document.c.tenant, document.c.month)

price = Table(
    "price",
    metadata,
    Column("version", Integer, primary_key=True),
    Column("plan", Text, nullable=False),
    Column("valid_from_us", BigInteger, nullable=False),
    Column("recorded_us", BigInteger, nullable=False),
    Column("input_uncached", BigInteger, nullable=False),
    Column("input_cached", BigInteger, nullable=False),
    Column("cache_write", BigInteger, nullable=False),
    Column("output_text", BigInteger, nullable=False),
    Column("output_reasoning", BigInteger, nullable=False),
    Column("audio_in", BigInteger, nullable=False),
    Column("audio_out", BigInteger, nullable=False),
    Column("image_in", BigInteger, nullable=False),
    Column("plan_version", Integer),
    Column("model", Text),
    Column("pool", Text),
    Column("band", Text),
    Column("denominator", BigInteger, nullable=False, server_default="1"),
)

rate_plan_version = Table(
    "rate_plan_version",
    metadata,
    Column("version", Integer, primary_key=True),
    Column("plan", Text, nullable=False),
    Column("valid_from_us", BigInteger, nullable=False),
    Column("recorded_us", BigInteger, nullable=False),
    Column("terms", Text, nullable=False),
)

tenant = Table(
    "tenant",
    metadata,
    Column("name", Text, primary_key=True),
    Column("plan", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("budget_uusd", BigInteger),
    Column("requests_per_minute", Integer),
    Column("max_concurrency", Integer),
    Column("active", Boolean, nullable=False),
    Column("from_file", Text),
    Column("parent", Text),
    Column("prepaid", Boolean, nullable=False, server_default=false()),
)

tenant_identity = Table(
    "tenant_identity",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("address", Text, nullable=False),
    Column("tax_id", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("country", Text),
)

key = Table(
    "key",
    metadata,
    Column("id", Text, primary_key=True),
    Column("sha256", Text, nullable=False, unique=True),
    Column("tenant", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("requests_per_minute", Integer),
    Column("max_concurrency", Integer),
    Column("created_us", BigInteger, nullable=False),
    Column("revoked_us", BigInteger),
    Column("budget_uusd", BigInteger),
)

engine_reading = Table(
    "engine_reading",
    metadata,
    Column("pool", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("input_uncached", BigInteger, nullable=False),
    Column("input_cached", BigInteger, nullable=False),
    Column("output", BigInteger, nullable=False),
    PrimaryKeyConstraint("pool", "at_us"),
)

factory_version = Table(
    "factory_version",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("loaded_us", BigInteger, nullable=False),
    Column("path", Text, nullable=False),
    Column("text", Text, nullable=False),
)

journal_position = Table(
    "journal_position",
    metadata,
    Column("segment", Integer, primary_key=True),
    Column("offset", BigInteger, nullable=False),
)

accounts_state = Table(
    "accounts_state",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("state", LargeBinary, nullable=False),
)

APPEND_ONLY = (
    "block",
    "request",
    "resale",
    "record",
    "correction",
    "posting",
    "document",
    "price",
    "rate_plan_version",
    "engine_reading",
)
"""Tables that take new rows and nothing else; triggers refuse the rest."""
