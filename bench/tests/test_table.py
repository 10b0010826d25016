"""The table never hides a row, and its ratios are taken round by round."""

from __future__ import annotations

from dataclasses import replace

from bench.measure import Turn
from bench.peers import Tokens
from bench.table import Row, ratio, remarks, table

TURN = Turn(
    requests_per_s=1000,
    chunks_per_s=64_000,
    p50_us=50,
    p99_us=90,
    load_busy=0.5,
    cpu_s_per_1000=0.02,
    gateway_busy=1.0,
    added_p50_us=30,
    added_p99_us=60,
)


def rates(*values: float) -> list[Turn]:
    return [replace(TURN, requests_per_s=value) for value in values]


def test_the_ratio_is_the_median_over_the_rounds() -> None:
    nginx, other = Row("nginx", turns=rates(100, 200, 400)), Row("x", turns=rates(50, 60, 200))
    assert ratio(other, nginx, lambda turn: turn.requests_per_s) == 0.5
    assert ratio(other, None, lambda turn: turn.requests_per_s) is None


def test_a_row_has_median_and_range() -> None:
    text = table([Row("nginx", "1.22", turns=rates(1000, 3000, 2000))])
    _titles, medians, ranges = text.splitlines()
    assert medians.split()[:4] == ["nginx", "1.22", "2,000", "1"]
    assert ranges.split()[0] == "1,000–3,000"


def test_a_missing_gateway_says_why() -> None:
    missing = Row("litellm", problem="no such version")
    text = table([Row("nginx", turns=[TURN]), missing])
    assert "litellm  not available: no such version" in text
    assert not missing.failed and replace(missing, ours=True).failed


def test_errors_and_lost_rounds_are_told() -> None:
    turns = [replace(TURN, errors=2, first_error="not a 200, status 500")]
    told = remarks([Row("x", turns=turns, problem="it ended with status 1")])
    assert told == [
        "x: only 1 rounds, then: it ended with status 1",
        "x: 2 errors, the first: not a 200, status 500",
    ]


def test_the_ledger_is_held_against_the_upstream() -> None:
    served, short = Tokens(10, 120, 240), Tokens(9, 108, 216)
    good = replace(TURN, served=served, booked=served)
    bad = replace(TURN, served=served, booked=short)
    assert Row("wattmill", turns=[bad]).failed and not Row("wattmill", turns=[good]).failed
    assert "agrees" in remarks([Row("wattmill", turns=[good, good])])[0]
    assert "DIFFERS" in remarks([Row("wattmill", turns=[good, bad])])[0]
