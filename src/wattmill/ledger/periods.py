"""Half-open calendar months in a tenant's own time zone."""

from calendar import monthrange
from datetime import date, datetime
from zoneinfo import ZoneInfo

from msgspec import Struct

from wattmill.core.errors import UsageError


class Month(Struct, frozen=True, array_like=True):
    """``[start_s, end_s)`` in seconds since the epoch; ``name`` is ``2026-11``."""

    name: str
    start_s: float
    end_s: float

    @property
    def hours(self) -> float:
        """Elapsed hours, which differ from 24 × days where the clocks change."""
        return (self.end_s - self.start_s) / 3600


def month_at(at_s: float, timezone: str) -> Month:
    """The month of the zone's calendar that contains an instant."""
    local = datetime.fromtimestamp(at_s, ZoneInfo(timezone))
    return _month(local.year, local.month, timezone)


def month_named(name: str, timezone: str) -> Month:
    """The month called ``2026-11``; ``UsageError`` for anything else."""
    try:
        parsed = datetime.strptime(name, "%Y-%m")
    except ValueError:
        raise UsageError(f"{name!r} is not a month", hint="write it as 2026-11") from None
    if not 1970 <= parsed.year <= 9000:
        raise UsageError(f"no books reach {name!r}", hint="write it as 2026-11")
    return _month(parsed.year, parsed.month, timezone)


def months_after(anchor: date, months: int) -> date:
    """The same day some months later, or the last day of a month that is too short.

    Terms begin at ``months_after(anchor, 0)``, ``1``, ``2``: counted from the anchor, they do not drift from the
    31st to the 28th, and each ends where the next begins.
    """
    year, month0 = divmod(anchor.year * 12 + anchor.month - 1 + months, 12)
    return date(year, month0 + 1, min(anchor.day, monthrange(year, month0 + 1)[1]))


def _month(year: int, month: int, timezone: str) -> Month:
    zone = ZoneInfo(timezone)
    start = datetime(year, month, 1, tzinfo=zone)
    end = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=zone)
    return Month(f"{year:04d}-{month:02d}", start.timestamp(), end.timestamp())
