"""An engine with continuous batching: what it yields, when, and what it counts."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattmill.core.records import Usage
from wattmill.core.roster import Pool
from wattmill.twin.replica import Counters, Done, Emission, Replica, StepTimes, Token

STEADY = settings(derandomize=True, deadline=None, max_examples=200)
SECOND = StepTimes(1.0)

Ask = tuple[int, int, int]
"""Prompt tokens, cached tokens, output tokens."""

asks = st.lists(
    st.tuples(st.integers(1, 40), st.integers(0, 39), st.integers(0, 12)).map(
        lambda ask: (ask[0], min(ask[1], ask[0] - 1), ask[2])
    ),
    min_size=1,
    max_size=10,
)
slots = st.integers(1, 8)
step_tokens = st.integers(8, 64)
times = st.builds(
    StepTimes, st.just(1.0), st.sampled_from([0.0, 0.01]), st.sampled_from([0.0, 0.1])
)


def submit_all(replica: Replica, asks: list[Ask], now_s: float = 0.0) -> None:
    for request, (prompt, cached, output) in enumerate(asks):
        replica.submit(now_s, request, prompt, cached, output)


def run_out(replica: Replica) -> list[Emission]:
    emissions = []
    while (next_s := replica.next_s()) is not None:
        emissions += replica.advance(next_s)
    return emissions


def done_at(emissions: list[Emission]) -> dict[int, float]:
    return {done.request: done.at_s for done in emissions if isinstance(done, Done)}


def token_times(emissions: list[Emission], request: int) -> list[float]:
    return [e.at_s for e in emissions if isinstance(e, Token) and e.request == request]


# --- one request ------------------------------------------------------------------------------


def test_the_first_token_comes_with_the_end_of_the_prefill() -> None:
    replica = Replica(StepTimes(1.0, prefill_token_s=0.125), slots=1)
    replica.submit(5.0, 1, prompt_tokens=100, cached_tokens=20, output_tokens=2)
    usage = Usage(input_uncached=80, input_cached=20, output_text=2)
    assert run_out(replica) == [
        Token(1, 16.0, 1),
        Token(1, 17.0, 1),
        Done(1, 17.0, usage),
    ]
    assert replica.counters == Counters(80, 2)


def test_nothing_is_yielded_before_its_time() -> None:
    replica = Replica(SECOND, slots=1)
    assert replica.next_s() is None and replica.advance(9.0) == []
    replica.submit(9.0, 1, 1, 0, 1)
    assert replica.next_s() == 10.0
    assert replica.advance(9.999) == []
    assert [type(emission) for emission in replica.advance(10.0)] == [Token, Done]
    assert replica.next_s() is None


def test_a_long_prompt_is_prefilled_in_chunks_of_the_step() -> None:
    replica = Replica(SECOND, slots=1, step_tokens=10)
    replica.submit(0.0, 1, prompt_tokens=25, cached_tokens=0, output_tokens=1)
    assert token_times(run_out(replica), 1) == [3.0]


def test_an_answer_without_tokens_ends_with_its_prefill() -> None:
    replica = Replica(SECOND, slots=1)
    replica.submit(0.0, 1, 5, 0, 0)
    assert run_out(replica) == [Done(1, 1.0, Usage(input_uncached=5))]


def test_a_step_costs_what_is_in_it() -> None:
    """3 prompt tokens; then one sequence decoded with 3, then 4 tokens in its cache."""
    replica = Replica(StepTimes(1.0, 0.1, 0.01, 0.001), slots=1)
    replica.submit(0.0, 1, 3, 0, 3)
    first, second, third = token_times(run_out(replica), 1)
    assert first == pytest.approx(1.3)
    assert second - first == pytest.approx(1.013)
    assert third - second == pytest.approx(1.014)


# --- a batch ----------------------------------------------------------------------------------


def test_decoding_goes_on_while_another_prompt_is_prefilled() -> None:
    """The first takes one token of each step of 10; the second's 18 tokens take what is left."""
    replica = Replica(SECOND, slots=2, step_tokens=10)
    replica.submit(0.0, 1, 1, 0, 5)
    replica.submit(0.0, 2, 18, 0, 1)
    emissions = run_out(replica)
    assert token_times(emissions, 1) == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert token_times(emissions, 2) == [3.0]


def test_who_comes_during_a_step_waits_for_the_next() -> None:
    replica = Replica(SECOND, slots=2)
    replica.submit(0.0, 1, 1, 0, 1)
    replica.submit(0.5, 2, 1, 0, 1)
    assert (replica.running, replica.waiting) == (1, 1)
    assert done_at(run_out(replica)) == {1: 1.0, 2: 2.0}


def test_a_slot_that_frees_goes_to_the_first_in_line() -> None:
    replica = Replica(SECOND, slots=1)
    submit_all(replica, [(1, 0, 2), (1, 0, 1), (1, 0, 1)])
    assert done_at(run_out(replica)) == {0: 2.0, 1: 3.0, 2: 4.0}


def test_abort_frees_the_slot_and_says_nothing_more() -> None:
    replica = Replica(SECOND, slots=1)
    submit_all(replica, [(1, 0, 100), (1, 0, 1), (1, 0, 1)])
    replica.advance(2.0)
    assert replica.abort(2.5, 0) and replica.abort(2.5, 1)
    assert not replica.abort(2.5, 0)
    emissions = run_out(replica)
    assert done_at(emissions) == {2: 4.0}
    assert {emission.request for emission in emissions} == {2}
    assert replica.counters == Counters(2, 3)


