"""HTTP/1.1 from clients: parsing, limits, keys, and the few paths that the gateway answers itself.

One request at a time per connection; requests that a client pipelines wait in a short line. Nothing here decides
anything about money or engines.
"""

import asyncio
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import httptools
import msgspec
from msgspec import Struct

from wattmill.core.roster import Key, Roster
from wattmill.gateway import answers
from wattmill.gateway.api import ENDPOINTS, BadRequest, parse_ask
from wattmill.gateway.driver import Driver
from wattmill.gateway.exchange import Exchange
from wattmill.gateway.headers import AUTHORIZATION, CONTENT_LENGTH, EXPECT, find_header

MAX_PIPELINED = 16
_ENDPOINTS = {path.encode(): endpoint for path, endpoint in ENDPOINTS.items()}
LINGER_S = 1.0
"""How long a client that was refused may go on sending, so that it reads why before its connection breaks."""


class Limits(Struct, frozen=True):
    """What a client may cost us before it has shown a key."""

    max_body_bytes: int = 16 * 2**20
    max_header_bytes: int = 32 * 2**10
    header_timeout_s: float = 10.0
    body_timeout_s: float = 60.0
    idle_timeout_s: float = 300.0
    max_connections: int = 4096


class Front:
    """What all client connections share."""

    def __init__(self, driver: Driver, limits: Limits, control_url: str) -> None:
        self.driver = driver
        self.limits = limits
        self.control_url = control_url
        self.connections: set[ClientConnection] = set()
        self.draining = False
        self.gateway: int | None = None
        """Which of several it is, from 1."""
        self.swept_at_s = driver.now_s()
        """The time of the last sweep: exact enough for what is measured in seconds, and free to read."""
        self.roster = Roster(0)
        self._keys: dict[bytes, Key] = {}

    def set_roster(self, roster: Roster) -> None:
        """Take over keys, models and all the rest."""
        self.roster = roster
        self._keys = {bytes.fromhex(key.sha256): key for key in roster.keys}
        self.driver.set_roster(roster)

    def key_of(self, authorization: bytes) -> Key | None:
        """The key of a ``Bearer`` header. Looked up by hash, so timing tells nothing about a key."""
        if authorization[:7].lower() != b"bearer ":
            return None
        return self._keys.get(sha256(authorization[7:].strip()).digest())

    def not_ready(self) -> str | None:
        """Why no request can be served just now."""
        if self.draining:
            return "The gateway is draining."
        if self.driver.refusal:
            return self.driver.refusal
        if not any(pool.up for pool in self.driver.view.pools.values()):
            return "No engine is up."
        return None

    def metrics(self) -> bytes:
        """What Prometheus reads."""
        driver = self.driver
        return driver.tally.exposition(
            in_flight=driver.in_flight,
            connections=len(self.connections),
            pools_up={name: view.up for name, view in driver.view.pools.items()},
            gateway=self.gateway,
        )

    def sweep(self, now_s: float) -> None:
        """Once a second: close connections that are too slow."""
        self.swept_at_s = now_s
        for connection in list(self.connections):
            connection.check_time(now_s)


class _Incoming(Struct, gc=False):
    """A request that has been read."""

    method: bytes
    url: bytes
    authorization: bytes
    body: bytes
    keep_alive: bool


class _Unfinished:
    """What is known of a request that comes in several reads."""

    __slots__ = ("body_bytes", "body_pieces", "expects_continue", "head_checked")

    def __init__(self) -> None:
        self.head_checked = False
        self.expects_continue = False
        self.body_bytes = 0
        self.body_pieces = 0


