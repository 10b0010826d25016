"""What a token costs, and when owning beats buying."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.core.errors import PlanError
from wattmill.finance import token_cost

MONEY = st.floats(1e-6, 1e6)
SHARES = st.floats(0.01, 1.0)


@given(MONEY, MONEY, SHARES)
def test_a_token_of_an_idle_machine_costs_more(usd: float, rate: float, share: float) -> None:
    busy = token_cost.usd_per_token(usd, rate, 1.0)
    assert token_cost.usd_per_token(usd, rate, share) == pytest.approx(busy / share)
    assert token_cost.implied_usd_per_s(busy, rate) == pytest.approx(usd)


def test_an_owned_hour_is_wear_energy_and_the_rest() -> None:
    an_hour = 3600 * token_cost.owned_usd_per_s(
        36_500.0, 500.0, 36 * 730 * 3600.0, 1000.0, 1.3, 0.1 / 3.6e6, 73 / (730 * 3600)
    )
    assert an_hour == pytest.approx(36_000 / 36 / 730 + 1.3 * 0.1 + 0.1)


@given(MONEY, MONEY)
def test_at_break_even_both_cost_the_same(usd_per_s: float, price: float) -> None:
    rate = token_cost.break_even_tok_per_s(usd_per_s, price)
    assert rate * price == pytest.approx(usd_per_s)


def test_payback_is_never_where_running_costs_more_than_it_saves() -> None:
    assert token_cost.payback_s(1000.0, 10.0, 2.0, 10.0) == 100.0
    with pytest.raises(PlanError, match="more than the API"):
        token_cost.payback_s(1000.0, 10.0, 1.0, 10.0)


def test_a_request_pays_cached_input_at_its_own_price() -> None:
    assert token_cost.request_usd(100.0, 10.0, 0.5, 1.0, 0.1, 4.0) == pytest.approx(95.0)


@given(st.floats(0, 1), MONEY, MONEY)
def test_a_blend_lies_between_its_parts(share: float, a: float, b: float) -> None:
    blended = token_cost.blended_usd_per_token(a, b, share)
    assert min(a, b) * (1 - 1e-9) <= blended <= max(a, b) * (1 + 1e-9)


@given(st.floats(0.01, 1), st.floats(1, 100))
def test_at_its_break_even_a_cascade_costs_as_much_as_the_large_model(
    small: float, large: float
) -> None:
    escalated = token_cost.cascade_break_even_frac(small, large)
    assert token_cost.cascade_cost_frac(small, large, escalated) == pytest.approx(1.0)


@given(MONEY, st.floats(1.1, 10), st.floats(0.5, 10))
def test_a_yearly_factor_compounds(after: float, factor: float, years: float) -> None:
    assert token_cost.yearly_factor(after * factor**years, after, years) == pytest.approx(factor)


FORMULAS: list[tuple[Callable[..., Any], tuple[float, ...]]] = [
    (token_cost.usd_per_token, (1.0, 2.0, 0.5)),
    (token_cost.owned_usd_per_s, (9.0, 1.0, 5.0, 2.0, 1.3, 0.1, 0.2)),
    (token_cost.margin_frac, (3.0, 1.0)),
    (token_cost.payback_s, (10.0, 5.0, 3.0, 1.0)),
    (token_cost.yearly_factor, (8.0, 2.0, 2.0)),
]


@pytest.mark.parametrize(("formula", "inputs"), FORMULAS, ids=[f.__name__ for f, _ in FORMULAS])
def test_an_array_gives_what_its_numbers_give(
    formula: Callable[..., Any], inputs: tuple[float, ...]
) -> None:
    both = formula(*(np.array([x, 0.9 * x]) for x in inputs))
    assert both == pytest.approx([formula(*inputs), formula(*(0.9 * x for x in inputs))])


@pytest.mark.parametrize(
    ("formula", "inputs"),
    [
        (token_cost.usd_per_token, (1.0, 0.0, 1.0)),
        (token_cost.usd_per_token, (1.0, 1.0, 0.0)),
        (token_cost.margin_frac, (0.0, 1.0)),
        (token_cost.yearly_factor, (1.0, 1.0, 0.0)),
        (token_cost.owned_usd_per_s, (1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0)),
    ],
)
def test_what_cannot_be_is_refused(formula: Callable[..., Any], inputs: tuple[float, ...]) -> None:
    with pytest.raises(PlanError):
        formula(*inputs)