def test_a_dead_engine_tells_what_it_had_and_starts_anew() -> None:
    replica = Replica(SECOND, slots=1)
    submit_all(replica, [(1, 0, 9), (1, 0, 9)])
    replica.advance(2.0)
    assert replica.fail(2.5) == [0, 1]
    assert (replica.next_s(), replica.running, replica.waiting) == (None, 0, 0)
    assert replica.fail(3.0) == []
    replica.submit(4.0, 0, 1, 0, 1)
    assert done_at(run_out(replica)) == {0: 5.0}


# --- refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize("ask", [(0, 0, 1), (5, 5, 1), (5, -1, 1), (5, 0, -1)])
def test_a_request_that_cannot_be(ask: Ask) -> None:
    with pytest.raises(ValueError):
        Replica(SECOND, slots=1).submit(0.0, 1, *ask)


def test_a_request_is_here_once() -> None:
    replica = Replica(SECOND, slots=1)
    replica.submit(0.0, 1, 1, 0, 1)
    with pytest.raises(ValueError, match="here already"):
        replica.submit(0.0, 1, 1, 0, 1)


def test_an_engine_that_cannot_be() -> None:
    with pytest.raises(ValueError):
        Replica(SECOND, slots=0)
    with pytest.raises(ValueError):
        Replica(SECOND, slots=9, step_tokens=8)
    with pytest.raises(ValueError):
        StepTimes(0.0)
    with pytest.raises(ValueError):
        StepTimes(1.0, kv_token_s=-1.0)


def test_the_rates_of_a_pool_are_met_when_it_is_full() -> None:
    pool = Pool("p", "", "vllm", "m", None, prefill_tok_s=1000.0, decode_tok_s=80.0, slots=4)
    replica = Replica(StepTimes.of_pool(pool), pool.slots)
    submit_all(replica, [(1, 0, 401)] * 4)
    emissions = run_out(replica)
    decode_s = emissions[-1].at_s - token_times(emissions, 3)[0]
    assert 4 * 400 / decode_s == pytest.approx(80.0, rel=0.01)


# --- properties -------------------------------------------------------------------------------


@STEADY
@given(asks, slots, step_tokens, times)
def test_tokens_are_conserved_and_the_counters_agree(
    asks: list[Ask], slots: int, step_tokens: int, times: StepTimes
) -> None:
    replica = Replica(times, slots, step_tokens)
    submit_all(replica, asks)
    emissions = run_out(replica)
    tokens = Counter[int]()
    for emission in emissions:
        if isinstance(emission, Token):
            tokens[emission.request] += emission.n
    usages = {done.request: done.usage for done in emissions if isinstance(done, Done)}
    assert usages == {
        request: Usage(prompt - cached, cached, output_text=output)
        for request, (prompt, cached, output) in enumerate(asks)
    }
    assert all(tokens[request] == usage.output_text for request, usage in usages.items())
    assert replica.counters == Counters(
        sum(usage.input_uncached for usage in usages.values()), tokens.total()
    )
    assert (replica.running, replica.waiting) == (0, 0)


@STEADY
@given(asks, slots, step_tokens, st.data())
def test_counters_hold_through_aborts(
    asks: list[Ask], slots: int, step_tokens: int, data: st.DataObject
) -> None:
    replica = Replica(SECOND, slots, step_tokens)
    submit_all(replica, asks)
    emitted = 0
    while (next_s := replica.next_s()) is not None:
        emitted += sum(isinstance(emission, Token) for emission in replica.advance(next_s))
        victim = data.draw(st.integers(0, 3 * len(asks)))
        aborted = replica.abort(next_s, victim)
        assert not aborted or not replica.abort(next_s, victim)
        assert replica.running <= slots
    assert replica.counters.tokens_predicted_total == emitted
    assert replica.counters.prompt_tokens_total <= sum(ask[0] - ask[1] for ask in asks)


@STEADY
@given(asks, slots, step_tokens)
def test_first_tokens_come_in_the_order_of_arrival(
    asks: list[Ask], slots: int, step_tokens: int
) -> None:
    replica = Replica(SECOND, slots, step_tokens)
    submit_all(replica, [(prompt, cached, output + 1) for prompt, cached, output in asks])
    emissions = run_out(replica)
    firsts = [token_times(emissions, request)[0] for request in range(len(asks))]
    assert firsts == sorted(firsts)


@STEADY
@given(asks, step_tokens, times)
def test_more_slots_never_end_later(asks: list[Ask], step_tokens: int, times: StepTimes) -> None:
    """KV reads cost nothing here: a prompt in more chunks reads its own cache more often."""
    ends = []
    for slots in range(1, 9):
        replica = Replica(times, slots, step_tokens)
        submit_all(replica, asks)
        ends.append(run_out(replica)[-1].at_s)
    assert all(later <= earlier + 1e-9 for earlier, later in pairwise(ends))


@STEADY
@given(asks, slots, step_tokens)
def test_a_step_spends_no_more_than_its_budget(
    asks: list[Ask], slots: int, step_tokens: int
) -> None:
    """A second for each prompt token and each sequence: a step's time is what it computed."""
    replica = Replica(
        StepTimes(0.5, prefill_token_s=1.0, decode_sequence_s=1.0), slots, step_tokens
    )
    submit_all(replica, asks)
    now_s = 0.0
    while (next_s := replica.next_s()) is not None:
        assert 1.0 <= next_s - now_s - 0.5 <= step_tokens
        replica.advance(next_s)
        now_s = next_s


@STEADY
@given(asks, slots, step_tokens, times)
def test_one_leap_yields_what_many_steps_yield(
    asks: list[Ask], slots: int, step_tokens: int, times: StepTimes
) -> None:
    one, other = Replica(times, slots, step_tokens), Replica(times, slots, step_tokens)
    submit_all(one, asks)
    submit_all(other, asks)
    assert one.advance(1e9) == run_out(other)
