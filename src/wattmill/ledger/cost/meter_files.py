"""Reads what meters export: CSV with one energy per row, or with a counter that only grows.

Two forms, told apart by the header. *Intervals*: ``start,end,kwh``. *Counter*: ``time,counter_kwh``;
the energy between two rows is their difference. Instants carry their offset (``2026-11-01T00:00+01:00``
or ``…Z``), because a local time is two instants in the night on which the clocks go back. Energy is
kept to the milliwatt-hour; a counter is cut to it before differences are taken, so that they add up.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, InvalidOperation
from itertools import pairwise

from msgspec import Struct

from wattmill.core.errors import UsageError
from wattmill.ledger.cost.hardware import MWH_PER_KWH

INTERVALS = ("start", "end", "kwh")
COUNTER = ("time", "counter_kwh")
MOST_KWH = 10**12
"""More than any meter counts; what is above it is a slip, and the books hold 64 bits."""
_FORMS = f"{','.join(INTERVALS)} or {','.join(COUNTER)}"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Reading(Struct, frozen=True, array_like=True):
    """What a meter counted in ``[start_us, end_us)``, and the line of the file that says so."""

    start_us: int
    end_us: int
    milliwatt_hours: int
    line: int = 0


def read_readings(text: str, name: str, *, resets: bool = False) -> list[Reading]:
    """The readings of a file in order of time.

    ``name`` is the file's, for messages. A counter that falls is refused unless ``resets`` says that
    the meter began anew there: then nothing is known of that one interval. ``UsageError`` with the
    line for whatever is no reading, and for two that overlap.
    """
    table = _Table(text, name)
    if table.has(INTERVALS):
        readings = sorted(map(table.interval, table.rows()), key=_by_time)
    elif table.has(COUNTER):
        readings = list(table.differences(resets=resets))
    else:
        raise UsageError("the header names no columns of readings", hint=_FORMS, place=f"{name}:1")
    require_apart(readings, name)
    return readings


def require_apart(readings: Iterable[Reading], name: str) -> None:
    """``UsageError`` with the line of the first reading that begins before an earlier one ends."""
    for earlier, later in pairwise(readings):
        if later.start_us < earlier.end_us:
            raise UsageError(
                f"this reading overlaps that of line {earlier.line}",
                hint="a time is measured once: leave one of them out",
                place=f"{name}:{later.line}",
            )


class _Table:
    """The rows of a file with their lines."""

    def __init__(self, text: str, name: str) -> None:
        self.name = name
        lines = text.removeprefix("\ufeff").splitlines()
        header = lines[0] if lines else ""
        delimiter = ";" if ";" in header and "," not in header else ","
        self._rows = csv.DictReader(lines, delimiter=delimiter, skipinitialspace=True)
        fields = self._rows.fieldnames or ()
        self._rows.fieldnames = [field.strip().lower() for field in fields]

    def has(self, columns: Sequence[str]) -> bool:
        return set(columns) <= set(self._rows.fieldnames or ())

    def rows(self) -> Iterator[tuple[int, Mapping[str, str | None]]]:
        for row in self._rows:
            yield self._rows.line_num, row

    def interval(self, numbered: tuple[int, Mapping[str, str | None]]) -> Reading:
        line, row = numbered
        start_us, end_us = self._instant(line, row["start"]), self._instant(line, row["end"])
        if end_us <= start_us:
            raise self._refused(line, "the reading ends before it begins", "start is before end")
        energy = self._kwh(line, row["kwh"])
        return Reading(start_us, end_us, _milliwatt_hours(energy, ROUND_HALF_EVEN), line)

    def differences(self, *, resets: bool) -> Iterator[Reading]:
        counted = (
            (line, self._instant(line, row["time"]), self._kwh(line, row["counter_kwh"]))
            for line, row in self.rows()
        )
        for (_, start_us, before), (line, end_us, after) in pairwise(counted):
            if end_us <= start_us:
                raise self._refused(line, "the time does not grow", "sort the rows by time")
            if after >= before:
                yield Reading(start_us, end_us, _difference(before, after), line)
            elif not resets:
                said = f"the counter falls from {before} to {after} kWh"
                raise self._refused(line, said, "if the meter began anew here, say --resets")

    def _instant(self, line: int, text: str | None) -> int:
        hint = "write it as 2026-11-01T00:00+01:00 or 2026-10-31T23:00Z"
        try:
            at = datetime.fromisoformat((text or "").strip())
        except ValueError:
            raise self._refused(line, f"{text!r} is no instant", hint) from None
        if at.tzinfo is None:
            raise self._refused(line, f"{text!r} has no offset from UTC", hint)
        return (at - _EPOCH) // _MICROSECOND

    def _kwh(self, line: int, text: str | None) -> Decimal:
        try:
            energy = Decimal((text or "").strip())
            known = 0 <= energy <= MOST_KWH  # comparing NaN is an invalid operation as well
        except InvalidOperation:
            known = False
        if not known:
            hint = "a plain number of kWh, 0 or more, with a decimal point"
            raise self._refused(line, f"{text!r} is no energy", hint)
        return energy

    def _refused(self, line: int, message: str, hint: str) -> UsageError:
        return UsageError(message, hint=hint, place=f"{self.name}:{line}")


def _by_time(reading: Reading) -> tuple[int, int, int]:
    return reading.start_us, reading.end_us, reading.line


def _difference(before: Decimal, after: Decimal) -> int:
    return _milliwatt_hours(after, ROUND_FLOOR) - _milliwatt_hours(before, ROUND_FLOOR)


def _milliwatt_hours(kwh: Decimal, rounding: str) -> int:
    return int((kwh * MWH_PER_KWH).to_integral_value(rounding=rounding))
