"""Schema 2: a request that is over is one row, in a block of the hash chain; what is open lives in the accounts.

The entries of schema 1 become blocks of at most ``BLOCK_ROWS`` requests in the order of their numbers, all recorded
at the last instant that the old books know: the same old books give the same chain.

Nothing here follows the tables of today: what is created is in ``schema2.sql``, and what is written is named column by
column. Of the living code only the hashes of the chain are used, and these can never change.
"""

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from alembic import op
from sqlalchemy import Connection, text

from wattmill.core.errors import LedgerError
from wattmill.ledger.chain import GENESIS, block_hash, digest_of_requests

revision = "2"
down_revision = "1"

BLOCK_ROWS = 20_000
TABLES = Path(__file__).parents[1] / "schema2.sql"
METERS = (
    *("input_uncached", "input_cached", "cache_write", "output_text", "output_reasoning"),
    *("audio_in", "audio_out", "image_in"),
)
_REQUEST = (
    *("id", "held_us", "ended_us", "tenant", "key", "model", "pool", "price", *METERS),
    *("source", "state", "outcome", "reason", "amount_pusd", "absorbed_pusd"),
)
"""Columns of a request in the order in which its block's digest has them."""

_FINISHED = text(f"""
SELECT ended.request AS id, ended.held_us, coalesce(waive.at_us, deliver.at_us, ended.at_us) AS ended_us,
       ended.tenant, ended.key, ended.model, ended.pool, ended.price,
       {", ".join(f"ended.{meter}" for meter in METERS)}, ended.usage_source AS source,
       CASE WHEN ended.kind = 3 THEN 'void' WHEN waive.request IS NULL THEN 'charged' ELSE 'waived' END AS state,
       CASE ended.kind WHEN 2 THEN ended.note END AS outcome,
       CASE ended.kind WHEN 3 THEN ended.note ELSE waive.note END AS reason,
       ended.amount_pusd, 0 AS absorbed_pusd
FROM entry AS ended
LEFT JOIN entry AS deliver ON deliver.request = ended.request AND deliver.kind = 4
LEFT JOIN entry AS waive ON waive.request = ended.request AND waive.kind = 5
WHERE ended.kind IN (2, 3)
  AND (ended.kind = 3 OR deliver.request IS NOT NULL OR waive.request IS NOT NULL)
ORDER BY ended.request
""")
"""Requests that are over. Were a charge both confirmed and waived, the tenant would have the benefit."""

_QUARTERS = f"""
INSERT INTO usage_quarter
SELECT tenant, held_us / 900000000 AS quarter, model, coalesce(pool, ''), coalesce(price, 0), source, state,
       count(*), min(held_us), max(block), {", ".join(f"sum({meter})" for meter in METERS)},
       sum(amount_pusd / 1000000000), sum(amount_pusd % 1000000000), 0, 0
FROM request GROUP BY 1, 2, 3, 4, 5, 6, 7
"""
"""Sums by the quarter of an hour, money in limbs of 10⁹."""

_OPEN = "SELECT request FROM entry GROUP BY request HAVING max(kind) <= 2"
"""Requests that are not: held, or settled and neither confirmed nor waived."""

_TWO_ENDS = "SELECT request FROM entry WHERE kind IN (2, 3) GROUP BY request HAVING count(*) > 1"


def upgrade() -> None:
    """Create the new tables, carry everything over, drop the old one."""
    connection = op.get_bind()
    state = _state(connection)
    _check(connection, state)
    for statement in TABLES.read_text(encoding="utf-8").split(";\n"):
        if statement.strip():
            connection.exec_driver_sql(statement)
    _enter_plans(connection)
    recorded_us = connection.scalar(text("SELECT max(at_us) FROM entry")) or 0
    before = GENESIS
    found = connection.execute(_FINISHED).mappings().partitions(BLOCK_ROWS)
    for number, rows in enumerate(found, start=1):
        before = _append(connection, before, number, rows, recorded_us)
    op.execute(_QUARTERS)
    _enter_state(connection, state)
    op.drop_table("entry")


# --- what is open -----------------------------------------------------------------------------------------------------


def _state(connection: Connection) -> list[Any]:
    """The accounts as they were written down: balances by tenant, open holds, settlements without a confirmation."""
    blob = connection.scalar(text("SELECT state FROM accounts_state"))
    return msgspec.msgpack.decode(blob) if blob else [{}, [], []]


