"""Times of the week at which a price holds, on the clock of a zone, by the minute.

A window is a range of minutes of the week from Monday 00:00 on. When clocks go forward a window loses the hour that
does not exist; when they go back it has the hour that there is twice, twice.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from math import inf
from zoneinfo import ZoneInfo

from wattmill.core.records import Band

DAY_MINUTES = 24 * 60
WEEK_MINUTES = 7 * DAY_MINUTES
QUARTER_S = 900.0
"""Zones change their offset at whole quarters of an hour in UTC, so within one the local clock runs evenly."""


def band_at(bands: Iterable[Band], at_s: float) -> Band | None:
    """The band that an instant is in; the first if there are several, ``None`` outside of all."""
    return next((band for band in bands if _holds(band, _minute_of_week(band, at_s))), None)


def even_around(bands: Iterable[Band], at_s: float) -> tuple[float, float]:
    """A stretch ``[from_s, until_s)`` around an instant in which the answer of ``band_at`` is the same."""
    from_s, until_s = -inf, inf
    for band in bands:
        from_s = max(from_s, at_s - at_s % QUARTER_S)
        until_s = min(until_s, at_s - at_s % QUARTER_S + QUARTER_S)
        minute = _minute_of_week(band, at_s)
        start_s = at_s - at_s % 60
        for edge in {edge for window in band.windows for edge in window}:
            ahead = (edge - minute - 1) % WEEK_MINUTES + 1
            until_s = min(until_s, start_s + ahead * 60)
            from_s = max(from_s, start_s - (minute - edge) % WEEK_MINUTES * 60)
    return from_s, until_s


def stretches(
    bands: Sequence[Band], start_s: float, end_s: float
) -> Iterator[tuple[float, float, Band | None]]:
    """``[start_s, end_s)`` in parts, each as long as one answer of ``band_at`` lasts, with that answer."""
    from_s, now_s, band = start_s, start_s, band_at(bands, start_s)
    while now_s < end_s:
        found = band_at(bands, now_s)
        if found != band:
            yield from_s, now_s, band
            from_s, band = now_s, found
        now_s = even_around(bands, now_s)[1]
    if from_s < end_s:
        yield from_s, end_s, band


def _holds(band: Band, minute: int) -> bool:
    return any(start <= minute < end for start, end in band.windows)


def _minute_of_week(band: Band, at_s: float) -> int:
    local = datetime.fromtimestamp(at_s, ZoneInfo(band.timezone))
    return local.weekday() * DAY_MINUTES + local.hour * 60 + local.minute
