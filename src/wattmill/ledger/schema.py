"""The tables of the books. Entries are only ever inserted; triggers refuse anything else."""

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
    text,
)

SCHEMA_VERSION = 1

metadata = MetaData()

meta = Table(
    "meta", metadata, Column("name", Text, primary_key=True), Column("value", Text, nullable=False)
)

KIND_HOLD, KIND_SETTLE, KIND_VOID, KIND_DELIVER, KIND_WAIVE = 1, 2, 3, 4, 5
KIND_NAMES = {1: "hold", 2: "settle", 3: "void", 4: "deliver", 5: "waive"}

entry = Table(
    "entry",
    metadata,
    Column("request", BigInteger, nullable=False),
    Column("kind", Integer, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("held_us", BigInteger),
    Column("tenant", Text),
    Column("key", Text),
    Column("model", Text),
    Column("pool", Text),
    Column("price", Integer),
    Column("input_uncached", BigInteger),
    Column("input_cached", BigInteger),
    Column("cache_write", BigInteger),
    Column("output_text", BigInteger),
    Column("output_reasoning", BigInteger),
    Column("audio_in", BigInteger),
    Column("audio_out", BigInteger),
    Column("image_in", BigInteger),
    Column("usage_source", Text),
    Column("amount_pusd", BigInteger, nullable=False),
    Column("note", Text),
    PrimaryKeyConstraint("request", "kind"),
    sqlite_with_rowid=False,
)
Index(
    "entry_of_tenant",
    entry.c.tenant,
    entry.c.held_us,
    sqlite_where=(entry.c.kind != KIND_HOLD) & entry.c.held_us.is_not(None),
    postgresql_where=(entry.c.kind != KIND_HOLD) & entry.c.held_us.is_not(None),
)

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
)

tenant_identity = Table(
    "tenant_identity",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("address", Text, nullable=False),
    Column("tax_id", Text, nullable=False),
    Column("email", Text, nullable=False),
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

APPEND_ONLY = [
    text(
        f"CREATE TRIGGER IF NOT EXISTS {table}_never_{verb} BEFORE {verb.upper()} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, 'the books are append-only: {table} takes no {verb}'); END"
    )
    for table in ("entry", "price")
    for verb in ("update", "delete")
]
