"""How many tokens a prompt has, asked of the engine's own tokenizer: for a client that left before the engine told."""

import msgspec
from msgspec import Raw

from wattmill.core.records import Usage
from wattmill.gateway.calls import CallFailed, call
from wattmill.gateway.exchange import Exchange
from wattmill.gateway.links import EngineLinks

TIMEOUT_S = 5.0


class _Tokens(msgspec.Struct):
    tokens: list[Raw] | None = None
    count: int | None = None


class _Templated(msgspec.Struct):
    prompt: str


async def count_prompt(links: EngineLinks, exchange: Exchange) -> Usage:
    """Usage of what was delivered; the prompt exactly where the engine has a tokenizer, else estimated low."""
    estimate = exchange.counted(exchange.pieces)
    try:
        tokens = await _tokenize(links, exchange)
    except (CallFailed, msgspec.DecodeError):
        tokens = None
    if tokens is None:
        return estimate
    return Usage(input_uncached=tokens, output_text=estimate.output_text, source="counted")


async def _tokenize(links: EngineLinks, exchange: Exchange) -> int | None:
    fields = exchange.ask.fields
    if links.pool.engine == "llama.cpp":
        content = await _llama_cpp_prompt(links, fields)
        body = {"content": content, "add_special": True, "parse_special": True}
    elif links.pool.engine in ("vllm", "sglang"):
        names = ("messages", "prompt", "tools")
        body = {name: fields[name] for name in names if name in fields}
        body["model"] = Raw(msgspec.json.encode(links.pool.served_model))
    else:
        return None
    answer = msgspec.json.decode(await _post(links, "/tokenize", body), type=_Tokens)
    return answer.count if answer.tokens is None else len(answer.tokens)


async def _llama_cpp_prompt(links: EngineLinks, fields: dict[str, Raw]) -> object:
    if "messages" not in fields:
        return fields["prompt"]
    body = {name: fields[name] for name in ("messages", "tools") if name in fields}
    return msgspec.json.decode(await _post(links, "/apply-template", body), type=_Templated).prompt


async def _post(links: EngineLinks, path: str, body: object) -> bytes:
    request = links.request(path, msgspec.json.encode(body), base="")
    status, answer = await call(links, request, TIMEOUT_S)
    if status != 200:
        raise CallFailed(f"{path} answered {status}")
    return answer
