"""Requests that are over and books with something in them, for tests of any database."""

from typing import Any

from wattmill.core.records import Usage
from wattmill.ledger import chain, tables
from wattmill.ledger.accounts import AccountsState, Finished
from wattmill.ledger.entries import Hop, Settle, Void
from wattmill.ledger.records import PaymentReceived
from wattmill.ledger.store import Store

NOON_S = 1_795_262_400.0
"""2026-11-21 12:00 UTC."""


def charged(
    request: int,
    at_s: float = NOON_S,
    *,
    tenant: str = "acme",
    pool: str = "l40s",
    tokens: int = 7,
    amount_pusd: int = 1,
    upline: tuple[Hop, ...] = (),
) -> Finished:
    """A request that was delivered."""
    who = (tenant, "k_1", "house-large", pool)
    usage = Usage(tokens, output_text=2)
    end = Settle(request, at_s + 1, at_s, *who, 1, usage, amount_pusd, "finished", upline)
    return Finished(end, "charged", at_s + 2)


def void(request: int, at_s: float = NOON_S, *, pool: str | None = None) -> Finished:
    """A request of acme that reached no client."""
    end = Void(request, at_s + 1, at_s, "acme", "k_1", "house-large", pool, "engine_failed")
    return Finished(end, "void", at_s + 1, "engine_failed")


def load(store: Store, *finished: Finished, at_s: float = NOON_S) -> None:
    """Enter requests as one block that is recorded at a time."""
    store.load(finished, {}, AccountsState(), round(at_s * 1e6))


def faults_of(store: Store) -> list[chain.Fault]:
    """What is wrong with the chain."""
    with store.reading() as connection:
        return list(chain.verify(connection))


def rows(store: Store, statement: str) -> list[tuple[object, ...]]:
    """What a query finds."""
    with store.reading() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(statement)]


def fill_tables(store: Store) -> None:
    """At least one row in every table: a record that is one, elsewhere sense or no sense."""
    payment = PaymentReceived(payment="p", tenant="acme", amount_pusd=5, received_us=6)
    with store.transaction() as connection:
        chain.append_record(connection, payment, round(NOON_S * 1e6))
        for table in tables.metadata.sorted_tables:
            if connection.execute(table.select().limit(1)).first() is None:
                row = {column.name: _anything(column) for column in table.columns}
                connection.execute(table.insert().values(**row))


def _anything(column: Any) -> object:
    return {int: 1, str: "ü", bytes: b"\x00\xff", bool: True}[column.type.python_type]
