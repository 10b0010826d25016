"""The questions over HTTP: ``GET /v1/ask`` lists them, ``POST /v1/ask/NAME`` answers, described by OpenAPI 3.1."""

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wattmill import __version__
from wattmill.core.errors import UsageError, WattmillError

if (
    TYPE_CHECKING
):  # the questions are imported by the first request, so that the control plane starts at once
    from wattmill.plan.questions.registry import Input, Question

MOST_BYTES = 64 * 1024
"""No question needs more."""

MOST_CHARACTERS = 200
Text = Annotated[str, msgspec.Meta(max_length=MOST_CHARACTERS)]
"""A name or a value; looking for the nearest name takes longer the longer it is."""


def ask_routes() -> list[Route]:
    """For the app of the pages."""
    return [
        Route("/v1/ask", _list),
        Route("/v1/ask/openapi.json", _openapi),
        Route("/v1/ask/{name}", _about, methods=["GET"]),
        Route("/v1/ask/{name}", _answer, methods=["POST"]),
    ]


async def _list(_request: Request) -> Response:
    return _json(200, await run_in_threadpool(_listed))


async def _openapi(_request: Request) -> Response:
    return _json(200, await run_in_threadpool(openapi))


async def _about(request: Request) -> Response:
    return await _respond(_described, request.path_params["name"])


async def _answer(request: Request) -> Response:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BYTES:
            return _json(413, _error(UsageError(f"more than {MOST_BYTES:,} bytes")))
    return await _respond(answer, request.path_params["name"], body)


async def _respond(function: Any, *arguments: object) -> Response:
    from wattmill.plan.questions.registry import questions

    try:
        return _json(200, await run_in_threadpool(function, *arguments))
    except WattmillError as error:
        known = await run_in_threadpool(questions)
        return _json(400 if arguments[0] in known else 404, _error(error))


def answer(name: str, body: bytes) -> dict[str, Any]:
    """The answer to a JSON object of inputs; UsageError or PlanError where there is none."""
    from wattmill.plan.questions.registry import ask, find

    find(name)
    try:
        inputs = msgspec.json.decode(
            body or b"{}", type=dict[Text, float | int | bool | Text | None]
        )
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        hint = 'send {"model": "llama-3.1-70b", "context": "128Ki"}'
        raise UsageError(f"the inputs are no JSON object of values: {error}", hint=hint) from None
    return msgspec.structs.asdict(ask(name, **inputs))


def openapi() -> dict[str, Any]:
    """The OpenAPI 3.1 document of every question, from the register."""
    from wattmill.plan.questions.registry import questions

    paths = {f"/v1/ask/{q.name}": {"post": _operation(q)} for q in questions().values()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "wattmill: questions",
            "version": __version__,
            "description": "Values may be written with any unit that fits: 3.35TB/s, 128Ki, 40%.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {"/v1/ask": {"get": _list_operation()}, **paths},
        "components": {"schemas": {"Answer": ANSWER, "Error": ERROR}},
    }


def _operation(question: "Question") -> dict[str, Any]:
    required = [spec.name for spec in question.inputs.values() if spec.is_required]
    schema = {
        "type": "object",
        "properties": {spec.name: _schema(spec) for spec in question.inputs.values()},
        "required": required,
        "additionalProperties": False,
    }
    unit = f" Answers in {question.gives}." if question.gives else ""
    return {
        "operationId": question.name,
        "tags": [question.topic],
        "summary": question.meaning,
        "description": f"{question.details}\n\nSource: {question.source}.{unit}".strip(),
        "requestBody": {
            "required": bool(required),
            "content": {"application/json": {"schema": schema}},
        },
        "responses": {
            "200": _response("The answer", "Answer"),
            "400": _response("The inputs make no sense, or physics refuses", "Error"),
            "413": _response("The body is too large", "Error"),
        },
    }


def _list_operation() -> dict[str, Any]:
    return {
        "operationId": "list_questions",
        "summary": "Every question with its inputs, units, ranges and source.",
        "responses": {
            "200": {
                "description": "The questions",
                "content": {"application/json": {"schema": {"type": "object"}}},
            }
        },
    }


def _response(description: str, schema: str) -> dict[str, Any]:
    reference = {"$ref": f"#/components/schemas/{schema}"}
    return {"description": description, "content": {"application/json": {"schema": reference}}}


def _schema(spec: "Input") -> dict[str, Any]:
    unit = f", in {spec.unit} unless it says otherwise" if spec.unit else ""
    described = {"description": spec.meaning + unit}
    if not spec.is_required:
        described["x-default"] = spec.shown(spec.default)
    if spec.kind == "choice":
        return {**described, **WORD, "examples": list(spec.choices)}
    if not spec.is_numeric:
        return {**described, **WORD, "x-kind": spec.kind}
    return {**described, "anyOf": [_number(spec), WORD]}


def _number(spec: "Input") -> dict[str, Any]:
    number: dict[str, Any] = {"type": "integer" if spec.kind == "whole" else "number"}
    if spec.low is not None:
        number["exclusiveMinimum" if spec.is_above else "minimum"] = spec.low
    if spec.high is not None:
        number["maximum"] = spec.high
    return number


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


TEXT: dict[str, Any] = {"type": "string"}
WORD: dict[str, Any] = {"type": "string", "maxLength": MOST_CHARACTERS}
NUMBER_OR_NULL: dict[str, Any] = {"type": ["number", "null"]}
TEXT_OR_NULL: dict[str, Any] = {"type": ["string", "null"]}
ANSWER = _object(
    name=TEXT,
    value={"type": ["number", "boolean", "string"]},
    unit=TEXT,
    inputs={"type": "object", "additionalProperties": TEXT},
    source=TEXT,
    low={**NUMBER_OR_NULL, "description": "90 % interval; null: exact, or unknown"},
    high=NUMBER_OR_NULL,
    binds=TEXT_OR_NULL,
    note=TEXT_OR_NULL,
)
ERROR = _object(error=_object(kind=TEXT, message=TEXT, hint=TEXT, place=TEXT))


def _listed() -> dict[str, Any]:
    from wattmill.plan.questions.asking import described
    from wattmill.plan.questions.registry import questions

    return {"questions": [described(question) for question in questions().values()]}


def _described(name: str) -> dict[str, Any]:
    from wattmill.plan.questions.asking import described
    from wattmill.plan.questions.registry import find

    return described(find(name))


def _error(error: WattmillError) -> dict[str, Any]:
    return {
        "error": {
            "kind": type(error).__name__,
            "message": error.message,
            "hint": error.hint,
            "place": error.place,
        }
    }


def _json(status: int, content: object) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")
