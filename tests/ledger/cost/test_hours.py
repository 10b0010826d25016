"""Usage by hour: what the database groups is what the rows say, and work is spread to the µs."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ledger.cost.conftest import NewCostBooks
from tests.ledger.cost.cost_books import HOUR_OF_DECODE, CostBooks, instant_us

from wattmill.core.records import METERS, Usage
from wattmill.ledger.cost.hardware import HOUR_US
from wattmill.ledger.cost.hours import UsageLine, Window, first_held_us, usage_lines
from wattmill.ledger.cost.month import each_hour, hours_of_work

STEADY = settings(derandomize=True, deadline=None, max_examples=200)
NOVEMBER = instant_us("2026-11-01"), instant_us("2026-12-01")
WHOLE = Window(*NOVEMBER, *NOVEMBER)


def line(held_us: int, ended_us: int, window: Window = WHOLE) -> UsageLine:
    whose = ("acme", "house-large", "l40s", "charged", 1)
    return UsageLine(window.hour_of(held_us), *whose, held_us, ended_us, (0,) * len(METERS), 0)


def lines_of(books: CostBooks, window: Window = WHOLE) -> list[UsageLine]:
    with books.store.reading() as connection:
        return list(usage_lines(connection, window))


# --- what the database says -----------------------------------------------------------------------


def test_requests_of_an_hour_that_are_alike_are_one_line(cost_books: CostBooks) -> None:
    for minute in (0, 30, 58):
        cost_books.serve(f"2026-11-10 12:{minute:02d}", Usage(1000, output_text=10))
    cost_books.serve("2026-11-10 12:30", Usage(7), tenant="indus")
    cost_books.serve("2026-11-10 12:30", Usage(7), state="waived")
    cost_books.serve("2026-11-10 13:00", Usage(9))
    found = [(one.hour % 24, one.tenant, one.state, one.requests) for one in lines_of(cost_books)]
    assert found == [
        (12, "acme", "charged", 3),
        (12, "acme", "waived", 1),
        (12, "indus", "charged", 1),
        (13, "acme", "charged", 1),
    ]
    assert lines_of(cost_books)[0].meters[0] == 3000


def test_a_request_that_reaches_into_a_later_hour_comes_alone(cost_books: CostBooks) -> None:
    for _ in range(3):
        cost_books.serve("2026-11-10 12:59:59", Usage(1), took_s=2)
    cost_books.serve("2026-11-10 12:59:59", Usage(1), took_s=1 - 1e-6)
    assert sorted(one.requests for one in lines_of(cost_books)) == [1, 1, 1, 1]
    assert Counter(one.hour for one in lines_of(cost_books)) == {9 * 24 + 12: 4}


def test_what_began_before_the_month_comes_only_if_it_reaches_into_it(
    cost_books: CostBooks,
) -> None:
    cost_books.serve("2026-10-31 23:59", Usage(1), took_s=59)
    cost_books.serve("2026-10-31 23:59", Usage(2), took_s=61)
    cost_books.serve("2026-10-30 23:00", Usage(3), took_s=10**6)
    (found,) = lines_of(cost_books)
    assert (found.hour, found.meters[0]) == (-1, 2)


def test_sums_of_an_hour_do_not_stop_at_64_bits(cost_books: CostBooks) -> None:
    for _ in range(3):
        cost_books.serve("2026-11-10 12:00", Usage(2**43))
    (found,) = lines_of(cost_books)
    assert found.amount_pusd == 3 * 2**43 * 400_000 > 2**63


def test_the_first_hold_of_the_month(cost_books: CostBooks) -> None:
    with cost_books.store.reading() as connection:
        assert first_held_us(connection, WHOLE) is None
    cost_books.serve("2026-11-12", Usage(1))
    cost_books.serve("2026-11-11", Usage(1), tenant="indus")
    cost_books.serve("2026-10-11", Usage(1))
    with cost_books.store.reading() as connection:
        assert first_held_us(connection, WHOLE) == instant_us("2026-11-11")


times = st.integers(NOVEMBER[0] - 2 * 24 * HOUR_US, NOVEMBER[1] + HOUR_US)
rows = st.tuples(
    times, st.integers(0, 5 * 3600), st.sampled_from(["acme", "indus"]), st.integers(0, 99)
)


@settings(derandomize=True, deadline=None, max_examples=20)
@given(st.lists(rows, max_size=15))
def test_nothing_is_lost_or_doubled_between_rows_and_lines(
    new_cost_books: NewCostBooks, served: list[tuple[int, int, str, int]]
) -> None:
    books = new_cost_books()
    for held_us, took_s, tenant, tokens in served:
        books.serve(held_us, Usage(tokens), tenant=tenant, took_s=took_s)
    found = [one for one in lines_of(books) if one.hour >= 0]
    inside = [row for row in served if NOVEMBER[0] <= row[0] < NOVEMBER[1]]
    assert sum(one.requests for one in found) == len(inside)
    by_hour = Counter[tuple[int, str]]()
    for held_us, _, tenant, tokens in inside:
        by_hour[WHOLE.hour_of(held_us), tenant] += tokens
    again = Counter[tuple[int, str]]()
    for one in found:
        again[one.hour, one.tenant] += one.meters[0]
    assert +again == +by_hour
    assert [one.hour for one in found] == sorted(one.hour for one in found)


# --- hours ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("month", "hours"), [("2026-10", 745), ("2026-11", 720), ("2027-03", 743), ("2027-02", 672)]
)
def test_a_month_has_the_hours_that_the_clocks_say(month: str, hours: int) -> None:
    year, number = map(int, month.split("-"))
    span = instant_us(f"{month}-01"), instant_us(f"{year}-{number + 1:02d}-01")
    assert len(Window(*span, *span).edges) == hours + 1


def test_a_window_that_begins_within_an_hour_has_a_part_of_it() -> None:
    window = Window(*NOVEMBER, NOVEMBER[0] + HOUR_US // 2, NOVEMBER[0] + 2 * HOUR_US + 1)
    assert window.first_hour == 0
    assert [edge - NOVEMBER[0] for edge in window.edges] == [
        HOUR_US // 2,
        HOUR_US,
        2 * HOUR_US,
        2 * HOUR_US + 1,
    ]


def test_every_hour_comes_whether_or_not_it_has_lines() -> None:
    window = Window(*NOVEMBER, NOVEMBER[0], NOVEMBER[0] + 4 * HOUR_US)
    lines = [line(NOVEMBER[0] - 1, NOVEMBER[0] + 1), line(NOVEMBER[0] + 2 * HOUR_US, NOVEMBER[1])]
    found = {hour: len(batch) for hour, batch in each_hour(lines, window)}
    assert list(found) == list(range(-24, 4))
    assert {hour for hour, count in found.items() if count} == {-1, 2}


# --- work that crosses hours ----------------------------------------------------------------------


def test_work_is_even_from_the_hold_to_the_end() -> None:
    start = NOVEMBER[0] + HOUR_US // 2
    found = dict(hours_of_work(line(start, start + 2 * HOUR_US), 1000, WHOLE))
    assert found == {0: 250, 1: 500, 2: 250}


def test_work_before_and_after_the_window_is_of_other_reports() -> None:
    before = line(NOVEMBER[0] - HOUR_US, NOVEMBER[0] + HOUR_US)
    after = line(NOVEMBER[1] - HOUR_US, NOVEMBER[1] + HOUR_US)
    assert list(hours_of_work(before, 1000, WHOLE)) == [(0, 500), (1, 0)]
    assert list(hours_of_work(after, 1000, WHOLE)) == [(719, 500)]


@STEADY
@given(times, st.integers(0, 40 * HOUR_US), st.integers(0, 10**9))
def test_the_work_of_a_request_is_whole_over_two_months(
    held_us: int, took_us: int, busy_us: int
) -> None:
    october = Window(instant_us("2026-10-01"), NOVEMBER[0], instant_us("2026-10-01"), NOVEMBER[0])
    december = Window(
        NOVEMBER[1], NOVEMBER[1] + 99 * HOUR_US, NOVEMBER[1], NOVEMBER[1] + 99 * HOUR_US
    )
    parts = [
        part
        for window in (october, WHOLE, december)
        for _, part in hours_of_work(line(held_us, held_us + took_us, window), busy_us, window)
    ]
    assert sum(parts) == busy_us
    assert all(part >= 0 for part in parts)


def test_an_end_before_the_hold_is_work_of_the_hour_of_the_hold() -> None:
    odd = line(NOVEMBER[0] + HOUR_US, NOVEMBER[0])
    assert list(hours_of_work(odd, 7, WHOLE)) == [(1, 7)]


def test_crossing_requests_do_not_overfill_an_hour(cost_books: CostBooks) -> None:
    """An hour of decode, begun one minute before the full hour, is not an hour of 60 seconds."""
    cost_books.serve("2026-11-10 12:59", HOUR_OF_DECODE, took_s=3600)
    month = cost_books.month()
    assert month.totals["l40s"].busy_us == HOUR_US
    day = month.costs["book"].by_day[date(2026, 11, 10)]
    assert day.attributed.energy_pusd == round(1.4 * 0.09 * 10**12)
