"""Clients that are wrong, slow, rude or hostile: each gets its answer in the API's shape, and the next is served."""

import json
import socket
from collections.abc import Iterator

import pytest

from tests.gateway.mill import Mill
from tests.gateway.wire import CHAT, HELLO, Answer, ask, chat, get, post, wire
from tests.support.factory import wait_until

WELL = "one two three four five"


@pytest.fixture(autouse=True)
def lives_on(mill: Mill) -> Iterator[None]:
    """Whatever a test does to the gateway, it is the same process that serves the next request."""
    before = mill.factory.child("gateway")
    yield
    mill.assert_serves()
    assert mill.factory.child("gateway") == before


def ended(mill: Mill, play: str) -> bool:
    """Whether the engine has ended its latest play of that name."""
    return any(asked.ended for asked in mill.engine.of(play)[-1:])


def assert_error(answer: Answer, status: int, code: str) -> None:
    assert (answer.status, answer.code) == (status, code)
    assert answer.headers["content-type"] == "application/json"


# --- who asks --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "authorization",
    [
        b"",
        b"authorization: \r\n",
        b"authorization: Bearer\r\n",
        b"authorization: Bearer wm-nobody\r\n",
        b"authorization: Bearer \xff\xfe\r\n",
        b"authorization: Basic d206d20=\r\n",
        b"authorization: wm-nobody\r\n",
        b"authorization: Bearer " + b"x" * 4000 + b"\r\n",
    ],
)
@pytest.mark.parametrize("path", [CHAT, "/v1/completions", "/v1/embeddings"])
def test_without_a_key_nothing_is_served(mill: Mill, authorization: bytes, path: str) -> None:
    body = json.dumps(chat()).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n".encode()
    answer = ask(mill.url, head + authorization + b"\r\n" + body)
    assert_error(answer, 401, "invalid_api_key")


def test_the_list_of_models_wants_a_key_too(mill: Mill) -> None:
    assert_error(ask(mill.url, get("/v1/models")), 401, "invalid_api_key")
    assert_error(ask(mill.url, get("/v1/models/house", "wm-nobody")), 401, "invalid_api_key")


def test_a_revoked_key_is_refused_from_the_next_request_on(mill: Mill) -> None:
    key = mill.do("create_key", tenant="acme")
    with wire(mill.url) as connection:
        connection.send(post(chat(), key["key"]))
        assert connection.answer().text == WELL
        mill.do("revoke_key", key_id=key["id"])
        connection.send(post(chat(), key["key"]))
        assert_error(connection.answer(), 401, "invalid_api_key")


def test_a_key_in_any_case_of_bearer(mill: Mill) -> None:
    request = post(chat(), mill.key()).replace(b"authorization: Bearer", b"AUTHORIZATION: bearer")
    assert ask(mill.url, request).text == WELL


# --- what is asked for -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None),
        (b"{", None),
        (b"\xff\xfe", None),
        (b"[1, 2]", None),
        (b'"hello"', None),
        (json.dumps(chat()).encode()[:-1], None),
        (json.dumps(chat()).encode().replace(b"hello", b"\xc3\x28"), None),
        (b"[" * 500_000, None),
        ({"messages": HELLO}, "model"),
        ({"model": 7, "messages": HELLO}, "model"),
        ({"model": "house"}, "messages"),
        ({"model": "house", "messages": []}, "messages"),
        ({"model": "house", "messages": "hello"}, "messages"),
        (chat(stream="yes"), "stream"),
        (chat(max_tokens=-1), "max_tokens"),
        (chat(max_tokens="many"), "max_tokens"),
        (chat(max_completion_tokens=2**31), "max_completion_tokens"),
        (chat(n=129), "n"),
        (chat(n=0), "n"),
        (chat(n=128, max_tokens=2**31 - 1), "max_tokens"),
        (chat(stream=True, stream_options="all"), "stream_options"),
    ],
)
def test_a_body_that_makes_no_sense(mill: Mill, body: bytes, param: str | None) -> None:
    with wire(mill.url) as connection:
        connection.send(post(body, mill.key()))
        answer = connection.answer()
        assert_error(answer, 400, "invalid_request")
        assert answer.json["error"]["param"] == param
        connection.send(post(chat(), mill.key()))
        assert connection.answer().text == WELL, "the connection is still good"


def test_an_unknown_model_is_answered_with_those_that_are_known(mill: Mill) -> None:
    answer = mill.chat(model="gpt-9")
    assert_error(answer, 404, "model_not_found")
    assert "'gpt-9'" in answer.json["error"]["message"]
    assert "house, nowhere" in answer.json["error"]["message"]
    assert_error(ask(mill.url, get("/v1/models/gpt-9", mill.key())), 404, "model_not_found")


