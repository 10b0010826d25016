"""What machines lose: by the books, by tax tables, on the market."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.core.errors import PlanError
from wattmill.finance.depreciation import (
    MACRS,
    Method,
    amortisation_usd_per_month,
    book_value_usd,
    declining,
    economic_value,
    rent_at_book_usd_per_hour,
    schedule_usd,
    side_by_side,
    straight_line,
    sum_of_years_digits,
)

BY_LIFE: tuple[Method, ...] = ("straight", "declining", "sum_of_years")
SHARE = st.floats(0, 1)


def test_by_hand() -> None:
    assert amortisation_usd_per_month(72_000, 36) == 2000
    assert amortisation_usd_per_month(72_000, 36, 7_200) == 1800
    assert book_value_usd(72_000, 36, 12, 7_200) == 50_400
    assert book_value_usd(72_000, 36, 99, 7_200) == 7_200


@given(st.floats(0, 1e9), st.integers(1, 600), st.floats(0, 1))
def test_wear_and_rest_add_up(paid: float, life: int, part: float) -> None:
    resale, age = paid * part / 2, life * part
    worn = amortisation_usd_per_month(paid, life, resale) * age
    assert worn + book_value_usd(paid, life, age, resale) == pytest.approx(paid)


@pytest.mark.parametrize(
    ("paid", "life", "resale"), [(-1, 36, 0), (1, 0, 0), (1, 36, 2), (float("nan"), 36, 0)]
)
def test_impossible_machines_are_refused(paid: float, life: int, resale: float) -> None:
    with pytest.raises(PlanError, match="cannot be"):
        amortisation_usd_per_month(paid, life, resale)
    with pytest.raises(PlanError, match="an age of -1"):
        book_value_usd(1, 36, -1)


def test_as_excel_documents_its_functions() -> None:
    assert straight_line(30_000, 10, 10, 7_500)[1] == 2250  # SLN
    years = sum_of_years_digits(30_000, 10, 10, 7_500)  # SYD
    assert years[[1, 10]] == pytest.approx([4090.91, 409.09], abs=0.005)
    by_day = declining(2400, 3650, 1, 300)  # DDB by days, months, years
    assert by_day[1] == pytest.approx(1.32, abs=0.005)
    assert declining(2400, 120, 1, 300)[1] == pytest.approx(40.00)
    assert declining(2400, 10, 1, 300)[1] == pytest.approx(480.00)
    assert declining(2400, 10, 2, 300, factor=1.5)[2] == pytest.approx(306.00)
    assert declining(2400, 10, 10, 300, switches=False)[10] == pytest.approx(22.12, abs=0.005)
    assert declining(2400, 120, 18, 300)[7:].sum() == pytest.approx(396.31, abs=0.005)  # VDB
    slower = declining(2400, 120, 18, 300, factor=1.5)
    assert slower[7:].sum() == pytest.approx(311.81, abs=0.005)


@given(st.sampled_from(BY_LIFE), st.floats(0, 1e6), SHARE, st.integers(1, 80), SHARE)
def test_a_life_takes_away_all_but_the_resale(
    method: Method, paid: float, kept: float, life: int, bonus: float
) -> None:
    lost = schedule_usd(method, paid, life, life + 5, paid * kept, bonus)
    assert lost.sum() == pytest.approx(paid * (1 - kept), abs=1e-6)
    assert (lost >= -1e-9).all()
    assert lost[0] == 0 and not lost[life + 1 :].any()


@given(st.sampled_from(BY_LIFE), st.integers(1, 80), st.integers(0, 80))
def test_a_short_study_sees_the_start_of_the_same_schedule(
    method: Method, life: int, months: int
) -> None:
    whole = schedule_usd(method, 1000.0, life, 80)
    assert schedule_usd(method, 1000.0, life, months) == pytest.approx(whole[: months + 1])


@pytest.mark.parametrize("table", ["macrs3", "macrs5", "macrs7"])
def test_tax_tables_take_everything(table: Method) -> None:
    lost = schedule_usd(table, 1000.0, 36, 96)
    yearly = lost[1:].reshape(8, 12).sum(axis=1)
    assert yearly[: len(MACRS[table])] == pytest.approx(1000 * np.array(MACRS[table]))
    assert lost.sum() == pytest.approx(1000.0)


def test_a_bonus_comes_first_and_the_table_takes_the_rest() -> None:
    lost = schedule_usd("macrs5", 1000.0, 36, 12, bonus_frac=0.4)
    assert lost[1] == pytest.approx(400 + 600 * 0.2 / 12)
    assert lost.sum() == pytest.approx(400 + 120)


def test_unknown_ways_are_refused_with_the_known_ones() -> None:
    with pytest.raises(PlanError, match="'linear'") as caught:
        schedule_usd("linear", 1.0, 1, 1)  # type: ignore[arg-type]
    assert "straight" in caught.value.hint
    with pytest.raises(PlanError, match="bonus"):
        schedule_usd("straight", 1.0, 1, 1, bonus_frac=1.5)


def test_market_value_by_a_yearly_factor_and_by_a_curve() -> None:
    assert economic_value(1000.0, 24, 0.7)[[0, 12, 24]] == pytest.approx([1000, 700, 490])
    assert economic_value(1000.0, 2, 0.0).tolist() == [1000, 0, 0]
    ladder = economic_value(1000.0, 48, curve=(0.6, 0.4))
    assert ladder[[0, 6, 12, 24]] == pytest.approx([1000, 800, 600, 400])
    assert ladder[36] == pytest.approx(400 * 0.4 / 0.6), "beyond the last, by its last factor"
    assert economic_value(1000.0, 36, curve=(0.5, 0.5))[36] == 500


@given(st.lists(SHARE, min_size=1, max_size=5), st.integers(0, 90))
def test_a_curve_goes_through_its_points_and_stays_finite(curve: list[float], months: int) -> None:
    value = economic_value(1.0, months, curve=tuple(curve))
    assert value[::12][: len(curve) + 1] == pytest.approx([1.0, *curve][: months // 12 + 1])
    assert ((value >= 0) & (value <= 1)).all()


@pytest.mark.parametrize("ways", [{}, {"frac_per_year": 0.5, "curve": (0.5,)}])
def test_one_way_to_lose_value_is_needed(ways: dict[str, float]) -> None:
    with pytest.raises(PlanError, match="one of two"):
        economic_value(1.0, 1, **ways)  # type: ignore[arg-type]


def test_impossible_values_are_refused() -> None:
    with pytest.raises(PlanError, match="cannot be left"):
        economic_value(1.0, 1, -0.1)
    with pytest.raises(PlanError, match="curve"):
        economic_value(1.0, 1, curve=())


def test_six_years_in_the_books_and_three_on_the_market() -> None:
    book = schedule_usd("straight", 72_000.0, 72, 72)
    both = side_by_side(72_000.0, book, economic_value(72_000.0, 72, 0.6))
    assert both.under_month == 1
    assert both.gap_usd[12] == pytest.approx(60_000 - 43_200)
    slow = side_by_side(72_000.0, book, economic_value(72_000.0, 72, 1.0))
    assert slow.under_month is None


def test_the_rent_at_which_the_books_are_right() -> None:
    # 1,000 USD in the books, paid back by 10 months of 100 h: 1 USD an hour, and 0.5 for running.
    assert rent_at_book_usd_per_hour(1000.0, 100.0, 50.0, 10, 0.0) == pytest.approx(1.5)
    assert rent_at_book_usd_per_hour(1000.0, 100.0, 50.0, 10, 0.0, 0.0, 500.0) == pytest.approx(1.0)
    with pytest.raises(PlanError, match="sell nothing"):
        rent_at_book_usd_per_hour(1000.0, 0.0, 50.0, 10, 0.0)


@given(
    st.floats(1, 1e6),
    st.floats(0, 1e4),
    st.integers(1, 72),
    st.floats(0, 0.5),
    st.floats(-0.5, 0.2),
)
def test_at_that_rent_discounted_earnings_are_the_book_value(
    book: float, running: float, months: int, rate: float, growth: float
) -> None:
    rent = rent_at_book_usd_per_hour(book, 700.0, running, months, rate, growth)
    earned = sum(
        (rent * (1 + growth) ** (t / 12) * 700 - running) / (1 + rate) ** (t / 12)
        for t in range(1, months + 1)
    )
    assert earned == pytest.approx(book, rel=1e-6, abs=1e-6 * running * months)
