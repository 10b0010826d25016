"""One request and its answer on their way through the gateway.

It turns what the engine sends into events and carries out what concerns this one client. Nothing of an answer goes to
the client before the hold is durable, nor its end before the settlement is.
"""

from collections.abc import Callable
from typing import Protocol

import msgspec
from msgspec import Struct

from wattmill.core.records import Usage
from wattmill.gateway.answers import (
    JSON_ANSWER,
    LAST_CHUNK,
    STREAM_HEAD,
    answer,
    chunk,
    error_answer,
    error_body,
    error_frame,
    error_message,
)
from wattmill.gateway.api import Ask
from wattmill.gateway.links import Link
from wattmill.gateway.streams import NoStream, SseRelay
from wattmill.gateway.usage import UsageMismatch, output_of_answer, usage_of_answer
from wattmill.policy.events import EngineFailed, EngineRefused, Event, Finished, Streaming

MAX_ANSWER_BYTES = 64 * 2**20
MAX_QUOTED = 300
BYTES_PER_TOKEN_AT_MOST = 8
"""To estimate a prompt that nobody counted, on the tenant's side: real text has about four bytes a token."""


class Client(Protocol):
    """Who asked, on the other end of a connection."""

    exchange: "Exchange | None"
    is_gone: bool
    took_all: bool

    @property
    def unsent_bytes(self) -> int: ...

    def write(self, data: bytes) -> None: ...
    def end_exchange(self, exchange: "Exchange", *, close: bool = False) -> None: ...


class Driver(Protocol):
    """Who decides about a request, and carries it out."""

    swept_at_s: float
    now_s: Callable[[], float]

    def emit(self, event: Event) -> None: ...
    def when_durable(self, place: int, callback: Callable[[], None]) -> None: ...
    def stop_engine(self, exchange: "Exchange") -> None: ...
    def release(self, exchange: "Exchange") -> None: ...


