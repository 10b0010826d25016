"""Engines that are odd, broken or away: the client gets a clear answer and pays for nothing it did not get."""

import pytest

from tests.gateway.mill import INPUT_PUSD, OUTPUT_PUSD, Mill
from tests.gateway.wire import chat, post, wire
from tests.support.engine import PROMPT_TOKENS, REFUSAL, WORDS
from tests.support.factory import wait_until

WELL = "".join(WORDS)
PRICE_PUSD = PROMPT_TOKENS * INPUT_PUSD + len(WORDS) * OUTPUT_PUSD
GAVE_UP = (502, "engine_failed")
"""What a client is told when an engine failed before its first byte and there is no other."""


def settled(mill: Mill, request: int) -> dict[str, object]:
    """The settlement of a request that was delivered."""
    charged = mill.wait_for(request)
    assert charged["state"] == "charged"
    return charged


def assert_nothing_charged(mill: Mill, reason: str) -> None:
    """The newest request was held and, a moment later, voided."""

    def voided() -> bool:
        row = mill.over(mill.last_request())
        return row is not None and (row["state"], row["reason"], row["amount_pusd"]) == (
            "void",
            reason,
            0,
        )

    wait_until(voided, f"a void because of {reason}", 10)


# --- odd, but good ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("play", "stream"),
    [
        ("well", False),
        ("well", True),
        ("null-usage", True),
        ("crlf", True),
        ("one-byte-at-a-time", True),
        ("until-closed", False),
        ("closes-idle", False),
    ],
)
def test_habits_of_engines_change_nothing(mill: Mill, play: str, stream: bool) -> None:
    for _ in range(3):
        answer = mill.chat(play, stream=stream)
        assert (answer.status, answer.text) == (200, WELL)
        settlement = settled(mill, answer.request)
        assert settlement["source"] == "engine"
        assert settlement["amount_pusd"] == PRICE_PUSD


@pytest.mark.parametrize("asked", [True, False])
def test_usage_is_in_a_stream_when_it_was_asked_for(mill: Mill, asked: bool) -> None:
    answer = mill.chat(stream=True, stream_options={"include_usage": asked})
    assert answer.text == WELL
    usages = [chunk["usage"] for chunk in answer.chunks if chunk.get("usage")]
    assert [usage["completion_tokens"] for usage in usages] == ([len(WORDS)] if asked else [])
    assert answer.body.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("play", ["no-usage", "mismatched-usage"])
def test_without_a_count_that_adds_up_we_count_ourselves_and_never_too_much(
    mill: Mill, play: str
) -> None:
    answer = mill.chat(play, stream=True)
    assert answer.text == WELL
    settlement = settled(mill, answer.request)
    assert settlement["source"] in ("counted", "estimated")
    assert settlement["output_text"] == len(WORDS)
    assert 0 < settlement["amount_pusd"] <= PRICE_PUSD  # type: ignore[operator]


@pytest.mark.parametrize("play", ["no-usage", "mismatched-usage", "boundless-usage"])
def test_a_plain_answer_without_a_count_is_passed_on_all_the_same(mill: Mill, play: str) -> None:
    answer = mill.chat(play)
    assert (answer.status, answer.text) == (200, WELL)
    settlement = settled(mill, answer.request)
    assert settlement["source"] == "estimated"
    assert 0 < settlement["amount_pusd"] <= PRICE_PUSD  # type: ignore[operator]


@pytest.mark.parametrize("stream", [False, True])
def test_an_engine_that_refuses_is_quoted_word_for_word(mill: Mill, stream: bool) -> None:
    answer = mill.chat("refuses", stream=stream)
    assert (answer.status, answer.body) == (422, REFUSAL)
    assert answer.headers["content-type"] == "application/problem+json"
    assert_nothing_charged(mill, "engine_refused")


def test_fields_that_only_the_engine_knows_reach_it(mill: Mill) -> None:
    mill.chat(tools=[{"type": "function", "function": {"name": "f"}}], top_k=5, seed=None)
    fields = mill.engine.of("well")[-1].fields
    assert (fields["top_k"], fields["seed"]) == (5, None)
    assert fields["tools"][0]["function"]["name"] == "f"
    assert (fields["model"], fields["max_tokens"]) == ("scripted", 100)


