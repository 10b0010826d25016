"""A month is the same in SQLite and in PostgreSQL."""

from __future__ import annotations

from pathlib import Path

from tests.ledger.cost.cost_books import CostBooks, assert_whole, instant_us
from tests.support.postgres import postgres_server, postgres_url

from wattmill.core.records import METERS, Usage
from wattmill.ledger.cost.meter_files import Reading
from wattmill.ledger.cost.readings import record_readings, summaries, withdraw_readings
from wattmill.ledger.cost.report import MarginReport

__all__ = ["postgres_server", "postgres_url"]

HOUR_US = 3600 * 10**6


def busy_month(books: CostBooks) -> MarginReport:
    """Requests that are alike, that cross hours and months, that are resold; corrections, a meter."""
    for minute in range(0, 60, 7):
        books.serve(f"2026-11-10 12:{minute:02d}", Usage(800_000, 5, 0, 1250), took_s=600)
    books.serve("2026-10-31 23:59", Usage(800_000), took_s=3600, tenant="indus")
    books.serve(
        "2026-11-11 12:00", Usage(2**43), pool="cloud", upline=(("reseller", 5), ("top", 4))
    )
    books.serve("2026-11-11 12:00", Usage(9), pool=None, state="void")
    books.correct("2026-11-12 12:00", (-1,) * len(METERS), -(10**7))
    start = instant_us("2026-11-10 00:00")
    rows = [Reading(start + n * HOUR_US, start + (n + 1) * HOUR_US, 5 * 10**5) for n in range(24)]
    with books.store.transaction() as connection:
        record_readings(connection, "l40s", rows, source="pdu.csv", recorded_us=1)
        assert withdraw_readings(connection, "l40s", start, start + 3 * HOUR_US, 2) == 3
        assert summaries(connection)[0].readings == 21
    return books.report()


def test_a_month_is_the_same_in_both_databases(tmp_path: Path, postgres_url: str) -> None:
    for name in ("lite", "post"):
        (tmp_path / name).mkdir()
    lite_books = CostBooks(tmp_path / "lite")
    post_books = CostBooks(tmp_path / "post", url=postgres_url)
    with lite_books.store, post_books.store:
        lite, post = busy_month(lite_books), busy_month(post_books)
    assert_whole(lite)
    assert lite == post
    assert len(lite.resellers) == 2 and lite.pools[0].measured_frac
