"""What a client's body asks for, and the body that goes to the engine.

The body is decoded once, one level deep; the values inside stay bytes. What is forwarded is built from what was
checked, so a key given twice cannot mean one thing here and another thing in the engine.
"""

from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Raw, Struct

from wattmill.core.roster import Pool

TEMPLATE_TOKENS = 256
"""Room in the hold for what a chat template adds. Beyond it a token is at least a byte of what is put into the prompt,
and the JSON around each message covers its markers."""

BEGINNING = 256
"""As many bytes of a prompt tell what kind of value it is."""

_LIST, _STRING = b'["'

MAX_CHOICES = 128
_ALSO_PROMPT = {"tools", "functions", "response_format", "suffix"}
MAX_OUTPUT_TOKENS = 2**31
_OUTPUT_LIMITS = ("max_completion_tokens", "max_tokens", "n_predict")
"""Names of the same limit; engines differ in which of them wins, so the hold covers the largest."""
_decoder = msgspec.json.Decoder(dict[str, Raw])
_encode = msgspec.json.Encoder().encode
_int_decoder = msgspec.json.Decoder(int | None)
_str_decoder = msgspec.json.Decoder(str)
_bool_decoder = msgspec.json.Decoder(bool | None)
_list_decoder = msgspec.json.Decoder(list[Raw])
_options_decoder = msgspec.json.Decoder(dict[str, Raw] | None)
_TRUE = Raw(b"true")
_USAGE_OPTIONS = Raw(b'{"include_usage":true}')


class Endpoint(Struct, frozen=True):
    """A path of the API. ``prompt`` names the field that carries the input, ``generates`` whether tokens come out."""

    path: str
    prompt: str
    generates: bool


ENDPOINTS = {
    "/v1/chat/completions": Endpoint("/chat/completions", "messages", True),
    "/v1/completions": Endpoint("/completions", "prompt", True),
    "/v1/embeddings": Endpoint("/embeddings", "input", False),
}


class BadRequest(Exception):
    """The body is wrong; ``param`` names the field."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param


class Ask(Struct):
    """A checked request."""

    endpoint: Endpoint
    fields: dict[str, Raw]
    model: str
    stream: bool
    wants_usage: bool
    prompt_bytes: int
    input_bound: int
    output_bound: int | None
    choices: int


def parse_ask(endpoint: Endpoint, body: bytes) -> Ask:
    """Check a body. ``BadRequest`` says what is wrong, in the API's own words."""
    fields = _fields(body)
    model = _field(fields, "model", _str_decoder, "a string")
    if not isinstance(model, str):
        raise BadRequest("you must provide a model parameter", "model")
    prompt = fields.get(endpoint.prompt)
    if prompt is None:
        raise BadRequest(f"Missing required parameter: '{endpoint.prompt}'.", endpoint.prompt)
    text = memoryview(prompt)
    _check_prompt(endpoint, text)
    prompt_bytes = len(text)
    input_bound = prompt_bytes + TEMPLATE_TOKENS
    if not _ALSO_PROMPT.isdisjoint(fields):
        input_bound += sum(len(memoryview(fields[name])) for name in _ALSO_PROMPT & fields.keys())
    if not endpoint.generates:
        return Ask(endpoint, fields, model, False, False, prompt_bytes, input_bound, 0, 1)
    stream = _field(fields, "stream", _bool_decoder, "a boolean") is True
    wants_usage = stream and _wants_usage(fields)
    choices = _choices(endpoint, fields)
    output_bound = _output_bound(fields, choices)
    return Ask(
        endpoint,
        fields,
        model,
        stream,
        wants_usage,
        prompt_bytes,
        input_bound,
        output_bound,
        choices,
    )


