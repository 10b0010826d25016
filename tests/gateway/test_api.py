"""What a body asks for, and what an engine is sent."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.core.roster import Pool
from wattmill.gateway.api import ENDPOINTS, Ask, BadRequest, engine_body, parse_ask

CHAT, COMPLETIONS, EMBEDDINGS = ENDPOINTS.values()
MESSAGES = [{"role": "user", "content": "hello"}]
VLLM = Pool("p", "http://127.0.0.1:1/v1", "vllm", "served-name", None, 1000.0, 100.0, 8)
LLAMA_CPP = Pool("p", "http://127.0.0.1:1/v1", "llama.cpp", "served-name", None, 1000.0, 100.0, 8)


def chat(**fields: Any) -> bytes:
    return json.dumps({"model": "m", "messages": MESSAGES, **fields}).encode()


def completion(**fields: Any) -> bytes:
    return json.dumps({"model": "m", "prompt": "hello", **fields}).encode()


def sent(ask: Ask, pool: Pool = VLLM, max_output_tokens: int | None = None) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(engine_body(ask, pool, max_output_tokens))
    return body


# --- what is wrong with it -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "param", "words"),
    [
        (b"", None, "could not parse"),
        (b"{", None, "could not parse"),
        (b'{"model": "m", "messages": [{]}', None, "could not parse"),
        (b"nonsense", None, "could not parse"),
        (b'{"model": "\xff"}', None, "could not parse"),
        (b'{"model": "\\ud800"}', None, "could not parse"),
        (chat().replace(b"hello", b"hell\xff"), None, "could not parse"),
        (b"[" * 100_000, None, ""),
        (b'{"model":' + b"[" * 100_000, None, "could not parse"),
        (b"[]", None, "JSON object"),
        (b"null", None, "JSON object"),
        (b"{}", "model", "model"),
        (chat(model=None), "model", "a string"),
        (chat(model=5), "model", "a string"),
        (b'{"model": "m"}', "messages", "Missing"),
        (chat(messages=[]), "messages", "not empty"),
        (chat(messages=None), "messages", "list of messages"),
        (chat(messages="hello"), "messages", "list of messages"),
        (chat(messages={"role": "user"}), "messages", "list of messages"),
        (chat(stream="yes"), "stream", "a boolean"),
        (chat(stream=1), "stream", "a boolean"),
        (chat(stream=True, stream_options=5), "stream_options", "an object"),
        (chat(stream=True, stream_options=[]), "stream_options", "an object"),
        (chat(max_tokens="5"), "max_tokens", "an integer"),
        (chat(max_tokens=1.5), "max_tokens", "an integer"),
        (chat(max_tokens=True), "max_tokens", "an integer"),
        (chat(max_tokens=-1), "max_tokens", "out of range"),
        (chat(max_completion_tokens=-1), "max_completion_tokens", "out of range"),
        (chat(max_tokens=10**30), "max_tokens", "out of range"),
        (chat(n_predict=-1), "n_predict", "out of range"),
        (chat(n=0), "n", "out of range"),
        (chat(n=129), "n", "maximum"),
        (chat(n="2"), "n", "an integer"),
        (chat(n=128, max_tokens=2**31 - 1), "max_tokens", "out of range"),
    ],
)
def test_what_is_wrong_is_named(body: bytes, param: str | None, words: str) -> None:
    with pytest.raises(BadRequest) as refused:
        parse_ask(CHAT, body)
    assert refused.value.param == param
    assert words in refused.value.message


@pytest.mark.parametrize("prompt", [None, 5, {"text": "x"}, True])
def test_a_completion_wants_text_or_tokens(prompt: object) -> None:
    with pytest.raises(BadRequest) as refused:
        parse_ask(COMPLETIONS, completion(prompt=prompt))
    assert refused.value.param == "prompt"


def test_an_embedding_wants_an_input() -> None:
    with pytest.raises(BadRequest) as refused:
        parse_ask(EMBEDDINGS, b'{"model": "m"}')
    assert refused.value.param == "input"


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
NAMES = ["model", "messages", "stream", "stream_options", "max_tokens", "n", "prompt", "input"]


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=ENDPOINTS)
@given(
    st.dictionaries(st.sampled_from(NAMES), json_values).map(lambda body: json.dumps(body).encode())
)
def test_any_json_is_an_ask_or_a_bad_request(endpoint: Any, body: bytes) -> None:
    try:
        ask = parse_ask(endpoint, body)
    except BadRequest as refused:
        assert refused.message
    else:
        json.loads(engine_body(ask, VLLM, 100))


@given(st.binary(max_size=200))
def test_any_bytes_are_an_ask_or_a_bad_request(body: bytes) -> None:
    with pytest.raises(BadRequest):
        parse_ask(CHAT, body)


# --- what it can cost ------------------------------------------------------------------------------


@given(st.lists(st.text(max_size=40), min_size=1, max_size=5), st.booleans())
def test_a_prompt_has_no_more_tokens_than_its_bound(texts: list[str], ascii_only: bool) -> None:
    """A tokenizer makes at most one token of a byte, and a template adds less than the JSON around it."""
    messages = [{"role": "user", "content": text} for text in texts]
    body = json.dumps({"model": "m", "messages": messages}, ensure_ascii=ascii_only)
    worst = sum(len(text.encode()) for text in texts)
    assert parse_ask(CHAT, body.encode()).input_bound >= worst


@given(st.text(max_size=100))
def test_whatever_enters_the_prompt_counts(text: str) -> None:
    plain = parse_ask(CHAT, chat()).input_bound
    tool = {"type": "function", "function": {"name": "f", "description": text}}
    with_tool = parse_ask(CHAT, chat(tools=[tool])).input_bound
    assert with_tool >= plain + len(text.encode())


@pytest.mark.parametrize(
    ("fields", "bound"),
    [
        ({}, None),
        ({"max_tokens": None}, None),
        ({"max_tokens": 0}, 0),
        ({"max_tokens": 50}, 50),
        ({"max_completion_tokens": 60}, 60),
        ({"max_tokens": 50, "max_completion_tokens": 60}, 60),
        ({"max_tokens": 60, "max_completion_tokens": 50}, 60),
        ({"max_tokens": 50, "n_predict": 500}, 500),
        ({"max_tokens": 50, "n": 3}, 150),
        ({"n": 3}, None),
    ],
)
def test_the_output_is_bounded_by_the_largest_limit_given(
    fields: dict[str, Any], bound: int | None
) -> None:
    assert parse_ask(CHAT, chat(**fields)).output_bound == bound


@pytest.mark.parametrize(
    ("prompt", "prompts"),
    [("a", 1), (["a"], 1), (["a", "b"], 2), ([1, 2, 3], 1), ([[1, 2], [3]], 2), ([], 1)],
)
def test_each_prompt_of_a_completion_has_its_own_output(prompt: object, prompts: int) -> None:
    ask = parse_ask(COMPLETIONS, completion(prompt=prompt, max_tokens=10))
    assert ask.output_bound == 10 * prompts


def test_best_of_is_work_too() -> None:
    assert parse_ask(COMPLETIONS, completion(max_tokens=10, n=1, best_of=4)).output_bound == 40


def test_an_embedding_has_no_output() -> None:
    assert parse_ask(EMBEDDINGS, b'{"model": "m", "input": "x"}').output_bound == 0


# --- what the engine is sent -----------------------------------------------------------------------


@given(st.dictionaries(st.text(min_size=1, max_size=8).map("x-".__add__), json_values, max_size=5))
def test_every_other_field_is_passed_on(fields: dict[str, Any]) -> None:
    body = sent(parse_ask(CHAT, chat(**fields)))
    assert body == {"model": "served-name", "messages": MESSAGES, **fields}


def test_a_field_given_twice_means_the_same_here_and_there() -> None:
    twice = chat(max_tokens=5)[:-1] + b', "max_tokens": 7, "model": "other"}'
    ask = parse_ask(CHAT, twice)
    assert (ask.model, ask.output_bound) == ("other", 7)
    body = engine_body(ask, VLLM, None)
    assert body.count(b'"max_tokens"') == body.count(b'"model"') == 1
    assert json.loads(body)["max_tokens"] == 7


@pytest.mark.parametrize(
    ("options", "wanted", "passed_on"),
    [
        (None, False, {"include_usage": True}),
        ({}, False, {"include_usage": True}),
        ({"include_usage": False}, False, {"include_usage": True}),
        ({"include_usage": True}, True, {"include_usage": True}),
        (
            {"continuous_usage_stats": True},
            False,
            {"continuous_usage_stats": True, "include_usage": True},
        ),
    ],
)
def test_a_stream_is_always_asked_for_usage(
    options: dict[str, Any] | None, wanted: bool, passed_on: dict[str, Any]
) -> None:
    ask = parse_ask(CHAT, chat(stream=True, stream_options=options))
    assert ask.wants_usage is wanted
    assert sent(ask)["stream_options"] == passed_on


def test_a_plain_answer_is_not_asked_for_a_stream_s_usage() -> None:
    assert "stream_options" not in sent(parse_ask(CHAT, chat(stream=False)))


def test_llama_cpp_is_asked_for_its_progress() -> None:
    assert sent(parse_ask(CHAT, chat(stream=True)), LLAMA_CPP)["return_progress"] is True


@pytest.mark.parametrize(
    ("fields", "limit"), [({}, 512), ({"max_tokens": 9}, 9), ({"max_tokens": None}, 512)]
)
def test_the_model_s_own_output_limit_holds_where_none_was_asked_for(
    fields: dict[str, Any], limit: int
) -> None:
    assert sent(parse_ask(CHAT, chat(**fields)), VLLM, 512)["max_tokens"] == limit
