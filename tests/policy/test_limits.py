"""Rate and concurrency limits refuse exactly where they should."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattmill.core.roster import Key
from wattmill.policy.limits import Allowance

STEADY = settings(derandomize=True, deadline=None, max_examples=200)
NOW_S = 1_795_000_000.25


def allow(allowance: Allowance, now_s: float) -> bool:
    if allowance.wait_s(now_s):
        return False
    allowance.enter(now_s)
    return True


@pytest.mark.parametrize("per_minute", [1, 7, 9, 60, 997, 60_000])
def test_a_burst_of_a_minutes_allowance_passes_and_not_one_more(per_minute: int) -> None:
    limiter = Allowance("k", per_minute)
    assert all(allow(limiter, NOW_S) for _ in range(per_minute))
    assert not allow(limiter, NOW_S)


def test_the_wait_is_when_the_next_one_passes() -> None:
    limiter = Allowance("k", 2)
    assert [allow(limiter, NOW_S) for _ in range(3)] == [True, True, False]
    assert limiter.wait_s(NOW_S) == 30.0
    assert not allow(limiter, NOW_S + 29.5)
    assert allow(limiter, NOW_S + 30.0)


def test_a_refusal_costs_nothing() -> None:
    limiter = Allowance("k", 1)
    assert allow(limiter, NOW_S)
    assert not any(allow(limiter, NOW_S + second) for second in range(1, 60))
    assert allow(limiter, NOW_S + 60)


def test_an_allowance_of_none_refuses_everything() -> None:
    assert Allowance("k", 0).wait_s(NOW_S) == 60.0


@STEADY
@given(
    st.sampled_from([1, 2, 3, 5, 6, 10]),
    st.lists(st.integers(0, 40_000), min_size=1, max_size=60),
)
def test_it_equals_a_bucket_that_refills_evenly(per_minute: int, gaps_ms: list[int]) -> None:
    limiter = Allowance("k", per_minute)
    bucket, now_ms = Fraction(per_minute), 0
    for gap_ms in gaps_ms:
        now_ms += gap_ms
        bucket = min(Fraction(per_minute), bucket + Fraction(gap_ms * per_minute, 60_000))
        expected = bucket >= 1
        assert allow(limiter, now_ms / 1000) is expected
        bucket -= expected


def test_new_limits_keep_what_is_used() -> None:
    limiter = Allowance("k", 1)
    assert allow(limiter, NOW_S)
    limiter.set_limits(Key("k", "", "acme", requests_per_minute=2, max_concurrency=1))
    assert limiter.is_crowded
    assert not allow(limiter, NOW_S) and allow(limiter, NOW_S + 30)


def test_concurrency_counts_what_is_in_flight() -> None:
    allowance = Allowance("k", max_concurrency=2)
    allowance.enter(NOW_S)
    assert not allowance.is_crowded
    allowance.enter(NOW_S)
    assert allowance.is_crowded
    allowance.leave()
    assert (allowance.in_flight, allowance.is_crowded) == (1, False)


def test_nobody_leaves_who_did_not_enter() -> None:
    with pytest.raises(AssertionError, match="left more often"):
        Allowance("k").leave()
