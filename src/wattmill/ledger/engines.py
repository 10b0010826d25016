"""Readings of the engines' own counters, and the books held against them.

A reading is kept only where nothing was in flight, so that no request straddles it: between two of them everything
that the engine counted has to be in the books, or to have a name (``ledger.reconcile``). Counters that went back
begin a new *life*: the engine was started again, and what it counted after the last reading nobody knows.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from msgspec import Struct
from sqlalchemy import Connection, select

from wattmill.ledger.reconcile import Reconciliation, Tokens, reconcile, work_seen
from wattmill.ledger.schema import engine_reading


class Reading(Struct, frozen=True):
    """What an engine had counted since its start."""

    pool: str
    at_us: int
    counted: Tokens


class Stretch(Struct, frozen=True):
    """The time between two readings of one life of an engine, reconciled."""

    pool: str
    start_us: int
    end_us: int
    reconciliation: Reconciliation

    @property
    def words(self) -> str:
        """Whose it is and when."""
        start, end = (datetime.fromtimestamp(us / 1e6, UTC) for us in (self.start_us, self.end_us))
        return f"{self.pool}, {start:%Y-%m-%d %H:%M:%S} to {end:%Y-%m-%d %H:%M:%S} UTC"


def add_reading(connection: Connection, reading: Reading) -> None:
    """Keep a reading that was taken while nothing was in flight."""
    counted = {
        "input_uncached": reading.counted.input_uncached,
        "input_cached": reading.counted.input_cached,
        "output": reading.counted.output,
    }
    connection.execute(
        engine_reading.insert().values(pool=reading.pool, at_us=reading.at_us, **counted)
    )


def readings(connection: Connection) -> dict[str, list[Reading]]:
    """Every pool's readings, oldest first."""
    found: dict[str, list[Reading]] = {}
    order = (engine_reading.c.pool, engine_reading.c.at_us)
    for pool, at_us, *counted in connection.execute(select(engine_reading).order_by(*order)):
        found.setdefault(pool, []).append(Reading(pool, at_us, Tokens(*counted)))
    return found


def lives(of_pool: Sequence[Reading]) -> list[list[Reading]]:
    """Readings of one pool, cut where its counters went back."""
    found: list[list[Reading]] = []
    for reading in of_pool:
        if not found or _went_back(found[-1][-1].counted, reading.counted):
            found.append([])
        found[-1].append(reading)
    return found


def stretches(connection: Connection) -> Iterator[Stretch]:
    """Each life of each engine from its first reading to its last, reconciled with the books."""
    for pool, of_pool in readings(connection).items():
        for life in lives(of_pool):
            first, last = life[0], life[-1]
            if first is not last:
                work = work_seen(connection, pool, first.at_us, last.at_us)
                found = reconcile(work, last.counted - first.counted)
                yield Stretch(pool, first.at_us, last.at_us, found)


def _went_back(before: Tokens, after: Tokens) -> bool:
    moved = after - before
    return min(moved.input_uncached, moved.input_cached, moved.output) < 0
