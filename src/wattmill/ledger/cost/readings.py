"""Energy readings in the books, and what they say of each hour."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Select, exists, func, insert, inspect, select

from wattmill.core.errors import UsageError
from wattmill.ledger.admission import require_text
from wattmill.ledger.cost.hardware import MWH_PER_KWH
from wattmill.ledger.cost.meter_files import Reading
from wattmill.ledger.cost.tables import energy_reading, energy_withdrawal

BATCH = 10_000


class Imported(Struct, frozen=True):
    """How many readings came in, and how many were there already, the same to the milliwatt-hour."""

    pool: str
    added: int
    known: int


class Metered(Struct, frozen=True):
    """What a meter says of a time: its energy, and for how much of the time it was read."""

    milliwatt_hours: int = 0
    measured_us: int = 0


class MeterSummary(Struct, frozen=True):
    """The readings of a pool from one source."""

    pool: str
    source: str
    readings: int
    first_us: int
    last_us: int
    milliwatt_hours: int

    @property
    def kwh(self) -> float:
        """For people."""
        return self.milliwatt_hours / MWH_PER_KWH


def record_readings(
    connection: Connection,
    pool: str,
    readings: Sequence[Reading],
    *,
    source: str,
    recorded_us: int,
) -> Imported:
    """Enter readings of a pool; those that are there already are left as they are.

    ``UsageError`` with the line of the first one that overlaps another reading: then none is entered.
    """
    require_text("readings", {"pool": pool, "source": source})
    create_tables(connection)
    known = _known(connection, pool, readings)
    new = [reading for reading in readings if _span(reading) not in known]
    _require_free(new, known, pool, source)
    rows = [_row(pool, reading, source, recorded_us) for reading in new]
    for first in range(0, len(rows), BATCH):
        connection.execute(insert(energy_reading), rows[first : first + BATCH])
    return Imported(pool, len(new), len(readings) - len(new))


def withdraw_readings(
    connection: Connection, pool: str, start_us: int, end_us: int, recorded_us: int
) -> int:
    """From now on the readings of a pool that lie wholly in ``[start_us, end_us)`` do not count.

    How many that are; others can be entered in their place.
    """
    create_tables(connection)
    table = energy_reading.c
    within = (table.pool == pool, table.start_us >= start_us, table.end_us <= end_us, _stands())
    count = connection.execute(select(func.count()).select_from(energy_reading).where(*within))
    span = {"pool": pool, "start_us": start_us, "end_us": end_us, "recorded_us": recorded_us}
    withdrawn = int(count.scalar_one())
    if withdrawn:
        connection.execute(insert(energy_withdrawal).values(**span))
    return withdrawn


def create_tables(connection: Connection) -> None:
    """The tables, in books that were begun without them."""
    for table in (energy_reading, energy_withdrawal):
        table.create(connection, checkfirst=True)


def summaries(connection: Connection) -> list[MeterSummary]:
    """What there is, by pool and source."""
    if not _exists(connection):
        return []
    table = energy_reading.c
    high, low = (
        func.sum(part) for part in (table.milliwatt_hours // 10**9, table.milliwatt_hours % 10**9)
    )
    statement = (
        select(
            table.pool,
            table.source,
            func.count(),
            func.min(table.start_us),
            func.max(table.end_us),
            high,
            low,
        )
        .where(_stands())
        .group_by(table.pool, table.source)
        .order_by(table.pool, table.source)
    )
    return [_summary(row) for row in connection.execute(statement)]


def _summary(row: Any) -> MeterSummary:
    pool, source, readings, first_us, last_us, high, low = row
    whole = int(high) * 10**9 + int(low)
    return MeterSummary(pool, source, readings, first_us, last_us, whole)


def metered(connection: Connection, pool: str, edges: Sequence[int]) -> list[Metered]:
    """What the meter says of each time between two neighbouring ``edges`` (µs, ascending)."""
    if len(edges) < 2 or not _exists(connection):
        return [Metered()] * (len(edges) - 1)
    rows = connection.execute(_overlapping(pool, edges[0], edges[-1]))
    return by_edges(((row.start_us, row.end_us, row.milliwatt_hours) for row in rows), edges)


def by_edges(rows: Iterable[tuple[int, int, int]], edges: Sequence[int]) -> list[Metered]:
    """Readings (start, end, mWh) split by time over the times between neighbouring ``edges``.

    A reading's parts add up to it, and so do those of two reports that share an edge.
    """
    energy, measured = [0] * (len(edges) - 1), [0] * (len(edges) - 1)
    for start_us, end_us, milliwatt_hours in rows:
        for index, begin_us, until_us in _parts(start_us, end_us, edges):
            span_us = end_us - start_us
            by_begin = milliwatt_hours * (begin_us - start_us) // span_us
            energy[index] += milliwatt_hours * (until_us - start_us) // span_us - by_begin
            measured[index] += until_us - begin_us
    return [Metered(*pair) for pair in zip(energy, measured, strict=True)]


def _parts(start_us: int, end_us: int, edges: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    index = max(bisect_right(edges, start_us) - 1, 0)
    while index + 1 < len(edges) and edges[index] < end_us:
        begin_us, until_us = max(start_us, edges[index]), min(end_us, edges[index + 1])
        if begin_us < until_us:
            yield index, begin_us, until_us
        index += 1


# --- what is there already ------------------------------------------------------------------------

_Span = tuple[int, int, int]


def _span(reading: Reading) -> _Span:
    return reading.start_us, reading.end_us, reading.milliwatt_hours


def _known(connection: Connection, pool: str, readings: Sequence[Reading]) -> dict[_Span, str]:
    """Stored readings in the time of these, in order of time, with their sources."""
    if not readings:
        return {}
    begin_us = min(reading.start_us for reading in readings)
    until_us = max(reading.end_us for reading in readings)
    rows = connection.execute(_overlapping(pool, begin_us, until_us))
    return {(row.start_us, row.end_us, row.milliwatt_hours): row.source for row in rows}


def _require_free(
    new: Iterable[Reading], known: Mapping[_Span, str], pool: str, source: str
) -> None:
    spans = list(known)
    for reading in new:
        index = bisect_right(spans, (reading.start_us, reading.end_us, 0))
        for span in spans[max(index - 1, 0) : index + 1]:
            if span[0] < reading.end_us and reading.start_us < span[1]:
                raise UsageError(
                    f"this reading overlaps one of {known[span]} that {pool} has already",
                    hint=f"wattmill energy remove --pool {pool} withdraws readings",
                    place=f"{source}:{reading.line}",
                )


def _overlapping(pool: str, start_us: int, end_us: int) -> Select[Any]:
    table = energy_reading.c
    return (
        select(energy_reading)
        .where(table.pool == pool, table.start_us < end_us, table.end_us > start_us, _stands())
        .order_by(table.start_us)
    )


def _stands() -> ColumnElement[bool]:
    """Not withdrawn since it was recorded."""
    read, gone = energy_reading.c, energy_withdrawal.c
    return ~exists().where(
        gone.pool == read.pool,
        gone.start_us <= read.start_us,
        gone.end_us >= read.end_us,
        gone.recorded_us >= read.recorded_us,
    )


def _row(pool: str, reading: Reading, source: str, recorded_us: int) -> dict[str, Any]:
    return {
        "pool": pool,
        "start_us": reading.start_us,
        "end_us": reading.end_us,
        "milliwatt_hours": reading.milliwatt_hours,
        "source": source,
        "recorded_us": recorded_us,
    }


def _exists(connection: Connection) -> bool:
    return inspect(connection).has_table(energy_withdrawal.name)