def test_output_without_end_is_refused_even_without_a_budget(mill: Mill) -> None:
    body = {"model": "house", "prompt": ["x"] * 1000, "max_tokens": 10**6, "n": 3}
    answer = ask(mill.url, post(body, mill.key(), "/v1/completions"))
    assert_error(answer, 400, "invalid_request")


def test_a_request_over_the_budget_is_refused_and_not_tried_again(mill: Mill) -> None:
    answer = mill.chat(tenant="poor", max_tokens=1000)
    assert_error(answer, 429, "insufficient_quota")
    assert answer.headers["x-should-retry"] == "false"
    assert mill.chat(tenant="poor", max_tokens=1).text == WELL, "a smaller one fits"


@pytest.mark.parametrize(
    ("request_line", "status", "code"),
    [
        ("GET /v1/nothing", 404, "not_found"),
        ("POST /v1/responses", 404, "not_found"),
        ("GET /../etc/passwd", 404, "not_found"),
        ("GET //v1/models", 404, "not_found"),
        ("GET /%00", 404, "not_found"),
        ("GET /v1/chat/completions", 405, "method_not_allowed"),
        ("DELETE /v1/chat/completions", 405, "method_not_allowed"),
        ("DELETE /v1/models/house", 405, "method_not_allowed"),
        ("POST /health", 405, "method_not_allowed"),
        ("OPTIONS *", 404, "not_found"),
    ],
)
def test_paths_and_methods_that_are_not_there(
    mill: Mill, request_line: str, status: int, code: str
) -> None:
    with wire(mill.url) as connection:
        head = f"{request_line} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {mill.key()}\r\n\r\n"
        connection.send(head.encode())
        assert_error(connection.answer(), status, code)
        connection.send(get("/health"))
        assert connection.answer().status == 200


# --- HTTP ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/health", "/ready", "/metrics", "/", "/v1/models", "/nowhere"])
def test_head_has_the_headers_of_get_and_no_body(mill: Mill, path: str) -> None:
    got = ask(mill.url, get(path, mill.key()))
    with wire(mill.url) as connection:
        connection.send(get(path, mill.key(), "HEAD") + get("/health"))
        headed = connection.answer(to_head=True)
        assert headed.status == got.status
        assert headed.headers["content-type"] == got.headers["content-type"]
        assert connection.answer().body == b'{"status":"ok"}'


@pytest.mark.parametrize(
    "rubbish",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
        b"hello\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"BREW /pot HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon here\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\n folded: y\r\n\r\n\x00",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: many\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -5\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
    ids=lambda data: repr(data[:30]),
)
def test_what_is_no_http_is_refused_and_the_connection_closed(mill: Mill, rubbish: bytes) -> None:
    with wire(mill.url) as connection:
        connection.send(rubbish)
        answer = connection.answer()
        assert_error(answer, 400, "invalid_request")
        assert answer.headers["connection"] == "close"
        assert connection.is_closed


@pytest.mark.parametrize(
    "smuggled",
    [
        "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
        "content-length: 5\r\ncontent-length: 6\r\n",
        "transfer-encoding: gzip, chunked, identity\r\n",
    ],
)
def test_two_ways_to_read_a_length_are_one_too_many(mill: Mill, smuggled: str) -> None:
    head = (
        f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {mill.key()}\r\n{smuggled}\r\n"
    )
    with wire(mill.url) as connection:
        connection.send(head.encode() + b"0\r\n\r\n" + get("/health"))
        assert_error(connection.answer(), 400, "invalid_request")
        assert connection.is_closed


def test_an_upgrade_is_refused(mill: Mill) -> None:
    with wire(mill.url) as connection:
        more = "connection: upgrade\r\nupgrade: websocket\r\n"
        connection.send(post(chat(), mill.key(), more=more))
        assert_error(connection.answer(), 400, "invalid_request")
        assert connection.is_closed


def test_a_body_in_chunks_is_a_body(mill: Mill) -> None:
    body = json.dumps(chat()).encode()
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
    head = post(b"", mill.key()).replace(b"content-length: 0", b"transfer-encoding: chunked")
    assert ask(mill.url, head + chunks + b"0\r\n\r\n").text == WELL


def test_a_request_byte_by_byte(mill: Mill) -> None:
    with wire(mill.url) as connection:
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in post(chat(), mill.key()):
            connection.send(bytes([byte]))
        assert connection.answer().text == WELL


