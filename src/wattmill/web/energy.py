"""Energy readings for commands: read from a file, entered into the books, listed, withdrawn."""

from __future__ import annotations

import time
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

from wattmill.catalog.names import nearest
from wattmill.core.errors import UsageError
from wattmill.ledger.cost.meter_files import Reading, read_readings
from wattmill.ledger.cost.readings import record_readings, summaries, withdraw_readings
from wattmill.ledger.registry import Registry
from wattmill.ledger.store import Store
from wattmill.web.control import call

US_PER_S = 10**6


def import_file(data: Path, path: Path, pool: str, *, resets: bool) -> Any:
    """Enter the readings of a file; a repeated import changes nothing."""
    readings = read_readings(_text(path), path.name, resets=resets)
    rows = [list(_fields(reading)) for reading in readings]
    return call(data, "import_energy", pool=pool, source=path.name, readings=rows)


def take_in(store: Store, pool: str, source: str, readings: list[list[int]]) -> Any:
    """The same in the process that writes the books. ``UsageError`` for a pool that nobody knows."""
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


def instant_us(text: str) -> int:
    """An instant with its offset, in µs since the epoch; ``UsageError`` for anything else."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise UsageError(f"{text!r} is no instant", hint="write it as 2026-11-01T00:00+01:00")
    return round(at.timestamp()) * US_PER_S


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


def _fields(reading: Reading) -> tuple[int, int, int, int]:
    return reading.start_us, reading.end_us, reading.milliwatt_hours, reading.line


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", place=str(path)) from None
    except UnicodeDecodeError:
        raise UsageError("is not UTF-8 text", hint="save it as UTF-8", place=str(path)) from None
