"""What is kept of requests whose rows are gone: which they were, and what they add up to.

``retirement`` is the block of the ``DetailsRetired`` record that each row came with; the record has a digest over them.
Amounts of requests are in limbs, as in ``usage_quarter``. ``covered_by`` is the block up to which the first invoice
knew that has the requests in it: whatever document is taken back later, what stands on an earlier one is told apart.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from wattmill.core.records import METERS
from wattmill.ledger.schema import MONEY_LIMBS, metadata

KIND = "details_retired"
"""What the record calls itself."""

retired_block = Table(
    "retired_block",
    metadata,
    Column("last", BigInteger, primary_key=True, autoincrement=False),
    Column("first", BigInteger, nullable=False),
    Column("retirement", BigInteger, nullable=False),
)
"""Blocks of requests from ``first`` to ``last`` have no rows any more; records in between keep theirs."""

retired_request = Table(
    "retired_request",
    metadata,
    Column("last", BigInteger, primary_key=True, autoincrement=False),
    Column("first", BigInteger, nullable=False),
    Column("retirement", BigInteger, nullable=False),
)
"""The numbers of the requests, each range without a gap: none of them may ever come again."""

retired_usage = Table(
    "retired_usage",
    metadata,
    Column("retirement", BigInteger, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("quarter", BigInteger, nullable=False),
    Column("model", Text, nullable=False),
    Column("pool", Text, nullable=False),
    Column("price", Integer, nullable=False),
    Column("source", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("covered_by", BigInteger, nullable=False),
    Column("requests", BigInteger, nullable=False),
    Column("first_held_us", BigInteger, nullable=False),
    Column("first_block", BigInteger, nullable=False),
    Column("last_block", BigInteger, nullable=False),
    *(Column(meter, BigInteger, nullable=False) for meter in METERS),
    *(Column(limb, BigInteger, nullable=False) for limb in MONEY_LIMBS),
    PrimaryKeyConstraint(
        *("retirement", "tenant", "quarter", "model"),
        *("pool", "price", "source", "state", "covered_by"),
    ),
)
"""What ``usage_quarter`` holds, of retired requests alone. No invoice covers what was not charged: 0."""
Index("retired_usage_of_tenant", retired_usage.c.tenant, retired_usage.c.quarter)
Index("retired_usage_of_quarter", retired_usage.c.quarter)

retired_resale = Table(
    "retired_resale",
    metadata,
    Column("retirement", BigInteger, nullable=False),
    Column("party", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("quarter", BigInteger, nullable=False),
    Column("model", Text, nullable=False),
    Column("pool", Text, nullable=False),
    Column("price", Integer, nullable=False),
    Column("source", Text, nullable=False),
    Column("covered_by", BigInteger, nullable=False),
    Column("requests", BigInteger, nullable=False),
    Column("first_held_us", BigInteger, nullable=False),
    Column("first_block", BigInteger, nullable=False),
    Column("last_block", BigInteger, nullable=False),
    *(Column(meter, BigInteger, nullable=False) for meter in METERS),
    Column("sold_high", BigInteger, nullable=False),
    Column("sold_low", BigInteger, nullable=False),
    Column("amount_high", BigInteger, nullable=False),
    Column("amount_low", BigInteger, nullable=False),
    PrimaryKeyConstraint(
        *("retirement", "party", "tenant", "quarter"),
        *("model", "pool", "price", "source", "covered_by"),
    ),
)
"""Charged requests as a reseller (``party``) bought them, and what it sold them for to the hop below."""
Index("retired_resale_of_party", retired_resale.c.party, retired_resale.c.quarter)
Index("retired_resale_of_quarter", retired_resale.c.quarter)

retired_key = Table(
    "retired_key",
    metadata,
    Column("retirement", BigInteger, nullable=False),
    Column("key", Text, nullable=False),
    Column("start_us", BigInteger, nullable=False),
    Column("amount", Text, nullable=False),
    PrimaryKeyConstraint("retirement", "key", "start_us"),
)
"""What keys were charged in the month that their balance was in: nobody has used them since."""

retired_work = Table(
    "retired_work",
    metadata,
    Column("retirement", BigInteger, nullable=False),
    Column("pool", Text, nullable=False),
    Column("after_us", BigInteger, nullable=False),
    Column("settled", Boolean, nullable=False),
    Column("note", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("requests", BigInteger, nullable=False),
    Column("input_uncached", BigInteger, nullable=False),
    Column("input_cached", BigInteger, nullable=False),
    Column("output", BigInteger, nullable=False),
    PrimaryKeyConstraint("retirement", "pool", "after_us", "settled", "note", "source"),
)
"""Tokens as a pool's engine counts them, between two readings of its counters: those held after ``after_us``."""

SUMS = (
    retired_block,
    retired_request,
    retired_usage,
    retired_resale,
    retired_key,
    retired_work,
)
"""Everything that a record's digest is over, beside the rows of ``resale`` that stay."""
APPEND_ONLY = tuple(table.name for table in SUMS)
"""For the triggers of ``ledger.tables``."""

DETAILS = ("request", "resale")
"""Append-only too, but for what the last block says is retired."""

MAY_GO = f"""
SELECT 1 FROM retired_block AS gone JOIN record ON record.block = gone.retirement
WHERE gone.last >= {{row}}.block AND gone.first <= {{row}}.block
AND record.kind = '{KIND}' AND gone.retirement = (SELECT max(number) FROM block)
"""
"""Finds something when a row may be deleted: its block is retired, by the record that is the last block. So it goes in
the transaction of that record or, with one more block behind it, never."""
