"""Server-sent events: however an engine's bytes are cut into reads, a client gets the same."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.engine import USAGE, frame, usage_frame
from wattmill.core.records import Usage
from wattmill.gateway.streams import MAX_FRAME_BYTES, NoStream, SseRelay

DONE = b"data: [DONE]\n\n"
SPOKEN = [frame(""), frame("one "), frame("two "), frame("three")]
ENGINE_USAGE = Usage(input_uncached=7, output_text=5)


def relayed(reads: list[bytes], *, wants_usage: bool = False) -> tuple[bytes, SseRelay]:
    """What is passed on while these reads come in, and the relay after them."""
    relay = SseRelay(client_wants_usage=wants_usage)
    return b"".join(relay.feed(read) for read in reads), relay


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """Data cut at these places."""
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


STREAMS = {
    "plain": [*SPOKEN, usage_frame(USAGE), DONE],
    "null usage in each chunk": [
        *(frame(word, usage=None) for word in ("", "one ", "two ")),
        usage_frame({**USAGE, "prompt_tokens_details": None}),
        DONE,
    ],
    "usage so far in each chunk": [
        *(frame(w, usage={**USAGE, "completion_tokens": n}) for n, w in enumerate(("", "a", "b"))),
        usage_frame(USAGE),
        DONE,
    ],
    "content that looks like frames": [
        frame(""),
        frame("data: [DONE]\n\n"),
        frame('"usage": {"prompt_tokens": 1}'),
        frame("\r\n\r\n[DONE]"),
        frame('{"role":"assistant"}'),
        usage_frame(USAGE),
        DONE,
    ],
    "comments to keep the line open": [
        b": ping\n\n",
        *SPOKEN,
        b": ping\n\n",
        usage_frame(USAGE),
        DONE,
    ],
    "no space after data": [
        *(line.replace(b"data: ", b"data:") for line in (*SPOKEN, usage_frame(USAGE), DONE))
    ],
}
"""What engines send, by what is odd about it."""


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("wants_usage", [False, True], ids=["plain", "usage wanted"])
@given(places=st.lists(st.integers(0, 2000), max_size=12))
def test_any_split_into_reads_gives_the_same(
    stream: list[bytes], line_end: bytes, wants_usage: bool, places: list[int]
) -> None:
    data = b"".join(stream).replace(b"\n", line_end)
    whole_passed, whole = relayed([data], wants_usage=wants_usage)
    passed, relay = relayed(cut(data, places), wants_usage=wants_usage)
    assert passed == whole_passed
    assert relay.ending == whole.ending
    assert relay.usage == whole.usage == ENGINE_USAGE
    assert relay.pieces == whole.pieces
    assert relay.done


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
def test_frames_with_content_reach_the_client_unchanged(stream: list[bytes]) -> None:
    passed, relay = relayed(stream)
    assert passed == b"".join(stream[:-2])
    assert relay.ending == stream[-1]


def test_the_usage_chunk_is_kept_for_the_end_when_it_was_asked_for() -> None:
    passed, relay = relayed([*SPOKEN, usage_frame(USAGE), DONE], wants_usage=True)
    assert passed == b"".join(SPOKEN)
    assert relay.ending == usage_frame(USAGE) + DONE


def test_the_usage_chunk_is_dropped_when_it_was_not() -> None:
    passed, relay = relayed([*SPOKEN, usage_frame(USAGE), DONE])
    assert passed == b"".join(SPOKEN)
    assert relay.ending == DONE


@pytest.mark.parametrize(
    "usage",
    [
        {**USAGE, "prompt_tokens_details": {"cached_tokens": 8}},
        {**USAGE, "prompt_tokens": -1},
        {**USAGE, "prompt_tokens": "seven"},
        {**USAGE, "completion_tokens": 10**30},
    ],
    ids=["more cached than there are", "negative", "no number", "boundless"],
)
def test_usage_that_cannot_be_is_set_aside_and_shown_to_nobody(usage: dict[str, object]) -> None:
    passed, relay = relayed([*SPOKEN, usage_frame(usage), DONE], wants_usage=True)
    assert passed == b"".join(SPOKEN)
    assert relay.usage is None
    assert relay.ending == DONE


def test_a_frame_passed_on_does_not_wait_for_the_next() -> None:
    relay = SseRelay(client_wants_usage=False)
    assert [relay.feed(piece) for piece in SPOKEN] == SPOKEN


def test_pieces_are_at_most_the_tokens_that_were_passed_on() -> None:
    finish = frame("end").replace(b'"finish_reason":null', b'"finish_reason":"stop"')
    _, relay = relayed([*SPOKEN, finish])
    assert relay.pieces == 3


def test_comments_are_no_tokens() -> None:
    _, relay = relayed([frame(""), *[b": ping\n\n"] * 100, frame("one")])
    assert relay.pieces == 1


def test_before_the_first_token_there_are_no_pieces() -> None:
    _, relay = relayed([frame("")])
    assert relay.pieces == 0


def test_llama_cpp_tells_its_prompt_tokens_before_the_first_token() -> None:
    progress = {"prompt_progress": {"total": 40, "cache": 30, "processed": 40, "time_ms": 1}}
    passed, relay = relayed([frame(""), frame("", **progress), frame("one")])
    assert relay.prompt == (40, 30)
    assert passed == frame("") + frame("one")


def test_a_frame_without_end_is_no_stream() -> None:
    relay = SseRelay(client_wants_usage=False)
    with pytest.raises(NoStream):
        for _ in range(MAX_FRAME_BYTES // 65536 + 2):
            relay.feed(b"x" * 65536)


def test_an_error_inside_the_stream_is_noticed_at_its_end() -> None:
    error = b"data: " + json.dumps({"error": {"message": "out of memory"}}).encode() + b"\n\n"
    passed, relay = relayed([*SPOKEN, error, DONE])
    assert passed == b"".join([*SPOKEN, error])
    assert relay.failed


def test_a_model_that_talks_of_errors_has_not_failed() -> None:
    _, relay = relayed([frame(""), frame('data: {"error": 1}'), usage_frame(USAGE), DONE])
    assert not relay.failed
