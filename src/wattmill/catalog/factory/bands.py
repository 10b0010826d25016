"""Times of the week, as they are written: days and hours on a clock."""

from __future__ import annotations

import re

from wattmill.catalog.factory.table import Table
from wattmill.catalog.names import nearest
from wattmill.core.records import Band

BAND_KEYS = ("name", "days", "hours", "discount_percent", "usd_per_mtok", "free_mtok")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
TIME = r"([01]\d|2[0-3]):([0-5]\d)"
HOURS = re.compile(rf"{TIME}-(?:{TIME}|24:00)")
DAY = 24 * 60
WEEK = 7 * DAY

Window = tuple[int, int]


def read_band(t: Table, timezone: str) -> Band:
    """The times of a `[[rate_plan.band]]`; hours over midnight end on the day after."""
    days = [DAYS.index(day) for day in _days(t)]
    hours = [_hours(t, text) for text in _texts(t, "hours")] or [(0, DAY)]
    windows = [(day * DAY + start, day * DAY + end) for day in days for start, end in hours]
    return Band(t.name("name"), timezone, _joined(windows))


def overlap(one: Band, other: Band) -> bool:
    """Whether there is a minute of the week that is in both."""
    return any(a < d and c < b for a, b in one.windows for c, d in other.windows)


def _texts(t: Table, key: str) -> tuple[str, ...]:
    """A text, or a list of them."""
    value = t.values.get(key)
    return (t.word(key, ""),) if isinstance(value, str) else t.lines(key)


def _days(t: Table) -> tuple[str, ...]:
    days = _texts(t, "days") or DAYS
    for day in days:
        if day not in DAYS:
            t.fail("days", f"{day!r} is not a day", nearest(day, DAYS))
    return days


def _hours(t: Table, text: str) -> Window:
    found = HOURS.fullmatch(text)
    if found is None:
        t.fail("hours", f"{text!r} is not a time of day", 'write hours = "22:00-06:00"')
    start = int(found[1]) * 60 + int(found[2])
    end = int(found[3]) * 60 + int(found[4]) if found[3] else DAY
    if start == end:
        t.fail("hours", f"{text!r} is no time at all", "leave hours out for the whole day")
    return start, end if end > start else end + DAY


def _joined(windows: list[Window]) -> tuple[Window, ...]:
    """In order, within the week, and without touching each other."""
    inside = [(start, min(end, WEEK)) for start, end in windows]
    inside += [(0, end - WEEK) for _, end in windows if end > WEEK]
    found: list[Window] = []
    for start, end in sorted(inside):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return tuple(found)
