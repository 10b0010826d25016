"""The tables of payments and prepaid credit: what their records say, by column.

Amounts are whole numbers of pUSD as text, because 64 bits end at nine million USD.
``document_buyer`` is no part of the books: who a customer is can be erased from it (``DELETE``), and
what it was billed stays.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, PrimaryKeyConstraint, Table, Text

from wattmill.ledger.schema import metadata

APPEND_ONLY = ("payment", "credit_grant", "credit_draw")
"""Tables that take new rows and nothing else."""

payment = Table(
    "payment",
    metadata,
    Column("id", Text, primary_key=True),
    Column("block", BigInteger, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("amount", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("reference", Text, nullable=False),
    Column("document", Text),
    Column("returns", Text),
)
Index("payment_of_tenant", payment.c.tenant, payment.c.at_us)

credit_grant = Table(
    "credit_grant",
    metadata,
    Column("id", Text, primary_key=True),
    Column("block", BigInteger, nullable=False, unique=True),
    Column("tenant", Text, nullable=False),
    Column("amount", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("granted_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger),
    Column("source", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("document", Text),
)
Index("credit_grant_of_tenant", credit_grant.c.tenant)

credit_draw = Table(
    "credit_draw",
    metadata,
    Column("block", BigInteger, nullable=False),
    Column("grant", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("amount", Text, nullable=False),
    PrimaryKeyConstraint("block", "grant"),
)
Index("credit_draw_of_grant", credit_draw.c.grant)

document_buyer = Table(
    "document_buyer",
    metadata,
    Column("series", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("body", Text, nullable=False),
    PrimaryKeyConstraint("series", "number"),
)
