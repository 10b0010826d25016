"""Returns against published answers, and properties that every cash flow keeps."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.core.errors import PlanError
from wattmill.finance.cashflow import (
    MultipleRoots,
    NoRoot,
    irr,
    irr_all,
    lcot_usd_per_mtok,
    npv,
    payback_periods,
    sign_changes,
)

HOUSE = [-70_000, 12_000, 15_000]


@pytest.mark.parametrize(
    ("flows", "rate"),
    [
        # Microsoft's documentation of IRR.
        ([*HOUSE, 18_000, 21_000], -0.0212448),
        ([*HOUSE, 18_000, 21_000, 26_000], 0.0866309),
        (HOUSE, -0.4435069),
        # Tests of numpy-financial.
        ([-150_000, 15_000, 25_000, 35_000, 45_000, 60_000], 0.0524329),
        ([-100, 39, 59, 55, 20], 0.2809484),
        # By closed form.
        ([-100, 0, 0, 74], 0.74 ** (1 / 3) - 1),
        ([0, -100, 110], 0.1),
        ([-1, 11], 10.0),
    ],
)
def test_irr(flows: list[float], rate: float) -> None:
    assert irr(flows) == pytest.approx(rate, abs=6e-8)


@pytest.mark.parametrize(
    ("flows", "rates"),
    [
        ([-5, 10.5, 1, -8, 1], (-0.8702, 0.0886, 0.7096)),
        ([-1000, 3600, -4310, 1716], (0.1, 0.2, 0.3)),
        ([-1600, 10_000, -10_000], (0.25, 4.0)),
    ],
)
def test_every_root_is_found_and_several_are_no_return(
    flows: list[float], rates: tuple[float, ...]
) -> None:
    assert irr_all(flows) == pytest.approx(rates, abs=5e-5)
    with pytest.raises(MultipleRoots, match="several rates"):
        irr(flows)


def test_a_double_root_counts_once() -> None:
    assert irr_all([1, -2, 1]) == (0.0,)


@pytest.mark.parametrize("flows", [[1, 2, 3], [-1, -2], [-1, 12.1], [0.0, 0.0], [], [5]])
def test_no_return(flows: list[float]) -> None:
    with pytest.raises(NoRoot) as caught:
        irr(flows)
    assert caught.value.hint


def test_a_long_flow_is_solved() -> None:
    rate = irr([-1e6, *[30_000] * 360])
    assert npv(rate, [-1e6, *[30_000] * 360]) == pytest.approx(0, abs=1e-6)
    assert rate == pytest.approx(0.03, abs=1e-6)


def test_npv_as_excel_documents_it() -> None:
    # Excel's NPV puts the first flow one period from now.
    assert npv(0.10, [0, -10_000, 3000, 4200, 6800]) == pytest.approx(1188.4434, abs=5e-5)


def test_levelised_cost_of_token() -> None:
    costs = [1e6, *[150e3] * 4]
    falling = [0.0, *[2e12 * 0.9 ** (k - 1) for k in range(1, 5)]]
    assert lcot_usd_per_mtok(0.12, costs, falling) == pytest.approx(0.2746247, abs=5e-8)
    sooner = [0.0, *[2e12 * 0.9**k for k in range(1, 5)]]
    assert lcot_usd_per_mtok(0.12, costs, sooner) == pytest.approx(0.3051386, abs=5e-8)


@pytest.mark.parametrize(
    ("flows", "rate", "periods"),
    [
        ([-100, 40, 40, 40], 0.0, 2.5),
        ([-100, 110], 0.10, 1.0),
        ([-100, 60, 60], 0.0, 100 / 60),
        ([-100, 10], 0.0, None),
        ([-100, 200, -200, 200], 0.0, 2.5),  # back for good
        ([100, 10], 0.0, 0.0),
    ],
)
def test_payback(flows: list[float], rate: float, periods: float | None) -> None:
    found = payback_periods(flows, rate)
    assert found == (None if periods is None else pytest.approx(periods))


def test_impossible_questions_are_refused() -> None:
    with pytest.raises(PlanError, match="not above -1"):
        npv(-1.0, [1, 2])
    with pytest.raises(PlanError, match="not above -1"):
        payback_periods([1], float("nan"))
    with pytest.raises(PlanError, match="not a finite number"):
        irr_all([-1, float("nan")])
    with pytest.raises(PlanError, match="no tokens"):
        lcot_usd_per_mtok(0.1, [1.0], [0.0])


@given(st.floats(-0.9, 9), st.floats(1, 1e6), st.integers(1, 120))
def test_the_rate_of_one_payment_back_is_found(rate: float, paid: float, periods: int) -> None:
    back = paid * (1 + rate) ** periods
    if back > 1e-200:
        assert irr([-paid, *[0.0] * (periods - 1), back]) == pytest.approx(rate, abs=1e-9)


@given(st.lists(st.integers(-1000, 1000), min_size=2, max_size=12).filter(any))
def test_roots_are_roots_and_no_more_than_signs_allow(flows: list[int]) -> None:
    rates = irr_all(flows)
    assert list(rates) == sorted(rates)
    for rate in rates:
        scale = npv(rate, [abs(flow) for flow in flows])
        assert abs(npv(rate, flows)) <= 1e-6 * scale
    assert len(rates) <= sign_changes(flows)


def test_a_hundred_years_of_even_cash_have_their_rate() -> None:
    assert irr_all([-100.0, *[4.0] * 1200]) == pytest.approx([0.04], rel=1e-9)


def test_flows_that_turn_ever_again_have_their_rate_or_are_refused() -> None:
    flows = [100.0 if t % 2 else -99.0 for t in range(100)]
    assert irr_all(flows) == pytest.approx([100 / 99 - 1], rel=1e-9)
    with pytest.raises(PlanError, match="change direction 199 times"):
        irr_all(flows * 2)


@given(
    st.lists(st.floats(-0.5, 2), min_size=1, max_size=4)
    .map(sorted)
    .filter(lambda rates: all(b - a > 0.05 for a, b in pairwise(rates)))
)
def test_flows_made_of_roots_give_them_back(rates: list[float]) -> None:
    flows = [1.0]
    for rate in rates:  # times (x (1 + rate) - 1)
        raised, kept = [0.0, *[f * (1 + rate) for f in flows]], [*[-f for f in flows], 0.0]
        flows = [a + b for a, b in zip(raised, kept, strict=True)]
    assert irr_all(flows) == pytest.approx(rates, abs=1e-6)
