"""The twin runs policy and ledger against replicas: who gets what, when, and what it cost."""

from collections import Counter

import pytest

from wattmill.core.records import Price, Usage
from wattmill.core.roster import Key, Model, Pool, Roster, Tenant
from wattmill.ledger.accounts import Accounts
from wattmill.ledger.entries import Entry, Settle, Void
from wattmill.policy.events import (
    Arrived,
    ClientGone,
    Counted,
    EngineFailed,
    Event,
    Finished,
    Send,
    Settled,
    Streaming,
)
from wattmill.tariff.rating import rate
from wattmill.twin.replica import Counters, StepTimes
from wattmill.twin.scenes import random_scene
from wattmill.twin.simulate import ENGINE_DIED, Run, simulate
from wattmill.twin.workload import Failure, Job, Scene

PRICE = Price(1, "plan", 0.0, 10, 1, 10, 100, 100, 10, 100, 10)
ROSTER = Roster(
    1,
    tenants=(Tenant("acme", "plan", "UTC"), Tenant("tight", "plan", "UTC", 2500)),
    keys=(Key("k", "", "acme"), Key("k-tight", "", "tight")),
    prices=(PRICE,),
    models=(Model("house", ("a", "b")),),
    pools=(
        Pool("a", "", "vllm", "m", None, 1000.0, 1.0, 2),
        Pool("b", "", "vllm", "m", None, 1000.0, 1.0, 2),
    ),
)


def job(
    request: int = 1,
    at_s: float = 0.0,
    stream: bool = True,
    output: int = 3,
    key: str = "k",
    leaves_after: int | None = None,
    leaves_at_s: float | None = None,
) -> Job:
    """Ten prompt tokens, four of them cached; a step, and so a token, takes a second."""
    bounds = (12, output)
    leaves = (leaves_after, leaves_at_s)
    return Job(request, at_s, key, "house", stream, 10, 4, output, *bounds, *leaves)


def run_of(*jobs: Job, failures: tuple[Failure, ...] = (), sync_s: float = 0.0) -> Run:
    second = StepTimes(1.0)
    return simulate(Scene(0.0, ROSTER, jobs, failures, {"a": second, "b": second}, sync_s))


def when(run: Run, kind: type[Event]) -> list[float]:
    return [step.event.at_s for step in run.log if isinstance(step.event, kind)]


def kinds(entries: list[Entry]) -> list[str]:
    return [type(entry).__name__ for entry in entries]


def money(run: Run) -> tuple[int, int]:
    balance = run.balances["tight"]
    return balance.spent_pusd, balance.held_pusd


def sends(run: Run) -> list[tuple[int, str]]:
    actions = [action for step in run.log for action in step.actions]
    return [(action.request, action.pool) for action in actions if isinstance(action, Send)]


# --- the spine --------------------------------------------------------------------------------


def test_a_stream_from_arrival_to_confirmation() -> None:
    run = run_of(job())
    names = [type(step.event).__name__ for step in run.log]
    assert names == [
        "RosterChanged",
        "Arrived",
        "Held",
        "Streaming",
        "Finished",
        "Settled",
        "Delivered",
    ]
    assert kinds(run.entries) == ["Hold", "Settle", "Deliver"]
    outcome = run.outcomes[1]
    assert (outcome.outcome, outcome.pool, outcome.pieces) == ("finished", "a", 3)
    assert (outcome.ttft_s, outcome.tpot_s, outcome.latency_s) == (1.0, 1.0, 3.0)
    assert outcome.charged_pusd == run.balances["acme"].spent_pusd == 6 * 10 + 4 * 1 + 3 * 100
    assert run.counters == {"a": Counters(6, 3), "b": Counters()}


def test_a_whole_answer_has_no_first_piece() -> None:
    run = run_of(job(stream=False))
    assert when(run, Streaming) == []
    assert (when(run, Finished), when(run, Settled)) == ([3.0], [3.0])
    outcome = run.outcomes[1]
    assert (outcome.pieces, outcome.ttft_s, outcome.tpot_s) == (0, None, None)
    assert outcome.charged_pusd == 364


def test_two_requests_go_to_two_pools() -> None:
    assert sends(run_of(job(1), job(2))) == [(1, "a"), (2, "b")]


# --- durable ----------------------------------------------------------------------------------


