"""The official OpenAI SDK, unchanged, against a real factory."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

from tests.gateway.mill import Mill
from tests.support.factory import Factory, running_factory, wait_until

WELL = "one two three four five"
MESSAGES: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hello"}]
WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


@pytest.fixture
def client(mill: Mill) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{mill.url}/v1", api_key=mill.key(), max_retries=0, timeout=15) as client:
        yield client


def ask(client: OpenAI, play: str = "well", **more: Any) -> Any:
    return client.chat.completions.create(model="house", messages=MESSAGES, user=play, **more)


def said(chunks: list[Any]) -> str:
    return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)


# --- answers ---------------------------------------------------------------------------------------


def test_a_chat(client: OpenAI) -> None:
    answer = ask(client)
    assert answer.choices[0].message.content == WELL
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (7, 5)


def test_a_chat_in_a_stream(client: OpenAI) -> None:
    chunks = list(ask(client, stream=True))
    assert said(chunks) == WELL
    assert all(chunk.choices for chunk in chunks), "no chunk without a choice was asked for"
    assert not any(chunk.usage for chunk in chunks)


def test_a_stream_with_its_usage(client: OpenAI) -> None:
    *chunks, last = list(ask(client, stream=True, stream_options={"include_usage": True}))
    assert said(chunks) == WELL
    assert (last.choices, last.usage.completion_tokens) == ([], 5)


def test_a_stream_through_the_helper(client: OpenAI) -> None:
    stream = client.chat.completions.stream(model="house", messages=MESSAGES, user="well")
    with stream as events:
        text = "".join(event.delta for event in events if event.type == "content.delta")
    assert text == WELL


def test_the_raw_response(client: OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model="house", messages=MESSAGES, user="well"
    )
    assert raw.status_code == 200
    assert raw.request_id is not None and raw.request_id.startswith("wm-")
    assert raw.parse().choices[0].message.content == WELL


def test_the_response_as_it_streams(client: OpenAI) -> None:
    streaming = client.chat.completions.with_streaming_response.create(
        model="house", messages=MESSAGES, user="well", stream=True
    )
    with streaming as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        assert list(response.iter_lines())[-2:] == ["data: [DONE]", ""]


def test_a_tool_is_called(mill: Mill, client: OpenAI) -> None:
    answer = ask(client, "calls-a-tool", tools=[WEATHER], tool_choice="auto")
    assert answer.choices[0].message.tool_calls[0].function.name == "weather"
    sent = mill.engine.of("calls-a-tool")[-1].fields
    assert (sent["tools"], sent["tool_choice"]) == ([WEATHER], "auto")


def test_an_embedding(client: OpenAI) -> None:
    answer = client.embeddings.create(
        model="house", input="hello", user="embeds", encoding_format="float"
    )
    assert answer.data[0].embedding == [0.5, -0.5]
    assert answer.usage.prompt_tokens == 7


def test_the_models(client: OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["house", "nowhere"]
    assert client.models.retrieve("house").owned_by == "wattmill"


# --- clients that stop early -----------------------------------------------------------------------


def assert_settled_for_one_word(mill: Mill) -> None:
    """Of an answer of five words one was delivered: that is what is charged, once."""
    wait_until(lambda: mill.engine.of("waits")[-1].left, "the engine is told to stop")
    request = mill.last_request()
    charged = mill.wait_for(request)
    assert (charged["state"], charged["outcome"]) == ("charged", "client_gone")
    assert (charged["source"], charged["input_uncached"], charged["output_text"]) == (
        "counted",
        7,
        1,
    )


def test_a_loop_that_breaks(mill: Mill, client: OpenAI) -> None:
    mill.engine.pause()
    with ask(client, "waits", stream=True) as stream:
        for chunk in stream:
            if chunk.choices[0].delta.content:
                break
    assert_settled_for_one_word(mill)


def test_a_stream_that_is_closed(mill: Mill, client: OpenAI) -> None:
    mill.engine.pause()
    stream = ask(client, "waits", stream=True)
    while not next(stream).choices[0].delta.content:
        pass
    stream.close()
    assert_settled_for_one_word(mill)


def test_a_stream_read_to_its_end_is_charged_whole(mill: Mill, client: OpenAI) -> None:
    """The SDK closes as soon as it has read ``[DONE]``."""
    list(ask(client, stream=True))
    request = mill.last_request()
    charged = mill.wait_for(request)
    assert (charged["state"], charged["outcome"]) == ("charged", "finished")
    assert (charged["source"], charged["output_text"]) == ("engine", 5)


# --- errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "fields", "kind", "code"),
    [
        ("wm-nobody", {}, openai.AuthenticationError, "invalid_api_key"),
        (None, {"model": "gpt-9"}, openai.NotFoundError, "model_not_found"),
        (None, {"max_tokens": -1}, openai.BadRequestError, "invalid_request"),
        (None, {"messages": []}, openai.BadRequestError, "invalid_request"),
        (None, {"user": "refuses"}, openai.UnprocessableEntityError, "odd"),
        (None, {"model": "nowhere"}, openai.InternalServerError, "engine_unavailable"),
        ("poor", {"max_tokens": 1000}, openai.RateLimitError, "insufficient_quota"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_an_error_is_the_sdk_s_own(
    mill: Mill,
    client: OpenAI,
    key: str | None,
    fields: dict[str, Any],
    kind: type[openai.APIStatusError],
    code: str,
    stream: bool,
) -> None:
    text = mill.key(key) if key == "poor" else key or client.api_key
    request = {"model": "house", "messages": MESSAGES, "user": "well", "stream": stream, **fields}
    with pytest.raises(kind) as refused:
        client.with_options(api_key=text).chat.completions.create(**request)
    assert refused.value.code == code
    assert refused.value.message


def test_an_exhausted_budget_is_not_tried_again(mill: Mill, client: OpenAI) -> None:
    eager = client.with_options(api_key=mill.key("poor"), max_retries=2)
    before = len(mill.engine.asked)
    with pytest.raises(openai.RateLimitError):
        ask(eager, max_tokens=1000)
    assert len(mill.engine.asked) == before


def test_a_stream_that_dies_raises(mill: Mill, client: OpenAI) -> None:
    mill.engine.pause()
    stream = ask(client, "cut-stream", stream=True)
    while not next(stream).choices[0].delta.content:
        pass
    mill.engine.go_on()
    with pytest.raises(openai.APIError) as broken:
        list(stream)
    assert broken.value.code == "engine_failed"


# --- the same without waiting ----------------------------------------------------------------------


async def with_client(mill: Mill, work: Callable[[AsyncOpenAI], Any]) -> Any:
    async with AsyncOpenAI(
        base_url=f"{mill.url}/v1", api_key=mill.key(), max_retries=0, timeout=15
    ) as client:
        return await work(client)


def test_many_chats_at_once(mill: Mill) -> None:
    async def one(client: AsyncOpenAI, stream: bool) -> str:
        if not stream:
            answer = await client.chat.completions.create(
                model="house", messages=MESSAGES, user="well"
            )
            return answer.choices[0].message.content or ""
        chunks = await client.chat.completions.create(
            model="house", messages=MESSAGES, user="well", stream=True
        )
        return said([chunk async for chunk in chunks])

    async def all_of_them(client: AsyncOpenAI) -> list[str]:
        return list(await asyncio.gather(*(one(client, number % 2 == 0) for number in range(30))))

    assert asyncio.run(with_client(mill, all_of_them)) == [WELL] * 30


@pytest.mark.parametrize("how", ["break", "close", "cancel"])
def test_an_async_client_that_stops_early(mill: Mill, how: str) -> None:
    mill.engine.pause()

    async def first_word(stream: AsyncIterator[Any]) -> None:
        async for chunk in stream:
            if chunk.choices[0].delta.content:
                return

    async def read_on(stream: AsyncIterator[Any]) -> None:
        async for _ in stream:
            pass

    async def stop_early(client: AsyncOpenAI) -> None:
        stream = await client.chat.completions.create(
            model="house", messages=MESSAGES, user="waits", stream=True
        )
        if how == "break":
            async with stream:
                await first_word(stream)
            return
        await first_word(stream)
        if how == "close":
            await stream.close()
            return
        reading = asyncio.create_task(read_on(stream))
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    asyncio.run(with_client(mill, stop_early))
    assert_settled_for_one_word(mill)


# --- with a real engine ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def factory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Factory]:
    with running_factory(tmp_path_factory.mktemp("f")) as running:
        yield running


@pytest.fixture
def real(factory: Factory) -> Iterator[OpenAI]:
    key = factory.key("acme")
    with OpenAI(base_url=f"{factory.url}/v1", api_key=key, max_retries=0, timeout=60) as client:
        yield client


def test_llama_cpp_chats(real: OpenAI) -> None:
    answer = real.chat.completions.create(model="house-small", messages=MESSAGES, max_tokens=16)
    assert answer.usage is not None and 0 < answer.usage.completion_tokens <= 16
    assert answer.choices[0].message.content


def test_llama_cpp_streams_what_it_counts(factory: Factory, real: OpenAI) -> None:
    stream = real.chat.completions.create(
        model="house-small",
        messages=MESSAGES,
        max_tokens=16,
        stream=True,
        stream_options={"include_usage": True},
    )
    *chunks, last = list(stream)
    assert said(chunks)
    assert last.usage is not None and last.usage.completion_tokens <= 16
    told = (last.usage.completion_tokens, last.usage.prompt_tokens)
    wait_until(lambda: newest_charge(factory) == told, "it is charged as it was told")


def newest_charge(factory: Factory) -> tuple[int, int] | None:
    """Output and input tokens of the last charged request."""
    with factory.books() as books:
        row = books.execute(
            "SELECT output_text, input_uncached + input_cached FROM request "
            "WHERE state = 'charged' ORDER BY id DESC LIMIT 1"
        ).fetchone()
    return None if row is None else tuple(row)


def test_llama_cpp_completes(real: OpenAI) -> None:
    answer = real.completions.create(model="house-small", prompt="A token is", max_tokens=8)
    assert answer.usage is not None and answer.usage.completion_tokens <= 8
    pieces = real.completions.create(
        model="house-small", prompt="A token is", max_tokens=8, stream=True
    )
    assert "".join(piece.choices[0].text for piece in pieces)


def test_llama_cpp_takes_tools(real: OpenAI) -> None:
    answer = real.chat.completions.create(
        model="house-small", messages=MESSAGES, max_tokens=8, tools=[WEATHER]
    )
    assert answer.choices[0].finish_reason in ("stop", "length", "tool_calls")