class ClientConnection(asyncio.Protocol):
    """One connection from a client."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._transport: Any = None
        # The request that is being read. The parser puts its findings straight into lists and a dict, and no Python
        # runs for them: a request has a dozen headers, and all but three are of no interest here.
        self._url: list[bytes] = []
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self.on_url = self._url.append
        self.on_header = self._headers.__setitem__
        self.on_body = self._body.append
        self._parser = httptools.HttpRequestParser(self)
        self._in_head = True
        self._unfinished_bytes = 0
        """Bytes since a head, a piece of body or a request was complete: an unfinished head or trailer."""
        self._unfinished: _Unfinished | None = None
        """Set when a request was not complete with the first read."""

        self._line: list[_Incoming] = []
        self._busy = False
        self._keep_alive = True
        self._is_head = False
        self._refused = False
        self._key: Key | None = None
        self._key_authorization = b""
        self._key_roster: Roster | None = None
        self._since_s = front.swept_at_s
        self.exchange: Exchange | None = None
        self.is_gone = False
        self.took_all = False
        """Of a connection that is gone: everything that was written to it went out before."""
        self._is_cut = False

    # --- transport ---------------------------------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        front = self._front
        if len(front.connections) >= front.limits.max_connections:
            self._refuse("overloaded", "Too many connections.")
            return
        front.connections.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self.is_gone = True
        self.took_all = error is None and not self._is_cut
        self._front.connections.discard(self)
        self._line.clear()
        exchange, self.exchange = self.exchange, None
        if exchange is not None and not exchange.ended:
            self._front.driver.leave(exchange)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        self._unfinished_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse("invalid_request", "Upgrades are not supported.")
            return
        except httptools.HttpParserError as error:
            self._refuse("invalid_request", f"This is no HTTP/1.1 request: {error}")
            return
        if self._unfinished_bytes:
            self._check_unfinished(data)

    def _check_unfinished(self, data: bytes) -> None:
        """Refuse a request that is too large already, though it is not complete."""
        unfinished = self._unfinished
        if unfinished is None:
            unfinished = self._unfinished = _Unfinished()
            self._since_s = self._front.swept_at_s
        if not self._in_head and not unfinished.head_checked:
            unfinished.head_checked = True
            self._check_head(unfinished)
            self._unfinished_bytes = 0
        pieces = self._body[unfinished.body_pieces :]
        if pieces:
            unfinished.body_pieces += len(pieces)
            unfinished.body_bytes += sum(map(len, pieces))
            # What follows the last piece of body may be the beginning of a trailer.
            self._unfinished_bytes = len(data) - data.rfind(pieces[-1]) - len(pieces[-1])
        if unfinished.body_bytes > self._front.limits.max_body_bytes:
            self._refuse("body_too_large", self._too_large())
        elif self._unfinished_bytes > self._front.limits.max_header_bytes:
            self._refuse("headers_too_large", self._header_too_large())

    def _check_head(self, unfinished: _Unfinished) -> None:
        """The head is there, the body is not, or not all of it."""
        length = find_header(self._headers, CONTENT_LENGTH)
        if self._head_bytes() > self._front.limits.max_header_bytes:
            self._refuse("headers_too_large", self._header_too_large())
        elif length.isdigit() and int(length) > self._front.limits.max_body_bytes:
            self._refuse("body_too_large", self._too_large())
        elif find_header(self._headers, EXPECT).lower() == b"100-continue":
            unfinished.expects_continue = True
            if not self._busy:
                self._tell_to_continue(unfinished)

    def _head_bytes(self) -> int:
        lines = sum(len(name) + len(value) + 4 for name, value in self._headers.items())
        return lines + sum(map(len, self._url))

    def _tell_to_continue(self, unfinished: _Unfinished) -> None:
        unfinished.expects_continue = False
        self.write(answers.CONTINUE)

    def pause_writing(self) -> None:
        if self.exchange is not None and self.exchange.link is not None:
            self.exchange.link.pause(self.exchange)

    def resume_writing(self) -> None:
        if self.exchange is not None and self.exchange.link is not None:
            self.exchange.link.resume(self.exchange)

    def write(self, data: bytes) -> None:
        if not self.is_gone:
            self._transport.write(data)

    @property
    def unsent_bytes(self) -> int:
        """Bytes that the kernel has not taken yet."""
        return 0 if self.is_gone else self._transport.get_write_buffer_size()

    # --- httptools ---------------------------------------------------------------------------------------------------

    def on_headers_complete(self) -> None:
        self._in_head = False

    def on_message_complete(self) -> None:
        parser, limits = self._parser, self._front.limits
        body = b"".join(self._body)
        authorization = find_header(self._headers, AUTHORIZATION)
        incoming = _Incoming(
            parser.get_method(),
            b"".join(self._url),
            authorization,
            body,
            parser.should_keep_alive(),
        )
        is_large = self._unfinished_bytes > limits.max_header_bytes
        head_bytes = self._head_bytes() if is_large and self._unfinished is None else 0
        self._url.clear()
        self._headers.clear()
        self._body.clear()
        self._in_head = True
        self._unfinished_bytes = 0
        self._unfinished = None
        if self._refused or self.is_gone:
            return
        if parser.should_upgrade():
            self._refuse("invalid_request", "Upgrades are not supported.")
        elif head_bytes > limits.max_header_bytes:
            self._refuse("headers_too_large", self._header_too_large())
        elif len(body) > limits.max_body_bytes:
            self._refuse("body_too_large", self._too_large())
        elif self._busy:
            self._line.append(incoming)
            if len(self._line) > MAX_PIPELINED:
                self._refuse("overloaded", "Too many requests wait on this connection.")
        else:
            self._serve(incoming)

    def _header_too_large(self) -> str:
        return f"The header is larger than {self._front.limits.max_header_bytes} bytes."

    def _too_large(self) -> str:
        return f"The body is larger than {self._front.limits.max_body_bytes} bytes."

    # --- serving -----------------------------------------------------------------------------------------------------

    def _serve(self, incoming: _Incoming) -> None:
        self._busy = True
        self._keep_alive = incoming.keep_alive
        self._is_head = incoming.method == b"HEAD"
        url = incoming.url
        endpoint = _ENDPOINTS.get(url) or _ENDPOINTS.get(url.partition(b"?")[0])
        if endpoint is None:
            self._serve_other(incoming)
            return
        if incoming.method != b"POST":
            self._answer_error("method_not_allowed", f"/v1{endpoint.path} takes POST.")
            return
        key = self._key_of(incoming.authorization)
        if key is None:
            self._answer_error("invalid_api_key", _no_key(incoming.authorization))
            return
        if self._front.draining:
            self._answer_error("draining", "The gateway is draining.", retry_after_s=2.0)
            return
        try:
            ask = parse_ask(endpoint, incoming.body)
        except BadRequest as error:
            self._answer_error("invalid_request", error.message, param=error.param)
            return
        if ask.stream and self._parser.get_http_version() == "1.0":
            self._answer_error("invalid_request", "Streaming needs HTTP/1.1.", param="stream")
            return
        self._front.driver.arrive(self, key.id, ask)

    def _key_of(self, authorization: bytes) -> Key | None:
        """The key of a header. A connection mostly goes on with the one that it used last."""
        roster = self._front.roster
        if authorization != self._key_authorization or roster is not self._key_roster:
            self._key = self._front.key_of(authorization)
            self._key_authorization, self._key_roster = authorization, roster
        return self._key

    def _serve_other(self, incoming: _Incoming) -> None:
        path = incoming.url.partition(b"?")[0].decode("latin-1")
        page = _PAGES.get(path)
        is_models = path == "/v1/models" or path.startswith("/v1/models/")
        if page is None and not is_models:
            known = ", ".join([*ENDPOINTS, "/v1/models", *_PAGES])
            message = f"Unknown request URL: {incoming.method.decode()} {path}. Known: {known}."
            self._answer_error("not_found", message)
        elif incoming.method not in (b"GET", b"HEAD"):
            self._answer_error("method_not_allowed", f"{path} takes GET.")
        elif page is None:
            self._serve_models(path, incoming)
        else:
            self._answer(page(self._front))

    def _serve_models(self, path: str, incoming: _Incoming) -> None:
        if self._key_of(incoming.authorization) is None:
            self._answer_error("invalid_api_key", _no_key(incoming.authorization))
            return
        aliases = [model.alias for model in self._front.roster.models]
        name = path.removeprefix("/v1/models").strip("/")
        if not name:
            listed = {"object": "list", "data": [_model(alias) for alias in aliases]}
            self._answer(answers.answer(200, msgspec.json.encode(listed)))
        elif name in aliases:
            self._answer(answers.answer(200, msgspec.json.encode(_model(name))))
        else:
            message = f"The model {name!r} does not exist. Models here: {', '.join(aliases)}."
            self._answer_error("model_not_found", message, param="model")

    def _answer_error(
        self,
        code: str,
        message: str,
        *,
        param: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        self._answer(answers.error_answer(code, message, param=param, retry_after_s=retry_after_s))

    def _answer(self, data: bytes) -> None:
        self.write(data[: data.index(b"\r\n\r\n") + 4] if self._is_head else data)
        self._next()

    def end_exchange(self, exchange: Exchange, *, close: bool = False) -> None:
        """The answer is out: take the next request, or close."""
        if exchange.link is not None:
            exchange.link.resume(exchange)
        if self.exchange is exchange:
            self.exchange = None
        if close:
            self._keep_alive = False
        self._next()

    def _next(self) -> None:
        self._busy = False
        self._since_s = self._front.swept_at_s
        if self.is_gone:
            return
        if not self._keep_alive:
            self._transport.close()
        elif self._line:
            asyncio.get_running_loop().call_soon(self._serve_next)
            self._busy = True
        elif self._unfinished is not None and self._unfinished.expects_continue:
            self._tell_to_continue(self._unfinished)

    def _serve_next(self) -> None:
        if self._line and not self.is_gone:
            self._serve(self._line.pop(0))

    def _refuse(self, code: str, message: str) -> None:
        """Say why and close: what follows on this connection cannot be trusted."""
        if self.is_gone or self._refused or self._transport.is_closing():
            return
        self._refused = True
        if self._busy:
            self._transport.close()
            return
        self.write(answers.error_answer(code, message, close=True))
        self._transport.write_eof()
        asyncio.get_running_loop().call_later(LINGER_S, self._transport.close)

    # --- time --------------------------------------------------------------------------------------------------------

    def check_time(self, now_s: float) -> None:
        """Close a connection that is too slow with its header or body, or idle for too long."""
        if self._busy or self._refused:
            return
        limits = self._front.limits
        waited_s = now_s - self._since_s
        if self._unfinished is not None:
            limit_s = limits.header_timeout_s if self._in_head else limits.body_timeout_s
            if waited_s > limit_s:
                self._refuse("request_timeout", f"The request took longer than {limit_s:.0f} s.")
        elif waited_s > limits.idle_timeout_s:
            self._transport.close()

    def drain(self) -> None:
        """Close once the request in flight is answered; at once when there is none."""
        self._keep_alive = False
        if not self._busy and self._transport is not None:
            self._transport.close()

    def cut(self) -> None:
        """Close at once, whatever is in flight."""
        self._is_cut = True
        self._transport.abort()


def _no_key(authorization: bytes) -> str:
    if not authorization:
        return "You didn't provide an API key. Use the header: Authorization: Bearer wm-…"
    return "Incorrect API key provided. Keys of this gateway start with wm- and can be revoked."


def _model(alias: str) -> dict[str, object]:
    return {"id": alias, "object": "model", "created": 0, "owned_by": "wattmill"}


def _health(front: Front) -> bytes:
    return answers.answer(200, b'{"status":"ok"}')


def _ready(front: Front) -> bytes:
    reason = front.not_ready()
    body = msgspec.json.encode({"ready": reason is None, "reason": reason})
    return answers.answer(200 if reason is None else 503, body)


def _metrics(front: Front) -> bytes:
    return answers.answer(200, front.metrics(), kind="text/plain; version=0.0.4; charset=utf-8")


def _home(front: Front) -> bytes:
    return answers.answer(307, b"", extra=f"location: {front.control_url}\r\n")


_PAGES: dict[str, Callable[[Front], bytes]] = {
    "/": _home,
    "/health": _health,
    "/ready": _ready,
    "/metrics": _metrics,
}
