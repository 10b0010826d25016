"""What meters export: two forms of CSV, and every way in which a row is none."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ledger.cost.cost_books import instant_us

from wattmill.core.errors import UsageError
from wattmill.ledger.cost.meter_files import Reading, read_readings

STEADY = settings(derandomize=True, deadline=None, max_examples=100)
HOUR_US = 3600 * 10**6


def refused(text: str, *, resets: bool = False) -> UsageError:
    with pytest.raises(UsageError) as caught:
        read_readings(text, "meter.csv", resets=resets)
    return caught.value


def test_intervals_carry_their_energy() -> None:
    text = (
        "start,end,kwh\n"
        "2026-11-01T01:00+01:00,2026-11-01T02:00+01:00,1.4\n"
        "2026-11-01T00:00+01:00,2026-11-01T01:00+01:00,0.0000015\n"
    )
    first, second = read_readings(text, "meter.csv")
    assert first == Reading(instant_us("2026-11-01"), instant_us("2026-11-01 01:00"), 2, 3)
    assert second.milliwatt_hours == 1_400_000


def test_a_counter_is_differences() -> None:
    text = (
        "time,counter_kwh\n"
        "2026-10-31T23:00Z,100.0\n"
        "2026-11-01T00:00Z,101.4\n"
        "2026-11-01T02:00Z,101.4\n"
    )
    readings = read_readings(text, "meter.csv")
    assert [(one.end_us - one.start_us) // HOUR_US for one in readings] == [1, 2]
    assert [one.milliwatt_hours for one in readings] == [1_400_000, 0]


@STEADY
@given(st.lists(st.decimals(0, 10**6, places=9), min_size=2, max_size=20))
def test_the_differences_of_a_counter_add_up(counts: list[Decimal]) -> None:
    counts.sort()
    rows = (f"2026-11-01T{n:02d}:00Z,{count}" for n, count in enumerate(counts))
    readings = read_readings("\n".join(["time,counter_kwh", *rows]), "meter.csv")
    whole = int(counts[-1] * 10**6) - int(counts[0] * 10**6)
    assert sum(one.milliwatt_hours for one in readings) == whole


FALLING = "time,counter_kwh\n2026-11-01T00:00Z,5\n2026-11-01T01:00Z,2\n2026-11-01T02:00Z,3\n"


def test_a_counter_that_falls_is_refused_with_its_line() -> None:
    error = refused(FALLING)
    assert error.place == "meter.csv:3"
    assert "falls from 5 to 2" in error.message and "--resets" in error.hint


def test_a_meter_that_began_anew_is_unknown_for_that_interval_alone() -> None:
    (only,) = read_readings(FALLING, "meter.csv", resets=True)
    assert (only.start_us, only.milliwatt_hours) == (instant_us("2026-11-01T01:00", "UTC"), 10**6)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("2026-11-01T00:00,2026-11-01T01:00,1", "no offset"),
        ("yesterday,2026-11-01T01:00Z,1", "no instant"),
        (",2026-11-01T01:00Z,1", "no instant"),
        ("2026-11-01T00:00Z", "no instant"),
        ("2026-11-01T01:00Z,2026-11-01T00:00Z,1", "ends before it begins"),
        ("2026-11-01T01:00Z,2026-11-01T01:00Z,1", "ends before it begins"),
        ("2026-11-01T00:00Z,2026-11-01T01:00Z,", "no energy"),
        ("2026-11-01T00:00Z,2026-11-01T01:00Z,-1", "no energy"),
        ("2026-11-01T00:00Z,2026-11-01T01:00Z,NaN", "no energy"),
        ("2026-11-01T00:00Z,2026-11-01T01:00Z,1e99999", "no energy"),
        ('2026-11-01T00:00Z,2026-11-01T01:00Z,"1,4"', "no energy"),
        ("2026-10-31T23:30Z,2026-11-01T00:30Z,1", "overlaps that of line 2"),
        ("2026-10-31T22:00Z,2026-10-31T23:00Z,1", "overlaps that of line 3"),
    ],
)
def test_a_row_that_is_no_reading_is_refused_with_its_line(row: str, said: str) -> None:
    good = "2026-10-31T22:00Z,2026-11-01T00:00Z,1"
    error = refused(f"start,end,kwh\n{good}\n{row}\n")
    assert said in error.message
    assert error.place in ("meter.csv:3", "meter.csv:2") and error.hint


def test_a_file_of_another_form_names_the_two() -> None:
    for text in ("", "watts\n1\n", "start,end\n", "time,kwh\n"):
        error = refused(text)
        assert error.hint == "start,end,kwh or time,counter_kwh"
        assert error.place == "meter.csv:1"


def test_headers_are_read_as_spreadsheets_write_them() -> None:
    text = "\ufeffStart; End; kWh\n2026-11-01T00:00Z;2026-11-01T01:00Z;1\n"
    assert read_readings(text, "meter.csv")[0].milliwatt_hours == 10**6


def test_the_night_on_which_clocks_go_back_has_two_hours_of_the_same_name() -> None:
    text = (
        "start,end,kwh\n"
        "2026-10-25T02:00+02:00,2026-10-25T02:00+01:00,1\n"
        "2026-10-25T02:00+01:00,2026-10-25T03:00+01:00,2\n"
    )
    assert [one.milliwatt_hours for one in read_readings(text, "m")] == [10**6, 2 * 10**6]


def test_the_time_of_a_counter_grows() -> None:
    text = "time,counter_kwh\n2026-11-01T01:00Z,1\n2026-11-01T00:00Z,2\n"
    assert "does not grow" in refused(text).message
