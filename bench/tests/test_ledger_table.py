"""The table and the notes below it say what was measured, and what was not."""

from __future__ import annotations

from dataclasses import replace

from bench.facts import SyncCost
from bench.ledger.contenders import CONTENDERS, Durable
from bench.ledger.notes import about, derived, of_peer
from bench.ledger.table import Row, Turn, remarks, table

TURN = Turn(requests=1000, per_s=500.0, cpu_us=20.0, peak_mb=50.0)
SYNCS = [SyncCost(1.0, 3.0)]


def row(name: str, *turns: Turn, ours: bool = True) -> Row:
    return Row(name, "about", ours, turns=list(turns))


def test_a_row_has_median_and_range() -> None:
    turns = [replace(TURN, per_s=rate) for rate in (100.0, 300.0, 200.0)]
    _titles, medians, ranges = table([row("durable", *turns)]).splitlines()
    assert medians.split() == ["durable", "1,000", "200", "20.0", "–", "–", "50"]
    assert ranges.split() == ["about", "100–300"]


def test_a_row_without_figures_says_why() -> None:
    missing = Row("litellm", "about", ours=False, problem="no such version")
    assert "litellm  not available: no such version" in table([row("durable", TURN), missing])
    assert not missing.failed
    assert replace(missing, ours=True).failed


def test_wrong_results_fail_the_row_and_are_told() -> None:
    wrong = row("litellm", TURN, replace(TURN, wrong="9 rows"), ours=False)
    assert wrong.failed
    assert remarks([wrong]) == ["litellm: WRONG: 9 rows"]


def test_lost_rounds_are_told() -> None:
    short = replace(row("durable", TURN), problem="it ended with status 1")
    assert short.failed
    assert remarks([short]) == ["durable: only 1 rounds, then: it ended with status 1"]


def test_little_allows_what_two_syncs_in_a_row_do() -> None:
    slow = Durable("slow", in_flight=600, sync_delay_ms=5)  # 600 / (2 x 6 ms) = 50,000 a second
    [line] = derived([row("slow", replace(TURN, per_s=10_000.0))], [slow], SYNCS)
    assert "allows 50,000 requests/s, 10,000 were done (20 %), 60.0 ms each" in line


def test_a_whole_way_is_the_cpu_of_all_that_takes_part() -> None:
    rows = [
        row("durable", TURN),
        row("to-postgresql", replace(TURN, server_us=10.0)),
        row("litellm", replace(TURN, cpu_us=400.0, server_us=100.0), ours=False),
    ]
    [line] = derived(rows, [], SYNCS)
    assert "wattmill 50 µs" in line
    assert "litellm 500 µs (10.0 times)" in line


def test_a_missed_target_is_told() -> None:
    good = replace(TURN, requests=10_000_000, seconds=59.0, peak_mb=499.0)
    cases = (
        ("met", [good]),
        ("MISSED", [replace(good, seconds=61.0)]),
        ("MISSED", [good, replace(good, peak_mb=501.0)]),
        ("not tested with 1,000", [replace(good, requests=1000)]),
    )
    for word, turns in cases:
        [line] = derived([row("month-invoiced", *turns)], [], SYNCS)
        assert f"is {word}: " in line


def test_whom_the_stand_in_favours_is_told_when_it_ran() -> None:
    assert "favours LiteLLM" in of_peer({"litellm": row("litellm", TURN)})[0]
    assert of_peer({"litellm": row("litellm")}) == of_peer({}) == []


def test_every_row_says_what_it_is() -> None:
    assert all(about(contender) for contender in CONTENDERS)
    assert about(Durable("x", 4096, 5)).endswith("4,096 in flight, syncs 5 ms slower")