def test_the_sync_hides_behind_the_prefill() -> None:
    run = run_of(job(), sync_s=0.9)
    assert run.outcomes[1].ttft_s == 1.0
    assert when(run, Settled) == [3.9]


def test_pieces_wait_for_a_durable_hold_and_come_at_once() -> None:
    run = run_of(job(), sync_s=2.5)
    outcome = run.outcomes[1]
    assert (outcome.first_piece_s, outcome.last_piece_s, outcome.pieces) == (2.5, 3.0, 3)
    assert outcome.ended_s == 5.5


def test_the_engine_may_be_done_before_the_hold_is_durable() -> None:
    run = run_of(job(), sync_s=10.0)
    assert when(run, Finished) == [3.0]
    assert when(run, Streaming) == [10.0]
    assert when(run, Settled) == [20.0]
    assert run.outcomes[1].outcome == "finished"


def test_a_client_that_leaves_while_its_pieces_wait_pays_nothing() -> None:
    run = run_of(job(leaves_at_s=5.0), sync_s=10.0)
    assert kinds(run.entries) == ["Hold", "Settle", "Waive"]
    assert (run.outcomes[1].outcome, run.outcomes[1].charged_pusd) == ("waived", 0)
    assert run.balances["acme"].spent_pusd == 0


# --- leave ------------------------------------------------------------------------------------


def test_a_client_that_leaves_midway_pays_for_the_pieces_it_got() -> None:
    run = run_of(job(output=50, leaves_after=2))
    counted = Usage(6, 4, output_text=2, source="counted")
    gone = [step.event for step in run.log if isinstance(step.event, ClientGone | Counted)]
    assert gone == [ClientGone(1, 2.0, delivered=2), Counted(1, 2.0, counted)]
    assert run.outcomes[1].charged_pusd == rate(counted, PRICE)
    assert run.counters["a"] == Counters(6, 2)


def test_a_client_that_leaves_before_the_first_token_pays_nothing() -> None:
    run = run_of(job(leaves_at_s=0.5))
    assert kinds(run.entries) == ["Hold", "Void"]
    assert (run.outcomes[1].outcome, run.outcomes[1].charged_pusd) == ("client_gone", 0)


def test_a_client_that_leaves_after_its_end_changes_nothing() -> None:
    assert run_of(job(leaves_at_s=4.0)).outcomes == run_of(job()).outcomes


def test_who_leaves_with_the_last_piece_got_it_all() -> None:
    run = run_of(job(leaves_after=3))
    assert when(run, Finished) == []
    assert run.outcomes[1].charged_pusd == 364


# --- fail -------------------------------------------------------------------------------------


def test_an_engine_that_dies_before_the_first_byte_is_replaced() -> None:
    run = run_of(job(), failures=(Failure("a", 0.5, 1.0),))
    assert sends(run) == [(1, "a"), (1, "b")]
    assert (run.outcomes[1].outcome, run.outcomes[1].ttft_s) == ("finished", 1.5)


def test_pieces_that_waited_are_forgotten_with_their_engine() -> None:
    run = run_of(job(), failures=(Failure("a", 1.5, 1.0),), sync_s=2.0)
    assert sends(run) == [(1, "a"), (1, "b")]
    assert (run.outcomes[1].pieces, run.outcomes[1].first_piece_s) == (3, 2.5)


def test_an_engine_that_dies_midway_costs_the_tenant_nothing() -> None:
    run = run_of(job(), failures=(Failure("a", 1.5, 1.0),))
    assert (run.outcomes[1].outcome, run.outcomes[1].pieces) == ("engine_failed", 1)
    assert [entry.reason for entry in run.entries if isinstance(entry, Void)] == ["engine_failed"]


def test_a_dead_engine_loses_its_requests_in_the_order_of_their_ids() -> None:
    jobs = [job(request, 0.1 * n) for n, request in enumerate((9, 2, 7, 4))]
    run = run_of(*jobs, failures=(Failure("a", 0.5, 9.0), Failure("b", 0.6, 9.0)))
    failed = [e.request for step in run.log if isinstance(e := step.event, EngineFailed)]
    assert failed == [7, 9, 2, 4, 7, 9]
    reasons = {e.reason for step in run.log if isinstance(e := step.event, EngineFailed)}
    assert reasons == {ENGINE_DIED}