class Exchange(Struct, eq=False):
    """A request in flight."""

    driver: Driver
    client: Client
    request: int
    ask: Ask
    started_at_s: float
    touched_at_s: float
    pool: str = ""
    link: Link | None = None
    abandoned: bool = False
    hold_place: int = 0
    ended: bool = False
    first_piece_at_s: float | None = None
    _status: int = 0
    _content_type: str = ""
    _body: list[bytes] = []
    _size: int = 0
    _relay: SseRelay | None = None
    _head_sent: bool = False
    _waiting: list[bytes] = []

    @property
    def label(self) -> str:
        """The request's name for people: in headers and logs."""
        return f"wm-{self.request:x}"

    @property
    def pieces(self) -> int:
        """Pieces of the answer handed to the client."""
        return self._relay.pieces if self._relay is not None and self._head_sent else 0

    def begin_attempt(self, pool: str) -> None:
        """Forget what an earlier engine sent."""
        if not self.pool:
            self.pool = pool
            return
        self.pool = pool
        self.link = None
        self._status = 0
        self._body = []
        self._size = 0
        self._relay = None
        self._waiting = []

    def refuse(self, message: str, param: str) -> None:
        """Answer in the engine's place that it cannot do what is asked."""
        self._status = 400
        self._content_type = "application/json"
        self._body = [error_body("invalid_request", message, param)]
        self.driver.emit(EngineRefused(self.request, self.driver.now_s(), 400))

    # --- from the engine ---------------------------------------------------------------------------------------------

    def on_answer_head(self, status: int, content_type: bytes) -> None:
        self._status = status
        if status == 200 and not self.ask.stream:
            return
        self._content_type = content_type.decode("latin-1")
        if status == 200:
            self._start_relay()

    def _start_relay(self) -> None:
        if self._content_type.startswith("text/event-stream"):
            self._relay = SseRelay(
                client_wants_usage=self.ask.wants_usage, choices=self.ask.choices
            )
        else:
            self._fail(f"The engine answered a stream with {self._content_type or 'no type'}.")

    def on_answer_body(self, data: bytes) -> None:
        self.touched_at_s = self.driver.swept_at_s
        if self._relay is not None:
            self._relay_on(self._relay, data)
            return
        self._size += len(data)
        if self._size > MAX_ANSWER_BYTES:
            self._fail(f"The engine's answer is larger than {MAX_ANSWER_BYTES} bytes.")
            return
        self._body.append(data)

    def _relay_on(self, relay: SseRelay, data: bytes) -> None:
        if relay.done:
            return
        try:
            piece = relay.feed(data)
        except NoStream as error:
            self._fail(f"The engine's stream is broken: {error}.")
            return
        if piece:
            self._pass_on(piece)
        if relay.failed:
            self._fail("The engine ended its stream with an error.")
        elif relay.done:
            usage = relay.usage or self.counted(relay.pieces)
            self.driver.emit(Finished(self.request, self.driver.now_s(), usage))

    def _pass_on(self, piece: bytes) -> None:
        if self._head_sent:
            self.client.write(chunk(piece))
            return
        self._waiting.append(piece)
        if len(self._waiting) == 1:
            self.driver.when_durable(self.hold_place, self._start_stream)

    def _start_stream(self) -> None:
        if self.ended or not self._waiting:
            return
        now_s = self.first_piece_at_s = self.driver.now_s()
        self.driver.emit(Streaming(self.request, now_s))
        head = STREAM_HEAD % self.request
        self._head_sent = True
        self.client.write(head + chunk(b"".join(self._waiting)))
        self._waiting = []

    def on_answer_end(self) -> None:
        if self.abandoned or self.ended:
            return
        now_s = self.driver.now_s()
        if self._relay is not None:
            if not self._relay.done:
                self._fail("The engine's stream ended before its end.")
        elif self._status == 200:
            self._finish_whole(now_s)
        elif 400 <= self._status < 500 and self._status not in (401, 403, 408, 429):
            self.driver.emit(EngineRefused(self.request, now_s, self._status))
        else:
            self._fail(f"The engine answered with status {self._status}{self._engines_words()}.")

    def _engines_words(self) -> str:
        """The engine's own message, where it gave one in the API's shape."""
        message = error_message(b"".join(self._body))
        return f": {message[:MAX_QUOTED]}" if message else ""

    def _finish_whole(self, now_s: float) -> None:
        body = b"".join(self._body)
        try:
            usage = usage_of_answer(body, generates=self.ask.endpoint.generates)
        except UsageMismatch:
            usage = None
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._fail("The engine's answer is no JSON object.")
            return
        usage = usage or self.counted(output_of_answer(body))
        self.driver.emit(Finished(self.request, now_s, usage))

    def on_link_lost(self, reason: str) -> None:
        self._fail(reason)

    def _fail(self, reason: str) -> None:
        self.driver.stop_engine(self)
        self.abandoned = False
        self.driver.emit(EngineFailed(self.request, self.driver.now_s(), reason))

    def counted(self, pieces: int) -> Usage:
        """Our own count, where the engine gave none: never more than was delivered."""
        prompt = self._relay.prompt if self._relay is not None else None
        if prompt is not None:
            total, cached = prompt
            return Usage(
                input_uncached=total - cached,
                input_cached=cached,
                output_text=pieces,
                source="counted",
            )
        return Usage(
            input_uncached=self.ask.prompt_bytes // BYTES_PER_TOKEN_AT_MOST,
            output_text=pieces,
            source="estimated",
        )

    # --- to the client -----------------------------------------------------------------------------------------------

    def deliver_end(self) -> None:
        """Give the client the end of its answer."""
        self.ended = True
        self.driver.release(self)
        if self._relay is not None:
            self.client.write(self._end_of_stream(self._relay))
        elif self._status == 200:
            body = b"".join(self._body)
            self.client.write(JSON_ANSWER % (len(body), self.request, body))
        else:
            kind = self._content_type or "application/json"
            extra = f"x-request-id: {self.label}\r\n"
            self.client.write(answer(self._status, b"".join(self._body), kind=kind, extra=extra))
        self.client.end_exchange(self)

    def _end_of_stream(self, relay: SseRelay) -> bytes:
        end = b"".join(self._waiting) + relay.ending
        self._waiting = []
        if self._head_sent:
            return chunk(end) + LAST_CHUNK
        self._head_sent = True
        return STREAM_HEAD % self.request + chunk(end) + LAST_CHUNK

    def reject(self, code: str, message: str, retry_after_s: float | None) -> None:
        """Tell the client no, or that its stream ends here."""
        self.ended = True
        self.driver.release(self)
        if self._head_sent:
            self.client.write(chunk(error_frame(code, message)) + LAST_CHUNK)
            self.client.end_exchange(self, close=True)
            return
        self.client.write(error_answer(code, message, retry_after_s=retry_after_s))
        self.client.end_exchange(self)

    def drop(self) -> None:
        """The client is gone and nothing is owed to it any more."""
        self.ended = True
        self.driver.release(self)
