"""Each engine's way of counting, made disjoint.

OpenAI's shape, which vLLM, SGLang, llama.cpp, Ollama and TensorRT-LLM follow: ``prompt_tokens`` includes cached ones,
``completion_tokens`` includes reasoning. Absent, zero and null are three things: without both totals there is no usage.
"""

import msgspec
from msgspec import Struct

from wattmill.core.records import Usage

MAX_COUNT = 2**31
"""No request has so many tokens: an engine that says so has lost count."""


class _Details(Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None


_NO_DETAILS = _Details()


class EngineUsage(Struct):
    """The ``usage`` object of an answer."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None
    reasoning_tokens: int | None = None


class UsageMismatch(Exception):
    """The parts of a usage object do not add up: it is set aside, never bent into shape."""


class _Answer(Struct):
    usage: EngineUsage | None = None


class _Chunk(Struct):
    usage: msgspec.Raw = msgspec.Raw(b"null")
    choices: list[msgspec.Raw] | None = None


_answer_decoder = msgspec.json.Decoder(_Answer)
_chunk_decoder = msgspec.json.Decoder(_Chunk)
_usage_decoder = msgspec.json.Decoder(EngineUsage | None)


def usage_of_answer(body: bytes, *, generates: bool) -> Usage | None:
    """The usage of a whole JSON answer; ``None`` when the engine gave none.

    ``msgspec.DecodeError`` when the body is no JSON object of that shape, ``UsageMismatch`` when it does not add up.
    """
    usage = _answer_decoder.decode(body).usage
    return None if usage is None else disjoint(usage, generates=generates)


def output_of_answer(body: bytes) -> int:
    """The completion tokens of an answer whose prompt its engine did not count; 0 where these are unknown as well."""
    usage = _answer_decoder.decode(body).usage
    if usage is None or usage.prompt_tokens is not None:
        return 0
    completion = usage.completion_tokens or 0
    return completion if 0 <= completion <= MAX_COUNT else 0


def usage_of_chunk(data: bytes) -> tuple[Usage | None, bool]:
    """The usage of a streamed chunk, and whether the chunk carries usage and nothing else (no choices).

    Usage that cannot be read or does not add up is ``None``. ``msgspec.DecodeError`` when this is no chunk.
    """
    chunk = _chunk_decoder.decode(data)
    try:
        given = _usage_decoder.decode(chunk.usage)
        usage = None if given is None else disjoint(given, generates=True)
    except (msgspec.ValidationError, UsageMismatch):
        return None, not chunk.choices
    return usage, given is not None and not chunk.choices


def disjoint(usage: EngineUsage, *, generates: bool) -> Usage | None:
    """Disjoint meters of OpenAI's inclusive counts. An embedding's missing ``completion_tokens`` is 0, not unknown."""
    prompt, completion = usage.prompt_tokens, usage.completion_tokens
    if completion is None and not generates:
        completion = 0
    if prompt is None or completion is None:
        return None
    details_in = usage.prompt_tokens_details or _NO_DETAILS
    details_out = usage.completion_tokens_details or _NO_DETAILS
    cached = details_in.cached_tokens or 0
    cache_write = details_in.cache_write_tokens or 0
    audio_in = details_in.audio_tokens or 0
    image_in = details_in.image_tokens or 0
    reasoning = details_out.reasoning_tokens or usage.reasoning_tokens or 0
    audio_out = details_out.audio_tokens or 0
    uncached = prompt - cached - cache_write - audio_in - image_in
    text = completion - reasoning - audio_out
    least = min(uncached, cached, cache_write, text, reasoning, audio_in, audio_out, image_in)
    if least < 0 or prompt > MAX_COUNT or completion > MAX_COUNT:
        raise UsageMismatch(
            f"{prompt} prompt and {completion} completion tokens do not cover {usage}"
        )
    return Usage(uncached, cached, cache_write, text, reasoning, audio_in, audio_out, image_in)
