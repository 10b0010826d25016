"""Energy readings for commands: a file of them, and the instants that a person writes."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from wattmill.core.errors import UsageError
from wattmill.ledger.cost.meter_files import Reading, read_readings
from wattmill.web.control import call

US_PER_S = 10**6


def import_file(data: Path, path: Path, pool: str, *, resets: bool) -> Any:
    """Enter the readings of a file; a repeated import changes nothing."""
    readings = read_readings(_text(path), path.name, resets=resets)
    rows = [list(_fields(reading)) for reading in readings]
    return call(data, "import_energy", pool=pool, source=path.name, readings=rows)


def instant_us(text: str) -> int:
    """An instant with its offset, in µs since the epoch; ``UsageError`` for anything else."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise UsageError(f"{text!r} is no instant", hint="write it as 2026-11-01T00:00+01:00")
    return round(at.timestamp()) * US_PER_S


def _fields(reading: Reading) -> tuple[int, int, int, int]:
    return reading.start_us, reading.end_us, reading.milliwatt_hours, reading.line


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", place=str(path)) from None
    except UnicodeDecodeError:
        raise UsageError("is not UTF-8 text", hint="save it as UTF-8", place=str(path)) from None
