"""Training: six operations per weight and token, and what follows of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.core.errors import UsageError
from wattmill.physics.training import device_seconds, mfu_frac, training_flop
from wattmill.plan.questions.registry import ask

some = st.floats(1e3, 1e15)
shares = st.floats(0.01, 1.0)


def test_gpt_3_took_what_its_paper_says() -> None:
    assert training_flop(175e9, 300e9) == pytest.approx(3.14e23, rel=0.01)


@given(params=some, tokens=some, rate=some, used=shares)
def test_utilisation_is_the_inverse_of_time(
    params: float, tokens: float, rate: float, used: float
) -> None:
    flop = training_flop(params, tokens)
    assert mfu_frac(flop, device_seconds(flop, rate, used), rate) == pytest.approx(used)


@given(tokens=some, used=shares)
def test_twice_the_tokens_cost_twice_as_much(tokens: float, used: float) -> None:
    asked = {"params": 7e9, "flops": "989 TFLOP/s", "hourly": "2 USD/h", "mfu": used}
    once, twice = (ask("training_usd", tokens=k * tokens, **asked).value for k in (1, 2))
    assert twice == pytest.approx(2 * float(once))


def test_a_utilisation_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="out of range"):
        ask("training_usd", params=7e9, tokens=1e12, flops="1 TFLOP/s", hourly=2, mfu=0)
