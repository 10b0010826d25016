"""Readings in the books: never two for one time, and split by time over hours."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ledger.cost.cost_books import CostBooks

from wattmill.core.errors import UsageError
from wattmill.ledger.cost.meter_files import Reading
from wattmill.ledger.cost.readings import (
    Imported,
    Metered,
    by_edges,
    metered,
    record_readings,
    summaries,
    withdraw_readings,
)

STEADY = settings(derandomize=True, deadline=None, max_examples=200)
HOUR_US = 3600 * 10**6


def enter(
    books: CostBooks, *spans: tuple[int, int, int], pool: str = "l40s", at_us: int = 1
) -> Imported:
    readings = [Reading(*span, line) for line, span in enumerate(spans, start=2)]
    with books.store.transaction() as connection:
        return record_readings(connection, pool, readings, source="m.csv", recorded_us=at_us)


def hours_of(books: CostBooks, count: int, pool: str = "l40s") -> list[Metered]:
    edges = [hour * HOUR_US for hour in range(count + 1)]
    with books.store.reading() as connection:
        return metered(connection, pool, edges)


def test_without_readings_nothing_is_measured(cost_books: CostBooks) -> None:
    assert hours_of(cost_books, 2) == [Metered(), Metered()]


def test_a_reading_is_split_by_time_over_the_hours_that_it_covers(cost_books: CostBooks) -> None:
    enter(cost_books, (HOUR_US // 2, 2 * HOUR_US, 300))
    assert hours_of(cost_books, 3) == [
        Metered(100, HOUR_US // 2),
        Metered(200, HOUR_US),
        Metered(),
    ]
    assert hours_of(cost_books, 3, pool="cloud") == [Metered()] * 3


def test_the_same_file_again_changes_nothing(cost_books: CostBooks) -> None:
    spans = [(0, HOUR_US, 5), (HOUR_US, 2 * HOUR_US, 6)]
    assert enter(cost_books, *spans) == Imported("l40s", 2, 0)
    assert enter(cost_books, *spans, (2 * HOUR_US, 3 * HOUR_US, 7)) == Imported("l40s", 1, 2)
    assert [one.milliwatt_hours for one in hours_of(cost_books, 3)] == [5, 6, 7]


@pytest.mark.parametrize(
    "span",
    [
        (HOUR_US, 2 * HOUR_US, 99),
        (HOUR_US - 1, HOUR_US + 1, 1),
        (2 * HOUR_US - 1, 3 * HOUR_US, 1),
        (0, 9 * HOUR_US, 1),
        (HOUR_US + 1, HOUR_US + 2, 1),
    ],
)
def test_two_readings_of_one_time_are_refused_and_nothing_is_entered(
    cost_books: CostBooks, span: tuple[int, int, int]
) -> None:
    enter(cost_books, (HOUR_US, 2 * HOUR_US, 5))
    with pytest.raises(UsageError, match="overlaps") as caught:
        enter(cost_books, (20 * HOUR_US, 21 * HOUR_US, 1), span)
    assert caught.value.place == "m.csv:3"
    with cost_books.store.reading() as connection:
        assert summaries(connection)[0].readings == 1


def test_readings_can_be_withdrawn_and_better_ones_entered(cost_books: CostBooks) -> None:
    enter(cost_books, (0, HOUR_US, 5), (HOUR_US, 2 * HOUR_US, 6), (3 * HOUR_US, 5 * HOUR_US, 7))
    with cost_books.store.transaction() as connection:
        assert withdraw_readings(connection, "l40s", HOUR_US, 4 * HOUR_US, 2) == 1
        assert withdraw_readings(connection, "cloud", 0, 9 * HOUR_US, 2) == 0
    enter(cost_books, (HOUR_US, 2 * HOUR_US, 60), at_us=3)
    with cost_books.store.reading() as connection:
        (found,) = summaries(connection)
    assert (found.readings, found.first_us, found.last_us) == (3, 0, 5 * HOUR_US)
    assert found.milliwatt_hours == 72


def test_sums_of_readings_do_not_stop_at_64_bits(cost_books: CostBooks) -> None:
    huge = 9 * 10**18
    enter(cost_books, (0, HOUR_US, huge), (HOUR_US, 2 * HOUR_US, huge))
    with cost_books.store.reading() as connection:
        assert summaries(connection)[0].milliwatt_hours == 2 * huge


@st.composite
def disjoint(draw: st.DrawFn) -> list[tuple[int, int, int]]:
    cuts = sorted(draw(st.sets(st.integers(0, 1000), max_size=14)))
    kept = draw(st.lists(st.booleans(), min_size=len(cuts), max_size=len(cuts)))
    energy = draw(st.lists(st.integers(0, 10**9), min_size=len(cuts), max_size=len(cuts)))
    spans = zip(pairwise(cuts), energy, kept, strict=False)
    return [(start, end, mwh) for (start, end), mwh, keep in spans if keep]


@STEADY
@given(disjoint(), st.sets(st.integers(0, 1000), max_size=10))
def test_the_parts_of_readings_are_the_readings(
    readings: list[tuple[int, int, int]], cuts: set[int]
) -> None:
    edges = [0, *sorted(cuts - {0, 1000}), 1000]
    parts = by_edges(readings, edges)
    assert sum(part.milliwatt_hours for part in parts) == sum(mwh for *_, mwh in readings)
    assert sum(part.measured_us for part in parts) == sum(end - start for start, end, _ in readings)
    for part, (start, end) in zip(parts, pairwise(edges), strict=True):
        assert 0 <= part.measured_us <= end - start


@STEADY
@given(disjoint(), st.integers(1, 999))
def test_two_reports_that_share_an_edge_count_a_reading_once(
    readings: list[tuple[int, int, int]], edge: int
) -> None:
    (before,), (after,) = by_edges(readings, [0, edge]), by_edges(readings, [edge, 1000])
    assert before.milliwatt_hours + after.milliwatt_hours == sum(mwh for *_, mwh in readings)
