"""From which load on a price pays for a pool."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ledger.cost.conftest import NewCostBooks
from tests.ledger.cost.cost_books import FACTORY, HOUR_OF_DECODE, PUSD_PER_TOKEN, CostBooks

from wattmill.core.records import Band, Price, Usage
from wattmill.ledger.cost.break_even import Load, break_even_frac, break_evens, in_force
from wattmill.ledger.cost.margin import report
from wattmill.ledger.cost.report import BreakEven

HOUR_US = 3600 * 10**6


def price(version: int, plan: str, pusd: int | None = None, **values: Any) -> Price:
    meters = PUSD_PER_TOKEN if pusd is None else (pusd,) * len(PUSD_PER_TOKEN)
    return Price(version, plan, values.pop("valid_from_s", 0.0), *meters, **values)


def loads(books: CostBooks, *prices: Price) -> dict[tuple[str, str], BreakEven]:
    found = break_evens(books.month(), prices, "book")
    return {(one.plan, one.pool): one for one in found}


# --- the arithmetic -------------------------------------------------------------------------------


def test_half_of_the_time_pays_when_an_hour_of_work_earns_twice_the_fixed_cost() -> None:
    """An hour of work earns 30 and adds 10; the time costs 100 in 10 hours: 5 of them."""
    load = Load(10 * HOUR_US, HOUR_US, 1000, 100, Fraction(10))
    assert break_even_frac(load, Fraction(30)) == Fraction(1, 2)
    assert break_even_frac(load, Fraction(15)) == 2
    assert break_even_frac(load, Fraction(10)) is None
    assert break_even_frac(load, Fraction(9)) is None


@settings(derandomize=True, deadline=None)
@given(
    st.integers(1, 10**15),
    st.integers(1, 10**15),
    st.integers(0, 10**18),
    st.integers(0, 10**15),
    st.integers(0, 10**16),
)
def test_at_the_break_even_load_revenue_is_cost(
    service_us: int, busy_us: int, fixed: int, marginal: int, revenue: int
) -> None:
    load = Load(service_us, busy_us, 1, fixed, Fraction(marginal))
    frac = break_even_frac(load, Fraction(revenue))
    assert (frac is None) == (revenue <= marginal)
    if frac is not None:
        mixes = frac * service_us / busy_us
        assert mixes * revenue == fixed + mixes * marginal


# --- on a month -----------------------------------------------------------------------------------


def test_a_pool_that_works_as_much_as_its_break_even_load_earns_what_it_costs(
    cost_books: CostBooks,
) -> None:
    for hour in range(24):
        cost_books.serve(f"2026-11-10 {hour:02d}:00", HOUR_OF_DECODE)
    one = loads(cost_books, price(1, "msp"))["msp", "l40s"]
    machines = report(cost_books.month(), "book").pools[0]
    assert one.verdict == "covered at a load" and one.busy_frac is not None
    earned = 1250 * 3600 * 1_600_000 * 720 * one.busy_frac
    fixed = machines.cost.total_pusd - 24 * round(1.0 * 0.09 * 1.3 * 10**12)
    adds = 720 * one.busy_frac * 1.0 * 0.09 * 1.3 * 10**12
    assert earned == pytest.approx(fixed + adds, rel=1e-6)
    assert one.tokens_per_month == pytest.approx(720 * one.busy_frac * 1250 * 3600, abs=1)
    assert (one.price_uusd_per_mtok, one.marginal_uusd_per_mtok) == (1_600_000, 26_000)


def test_a_price_below_what_a_token_adds_never_pays(cost_books: CostBooks) -> None:
    cost_books.serve("2026-11-10 12:00", HOUR_OF_DECODE)
    found = loads(cost_books, price(1, "gift", 26_000), price(2, "thin", 30_000), price(3, "msp"))
    assert found["gift", "l40s"].verdict == "never"
    assert found["gift", "l40s"].busy_frac is None
    thin = found["thin", "l40s"]
    assert thin.verdict == "beyond full load" and thin.busy_frac is not None
    assert thin.busy_frac > 1


def test_a_cloud_pays_at_any_load_or_never(cost_books: CostBooks) -> None:
    cost_books.serve("2026-11-10 12:00", Usage(10**6), pool="cloud")
    found = loads(cost_books, price(1, "dear", 600_000), price(2, "cheap", 580_000))
    assert found["dear", "cloud"].verdict == "at any load"
    assert found["cheap", "cloud"].verdict == "never"
    assert found["cheap", "cloud"].marginal_uusd_per_mtok == 590_000


def test_a_pool_without_tokens_takes_the_mix_of_the_site(cost_books: CostBooks) -> None:
    assert loads(cost_books, price(1, "msp"))["msp", "l40s"].verdict == "unknown"
    cost_books.serve("2026-11-10 12:00", Usage(output_text=1000), pool="cloud")
    one = loads(cost_books, price(1, "msp"))["msp", "l40s"]
    assert one.verdict == "covered at a load"
    assert one.marginal_uusd_per_mtok == 26_000


def test_a_pool_whose_cost_is_not_known_has_no_break_even(new_cost_books: NewCostBooks) -> None:
    books = new_cost_books(FACTORY.replace("paid_usd = 72_000\nresale_usd = 7_200\n", ""))
    books.serve("2026-11-10 12:00", HOUR_OF_DECODE)
    assert loads(books, price(1, "msp"))["msp", "l40s"].verdict == "unknown"


def test_a_price_of_a_model_or_a_pool_is_only_for_it(cost_books: CostBooks) -> None:
    cost_books.serve("2026-11-10 12:00", HOUR_OF_DECODE)
    prices = (
        price(1, "a", model="house-large"),
        price(2, "b", model="elsewhere"),
        price(3, "c", pool="cloud"),
    )
    assert set(loads(cost_books, *prices)) == {("a", "l40s"), ("a", "cloud"), ("c", "cloud")}


def test_a_price_is_not_told_of_a_pool_for_which_its_plan_has_another(
    cost_books: CostBooks,
) -> None:
    """No request pays a plan's general price on a cloud that is charged on with a markup."""
    cost_books.serve("2026-11-10 12:00", Usage(10**6), pool="cloud")
    general, marked_up = price(1, "msp", 900_000), price(2, "msp", 700_000, pool="cloud")
    found = break_evens(cost_books.month(), (general, marked_up), "book")
    on_cloud = [one.price_uusd_per_mtok for one in found if one.pool == "cloud"]
    assert on_cloud == [700_000]
    assert {one.pool for one in found if one.price_version == 1} == {"l40s"}


def test_only_the_latest_terms_that_have_begun_are_in_force() -> None:
    night = Band("night", "UTC", ((0, 360),))
    prices = [
        price(1, "msp", 1, plan_version=1),
        price(2, "msp", 2, plan_version=1, band=night),
        price(3, "msp", 3, plan_version=2, valid_from_s=50.0),
        price(4, "msp", 4, plan_version=3, valid_from_s=200.0),
        price(5, "old", 5),
        price(6, "old", 6),
    ]
    assert [one.version for one in in_force(prices, 10.0)] == [1, 2, 6]
    assert [one.version for one in in_force(prices, 100.0)] == [3, 6]


def test_a_price_for_many_tokens_at_once_is_divided(cost_books: CostBooks) -> None:
    cost_books.serve("2026-11-10 12:00", HOUR_OF_DECODE)
    found = loads(
        cost_books, price(1, "msp", 1_600_000), price(2, "k", 1_600_000_000, denominator=1000)
    )
    assert found["msp", "l40s"].busy_frac == found["k", "l40s"].busy_frac