def test_requests_in_a_row_are_answered_in_their_order(mill: Mill) -> None:
    requests = [
        (post(chat(), mill.key()), 200),
        (post(chat(stream=True), mill.key()), 200),
        (post(b"{", mill.key()), 400),
        (get("/health"), 200),
        (post(chat(), "wm-nobody"), 401),
        (get("/nothing"), 404),
        (post(chat(stream=True), mill.key()), 200),
    ]
    with wire(mill.url) as connection:
        connection.send(b"".join(request for request, _ in requests))
        assert [connection.answer().status for _ in requests] == [status for _, status in requests]


def test_a_row_without_end_is_refused(mill: Mill) -> None:
    with wire(mill.url) as connection:
        connection.send(post(chat("waits", stream=True), mill.key()) + get("/health") * 100)
        assert connection.is_closed


def test_a_client_that_waits_for_a_go_ahead_gets_it(mill: Mill) -> None:
    head, _, body = post(chat(), mill.key(), more="expect: 100-continue\r\n").partition(b"\r\n\r\n")
    with wire(mill.url) as connection:
        connection.send(head + b"\r\n\r\n")
        assert connection.answer().status == 100
        connection.send(body)
        assert connection.answer().text == WELL


def test_a_go_ahead_never_falls_into_another_answer(mill: Mill) -> None:
    mill.engine.pause()
    first = post(chat("waits", stream=True), mill.key())
    head, _, body = post(chat(), mill.key(), more="expect: 100-continue\r\n").partition(b"\r\n\r\n")
    with wire(mill.url) as connection:
        connection.send(first + head + b"\r\n\r\n")
        wait_until(lambda: len(mill.engine.of("waits")) > 0, "the engine is asked")
        mill.engine.go_on()
        assert connection.answer().text == WELL
        connection.send(body)
        answer = connection.answer()
        if answer.status == 100:
            answer = connection.answer()
        assert answer.text == WELL


def test_http_1_0_gets_a_whole_answer_and_the_end_of_the_connection(mill: Mill) -> None:
    with wire(mill.url) as connection:
        connection.send(post(chat(), mill.key()).replace(b"HTTP/1.1", b"HTTP/1.0"))
        assert connection.answer().text == WELL
        assert connection.is_closed


def test_http_1_0_has_no_streams(mill: Mill) -> None:
    """Its clients do not know a body in chunks."""
    with wire(mill.url) as connection:
        connection.send(post(chat(stream=True), mill.key()).replace(b"HTTP/1.1", b"HTTP/1.0"))
        answer = connection.answer()
        assert_error(answer, 400, "invalid_request")
        assert "HTTP/1.1" in answer.json["error"]["message"]


def test_a_client_that_says_close_is_closed_after_its_answer(mill: Mill) -> None:
    with wire(mill.url) as connection:
        connection.send(post(chat(stream=True), mill.key(), more="connection: close\r\n"))
        assert connection.answer().text == WELL
        assert connection.is_closed


# --- too large, too slow, too many -----------------------------------------------------------------

MEGABYTE = 2**20


def test_a_body_that_says_it_is_too_large_is_refused_unread(mill: Mill) -> None:
    with wire(mill.url) as connection:
        connection.send(post(b"", mill.key()).replace(b"length: 0", b"length: 1048577"))
        assert_error(connection.answer(), 413, "body_too_large")
        assert connection.is_closed


def test_a_body_that_turns_out_too_large(mill: Mill) -> None:
    head = post(b"", mill.key()).replace(b"content-length: 0", b"transfer-encoding: chunked")
    with wire(mill.url) as connection:
        connection.send(head)
        for _ in range(17):
            connection.send(b"10000\r\n" + b" " * 65536 + b"\r\n")
        assert_error(connection.answer(), 413, "body_too_large")


def test_a_body_of_just_the_size_is_read(mill: Mill) -> None:
    body = json.dumps(chat()).encode()
    body += b" " * (MEGABYTE - len(body))
    assert ask(mill.url, post(body, mill.key())).text == WELL
    assert_error(ask(mill.url, post(body + b" ", mill.key())), 413, "body_too_large")


@pytest.mark.parametrize("size", [9_000, 60_000, 500_000])
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "without end"])
def test_a_header_that_is_too_large(mill: Mill, size: int, whole: bool) -> None:
    with wire(mill.url) as connection:
        connection.send(b"GET /health HTTP/1.1\r\nhost: x\r\nx-long: " + b"x" * size)
        if whole:
            connection.send(b"\r\n\r\n")
        assert_error(connection.answer(), 431, "headers_too_large")


