"""The questions over HTTP."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from wattmill.plan.questions.registry import Answer, questions
from wattmill.web.ask import MOST_BYTES, ask_routes, openapi


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(Starlette(routes=ask_routes()), base_url="http://wattmill") as client:
        yield client


def test_a_question_is_answered(client: TestClient) -> None:
    answer = client.post("/v1/ask/kv_cache_gb", json={"model": "llama-3.1-70b", "context": "128Ki"})
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
    told = answer.json()
    assert told["value"] == pytest.approx(42.94967296) and told["unit"] == "GB"
    assert set(told) == set(Answer.__struct_fields__)


def test_null_and_an_empty_body_are_inputs_that_are_not_given(client: TestClient) -> None:
    body = {"model": "llama-3.1-70b", "batch": None}
    assert client.post("/v1/ask/kv_cache_gb", json=body).json()["inputs"]["batch"] == "1"
    assert client.post("/v1/ask/decode_intensity").json()["value"] == 1.0


@pytest.mark.parametrize(
    ("body", "message", "place"),
    [
        ({"model": "lama-3.1-70b"}, "catalog", "model"),
        ({"modl": "llama-3.1-70b"}, "modl", ""),
        ({}, "needs model", ""),
        ({"model": "llama-3.1-70b", "context": "3 GB"}, "byte", "context"),
        ({"model": "llama-3.1-70b", "context": 1e9}, "made for", ""),
        ({"model": {"a": 1}}, "no JSON object of values", ""),
        ({"model": "a" * 201}, "no JSON object of values", ""),
        ({"a" * 201: 1}, "no JSON object of values", ""),
        ([1], "no JSON object of values", ""),
    ],
)
def test_a_wrong_input_is_refused_with_the_next_step(
    client: TestClient, body: Any, message: str, place: str
) -> None:
    answer = client.post("/v1/ask/kv_cache_gb", json=body)
    error = answer.json()["error"]
    assert answer.status_code == 400
    assert message in error["message"] and error["place"] == place and error["hint"]


@pytest.mark.parametrize(
    "body", [b"{", b"\xff", b"nonsense", b'{"model": 1e999}', b'{"batch":NaN}']
)
def test_bytes_that_are_no_json_are_refused(client: TestClient, body: bytes) -> None:
    assert client.post("/v1/ask/kv_cache_gb", content=body).status_code == 400


def test_a_body_that_is_too_large_is_refused(client: TestClient) -> None:
    answer = client.post("/v1/ask/kv_cache_gb", content=b" " * (MOST_BYTES + 1))
    assert answer.status_code == 413 and "65,536" in answer.json()["error"]["message"]


def test_an_unknown_question_is_not_found(client: TestClient) -> None:
    for answer in (client.post("/v1/ask/kv_cach_gb", json={}), client.get("/v1/ask/kv_cach_gb")):
        assert answer.status_code == 404
        assert "kv_cache_gb" in answer.json()["error"]["hint"]


def test_the_questions_are_listed_and_described(client: TestClient) -> None:
    listed = client.get("/v1/ask").json()["questions"]
    assert [q["name"] for q in listed] == list(questions())
    assert client.get("/v1/ask/kv_cache_gb").json() in listed


def test_other_methods_are_refused(client: TestClient) -> None:
    assert client.delete("/v1/ask/kv_cache_gb").status_code == 405
    assert client.post("/v1/ask").status_code == 405


def test_openapi_has_every_question_with_its_inputs(client: TestClient) -> None:
    document = client.get("/v1/ask/openapi.json").json()
    assert document == json.loads(json.dumps(openapi()))
    assert document["openapi"] == "3.1.0"
    for name, question in questions().items():
        operation = document["paths"][f"/v1/ask/{name}"]["post"]
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        assert set(schema["properties"]) == set(question.inputs)
        assert schema["required"] == [n for n, i in question.inputs.items() if i.is_required]
    number = document["paths"]["/v1/ask/kv_cache_gb"]["post"]["requestBody"]["content"][
        "application/json"
    ]["schema"]["properties"]["context"]["anyOf"][0]
    assert number == {"type": "number", "minimum": 1.0, "maximum": 1e9}


def test_every_reference_of_the_document_leads_somewhere() -> None:
    document = openapi()
    text = json.dumps(document)
    for reference in {part.split('"')[0] for part in text.split('"#/')[1:]}:
        node: Any = document
        for step in reference.split("/"):
            node = node[step]
        assert node
