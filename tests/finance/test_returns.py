"""Dated returns, day counts and MIRR: published answers, another library, and what always holds."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
import pyxirr
from hypothesis import given
from hypothesis import strategies as st

from wattmill.core.errors import PlanError
from wattmill.finance import returns
from wattmill.finance.cashflow import (
    MultipleRoots,
    NoRoot,
    irr,
    irr_all,
    monthly_rate,
    npv,
    npv_paths,
    yearly_rate,
)

MICROSOFT = [
    (date(2008, 1, 1), -10_000.0),
    (date(2008, 3, 1), 2750.0),
    (date(2008, 10, 30), 4250.0),
    (date(2009, 2, 15), 3250.0),
    (date(2009, 4, 1), 2750.0),
]
MATHWORKS = [
    (date(2007, 1, 12), -10_000.0),
    (date(2008, 2, 14), 2500.0),
    (date(2008, 3, 3), 2000.0),
    (date(2008, 6, 14), 3000.0),
    (date(2008, 12, 1), 4000.0),
]


def test_dated_flows_as_excel_documents_them() -> None:
    assert returns.xirr(MICROSOFT) == pytest.approx(0.3733625335, abs=5e-11)
    assert returns.xnpv(0.09, MICROSOFT) == pytest.approx(2086.6476020, abs=5e-8)


@pytest.mark.parametrize(
    ("day_count", "rate"),
    [
        ("act/365F", 0.10064378342638),
        ("act/360", 0.0991988898057),
        ("30/360", 0.1006754772827),
        ("30E/360", 0.1006754772827),
        ("act/act-ISDA", 0.1007396489873),
    ],
)
def test_day_counts_as_mathworks_documents_them(day_count: str, rate: float) -> None:
    """The published digits agree to 1e-12: their solver stops there."""
    assert returns.xirr(MATHWORKS, day_count) == pytest.approx(rate, abs=1e-12)


DATES = st.dates(date(2000, 1, 1), date(2040, 12, 31))
ORACLES = {
    "act/365F": pyxirr.DayCount.ACT_365F,
    "act/360": pyxirr.DayCount.ACT_360,
    "30/360": pyxirr.DayCount.THIRTY_U_360,
    "30E/360": pyxirr.DayCount.THIRTY_E_360,
    "act/act-ISDA": pyxirr.DayCount.ACT_ACT_ISDA,
}


@given(DATES, DATES, st.sampled_from(sorted(ORACLES)))
def test_year_fractions_like_another_library(one: date, other: date, day_count: str) -> None:
    start, end = sorted((one, other))
    theirs = pyxirr.year_fraction(start, end, ORACLES[day_count])
    assert returns.year_fraction(start, end, day_count) == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        (date(2023, 2, 28), date(2024, 2, 29), 360),  # both end February: a year
        (date(2024, 2, 29), date(2024, 3, 31), 30),
        (date(2024, 1, 30), date(2024, 1, 31), 0),
        (date(2024, 1, 29), date(2024, 1, 31), 2),
    ],
)
def test_ends_of_months_in_30_360(start: date, end: date, days: int) -> None:
    assert returns.year_fraction(start, end, "30/360") * 360 == pytest.approx(days)


@given(
    st.floats(1, 1e6),
    st.lists(st.tuples(st.integers(1, 3000), st.floats(1, 1e6)), min_size=1, max_size=8),
)
def test_the_rate_makes_a_purchase_worth_zero(paid: float, later: list[tuple[int, float]]) -> None:
    start = date(2026, 1, 1)
    flows = [(start, -paid), *((start + timedelta(days), usd) for days, usd in later)]
    rates = returns.xirr_all(flows)
    assert len(rates) <= 1
    for rate in rates:
        scale = returns.xnpv(rate, [(day, abs(usd)) for day, usd in flows])
        assert abs(returns.xnpv(rate, flows)) <= 1e-8 * scale


def test_a_rate_next_to_the_loss_of_all_is_none() -> None:
    """A third comes back after eleven days: 1 + rate is 1.5e-16, which no float beside -1 tells."""
    day = date(2026, 1, 1)
    assert returns.xirr_all([(day, -3.0), (day + timedelta(11), 1.0)]) == ()
    (rate,) = returns.xirr_all([(day, -3.0), (day + timedelta(73), 1.0)])
    assert rate == pytest.approx(-242 / 243)


def test_two_dated_rates_are_no_return() -> None:
    start = date(2025, 1, 1)
    flows = [
        (start, -1600.0),
        (start + timedelta(365), 10_000.0),
        (start + timedelta(730), -10_000.0),
    ]
    assert returns.xirr_all(flows) == pytest.approx((0.25, 4.0))
    with pytest.raises(MultipleRoots, match=r"0\.25, 4"):
        returns.xirr(flows)


def test_yearly_steps_give_the_plain_irr() -> None:
    flows = [-100.0, 39.0, 59.0, 55.0, 20.0]
    dated = [(date(2001, 1, 1) + timedelta(365 * t), usd) for t, usd in enumerate(flows)]
    assert returns.xirr(dated) == pytest.approx(irr(flows), abs=1e-12)


def test_modified_irr_as_excel_documents_it() -> None:
    flows = [-120_000, 39_000, 30_000, 21_000, 37_000, 46_000]
    assert returns.mirr(flows, 0.10, 0.12) == pytest.approx(0.1260941, abs=5e-8)


@given(
    st.lists(st.floats(-1e4, 1e4), min_size=2, max_size=24).filter(
        lambda flows: min(flows) < -1 and max(flows) > 1
    ),
    st.floats(0, 0.3),
    st.floats(0, 0.3),
)
def test_modified_irr_like_another_library(
    flows: list[float], finance: float, reinvest: float
) -> None:
    theirs = pyxirr.mirr(flows, finance, reinvest)
    assert returns.mirr(flows, finance, reinvest) == pytest.approx(theirs, rel=1e-9, abs=1e-12)


def test_a_return_reinvested_at_itself_is_itself() -> None:
    flows = [-100, 39, 59, 55, 20]
    rate = irr(flows)
    assert returns.mirr(flows, rate, rate) == pytest.approx(rate)


def test_multiple_and_index() -> None:
    assert returns.money_multiple([-100, 50, -20, 190]) == 2.0
    assert returns.profitability_index(0.1, [-100, 110]) == pytest.approx(1.0)


@given(
    st.lists(st.floats(0.01, 1e5), min_size=1, max_size=24),
    st.floats(0.01, 1e6),
    st.floats(-0.5, 2),
    st.floats(0.001, 0.5),
)
def test_npv_falls_with_the_rate_for_a_conventional_flow(
    received: list[float], paid: float, rate: float, more: float
) -> None:
    flows = [-paid, *received]
    assert npv(rate + more, flows) < npv(rate, flows) + 1e-9 * paid


@given(st.lists(st.floats(1, 1e5), min_size=2, max_size=24), st.floats(1, 1e6))
def test_irr_like_another_library(received: list[float], paid: float) -> None:
    ours = irr_all([-paid, *received])
    theirs = pyxirr.irr([-paid, *received])
    if theirs is not None and -0.99 < theirs < 10:
        assert list(ours) == pytest.approx([theirs], abs=1e-7)


def test_npv_of_paths_is_npv_of_each() -> None:
    rng = np.random.default_rng(7)
    flows = rng.normal(size=(2, 3, 25))
    rates = np.array([0.0, 0.01, -0.02])
    one = npv_paths(0.01, flows)
    each = npv_paths(rates, flows)
    assert one.shape == each.shape == (2, 3)
    assert one[1, 2] == pytest.approx(npv(0.01, flows[1, 2].tolist()))
    assert each[1] == pytest.approx(
        [npv(r, f.tolist()) for r, f in zip(rates, flows[1], strict=True)]
    )
    with pytest.raises(PlanError, match="not above -1"):
        npv_paths(-1.0, flows)


def test_a_month_compounds_to_a_year() -> None:
    assert monthly_rate(0.12) == pytest.approx(1.12 ** (1 / 12) - 1, rel=1e-14)
    assert yearly_rate(monthly_rate(0.07)) == pytest.approx(0.07, rel=1e-14)
    with pytest.raises(PlanError):
        monthly_rate(-1.0)
    with pytest.raises(PlanError):
        yearly_rate(float("nan"))


@pytest.mark.parametrize(
    ("ask", "kind", "says"),
    [
        (lambda: returns.xirr([]), NoRoot, "no flow"),
        (lambda: returns.xirr([(date(2026, 1, 1), 0.0)]), NoRoot, "zero"),
        (lambda: returns.xirr(MICROSOFT[1:]), NoRoot, "no rate"),
        (lambda: returns.xirr(MICROSOFT, "30/365"), PlanError, "not known"),
        (lambda: returns.xirr([(date(2026, 1, 1), float("nan"))]), PlanError, "finite"),
        (lambda: returns.xnpv(-1.0, MICROSOFT), PlanError, "not above -1"),
        (lambda: returns.year_fraction(date(2026, 1, 2), date(2026, 1, 1)), PlanError, "before"),
        (lambda: returns.mirr([1, 2], 0.1, 0.1), NoRoot, "one way"),
        (lambda: returns.money_multiple([1, 2]), PlanError, "nothing is paid"),
        (lambda: returns.profitability_index(0.1, [1, 2]), PlanError, "nothing is paid"),
    ],
)
def test_what_cannot_be_is_refused(ask: object, kind: type[PlanError], says: str) -> None:
    with pytest.raises(kind, match=says) as caught:
        ask()  # type: ignore[operator]
    assert caught.value.hint
