"""Months are half-open and on the clock of their zone; terms are counted from the day on which they began."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattmill.core.errors import UsageError
from wattmill.ledger.periods import month_at, month_named, months_after

STEADY = settings(derandomize=True, deadline=None, max_examples=200)
NEW_YORK = "America/New_York"
zones = st.sampled_from(
    ["UTC", NEW_YORK, "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia"]
)
instants = st.datetimes(datetime(2000, 1, 1), datetime(2050, 1, 1)).map(
    lambda at: at.replace(tzinfo=UTC).timestamp()
)


def local_s(text: str, zone: str = NEW_YORK) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def test_kill_bill_counts_events_of_months_in_which_clocks_change() -> None:
    events = [
        "2026-03-01T04:00",
        "2026-03-15T00:00",
        "2026-03-31T23:59",
        "2026-04-01T00:00",
        "2026-04-01T00:01",
        "2026-04-15T12:00",
        "2026-04-30T23:59",
        "2026-05-01T00:00",
        "2026-05-01T00:01",
    ]
    counted = Counter(month_at(local_s(event), NEW_YORK).name for event in events)
    assert counted == {"2026-03": 3, "2026-04": 4, "2026-05": 2}


@pytest.mark.parametrize(
    ("month", "zone", "hours"),
    [
        ("2026-03", NEW_YORK, 31 * 24 - 1),
        ("2026-11", NEW_YORK, 30 * 24 + 1),
        ("2026-10", "Europe/Berlin", 31 * 24 + 1),
        ("2026-04", "Australia/Lord_Howe", 30 * 24 + 0.5),
        ("2026-02", "UTC", 28 * 24),
        ("2028-02", "Asia/Kolkata", 29 * 24),
    ],
)
def test_a_month_is_as_long_as_its_clock_says(month: str, zone: str, hours: float) -> None:
    assert month_named(month, zone).hours == hours


@STEADY
@given(instants, zones)
def test_every_instant_is_in_one_month_and_months_touch(at_s: float, zone: str) -> None:
    month = month_at(at_s, zone)
    assert month.start_s <= at_s < month.end_s
    assert month_named(month.name, zone) == month
    assert month_at(month.end_s, zone).start_s == month.end_s
    assert month_at(month.start_s, zone) == month


@pytest.mark.parametrize("name", ["2026", "2026-13", "november", "2026-1x", "9999-12"])
def test_what_is_not_a_month_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        month_named(name, "UTC")


def test_terms_that_begin_on_the_31st() -> None:
    begins = [months_after(date(2024, 1, 31), n) for n in range(4)]
    ends = [day - timedelta(days=1) for day in begins[1:]]
    assert [f"{a:%b %d}-{b:%b %d}" for a, b in zip(begins, ends, strict=False)] == [
        "Jan 31-Feb 28",
        "Feb 29-Mar 30",
        "Mar 31-Apr 29",
    ]


@STEADY
@given(st.dates(date(1990, 1, 1), date(2090, 1, 1)), st.integers(0, 240))
def test_a_term_is_a_month_long_however_far_from_its_beginning(anchor: date, months: int) -> None:
    begins, next_begins = months_after(anchor, months), months_after(anchor, months + 1)
    assert 28 <= (next_begins - begins).days <= 31
    assert begins.day == anchor.day or (begins + timedelta(days=1)).day == 1
    assert months_after(anchor, 0) == anchor
