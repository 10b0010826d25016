"""The stub speaks as an engine does, and counts what it served."""

from __future__ import annotations

import http.client
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.measure import FRAMES, Plan, load, served_tokens, stub
from bench.peers import Tokens
from bench.processes import running


def ask(port: int, body: dict[str, Any]) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("POST", "/v1/chat/completions", json.dumps(body))
    answer = connection.getresponse()
    assert answer.status == 200
    text = answer.read().decode()
    connection.close()
    return text


def events(text: str) -> list[str]:
    return [line.removeprefix("data: ") for line in text.split("\n\n") if line]


def test_a_plain_answer_has_usage(stub_port: int) -> None:
    answer = json.loads(ask(stub_port, {"messages": []}))
    assert answer["object"] == "chat.completion"
    assert answer["usage"]["prompt_tokens"] == 12
    assert answer["usage"]["completion_tokens"] == 24
    assert answer["usage"]["prompt_tokens_details"]["cached_tokens"] == 0


@pytest.mark.parametrize("usage", [False, True])
def test_a_stream_ends_as_it_should(stub_port: int, usage: bool) -> None:
    body: dict[str, Any] = {"stream": True, "messages": []}
    if usage:
        body["stream_options"] = {"include_usage": True}
    *frames, end = events(ask(stub_port, body))
    assert end == "[DONE]"
    chunks = [json.loads(frame) for frame in frames]
    content = [chunk for chunk in chunks if chunk["choices"]]
    assert len(content) == FRAMES
    assert content[-1]["choices"][0]["finish_reason"] == "stop"
    assert [chunk["usage"]["completion_tokens"] for chunk in chunks if not chunk["choices"]] == (
        [FRAMES] if usage else []
    )


def test_a_prompt_cannot_ask_for_a_stream(stub_port: int) -> None:
    prompt = '"stream": true'
    answer = ask(stub_port, {"messages": [{"role": "user", "content": prompt}]})
    assert json.loads(answer)["object"] == "chat.completion"


def test_a_large_prompt_is_read_whole(stub_port: int) -> None:
    answer = ask(stub_port, {"messages": [{"role": "user", "content": "x" * 300_000}]})
    assert json.loads(answer)["usage"]["completion_tokens"] == 24


def test_counters_agree_with_the_load(plan: Plan, stub_port: int) -> None:
    plain = load(plan, stub_port, connections=4, seconds=0.1)
    streams = load(plan, stub_port, connections=4, seconds=0.1, stream=True)
    assert plain.errors == streams.errors == 0
    assert streams.frames == FRAMES * streams.requests
    requests = plain.requests + streams.requests
    completion = 24 * plain.requests + FRAMES * streams.requests
    assert served_tokens(stub_port) == Tokens(requests, 12 * requests, completion)


@pytest.mark.parametrize("words", [["--burst", "1"], ["--burst", "7", "--pace-us", "200"]])
def test_bursts_and_pace_change_no_byte(
    plan: Plan, stub_port: int, tmp_path: Path, words: Sequence[str]
) -> None:
    whole = ask(stub_port, {"stream": True})
    log = tmp_path / "other.log"
    with running([plan.cache / "bin" / "stub", *words], core=0, log=log) as program:
        while not (port := log.read_text().strip()):
            assert program.process.poll() is None
        assert ask(int(port), {"stream": True}) == whole


def test_the_stub_stops_with_its_context(plan: Plan, tmp_path: Path) -> None:
    with stub(plan, tmp_path) as (program, _port):
        pass
    assert program.process.returncode is not None
