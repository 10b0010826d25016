"""Engines that listen on this machine: which they are, and what they serve."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from wattmill.web.discover.naming import precision_of, served_as
from wattmill.web.discover.records import Engine, Served
from wattmill.web.discover.told import count_of, is_word, rows_of, value_of

USUAL_PORTS = {8000: "vLLM", 30000: "SGLang", 11434: "Ollama", 8080: "llama.cpp", 1234: "LM Studio"}
"""Where engines listen unless told otherwise. What really answers is told by what it says."""

ANSWER_TIMEOUT_S = 1.0
LOOK_TIMEOUT_S = 4.0
MAX_ANSWER_BYTES = 2**20


def find_engines(ports: Iterable[int] = USUAL_PORTS) -> tuple[tuple[Engine, ...], list[str]]:
    """Engines on these ports of this machine, asked all at once, and what stayed unknown."""
    answers: dict[int, tuple[Engine | None, str]] = {}
    lookers = [
        threading.Thread(target=_look, args=(port, answers), daemon=True)
        for port in dict.fromkeys(ports)
    ]
    for looker in lookers:
        looker.start()
    deadline_s = time.monotonic() + LOOK_TIMEOUT_S
    for looker in lookers:
        looker.join(max(0.0, deadline_s - time.monotonic()))
    found = sorted(answers.copy().items())
    engines = tuple(engine for _, (engine, _) in found if engine is not None)
    return engines, [f"port {port}: {said}" for port, (_, said) in found if said]


def _look(port: int, answers: dict[int, tuple[Engine | None, str]]) -> None:
    try:
        answer = _engine_at(port)
    except Exception as error:  # whatever answers there must not end the command
        answer = None, f"what answers there cannot be read ({type(error).__name__})"
    answers[port] = answer


def _engine_at(port: int) -> tuple[Engine | None, str]:
    status, listed = _ask(port, "/v1/models")
    if status is None:
        return None, ""
    if status in (401, 403):
        return None, "something answers and wants a key; add a [[pool]] with url and api_key_env"
    names = [row["id"] for row in rows_of(listed) if isinstance(row.get("id"), str)]
    if status != 200 or not isinstance(value_of(listed, "data"), list):
        return None, "something answers that is no engine"
    name, describe = _identify(port, rows_of(listed))
    told = [describe(own) for own in dict.fromkeys(names) if is_word(own)]
    engine = Engine(name, f"http://127.0.0.1:{port}/v1", tuple(told))
    return (engine, "") if told else (None, f"{name} answers and serves no model yet")


Describe = Callable[[str], Served]


def _identify(port: int, rows: list[dict[str, Any]]) -> tuple[str, Describe]:
    """Which engine it is, by what only that one answers, and how it tells of a model."""
    by_id = {row.get("id"): row for row in rows}

    def listed(own: str) -> Served:
        row = by_id[own]
        return served_as(own, context=count_of(row.get("max_model_len")))

    for path in ("/get_model_info", "/server_info"):
        if value_of(_ask(port, path)[1], "model_path"):
            return "sglang", listed
    props = _ask(port, "/props")[1]
    if value_of(props, "default_generation_settings") is not None:
        return "llama.cpp", lambda own: _of_llama(own, by_id[own], props)
    if value_of(_ask(port, "/api/version")[1], "version"):
        tags = {row.get("name"): row for row in rows_of(_ask(port, "/api/tags")[1], "models")}
        return "ollama", lambda own: _of_ollama(own, tags.get(own, {}))
    known = {row.get("id"): row for row in rows_of(_ask(port, "/api/v0/models")[1])}
    if any("state" in row for row in known.values()):
        return "lmstudio", lambda own: _of_lmstudio(own, known.get(own, {}))
    if value_of(_ask(port, "/version")[1], "version"):
        return "vllm", listed
    return "openai", listed


def _of_llama(own: str, row: dict[str, Any], props: Any) -> Served:
    meta = row.get("meta")
    context = value_of(value_of(props, "default_generation_settings"), "n_ctx")
    return served_as(
        own,
        precision=precision_of(value_of(meta, "ftype")),
        context=count_of(context) or count_of(value_of(meta, "n_ctx")),
        slots=count_of(value_of(props, "total_slots")),
    )


def _of_ollama(own: str, row: dict[str, Any]) -> Served:
    return served_as(
        own, precision=precision_of(value_of(row.get("details"), "quantization_level"))
    )


def _of_lmstudio(own: str, row: dict[str, Any]) -> Served:
    context = row.get("loaded_context_length") or row.get("max_context_length")
    return served_as(
        own, precision=precision_of(row.get("quantization")), context=count_of(context)
    )


def _ask(port: int, path: str) -> tuple[int | None, Any]:
    """Status and JSON of a GET; ``(None, None)`` when nobody answers HTTP there."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_TIMEOUT_S)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read(MAX_ANSWER_BYTES)
    except (OSError, http.client.HTTPException):
        return None, None
    finally:
        connection.close()
    try:
        return response.status, json.loads(body)
    except (ValueError, RecursionError):
        return response.status, None