def test_an_engine_is_seen_down_until_the_last_of_its_failures_is_over() -> None:
    failures = (Failure("a", 1.0, 9.0), Failure("a", 2.0, 1.0), Failure("b", 1.0, 2.0))
    run = run_of(*(job(n, float(n)) for n in range(0, 13, 2)), failures=failures)
    views = {e.request: step.view for step in run.log if isinstance(e := step.event, Arrived)}
    ups = {n: "".join(p for p in "ab" if view.pools[p].up) for n, view in views.items()}
    assert ups == {0: "ab", 2: "", 4: "b", 6: "b", 8: "b", 10: "ab", 12: "ab"}
    assert run.outcomes[2].outcome == "engine_unavailable"
    assert views[8].observed_at_s == 3.0


# --- money ------------------------------------------------------------------------------------


def test_a_hard_budget_counts_what_is_held() -> None:
    """A hold is 12 × 10 + 10 × 100 = 1,120 pUSD of 2,500, its charge 1,064: two fit at a time,
    then 372 are left, which cover 12 × 10 + 1 × 100 and not 12 × 10 + 3 × 100."""
    asked = ((1, 0.1, 10), (2, 0.2, 10), (3, 0.3, 10), (4, 30.0, 3), (5, 60.0, 1))
    run = run_of(*(job(n, at_s, output=output, key="k-tight") for n, at_s, output in asked))
    refused = [n for n, o in run.outcomes.items() if o.outcome == "insufficient_quota"]
    assert refused == [3, 4]
    assert money(run) == (2 * 1064 + 164, 0)


# --- whole runs -------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(12))
def test_the_same_scene_gives_the_same_run(seed: int) -> None:
    assert simulate(random_scene(seed)) == simulate(random_scene(seed))


@pytest.mark.parametrize("seed", range(12))
def test_the_entries_alone_give_the_final_balances(seed: int) -> None:
    scene = random_scene(seed)
    run = simulate(scene)
    accounts = Accounts()
    accounts.set_parties(scene.roster.tenants)
    assert all(accounts.apply(entry) for entry in run.entries)
    for tenant, balance in run.balances.items():
        assert accounts.balance(tenant, run.ended_s).spent_pusd in (balance.spent_pusd, 0)
        assert balance.held_pusd == 0
    assert not accounts.open_holds and not accounts.unconfirmed


@pytest.mark.parametrize("seed", range(12))
def test_the_books_and_the_engines_agree_but_for_what_was_not_settled(seed: int) -> None:
    scene = random_scene(seed)
    run = simulate(scene)
    jobs = {job.request: job for job in scene.jobs}
    settled = [entry for entry in run.entries if isinstance(entry, Settle)]
    for pool, counters in run.counters.items():
        here = [entry for entry in settled if entry.pool == pool]
        assert sum(entry.usage.output_text for entry in here) <= counters.tokens_predicted_total
        assert sum(entry.usage.input_uncached for entry in here) <= counters.prompt_tokens_total
    for entry in settled:
        true = jobs[entry.request]
        assert entry.usage.input_tokens == true.prompt_tokens
        if entry.usage.source == "engine":
            assert entry.usage.output_text == true.generated_tokens


def test_scenes_know_every_kind_of_trouble() -> None:
    outcomes: Counter[str] = Counter()
    retried = spilled = late = 0
    for seed in range(60):
        run = simulate(random_scene(seed))
        outcomes.update(outcome.outcome for outcome in run.outcomes.values())
        pools = [pool for _, pool in sends(run)]
        retried += len(pools) - len({request for request, _ in sends(run)})
        spilled += pools.count("cloud")
        late += sum(finished < streaming for finished, streaming in lateness(run))
    assert set(outcomes) == {
        "finished",
        "client_gone",
        "waived",
        "engine_failed",
        "engine_unavailable",
        "insufficient_quota",
        "rate_limit",
        "concurrency_limit",
        "model_not_found",
    }
    assert min(*outcomes.values(), retried, spilled, late) >= 5


def lateness(run: Run) -> list[tuple[float, float]]:
    """When the engine was done and when the client got its first piece, of each stream."""
    done = {e.request: e.at_s for step in run.log if isinstance(e := step.event, Finished)}
    first = {e.request: e.at_s for step in run.log if isinstance(e := step.event, Streaming)}
    return [(done[request], first[request]) for request in done.keys() & first.keys()]
