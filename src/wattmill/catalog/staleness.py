"""How much an old price is still worth as evidence, by what it is a price of."""

from __future__ import annotations

import re
from datetime import date

import msgspec

from wattmill.catalog.names import nearest
from wattmill.core.errors import CatalogError

DAYS_PER_MONTH = 365.25 / 12
AS_OF = re.compile(r"(\d{4})-(\d{2})(?:-(\d{2}))?")

HALF_LIFE_MONTHS: dict[str, float | None] = {
    "rent": 6,
    "resale": 6,
    "api": 6,
    "dram_usd_per_gb": 6,
    "new": 12,
    "lease": 12,
    "power_usd_per_kwh": 24,
    "colo_usd_per_kw_month": 24,
    "ppa_usd_per_mwh": 24,
    "fuel": 6,
    "build": 12,
    "lead_time": 12,
    "storage": 12,
    "colo_fee": 24,
    "colo_rule": 24,
    "attrition": 24,
    "cooling": 24,
    "generator": 24,
    "grid": 24,
    "data_sheet": None,
}
"""Months in which a figure of that kind loses half of its worth as evidence; None is never.

A judgement, not a measurement: rents of the same card moved by 40 % within half a year (2025-10 to
2026-03), list prices of new cards and contracts of years by less, tariffs by the regulator's pace.
Costs of building rise by 5 to 10 % a year and lead times doubled within two; a grid's carbon and the
share of a queue that is built are counted once a year, and printed a year later.
"""


class Staleness(msgspec.Struct, frozen=True):
    """The age of a figure: in days, and in half-lives of its kind. Negative is a date to come."""

    age_days: int
    half_lives: float
    is_stale: bool

    @property
    def worth_frac(self) -> float:
        """What it is worth next to one of today: half of it per half-life; 1 for a date to come."""
        return float(0.5 ** max(0.0, self.half_lives))


def staleness(as_of: str, kind: str, today: date) -> Staleness:
    """How old a figure of `kind` is; stale when older than the half-life. CatalogError otherwise.

    as_of: YYYY-MM, counted from the first of the month, or YYYY-MM-DD.
    """
    if kind not in HALF_LIFE_MONTHS:
        raise CatalogError(f"no half-life of {kind!r}", hint=nearest(kind, HALF_LIFE_MONTHS))
    age_days = (today - first_day(as_of)).days
    months = HALF_LIFE_MONTHS[kind]
    half_lives = 0.0 if months is None else age_days / (months * DAYS_PER_MONTH)
    return Staleness(age_days, half_lives, half_lives > 1)


def first_day(as_of: str) -> date:
    """`2026-03` or `2026-03-14` as a day, the first of a month; CatalogError for anything else."""
    found = AS_OF.fullmatch(as_of)
    try:
        if found:
            return date(int(found[1]), int(found[2]), int(found[3] or 1))
    except ValueError:
        pass  # a month 13, a 31st of February
    raise CatalogError(f"{as_of!r} is no date", hint="write it as 2026-03 or 2026-03-14")


def dated(as_of: str, kind: str, today: date) -> str:
    """The date of a figure as it is printed beside it: `2025-06, stale`, or `2026-10`."""
    return as_of + (", stale" if staleness(as_of, kind, today).is_stale else "")
