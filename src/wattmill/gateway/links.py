"""Connections to engines: HTTP/1.1 with keep-alive, one request at a time on each.

The seam is ``Connect``: something that opens a connection and attaches a protocol to it. The gateway opens sockets; a
simulation attaches a model of an engine.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, Protocol
from urllib.parse import SplitResult, urlsplit

import httptools

from wattmill.core.roster import Pool
from wattmill.gateway.headers import CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING, find_header

Connect = Callable[[SplitResult, Callable[[], asyncio.Protocol]], Awaitable[Any]]
MAX_IDLE = 1024
CONNECT_TIMEOUT_S = 5.0
MAX_IDLE_S = 3.0
"""Engines close a connection after 5 idle seconds (llama.cpp, uvicorn); one that comes near that is not used again."""
STALE_S = 0.05
"""A used connection that ends so soon after the next request had been closed before it arrived."""


class Answer(Protocol):
    """Who receives an engine's answer.

    ``link`` is the connection that carries it; ``abandoned`` says that nobody wants it any more.
    """

    link: "Link | None"
    abandoned: bool

    def on_answer_head(self, status: int, content_type: bytes) -> None: ...
    def on_answer_body(self, data: bytes) -> None: ...
    def on_answer_end(self) -> None: ...
    def on_link_lost(self, reason: str) -> None: ...


def open_socket(loop: asyncio.AbstractEventLoop) -> Connect:
    """Connect over TCP, with TLS for ``https``."""
    context = ssl.create_default_context()

    async def connect(url: SplitResult, factory: Callable[[], asyncio.Protocol]) -> Any:
        secure = url.scheme == "https"
        port = url.port or (443 if secure else 80)
        attempt = loop.create_connection(
            factory, url.hostname or "", port, ssl=context if secure else None
        )
        return await asyncio.wait_for(attempt, CONNECT_TIMEOUT_S)

    return connect


class Link(asyncio.Protocol):
    """One connection to an engine."""

    def __init__(self, engine: "EngineLinks") -> None:
        self._engine = engine
        self._transport: Any = None
        self._answer: Answer | None = None
        # The parser puts headers and chunks where they belong: no Python runs for them, however small they are.
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self.on_header = self._headers.__setitem__
        self.on_body = self._body.append
        self._parser = httptools.HttpResponseParser(self)
        self._ended = False
        self._paused = False
        self._keep_alive = False
        self._used = 0
        self.idle_since_s = 0.0
        self._sent_at_s = 0.0
        self._head_seen = False
        self._request: bytes = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def send(self, answer: Answer, request: bytes, now_s: float) -> None:
        self._answer = answer
        self._request = request
        self._ended = self._head_seen = False
        self._headers.clear()
        self._used += 1
        self._sent_at_s = now_s
        self._transport.write(request)

    def carries(self, answer: Answer) -> bool:
        return self._answer is answer

    def drop(self) -> None:
        """Close, so that the engine stops working on it."""
        self._answer = None
        if self._transport is not None:
            self._transport.abort()

    def pause(self, answer: Answer) -> None:
        """Read no more of an answer for now; an answer that has ended pauses nothing."""
        if self._answer is answer and not self._ended:
            self._paused = True
            self._transport.pause_reading()

    def resume(self, answer: Answer) -> None:
        if self._answer is answer and self._paused:
            self._paused = False
            self._transport.resume_reading()

    @property
    def is_usable(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def data_received(self, data: bytes) -> None:
        answer = self._answer
        if answer is None:
            self.drop()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"The engine's answer is no HTTP: {error}")
            return
        if self._answer is not answer:
            self._body.clear()
            return
        pieces = self._body
        if pieces:
            body = b"".join(pieces)
            pieces.clear()
            answer.on_answer_body(body)
        if self._ended:
            self._finish(answer)

    def _finish(self, answer: Answer) -> None:
        if self._answer is answer:
            self._answer = None
            if self._keep_alive and self.is_usable:
                self._engine.give_back(self)
            else:
                self._transport.close()
        answer.on_answer_end()

    def _fail(self, reason: str) -> None:
        answer, self._answer = self._answer, None
        self._transport.abort()
        if answer is not None:
            answer.on_link_lost(reason)

    def connection_lost(self, error: Exception | None) -> None:
        self._engine.forget(self)
        answer, self._answer = self._answer, None
        if answer is None:
            return
        if self._used > 1 and not self._head_seen and self._was_just_sent():
            # The engine closed an idle connection just as it was used again: it never saw this request.
            self._engine.send(answer, self._request)
            return
        if self._head_seen and self._ends_with_connection:
            answer.on_answer_end()
            return
        answer.on_link_lost(f"The engine closed the connection ({error or 'end of stream'}).")

    def _was_just_sent(self) -> bool:
        return self._engine.loop.time() - self._sent_at_s < STALE_S

    # --- httptools ---------------------------------------------------------------------------------------------------

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            self._headers.clear()
            return
        self._head_seen = True
        assert self._answer is not None
        self._answer.on_answer_head(status, find_header(self._headers, CONTENT_TYPE))

    @property
    def _ends_with_connection(self) -> bool:
        """Whether the answer has neither a length nor chunks: then the end of the connection is its end."""
        return not (
            find_header(self._headers, CONTENT_LENGTH)
            or find_header(self._headers, TRANSFER_ENCODING)
        )

    def on_message_complete(self) -> None:
        if self._head_seen:
            self._ended = True
            self._keep_alive = self._parser.should_keep_alive()


class EngineLinks:
    """The connections to one pool's engine."""

    def __init__(self, pool: Pool, api_key: str | None, connect: Connect) -> None:
        self.pool = pool
        self.loop = asyncio.get_running_loop()
        self._url = urlsplit(pool.url)
        self._connect = connect
        self._idle: list[Link] = []
        self._heads: dict[tuple[str, str, str | None], bytes] = {}
        self._opening: set[asyncio.Task[None]] = set()
        host = self._url.netloc.rpartition("@")[2]
        authorization = f"authorization: Bearer {api_key}\r\n" if api_key else ""
        self._headers = f" HTTP/1.1\r\nhost: {host}\r\n{authorization}"

    def request(self, path: str, body: bytes, *, base: str | None = None) -> bytes:
        """The bytes of a POST to a path below the pool's URL (or below another base path)."""
        return self._head("POST", path, base, len(body)) + body

    def get(self, path: str, *, base: str | None = None) -> bytes:
        """The bytes of a GET."""
        return self._head("GET", path, base, 0)

    def _head(self, method: str, path: str, base: str | None, length: int) -> bytes:
        known = self._heads.get((method, path, base))
        if known is None:
            prefix = self._url.path.rstrip("/") if base is None else base
            known = f"{method} {prefix}{path}{self._headers}".encode("latin-1")
            self._heads[method, path, base] = known
        if not length:
            return known + b"\r\n"
        return b"%bcontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % (known, length)

    def send(self, answer: Answer, request: bytes) -> None:
        """Send on an idle connection or a new one. Everything that follows comes back through ``answer``."""
        now_s = self.loop.time()
        while self._idle:
            link = self._idle.pop()
            if link.is_usable and link.idle_since_s > now_s - MAX_IDLE_S:
                answer.link = link
                link.send(answer, request, now_s)
                return
            link.drop()
        task = self.loop.create_task(self._open(answer, request))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open(self, answer: Answer, request: bytes) -> None:
        try:
            _, link = await self._connect(self._url, lambda: Link(self))
        except (OSError, TimeoutError) as error:
            if not answer.abandoned:
                reason = str(error) or "timed out"
                answer.on_link_lost(f"The engine cannot be reached ({reason}).")
            return
        if answer.abandoned:
            link.drop()
            return
        answer.link = link
        link.send(answer, request, self.loop.time())

    def abort(self, answer: Answer) -> None:
        """Stop the engine's work on an answer by closing its connection. Nothing more comes back."""
        answer.abandoned = True
        link, answer.link = answer.link, None
        if link is not None and link.carries(answer):
            link.drop()

    def give_back(self, link: Link) -> None:
        if len(self._idle) < MAX_IDLE:
            link.idle_since_s = self.loop.time()
            self._idle.append(link)
        else:
            link.drop()

    def forget(self, link: Link) -> None:
        if link in self._idle:
            self._idle.remove(link)

    def close(self) -> None:
        for link in self._idle:
            link.drop()
        self._idle.clear()
