"""The status page, the same as JSON, what Prometheus reads, and the socket that commands use."""

import http.client
import json
import re
import socket
import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.gateway.mill import Mill
from tests.gateway.wire import ask, get
from tests.support.factory import wait_until
from wattmill.core.errors import UsageError


def page(mill: Mill, path: str = "/") -> str:
    with urllib.request.urlopen(mill.factory.control_url + path, timeout=10) as answer:
        text: str = answer.read().decode()
        return text


def test_the_page_says_what_runs_and_who_spends(mill: Mill) -> None:
    mill.assert_serves()
    text = page(mill)
    assert "<!doctype html>" in text and "ready" in text
    for word in ("house", "here", "away", "acme", "poor", mill.url):
        assert word in text
    assert "http://" not in text.replace(mill.url, ""), "it needs nothing from elsewhere"


def test_the_same_page_as_json(mill: Mill) -> None:
    told = json.loads(page(mill, "/index.json"))
    assert told["gateway"]["not_ready"] is None
    assert told["gateway"]["pools"]["here"]["up"] is True
    assert told["gateway"]["pools"]["away"]["up"] is False
    assert [model["alias"] for model in told["models"]] == ["house", "nowhere"]


def test_names_are_shown_as_text(mill: Mill) -> None:
    assert "<script" not in page(mill, "/?name=<script>")


@pytest.mark.parametrize("path", ["/nowhere", "/create_key", "/../data"])
def test_the_page_is_for_reading_only(mill: Mill, path: str) -> None:
    for data in (None, b"{}"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(mill.factory.control_url + path, data=data, timeout=10)
        assert refused.value.code in (404, 405)
        refused.value.close()


def test_the_gateway_points_to_the_page(mill: Mill) -> None:
    answer = ask(mill.url, get("/"))
    assert (answer.status, answer.headers["location"]) == (307, mill.factory.control_url)


def metric(mill: Mill, name: str) -> float:
    found = re.search(
        rf"^{re.escape(name)} (\S+)$", ask(mill.url, get("/metrics")).body.decode(), re.M
    )
    return float(found[1]) if found else 0.0


def test_what_prometheus_reads(mill: Mill) -> None:
    finished = 'wattmill_requests_total{model="house",outcome="finished"}'
    tokens = 'wattmill_tokens_total{meter="output_text",pool="here"}'
    before = metric(mill, finished), metric(mill, tokens)
    mill.assert_serves()
    assert (metric(mill, finished), metric(mill, tokens)) == (before[0] + 2, before[1] + 10)
    assert metric(mill, 'wattmill_pool_up{pool="here"}') == 1
    assert metric(mill, 'wattmill_pool_up{pool="away"}') == 0
    wait_until(lambda: metric(mill, "wattmill_in_flight") == 0, "nothing is in flight")
    text = ask(mill.url, get("/metrics")).body
    assert mill.key().encode() not in text and b"acme" not in text


def test_health_and_readiness(mill: Mill) -> None:
    assert ask(mill.url, get("/health")).json == {"status": "ok"}
    assert ask(mill.url, get("/ready")).json == {"ready": True, "reason": None}


# --- the socket of the commands --------------------------------------------------------------------


def operate(mill: Mill, operation: str, body: bytes) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("wattmill")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(mill.factory.data / "control.sock"))
    try:
        connection.request("POST", f"/{operation}", body)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("close", b"{}"),
        ("__init__", b"{}"),
        ("create_key", b"{}"),
        ("create_key", b"[]"),
        ("create_key", b"{"),
        ("create_key", b'{"tenant": "acme", "colour": "red"}'),
        ("create_key", b'{"tenant": "nobody"}'),
        ("create_key", b'{"tenant": 5}'),
        ("set_tenant", b'{"name": "acme", "colour": "red"}'),
        ("backup", b'{"path": "/nowhere/copy.db"}'),
        ("load_factory", b'{"path": "x.toml", "text": "[site"}'),
    ],
)
def test_what_makes_no_sense_is_an_error_and_no_more(
    mill: Mill, operation: str, body: bytes
) -> None:
    status, answer = operate(mill, operation, body)
    assert status == 400
    assert answer["kind"].endswith(("Error", "Busy")) and answer["message"]
    assert operate(mill, "status", b"{}")[0] == 200


def test_only_the_owner_may_talk_to_it(mill: Mill) -> None:
    for name in ("control.sock", "gateway.sock", "snapshot", "ledger.db"):
        mode = (mill.factory.data / name).stat().st_mode & 0o777
        assert mode & 0o077 == 0 or (mill.factory.data.stat().st_mode & 0o077) == 0, name


def test_errors_of_the_books_reach_a_command_as_they_are(mill: Mill) -> None:
    with pytest.raises(UsageError) as refused:
        mill.do("create_key", tenant="nobody")
    assert "acme" in refused.value.hint
