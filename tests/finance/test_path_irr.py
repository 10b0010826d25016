"""Returns of many paths at once, beside the exact search for all roots."""

from __future__ import annotations

import numpy as np
import pytest
import pyxirr
from hypothesis import given
from hypothesis import strategies as st

from wattmill.core.errors import PlanError
from wattmill.finance.cashflow import irr_all, npv
from wattmill.finance.path_irr import irr_paths


def test_paths_are_solved_as_one_by_one() -> None:
    flows = np.random.default_rng(1).normal(3, 2, (50, 61))
    flows[:, 0] = -100
    flows[:, -1] = 5
    rates = irr_paths(flows)
    assert rates.found.all()
    assert rates.per_month == pytest.approx([pyxirr.irr(row) for row in flows], abs=1e-9)


@given(
    st.floats(10, 1000),
    st.lists(st.floats(0.1, 100), min_size=2, max_size=40),
    st.integers(0, 3),
)
def test_a_conventional_flow_is_worth_nothing_at_its_rate(
    paid: float, received: list[float], late: int
) -> None:
    flows = [0.0] * late + [-paid, *received]
    rates = irr_paths(np.array([flows]))
    if not rates.found[0]:  # then it is beyond what is looked for
        assert npv(-0.5, flows) < 0 or npv(1.0, flows) > 0
        return
    assert npv(float(rates.per_month[0]), flows) == pytest.approx(0, abs=1e-6 * paid)


@pytest.mark.parametrize(
    ("flows", "fate"),
    [
        ([-100.0, -1, -1], "none"),
        ([100.0, 1, 1], "none"),
        ([0.0, 0, 0], "none"),
        ([100.0, -110, 5], "several"),  # borrows first: a rate above 0, but the sum is below it
        ([-1600.0, 10_000, -10_000], "several"),  # 25 % and 400 %
        ([-1000.0, 3600, -4310, 1716], "several"),  # 10, 20 and 30 %
        ([-100.0, 110], "found"),
        ([-100.0, 90], "found"),
    ],
)
def test_paths_without_one_rate_are_told_apart(flows: list[float], fate: str) -> None:
    rates = irr_paths(np.array([flows]))
    told = {name: bool(getattr(rates, name)[0]) for name in ("none", "several", "found")}
    assert told == {name: name == fate for name in told}


def test_cost_of_closing_down_does_not_take_the_return_away() -> None:
    flows = [-100.0, *[3.0] * 60, -5.0]
    low, high = irr_all(flows)
    assert low < -0.2 < 0 < high
    assert irr_paths(np.array([flows])).per_month == pytest.approx([high])


def test_a_loss_has_the_rate_below_zero_that_is_nearest() -> None:
    flows = [-100.0, *[1.5] * 60, -5.0]
    low, high = irr_all(flows)
    assert low < high < 0
    assert irr_paths(np.array([flows])).per_month == pytest.approx([high])


def test_rates_are_of_the_found_paths_in_their_order() -> None:
    flows = np.array([[-100.0, 110], [-1, -1], [-100, 120]])
    rates = irr_paths(flows)
    assert rates.found.tolist() == [True, False, True]
    assert rates.per_month == pytest.approx([0.1, 0.2])
    assert rates.frac_per_year == pytest.approx([1.1**12 - 1, 1.2**12 - 1])


def test_no_path_has_a_rate() -> None:
    assert irr_paths(np.zeros((3, 5))).per_month.tolist() == []


def test_what_is_not_known_is_refused() -> None:
    with pytest.raises(PlanError, match="finite"):
        irr_paths(np.array([[-1.0, float("nan")]]))