def test_an_address_that_is_too_long(mill: Mill) -> None:
    with wire(mill.url) as connection:
        connection.send(b"GET /health?" + b"x" * 9_000 + b" HTTP/1.1\r\n\r\n")
        assert_error(connection.answer(), 431, "headers_too_large")


def test_a_trailer_that_is_too_large(mill: Mill) -> None:
    head = post(b"", mill.key()).replace(b"content-length: 0", b"transfer-encoding: chunked")
    with wire(mill.url) as connection:
        connection.send(head + b"2\r\n{}\r\n0\r\n")
        for _ in range(5):
            connection.send(b"x-trailer: " + b"x" * 4_000 + b"\r\n")
        assert_error(connection.answer(), 431, "headers_too_large")


@pytest.mark.parametrize(
    "beginning",
    [b"G", b"GET /health HTTP/1.1\r\nhost:", b"\r\n", b"POST /v1/chat/completions HTTP/1.1\r\n"],
)
def test_a_header_that_takes_too_long(mill: Mill, beginning: bytes) -> None:
    with wire(mill.url) as connection:
        connection.send(beginning)
        assert_error(connection.answer(), 408, "request_timeout")
        assert connection.is_closed


def test_a_body_that_takes_too_long(mill: Mill) -> None:
    with wire(mill.url) as connection:
        connection.send(post(chat(), mill.key())[:-1])
        assert_error(connection.answer(), 408, "request_timeout")
        assert connection.is_closed


def test_too_many_connections_are_told_so(mill: Mill) -> None:
    """The factory file allows 40. Those that are open go on being served."""
    connections = [wire(mill.url) for _ in range(45)]
    opened = [connection.__enter__() for connection in connections]
    refused = 0
    for connection in opened[35:]:
        connection.send(get("/health"))
        answer = connection.answer()
        if answer.status == 200:
            continue
        assert_error(answer, 503, "overloaded")
        refused += 1
    assert refused >= 5
    opened[0].send(post(chat(), mill.key()))
    assert opened[0].answer().text == WELL
    for manager in connections:
        manager.__exit__(None, None, None)
    wait_until(
        lambda: mill.do("status")["gateway"]["connections"] < 10, "their places are free again"
    )


# --- clients that leave ----------------------------------------------------------------------------


def test_a_client_that_leaves_before_the_first_token_pays_nothing(mill: Mill) -> None:
    with wire(mill.url) as connection:
        connection.send(post(chat("silent", stream=True), mill.key()))
        wait_until(lambda: len(mill.engine.of("silent")) > 0, "the engine is asked")
    wait_until(lambda: mill.engine.of("silent")[-1].left, "the engine is told to stop")
    request = mill.last_request()
    void = mill.wait_for(request)
    assert (void["state"], void["reason"], void["amount_pusd"]) == ("void", "client_gone", 0)


def test_a_client_that_leaves_in_the_middle_pays_for_what_it_got(mill: Mill) -> None:
    mill.engine.pause()
    with wire(mill.url) as connection:
        connection.send(post(chat("waits", stream=True), mill.key()))
        connection.read_until(b"one")
    wait_until(lambda: mill.engine.of("waits")[-1].left, "the engine is told to stop")
    request = mill.last_request()
    charged = mill.wait_for(request)
    assert (charged["state"], charged["outcome"]) == ("charged", "client_gone")
    assert (charged["source"], charged["input_uncached"], charged["output_text"]) == (
        "counted",
        7,
        1,
    )


def test_a_slow_reader_holds_up_its_engine_and_nobody_else(mill: Mill) -> None:
    """16 MiB for a client that does not read: they wait in the engine, not in the gateway's memory."""
    with wire(mill.url) as connection:
        connection.send(post(chat("floods", stream=True), mill.key()))
        wait_until(lambda: len(mill.engine.of("floods")) > 0, "the engine is asked")
        for _ in range(5):
            mill.assert_serves()
        assert not mill.engine.of("floods")[-1].ended
        answer = connection.answer()
        assert len(answer.text) == 256 * 65536
        connection.send(post(chat(stream=True), mill.key()))
        assert connection.answer().text == WELL
    for _ in range(5):
        mill.assert_serves()


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_a_reader_that_is_slow_at_the_end_holds_up_nobody(mill: Mill, stream: bool) -> None:
    """The engine has said all: its connection is free for others while this client still reads."""
    with wire(mill.url) as connection:
        connection.send(post(chat("at-length", stream=stream), mill.key()))
        wait_until(lambda: ended(mill, "at-length"), "the engine has ended")
        for _ in range(5):
            mill.assert_serves()
        assert len(connection.answer().text) >= 2**22
