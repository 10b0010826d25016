"""Energy readings where the books are written: entered, listed, withdrawn."""

from __future__ import annotations

import time
from datetime import datetime, tzinfo
from typing import Any

from wattmill.catalog.names import nearest
from wattmill.core.errors import UsageError
from wattmill.ledger.cost.meter_files import Reading
from wattmill.ledger.cost.readings import record_readings, summaries, withdraw_readings
from wattmill.ledger.registry import Registry
from wattmill.ledger.store import Store

US_PER_S = 10**6


def take_in(store: Store, pool: str, source: str, readings: list[list[int]]) -> Any:
    """Enter readings; a repeated import changes nothing. ``UsageError`` for a pool that nobody knows."""
    names = [spec.name for spec in Registry(store).factory().pools]
    if pool not in names:
        raise UsageError(f"there is no pool {pool!r}", hint=nearest(pool, names))
    with store.transaction() as connection:
        return record_readings(
            connection,
            pool,
            [Reading(*fields) for fields in readings],
            source=source,
            recorded_us=round(time.time() * US_PER_S),
        )


def take_out(store: Store, pool: str, start_us: int, end_us: int) -> dict[str, Any]:
    """Withdraw readings of a pool that lie wholly in a time."""
    with store.transaction() as connection:
        now_us = round(time.time() * US_PER_S)
        removed = withdraw_readings(connection, pool, start_us, end_us, now_us)
    return {"pool": pool, "removed": removed}


def listed(store: Store) -> list[dict[str, Any]]:
    """What readings there are, by pool and file; times on the clock of this machine."""
    zone = datetime.now().astimezone().tzinfo
    with store.reading() as connection:
        return [_shown(one, zone) for one in summaries(connection)]


def _shown(one: Any, zone: tzinfo | None) -> dict[str, Any]:
    first, last = (
        datetime.fromtimestamp(at_us / US_PER_S, zone).isoformat(timespec="minutes")
        for at_us in (one.first_us, one.last_us)
    )
    return {
        "pool": one.pool,
        "source": one.source,
        "readings": one.readings,
        "first": first,
        "last": last,
        "kwh": one.kwh,
    }