def test_the_engine_never_sees_the_client_s_key(mill: Mill) -> None:
    mill.chat()
    assert "authorization" not in mill.engine.of("well")[-1].headers


# --- broken before the first byte ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("play", "stream"),
    [
        ("no-http", False),
        ("no-http", True),
        ("no-json", False),
        ("a-list", False),
        ("wrong-kind", True),
        ("cut-head", False),
        ("cut-head", True),
        ("cut-body", False),
        ("breaks-down", False),
        ("breaks-down", True),
        ("hangs-up", False),
        ("hangs-up", True),
        ("endless-frame", True),
    ],
)
def test_an_engine_that_breaks_costs_nobody_anything(mill: Mill, play: str, stream: bool) -> None:
    answer = mill.chat(play, stream=stream)
    assert (answer.status, answer.code) == GAVE_UP
    assert int(answer.headers["retry-after"]) > 0
    assert_nothing_charged(mill, "engine_failed")
    mill.assert_serves()


def test_a_pool_that_is_away_is_503_with_a_time_to_come_back(mill: Mill) -> None:
    answer = mill.chat(model="nowhere")
    assert (answer.status, answer.code) == (503, "engine_unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert_nothing_charged(mill, "engine_unavailable")


def test_an_engine_that_goes_down_is_noticed_and_so_is_its_return(mill: Mill) -> None:
    mill.engine.go_down()
    try:
        wait_until(lambda: not mill.do("status")["gateway"]["pools"]["here"]["up"], "it is down")
        answer = mill.chat()
        assert (answer.status, answer.code) == (503, "engine_unavailable")
    finally:
        mill.engine.come_up()
    wait_until(lambda: mill.do("status")["gateway"]["pools"]["here"]["up"], "it is up again")
    mill.assert_serves()


def test_an_engine_that_says_it_is_ill_gets_no_requests(mill: Mill) -> None:
    mill.engine.healthy = False
    try:
        wait_until(lambda: not mill.do("status")["gateway"]["pools"]["here"]["up"], "it is down")
        assert mill.chat().status == 503
    finally:
        mill.engine.healthy = True
    wait_until(lambda: mill.do("status")["gateway"]["pools"]["here"]["up"], "it is up again")


def queue(mill: Mill) -> list[int | None]:
    here = mill.do("status")["gateway"]["pools"]["here"]
    return [here["running"], here["waiting"]]


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        (b"vllm:num_requests_running 2\nvllm:num_requests_waiting 3.0\n", [2, 3]),
        (b'vllm:num_requests_running{a="b"} 2\nvllm:num_requests_running{a="c"} 1\n', [3, None]),
        (b"vllm:num_requests_running NaN\nvllm:num_requests_waiting +Inf\n", [None, None]),
        (b"vllm:num_requests_running lots\nvllm:num_requests_waiting -\n", [None, None]),
        (b"\xff\x00<html>", [None, None]),
    ],
)
def test_metrics_are_numbers_or_unknown(
    mill: Mill, metrics: bytes, expected: list[int | None]
) -> None:
    before, mill.engine.metrics = mill.engine.metrics, metrics
    try:
        wait_until(lambda: queue(mill) == expected, f"the queue is seen as {expected}", 10)
    finally:
        mill.engine.metrics = before
    wait_until(lambda: queue(mill) == [0, 0], "the watch goes on", 10)


# --- broken in the middle --------------------------------------------------------------------------


def broken_after_a_word(mill: Mill, play: str) -> bytes:
    """What a client reads of a stream that breaks once its first word has come."""
    mill.engine.pause()
    with wire(mill.url) as connection:
        connection.send(post(chat(play, stream=True), mill.key()))
        connection.read_until(b"one ")
        mill.engine.go_on()
        rest = connection.read_until(b"0\r\n\r\n")
        assert connection.is_closed
        return rest


@pytest.mark.parametrize("play", ["cut-stream", "no-done", "error-frame"])
def test_a_stream_that_dies_ends_with_an_error_and_no_charge(mill: Mill, play: str) -> None:
    rest = broken_after_a_word(mill, play)
    assert b'"code":"engine_failed"' in rest
    assert b"[DONE]" not in rest
    assert_nothing_charged(mill, "engine_failed")


def test_an_engine_s_own_words_for_its_failure_reach_the_client(mill: Mill) -> None:
    assert b"out of memory" in broken_after_a_word(mill, "error-frame")
