"""Rate and concurrency limits refuse exactly where they should."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattmill.policy.limits import ConcurrencyLimiter, RateLimiter

STEADY = settings(derandomize=True, deadline=None, max_examples=200)
NOW_S = 1_795_000_000.25


def allow(limiter: RateLimiter, per_minute: int, now_s: float, name: str = "k") -> bool:
    if limiter.wait_s(name, per_minute, now_s):
        return False
    limiter.count(name, per_minute, now_s)
    return True


@pytest.mark.parametrize("per_minute", [1, 7, 9, 60, 997, 60_000])
def test_a_burst_of_a_minutes_allowance_passes_and_not_one_more(per_minute: int) -> None:
    limiter = RateLimiter()
    assert all(allow(limiter, per_minute, NOW_S) for _ in range(per_minute))
    assert not allow(limiter, per_minute, NOW_S)


def test_the_wait_is_when_the_next_one_passes() -> None:
    limiter = RateLimiter()
    assert [allow(limiter, 2, NOW_S) for _ in range(3)] == [True, True, False]
    assert limiter.wait_s("k", 2, NOW_S) == 30.0
    assert not allow(limiter, 2, NOW_S + 29.5)
    assert allow(limiter, 2, NOW_S + 30.0)


def test_a_refusal_costs_nothing() -> None:
    limiter = RateLimiter()
    assert allow(limiter, 1, NOW_S)
    assert not any(allow(limiter, 1, NOW_S + second) for second in range(1, 60))
    assert allow(limiter, 1, NOW_S + 60)


def test_names_do_not_share() -> None:
    limiter = RateLimiter()
    assert allow(limiter, 1, NOW_S, "a") and allow(limiter, 1, NOW_S, "b")


def test_an_allowance_of_none_refuses_everything() -> None:
    assert RateLimiter().wait_s("k", 0, NOW_S) == 60.0


@STEADY
@given(
    st.sampled_from([1, 2, 3, 5, 6, 10]),
    st.lists(st.integers(0, 40_000), min_size=1, max_size=60),
)
def test_it_equals_a_bucket_that_refills_evenly(per_minute: int, gaps_ms: list[int]) -> None:
    limiter = RateLimiter()
    bucket, now_ms = Fraction(per_minute), 0
    for gap_ms in gaps_ms:
        now_ms += gap_ms
        bucket = min(Fraction(per_minute), bucket + Fraction(gap_ms * per_minute, 60_000))
        expected = bucket >= 1
        assert allow(limiter, per_minute, now_ms / 1000) is expected
        bucket -= expected


def test_concurrency_counts_what_is_in_flight() -> None:
    limiter = ConcurrencyLimiter()
    limiter.enter("k")
    limiter.enter("k")
    assert (limiter.in_flight("k"), limiter.in_flight("other")) == (2, 0)
    limiter.leave("k")
    limiter.leave("k")
    assert limiter.in_flight("k") == 0


def test_nobody_leaves_who_did_not_enter() -> None:
    limiter = ConcurrencyLimiter()
    limiter.enter("k")
    limiter.leave("k")
    with pytest.raises((AssertionError, KeyError)):
        limiter.leave("k")
