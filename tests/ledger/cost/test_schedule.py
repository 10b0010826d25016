"""Two ways to lose value: a straight line in the books, and what the market for used cards says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ledger.cost.cost_books import instant_us

from wattmill.catalog.factory import Pool
from wattmill.catalog.table import clear_caches
from wattmill.core.errors import UsageError
from wattmill.ledger.cost.hardware import HOUR_US
from wattmill.ledger.cost.schedule import (
    SCHEDULES,
    ScheduleName,
    lost_by,
    market_trend,
    require_schedule,
    value_pusd,
)

STEADY = settings(derandomize=True, deadline=None, max_examples=100)
DAY_US = 24 * HOUR_US
USD = 10**12
BOUGHT = {"paid_usd": 72_000.0, "resale_usd": 7_200.0, "bought": date(2026, 6, 1)}


def spec(**values: Any) -> Pool:
    return Pool(**{"name": "l40s", "model": "llama-3.1-70b", **values})


def wear(pool: Pool, span: tuple[str, str], schedule: ScheduleName = "book") -> int:
    lost = lost_by(pool, "UTC", schedule)
    assert lost is not None
    start_us, end_us = (instant_us(at, "UTC") for at in span)
    return lost(end_us) - lost(start_us)


# --- book -----------------------------------------------------------------------------------------


def test_wear_is_a_straight_line_over_the_life() -> None:
    """64,800 USD over the 1,096 days from June 2026 to June 2029."""
    expected = Decimal(64_800) * 30 / 1096
    found = wear(spec(**BOUGHT), ("2026-11-01", "2026-12-01"))
    assert abs(Decimal(found).scaleb(-12) - expected) < Decimal("1e-11")


@STEADY
@given(st.lists(st.integers(-10, 1200), min_size=0, max_size=8))
def test_the_wear_of_all_times_is_what_the_pool_lost(days: list[int]) -> None:
    begin, over = instant_us("2026-06-01", "UTC"), instant_us("2029-07-01", "UTC")
    cuts = sorted([begin - 30 * DAY_US, *(begin + day * DAY_US + 1 for day in days), over])
    lost = lost_by(spec(**BOUGHT), "UTC", "book")
    assert lost is not None
    cuts = [cut for cut in cuts if cut <= over]
    assert sum(lost(end) - lost(start) for start, end in pairwise(cuts)) == 64_800 * USD


@pytest.mark.parametrize("span", [("2026-05-01", "2026-06-01"), ("2029-06-01", "2029-07-01")])
def test_nothing_wears_in_the_books_before_it_is_bought_or_after_its_life(
    span: tuple[str, str],
) -> None:
    assert wear(spec(**BOUGHT), span) == 0


def test_wear_without_a_price_is_unknown_and_without_a_date_within_its_life() -> None:
    assert [lost_by(spec(), "UTC", name) for name in SCHEDULES] == [None, None]
    undated = spec(paid_usd=36_000.0, life_months=36)
    lost = lost_by(undated, "UTC", "book")
    start = instant_us("2026-11-01", "UTC")
    assert lost is not None and lost(start + 730 * HOUR_US) - lost(start) == 1000 * USD
    assert lost_by(undated, "UTC", "economic") is None


def test_a_life_from_the_end_of_a_month_ends_at_the_end_of_a_month() -> None:
    pool = spec(paid_usd=29.0, bought=date(2024, 1, 31), life_months=1)
    assert wear(pool, ("2024-01-31", "2024-02-29")) == 29 * USD


# --- economic -------------------------------------------------------------------------------------

QUOTE = (
    '[[quote]]\nof = "L40S"\nwhat = "resale"\nusd = {usd}\nas_of = "{day}"\nsource = "our broker"\n'
)


@pytest.fixture
def quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Writes used prices of the L40S into the user's catalog."""

    def write(**prices: int) -> None:
        rows = (QUOTE.format(usd=usd, day=day[1:].replace("_", "-")) for day, usd in prices.items())
        (tmp_path / "catalog.toml").write_text("\n".join(rows))
        monkeypatch.setenv("WATTMILL_CATALOG", str(tmp_path / "catalog.toml"))
        clear_caches()

    yield write
    monkeypatch.undo()
    clear_caches()


def test_market_value_falls_by_the_cards_own_trend(quoted: Any) -> None:
    quoted(d2023_06=8000, d2024_06=6000, d2025_06=4500)
    trend = market_trend("4x L40S")
    assert trend.basis == "used prices of L40S"
    assert float(trend.yearly_factor) == pytest.approx(0.75, abs=2e-3)
    pool = spec(hardware="4x L40S", **BOUGHT)
    lost = wear(pool, ("2026-06-01", "2027-06-01"), "economic")
    assert lost == pytest.approx(72_000 * (1 - float(trend.yearly_factor)) * USD, rel=1e-3)


def test_one_wrong_price_does_not_move_the_trend_far(quoted: Any) -> None:
    quoted(
        d2023_01=8000, d2023_07=6928, d2024_01=6000, d2024_07=20_000, d2025_01=4500, d2025_07=3897
    )
    assert float(market_trend("L40S").yearly_factor) == pytest.approx(0.75, abs=0.02)


def test_a_card_without_a_trend_of_its_own_follows_the_median_of_all() -> None:
    others = market_trend("4x L40S")
    assert others == market_trend(None) == market_trend("a toaster")
    assert others.basis.startswith("median used prices of ")
    assert 0 < others.yearly_factor < 1


def test_a_market_that_rises_gives_negative_wear(quoted: Any) -> None:
    quoted(d2023_06=4000, d2024_06=5000, d2025_06=6250)
    pool = spec(hardware="4x L40S", **BOUGHT)
    assert wear(pool, ("2026-11-01", "2026-12-01"), "economic") < 0


@STEADY
@given(st.lists(st.integers(0, 6 * 365 * 24), min_size=1, max_size=20))
def test_economic_wear_of_all_times_is_what_the_market_took(hours: list[int]) -> None:
    pool = spec(hardware="4x L40S", **BOUGHT)
    lost = lost_by(pool, "UTC", "economic")
    begin = instant_us("2026-06-01", "UTC")
    cuts = sorted({begin, *(begin + hour * HOUR_US for hour in hours)})
    assert lost is not None
    total = sum(lost(end) - lost(start) for start, end in pairwise(cuts))
    worth = value_pusd(pool, "UTC", "economic", cuts[-1])
    assert worth is not None and total == 72_000 * USD - worth
    assert 0 < worth <= 72_000 * USD


def test_the_books_end_and_the_market_goes_on() -> None:
    pool = spec(hardware="4x L40S", **BOUGHT)
    after = ("2029-07-01", "2029-08-01")
    assert wear(pool, after, "book") == 0
    assert wear(pool, after, "economic") > 0


def test_a_value_before_the_purchase_is_unknown() -> None:
    before, day = instant_us("2026-05-31", "UTC"), instant_us("2026-06-01", "UTC")
    for name in SCHEDULES:
        assert value_pusd(spec(**BOUGHT), "UTC", name, before) is None
        assert value_pusd(spec(**BOUGHT), "UTC", name, day) == 72_000 * USD


def test_a_wrong_schedule_is_told_the_nearest() -> None:
    assert require_schedule("book") == "book"
    with pytest.raises(UsageError) as caught:
        require_schedule("economical")
    assert "economic" in caught.value.hint
