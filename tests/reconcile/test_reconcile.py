"""Naming differences, on small books written by hand."""

import pytest

from wattmill.gateway.counters import token_counters
from wattmill.ledger.reconcile import (
    BEYOND,
    OWN_COST,
    UNEXPLAINED,
    Difference,
    Tokens,
    Work,
    reconcile,
)

ANSWERED = Work(True, "finished", "engine", 10, Tokens(900, 100, 500))
CUT_SHORT = Work(True, "client_gone", "counted", 3, Tokens(90, 10, 20))
LEFT_EARLY = Work(False, "client_gone", "estimated", 2, Tokens(8, 0, 0))
MEASURED = Work(False, "client_gone", "counted", 1, Tokens(30, 5, 0))
REFUSED = Work(False, "engine_refused", "engine", 4, Tokens())


def test_books_that_agree_show_no_difference() -> None:
    result = reconcile([ANSWERED, REFUSED], Tokens(900, 100, 500))
    assert result.settled == Tokens(900, 100, 500)
    assert result.differences == ()


def test_what_a_stream_computed_after_its_client_left_is_named() -> None:
    result = reconcile([ANSWERED, CUT_SHORT], Tokens(990, 110, 524))
    assert result.differences == (Difference(BEYOND, 3, Tokens(0, 0, 4)),)
    assert result.unexplained == Tokens()


def test_measured_own_cost_is_a_difference_of_its_own() -> None:
    result = reconcile([ANSWERED, MEASURED], Tokens(930, 105, 501))
    assert result.differences == (
        Difference(OWN_COST, 1, Tokens(30, 5, 0)),
        Difference(BEYOND, 1, Tokens(0, 0, 1)),
    )


def test_an_estimate_is_no_measurement() -> None:
    result = reconcile([ANSWERED, LEFT_EARLY], Tokens(950, 100, 700))
    assert result.differences == (Difference(BEYOND, 2, Tokens(50, 0, 200)),)


@pytest.mark.parametrize(
    "counted",
    [Tokens(901, 100, 500), Tokens(900, 99, 500), Tokens(899, 101, 500), Tokens(900, 100, 499)],
)
def test_one_token_that_no_request_accounts_for_is_an_alarm(counted: Tokens) -> None:
    result = reconcile([ANSWERED, REFUSED], counted)
    assert result.unexplained == counted - result.settled
    assert [difference.name for difference in result.differences] == [UNEXPLAINED]


def test_an_engine_that_counted_less_is_an_alarm_whoever_left() -> None:
    result = reconcile([ANSWERED, CUT_SHORT], Tokens(990, 110, 519))
    assert result.unexplained == Tokens(0, 0, -1)


def test_counted_is_settled_plus_differences() -> None:
    result = reconcile([ANSWERED, CUT_SHORT, LEFT_EARLY, MEASURED], Tokens(1100, 150, 999))
    parts = sum((difference.tokens for difference in result.differences), result.settled)
    assert parts == result.counted


METRICS = """# TYPE llamacpp:prompt_tokens_total counter
llamacpp:prompt_tokens_total 49
llamacpp:prompt_tokens_cached_total 48
llamacpp:tokens_predicted_total 20
llamacpp:tokens_predicted_seconds_total 0.014231
"""


def test_counters_are_read_by_name() -> None:
    assert token_counters("llama.cpp", METRICS) == Tokens(49, 48, 20)


def test_a_name_that_is_not_there_is_unknown_and_never_zero() -> None:
    assert token_counters("llama.cpp", METRICS.replace("cached_total", "reused")) is None
    assert token_counters("somebody-else", METRICS) is None