def _fields(body: bytes) -> dict[str, Raw]:
    try:
        if not body.isascii():
            body.decode()
        return _decoder.decode(body)
    except msgspec.ValidationError:
        raise BadRequest("The body must be a JSON object.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f"We could not parse the JSON body of your request: {error}") from None


def _field(fields: dict[str, Raw], name: str, decoder: Any, kind: str) -> Any:
    raw = fields.get(name)
    if raw is None:
        return None
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BadRequest(f"Invalid type for '{name}': expected {kind}.", name) from None


def _wants_usage(fields: dict[str, Raw]) -> bool:
    options = _field(fields, "stream_options", _options_decoder, "an object")
    return options is not None and options.get("include_usage") == _TRUE


def _check_prompt(endpoint: Endpoint, prompt: memoryview) -> None:
    first = prompt[0]
    if endpoint.prompt == "messages":
        if first != _LIST or bytes(prompt[1:BEGINNING]).lstrip().startswith(b"]"):
            message = "Invalid type for 'messages': expected a list of messages that is not empty."
            raise BadRequest(message, "messages")
    elif first not in (_STRING, _LIST):
        message = f"Invalid type for '{endpoint.prompt}': expected a string or a list."
        raise BadRequest(message, endpoint.prompt)


def _choices(endpoint: Endpoint, fields: dict[str, Raw]) -> int:
    """How many answers are asked for: choices times prompts."""
    choices = 1
    if "n" in fields or "best_of" in fields:
        choices = max(_count(fields, "n", 1) or 1, _count(fields, "best_of", 1) or 1)
        if choices > MAX_CHOICES:
            message = f"Invalid 'n': {choices} is above the maximum of {MAX_CHOICES}."
            raise BadRequest(message, "n")
    if endpoint.prompt == "prompt":
        choices *= _number_of_prompts(fields["prompt"])
    return choices


def _output_bound(fields: dict[str, Raw], choices: int) -> int | None:
    asked: int | None = None
    for name in _OUTPUT_LIMITS:
        if name in fields:
            limit = _count(fields, name, 0)
            if limit is not None and (asked is None or limit > asked):
                asked = limit
    if asked is None:
        return None
    if asked * choices >= MAX_OUTPUT_TOKENS:
        message = f"{asked * choices} output tokens in all are out of range."
        raise BadRequest(message, "max_tokens")
    return asked * choices


def _count(fields: dict[str, Raw], name: str, least: int) -> int | None:
    if name not in fields:
        return None
    value: int | None = _field(fields, name, _int_decoder, "an integer")
    if value is not None and not least <= value < MAX_OUTPUT_TOKENS:
        raise BadRequest(f"Invalid '{name}': {value} is out of range.", name)
    return value


def _number_of_prompts(prompt: Raw) -> int:
    if bytes(memoryview(prompt)[:1]) != b"[":
        return 1
    items = _list_decoder.decode(prompt)
    is_one_prompt_of_tokens = bool(items) and bytes(items[0])[:1] not in (b'"', b"[")
    return 1 if is_one_prompt_of_tokens else max(len(items), 1)


def _with_usage(options: Raw | None) -> Raw:
    """The client's stream options, and usage asked for."""
    given = None if options is None else _options_decoder.decode(options)
    return Raw(_encode({**given, "include_usage": _TRUE})) if given else _USAGE_OPTIONS


@lru_cache(maxsize=1024)
def _as_json(text: str) -> Raw:
    return Raw(_encode(text))


def engine_body(ask: Ask, pool: Pool, max_output_tokens: int | None) -> bytes:
    """The body for a pool's engine: its name for the model, usage always asked for, the model's own output limit."""
    fields = dict(ask.fields)
    fields["model"] = _as_json(pool.served_model)
    if ask.stream:
        fields["stream_options"] = _with_usage(fields.get("stream_options"))
        if pool.engine == "llama.cpp":
            fields["return_progress"] = _TRUE
    if max_output_tokens and ask.endpoint.generates and ask.output_bound is None:
        fields["max_tokens"] = Raw(_encode(max_output_tokens))
    return _encode(fields)