def _check(connection: Connection, state: list[Any]) -> None:
    """What is open in the entries must be open in the accounts, or dropping the entries would lose it."""
    if found := connection.scalar(text(_TWO_ENDS)):
        raise _at_odds(f"request {found} has ended twice")
    _, holds, unconfirmed = state
    in_accounts = {entry[1] for entry in (*holds, *unconfirmed)}
    for request in connection.scalars(text(_OPEN)):
        if request not in in_accounts:
            raise _at_odds(f"request {request} is open, and the accounts do not know of it")


def _at_odds(what: str) -> LedgerError:
    hint = "nothing was changed: go on with the version that wrote them, and report this"
    return LedgerError(f"the old books contradict themselves: {what}", hint=hint)


def _enter_state(connection: Connection, state: list[Any]) -> None:
    """The accounts as they were, and beside each tenant's balance those of its keys, which are new."""
    balances, holds, unconfirmed = state
    keys: dict[str, Any] = {}

    def of(key: str, tenant: str) -> Any:
        month = balances[tenant]["month"]
        return keys.setdefault(key, {"month": month, "spent_pusd": 0, "held_pusd": 0})

    for hold in holds:
        _, _, _, tenant, key, _, _, amount_pusd = hold
        of(key, tenant)["held_pusd"] += amount_pusd
    for tenant, balance in balances.items():
        start_s = balance["month"][1]
        for key, amount_pusd in _charges(connection, unconfirmed, tenant, start_s):
            of(key, tenant)["spent_pusd"] += amount_pusd
    blob = msgspec.msgpack.encode([balances, holds, unconfirmed, keys, {}])
    connection.execute(text("UPDATE accounts_state SET state = :state"), {"state": blob})


def _charges(
    connection: Connection, unconfirmed: list[Any], tenant: str, start_s: float
) -> Iterable[tuple[str, int]]:
    """Key and amount of what counts against the budget of a tenant's month."""
    for settle in unconfirmed:
        if settle[4] == tenant and settle[3] >= start_s:
            yield settle[5], settle[10]
    charged = text(
        "SELECT key, amount_pusd FROM request "
        "WHERE tenant = :tenant AND held_us >= :start_us AND state = 'charged'"
    )
    month = {"tenant": tenant, "start_us": round(start_s * 1e6)}
    yield from (tuple(row) for row in connection.execute(charged, month))


# --- prices and blocks ------------------------------------------------------------------------------------------------


def _enter_plans(connection: Connection) -> None:
    """Each price is a version of its plan by itself, and stays as it is."""
    entered = text(
        "INSERT INTO rate_plan_version (version, plan, valid_from_us, recorded_us, terms) "
        "VALUES (:version, :plan, :valid_from_us, :recorded_us, :terms)"
    )
    names = ("version", "plan", "valid_from_us", "recorded_us")
    for row in connection.execute(text("SELECT * FROM price")).mappings().all():
        about = {name: row[name] for name in names}
        connection.execute(entered, {**about, "terms": _terms([row[name] for name in METERS])})


def _terms(prices: Iterable[int]) -> str:
    """One flat price for each meter, from micro-units per million tokens."""
    rates = [
        {"meters": [meter], "scheme": {"type": "flat", "unit": str(Decimal(price) / 10**6)}}
        for meter, price in zip(METERS, prices, strict=True)
    ]
    return msgspec.json.encode({"cards": [{"rates": rates}]}).decode()


def _append(
    connection: Connection, before: bytes, number: int, found: Any, recorded_us: int
) -> bytes:
    """Requests that are over as one block; its hash."""
    digest = digest_of_requests([tuple(row[name] for name in _REQUEST) for row in found], [])
    found_hash = block_hash(before, number, recorded_us, "requests", digest)
    about = {"number": number, "recorded_us": recorded_us, "kind": "requests"}
    content = {"rows": len(found), "digest": digest, "hash": found_hash}
    connection.execute(_insert("block", (*about, *content)), {**about, **content})
    columns = ("block", *_REQUEST)
    connection.execute(_insert("request", columns), [{"block": number, **row} for row in found])
    return found_hash


def _insert(table: str, columns: Iterable[str]) -> Any:
    names = list(columns)
    return text(f"INSERT INTO {table} ({', '.join(names)}) VALUES (:{', :'.join(names)})")
