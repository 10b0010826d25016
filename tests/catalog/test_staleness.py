"""Old prices are worth less; data sheets do not age."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.catalog.staleness import HALF_LIFE_MONTHS, dated, first_day, staleness
from wattmill.core.errors import CatalogError

DAYS = st.dates(date(1999, 1, 1), date(2050, 1, 1))
KINDS = st.sampled_from(sorted(HALF_LIFE_MONTHS))
PRICES = st.sampled_from([kind for kind, months in HALF_LIFE_MONTHS.items() if months])


@pytest.mark.parametrize(
    ("as_of", "kind", "today", "is_stale"),
    [
        ("2026-06", "rent", date(2026, 11, 21), False),
        ("2026-05", "rent", date(2026, 11, 21), True),
        ("2026-05-22", "rent", date(2026, 11, 20), False),
        ("2026-05-20", "resale", date(2026, 11, 21), True),
        ("2026-05-20", "api", date(2026, 11, 21), True),
        ("2025-12", "new", date(2026, 11, 21), False),
        ("2025-11", "new", date(2026, 11, 21), True),
        ("2024-12", "power_usd_per_kwh", date(2026, 11, 21), False),
        ("2024-11", "power_usd_per_kwh", date(2026, 11, 21), True),
        ("1999-01", "data_sheet", date(2026, 11, 21), False),
    ],
)
def test_a_price_is_stale_after_its_half_life(
    as_of: str, kind: str, today: date, is_stale: bool
) -> None:
    assert staleness(as_of, kind, today).is_stale is is_stale
    assert dated(as_of, kind, today) == (f"{as_of}, stale" if is_stale else as_of)


@given(DAYS, DAYS, PRICES)
def test_worth_halves_with_every_half_life(seen: date, today: date, kind: str) -> None:
    age = staleness(seen.isoformat(), kind, today)
    assert age.age_days == (today - seen).days
    assert age.is_stale == (age.worth_frac < 0.5)
    assert 0 < age.worth_frac <= 1
    one_more = timedelta(days=round((HALF_LIFE_MONTHS[kind] or 0) * 365.25 / 12))
    older = staleness((seen - one_more).isoformat(), kind, today)
    if seen <= today:
        assert older.worth_frac == pytest.approx(age.worth_frac / 2, rel=0.01)


@given(DAYS, KINDS, st.integers(0, 4000))
def test_nothing_gets_younger(seen: date, kind: str, days: int) -> None:
    now, later = (staleness(seen.isoformat(), kind, seen + timedelta(days=d)) for d in (0, days))
    assert now.worth_frac == 1
    assert later.worth_frac <= now.worth_frac
    assert later.half_lives >= now.half_lives


@given(DAYS)
def test_a_month_is_its_first_day(day: date) -> None:
    assert first_day(day.isoformat()) == day
    assert first_day(f"{day:%Y-%m}") == day.replace(day=1)


@pytest.mark.parametrize("as_of", ["", "2026", "2026-13", "2026-02-30", "06/2026", "2026-1", "now"])
def test_other_dates_are_refused(as_of: str) -> None:
    with pytest.raises(CatalogError, match="is no date") as caught:
        first_day(as_of)
    assert "2026-03" in caught.value.hint


def test_an_unknown_kind_gets_the_nearest() -> None:
    with pytest.raises(CatalogError) as caught:
        staleness("2026-01", "rents", date(2026, 1, 1))
    assert "'rent'" in caught.value.hint
