"""The table of energy readings: what a pool's own meter counted, and what of it no longer stands."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, PrimaryKeyConstraint, Table, Text

from wattmill.ledger.schema import metadata

energy_reading = Table(
    "energy_reading",
    metadata,
    Column("pool", Text, nullable=False),
    Column("start_us", BigInteger, nullable=False),
    Column("end_us", BigInteger, nullable=False),
    Column("milliwatt_hours", BigInteger, nullable=False),
    Column("source", Text, nullable=False),
    Column("recorded_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("pool", "start_us", "recorded_us"),
)
"""Readings of one pool that stand never overlap; ``ledger.cost.readings`` refuses those that would."""

energy_withdrawal = Table(
    "energy_withdrawal",
    metadata,
    Column("pool", Text, nullable=False),
    Column("start_us", BigInteger, nullable=False),
    Column("end_us", BigInteger, nullable=False),
    Column("recorded_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("pool", "start_us", "end_us", "recorded_us"),
)
"""Readings of the pool that lie wholly in the time and were recorded until then no longer stand."""

APPEND_ONLY = ("energy_reading", "energy_withdrawal")
"""For the triggers of ``ledger.schema``: a wrong reading is withdrawn, not deleted."""
