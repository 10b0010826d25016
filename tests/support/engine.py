"""An engine that does what a test tells it to, over raw sockets: well, badly, or not at all.

    with scripted_engine() as engine:
        ...                                   # a pool with url = engine.url
        {"model": …, "user": "cut-stream"}    # the ``user`` field of a request names the play

A play is one answer. Every request is kept in ``engine.asked``, with what became of it.
"""

import asyncio
import contextlib
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

WORDS = ("one ", "two ", "three ", "four ", "five")
PROMPT_TOKENS = 7
USAGE = {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": len(WORDS), "total_tokens": 12}
MANY = 806
REFUSAL = b'{"error":{"message":"too odd for me","type":"invalid_request_error","code":"odd"}}'


@dataclass
class Asked:
    """A request as it reached the engine. ``left``: the gateway closed before the answer ended."""

    method: str
    path: str
    headers: dict[str, str]
    fields: dict[str, Any]
    left: bool = False
    ended: bool = False


@dataclass
class Stage:
    """Where a play takes place: one request, and the connection that wants an answer."""

    engine: "ScriptedEngine"
    asked: Asked
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def streams(self) -> bool:
        return self.asked.fields.get("stream") is True

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def send_head(self, kind: str, *, status: int = 200, more: str = "") -> None:
        await self.send(f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\n{more}\r\n".encode())

    async def send_whole(
        self, body: bytes, *, status: int = 200, kind: str = "application/json", more: str = ""
    ) -> None:
        more = f"content-length: {len(body)}\r\n{more}"
        await self.send_head(kind, status=status, more=more)
        await self.send(body)

    async def begin_stream(self, kind: str = "text/event-stream; charset=utf-8") -> None:
        await self.send_head(kind, more="transfer-encoding: chunked\r\n")

    async def send_piece(self, data: bytes) -> None:
        await self.send(b"%x\r\n%b\r\n" % (len(data), data))

    async def end_stream(self) -> None:
        await self.send_piece(b"data: [DONE]\n\n")
        await self.send(b"0\r\n\r\n")

    async def wait_until_left(self) -> None:
        while await self.reader.read(4096):
            pass
        self.asked.left = True


def frame(word: str, **more: object) -> bytes:
    """A chunk of a chat stream with one word."""
    delta = {"content": word} if word else {"role": "assistant", "content": ""}
    choice = {"index": 0, "delta": delta, "finish_reason": None}
    return _frame({"choices": [choice], **more})


def usage_frame(usage: object) -> bytes:
    """The chunk that carries nothing but usage."""
    return _frame({"choices": [], "usage": usage})


def _frame(content: dict[str, object]) -> bytes:
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", **content}
    return b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"


def whole(usage: object = USAGE, **more: object) -> bytes:
    """A whole answer of a chat."""
    message = {"role": "assistant", "content": "".join(WORDS)}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    answer: dict[str, object] = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
    answer |= {"choices": [choice], **more}
    return json.dumps(answer if usage is None else {**answer, "usage": usage}).encode()


Play = Callable[[Stage], Awaitable[None]]
PLAYS: dict[str, Play] = {}


def play(function: Play) -> Play:
    """A play is known by its function's name, with dashes."""
    PLAYS[function.__name__.replace("_", "-")] = function
    return function


# --- good engines with habits of their own -------------------------------------------------------


@play
async def well(stage: Stage) -> None:
    if not stage.streams:
        await stage.send_whole(whole())
        return
    await stage.begin_stream()
    for word in ("", *WORDS):
        await stage.send_piece(frame(word))
    await stage.send_piece(usage_frame(USAGE))
    await stage.end_stream()


@play
async def no_usage(stage: Stage) -> None:
    if not stage.streams:
        await stage.send_whole(whole(usage=None))
        return
    await stage.begin_stream()
    for word in ("", *WORDS):
        await stage.send_piece(frame(word))
    await stage.end_stream()


@play
async def null_usage(stage: Stage) -> None:
    """As OpenAI itself and vLLM: ``usage: null`` in every chunk but the last."""
    await stage.begin_stream()
    for word in ("", *WORDS):
        await stage.send_piece(frame(word, usage=None))
    await stage.send_piece(usage_frame({**USAGE, "prompt_tokens_details": None}))
    await stage.end_stream()


@play
async def mismatched_usage(stage: Stage) -> None:
    """More cached tokens than there are."""
    usage = {**USAGE, "prompt_tokens_details": {"cached_tokens": PROMPT_TOKENS + 1}}
    if not stage.streams:
        await stage.send_whole(whole(usage))
        return
    await stage.begin_stream()
    for word in ("", *WORDS):
        await stage.send_piece(frame(word))
    await stage.send_piece(usage_frame(usage))
    await stage.end_stream()


@play
async def boundless_usage(stage: Stage) -> None:
    """A count that no engine can have reached."""
    await stage.send_whole(whole({**USAGE, "completion_tokens": 10**30}))


async def _as_usual(stage: Stage, usage: object) -> None:
    """A good answer with this count."""
    if not stage.streams:
        await stage.send_whole(whole(usage))
        return
    await stage.begin_stream()
    for word in ("", *WORDS):
        await stage.send_piece(frame(word))
    await stage.send_piece(usage_frame(usage))
    await stage.end_stream()


@play
async def zero_usage(stage: Stage) -> None:
    """An explicit zero, whatever was said."""
    await _as_usual(stage, dict.fromkeys(USAGE, 0))


@play
async def cached_usage(stage: Stage) -> None:
    """All but two tokens of the prompt were in the cache."""
    details = {"cached_tokens": PROMPT_TOKENS - 2}
    await _as_usual(stage, {**USAGE, "prompt_tokens_details": details})


@play
async def no_prompt_count(stage: Stage) -> None:
    """As Ollama did when the prompt was in its cache."""
    await _as_usual(stage, {"completion_tokens": len(WORDS)})


@play
async def overruns(stage: Stage) -> None:
    """A hundred times the tokens that it may generate."""
    limit = int(stage.asked.fields["max_tokens"])
    await _as_usual(stage, {**USAGE, "completion_tokens": 100 * limit})


@play
async def many_pieces(stage: Stage) -> None:
    """Hundreds of pieces in one chunk, and then no end until the client leaves."""
    await stage.begin_stream()
    await stage.send_piece(frame("") + b"".join(frame(f"w{n} ") for n in range(MANY)))
    await stage.wait_until_left()


@play
async def falters_elsewhere(stage: Stage) -> None:
    """Well, but only as the model ``scripted``."""
    if stage.asked.fields["model"] == "scripted":
        await well(stage)
    else:
        await breaks_down(stage)


@play
async def crlf(stage: Stage) -> None:
    await stage.begin_stream()
    frames = [*map(frame, ("", *WORDS)), usage_frame(USAGE)]
    for piece in frames:
        await stage.send_piece(piece.replace(b"\n", b"\r\n"))
    await stage.send_piece(b"data: [DONE]\r\n\r\n")
    await stage.send(b"0\r\n\r\n")


@play
async def one_byte_at_a_time(stage: Stage) -> None:
    await stage.begin_stream()
    for byte in b"".join([*map(frame, ("", *WORDS)), usage_frame(USAGE)]):
        await stage.send_piece(bytes([byte]))
    await stage.end_stream()


@play
async def until_closed(stage: Stage) -> None:
    """No length: the answer ends with the connection."""
    await stage.send_head("application/json", more="connection: close\r\n")
    await stage.send(whole())
    stage.writer.close()


@play
async def closes_idle(stage: Stage) -> None:
    """Says keep-alive and closes all the same."""
    await stage.send_whole(whole())
    stage.writer.close()


@play
async def embeds(stage: Stage) -> None:
    """An embedding: usage has no completion in it."""
    row = {"object": "embedding", "index": 0, "embedding": [0.5, -0.5]}
    usage = {"prompt_tokens": PROMPT_TOKENS, "total_tokens": PROMPT_TOKENS}
    answer = {"object": "list", "model": "m", "data": [row], "usage": usage}
    await stage.send_whole(json.dumps(answer).encode())


@play
async def calls_a_tool(stage: Stage) -> None:
    function = {"name": "weather", "arguments": '{"city":"Springfield"}'}
    call = {"id": "call_1", "type": "function", "function": function}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    await stage.send_whole(whole(choices=[choice]))


@play
async def refuses(stage: Stage) -> None:
    await stage.send_whole(REFUSAL, status=422, kind="application/problem+json")


@play
async def waits(stage: Stage) -> None:
    """One word, and the rest when the test says ``go_on`` or when nobody listens any more."""
    await stage.begin_stream()
    await stage.send_piece(frame("") + frame(WORDS[0]))
    going_on = asyncio.create_task(stage.engine.going_on.wait())
    leaving = asyncio.create_task(stage.wait_until_left())
    await asyncio.wait((going_on, leaving), return_when=asyncio.FIRST_COMPLETED)
    if stage.asked.left:
        going_on.cancel()
        return
    leaving.cancel()
    for word in WORDS[1:]:
        await stage.send_piece(frame(word))
    await stage.send_piece(usage_frame(USAGE))
    await stage.end_stream()


@play
async def floods(stage: Stage) -> None:
    """Far more than the kernel's buffers take, in frames of 64 KiB."""
    await stage.begin_stream()
    await stage.send_piece(frame(""))
    for _ in range(256):
        await stage.send_piece(frame("x" * 65536))
    await stage.send_piece(usage_frame(USAGE))
    await stage.end_stream()


@play
async def at_length(stage: Stage) -> None:
    """A plain answer, or the last piece of a stream, that is larger than the kernel's buffers."""
    words = "x" * 2**23
    if not stage.streams:
        choice = {"index": 0, "message": {"role": "assistant", "content": words}}
        await stage.send_whole(whole(choices=[choice]))
        return
    await stage.begin_stream()
    await stage.send_piece(frame("") + frame(words[: 2**22]) + usage_frame(USAGE))
    await stage.end_stream()


# --- bad engines ---------------------------------------------------------------------------------


@play
async def no_http(stage: Stage) -> None:
    await stage.send(b"\x00\xff\xfe what is HTTP?\r\n\r\n")


@play
async def no_json(stage: Stage) -> None:
    await stage.send_whole(b"<html>hello</html>", kind="text/html")


@play
async def a_list(stage: Stage) -> None:
    await stage.send_whole(b"[1, 2, 3]")


@play
async def wrong_kind(stage: Stage) -> None:
    """A stream was asked for, a page comes."""
    await stage.send_whole(b"<html>hello</html>", kind="text/html")


@play
async def cut_head(stage: Stage) -> None:
    await stage.send(b"HTTP/1.1 200 OK\r\ncontent-ty")
    stage.writer.close()


@play
async def cut_body(stage: Stage) -> None:
    await stage.send_head("application/json", more="content-length: 10000\r\n")
    await stage.send(whole())
    stage.writer.close()


@play
async def cut_stream(stage: Stage) -> None:
    await stage.begin_stream()
    await stage.send_piece(frame("") + frame(WORDS[0]))
    await stage.engine.going_on.wait()
    stage.writer.close()


@play
async def no_done(stage: Stage) -> None:
    """The connection ends in good order, the stream does not."""
    await stage.begin_stream()
    await stage.send_piece(frame("") + frame(WORDS[0]))
    await stage.engine.going_on.wait()
    await stage.send(b"0\r\n\r\n")


@play
async def error_frame(stage: Stage) -> None:
    """As vLLM does: an error inside the stream, then the usual end."""
    await stage.begin_stream()
    await stage.send_piece(frame("") + frame(WORDS[0]))
    await stage.engine.going_on.wait()
    await stage.send_piece(b'data: {"error":{"message":"out of memory","code":500}}\n\n')
    await stage.end_stream()


@play
async def long_error_frame(stage: Stage) -> None:
    """A word, and then pages of an error that one could take for an answer."""
    await stage.begin_stream()
    await stage.send_piece(frame("") + frame(WORDS[0]))
    await stage.engine.going_on.wait()
    trace = "out of memory " * 700
    await stage.send_piece(b'data: {"error":{"message":"%b","code":500}}\n\n' % trace.encode())
    await stage.end_stream()


@play
async def says_nothing(stage: Stage) -> None:
    """No token, and then the connection ends."""
    await stage.begin_stream()
    await stage.send_piece(frame(""))
    stage.writer.close()


@play
async def breaks_down(stage: Stage) -> None:
    await stage.send_whole(b'{"error":"out of memory"}', status=500)


@play
async def hangs_up(stage: Stage) -> None:
    stage.writer.close()


@play
async def silent(stage: Stage) -> None:
    await stage.wait_until_left()


@play
async def endless_frame(stage: Stage) -> None:
    await stage.begin_stream()
    with contextlib.suppress(ConnectionError):
        for _ in range(160):
            await stage.send_piece(b"data: " + b"x" * 65536)


# --- the engine ----------------------------------------------------------------------------------


@dataclass
class ScriptedEngine:
    """One engine on loopback; ``healthy`` and ``metrics`` are what it says of itself."""

    port: int = 0
    healthy: bool = True
    metrics: bytes = b"vllm:num_requests_running 0\nvllm:num_requests_waiting 0\n"
    asked: list[Asked] = field(default_factory=list)
    going_on: asyncio.Event = field(default_factory=asyncio.Event)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _server: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def go_on(self) -> None:
        """Let every play that waits go on."""
        self._loop.call_soon_threadsafe(self.going_on.set)

    def pause(self) -> None:
        """From now on plays that can wait do wait."""
        self._loop.call_soon_threadsafe(self.going_on.clear)

    def of(self, name: str) -> list[Asked]:
        """The requests that asked for a play."""
        return [asked for asked in self.asked if asked.fields.get("user") == name]

    def go_down(self) -> None:
        """Stop listening and cut every connection."""
        self._in_loop(self._go_down())

    def come_up(self) -> None:
        """Listen again on the same port."""
        self._in_loop(self._listen())

    def _in_loop(self, coroutine: Any) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _go_down(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in list(self._open):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        with contextlib.suppress(EOFError, ConnectionError):
            while not writer.is_closing():
                await self._answer(await _read(reader), reader, writer)
        self._open.discard(writer)
        writer.close()

    async def _answer(
        self, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        stage = Stage(self, asked, reader, writer)
        if asked.path == "/health":
            await stage.send_whole(b"{}", status=200 if self.healthy else 503)
        elif asked.path == "/metrics":
            await stage.send_whole(self.metrics, kind="text/plain")
        elif asked.path == "/tokenize":
            await stage.send_whole(json.dumps({"count": PROMPT_TOKENS}).encode())
        else:
            self.asked.append(asked)
            await PLAYS[asked.fields.get("user", "well")](stage)
            asked.ended = not asked.left

    def run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._listen())
        ready.set()
        self._loop.run_forever()
        self.going_on.set()
        self._loop.run_until_complete(self._go_down())
        self._loop.run_until_complete(self._until_idle())
        self._loop.close()

    async def _until_idle(self) -> None:
        if others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others, timeout=10)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)


async def _read(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = head[0].split(" ")
    lines = (line.partition(":") for line in head[1:] if line)
    headers = {name.lower(): value.strip() for name, _, value in lines}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Asked(method, path, headers, json.loads(body) if body else {})


@contextlib.contextmanager
def scripted_engine() -> Iterator[ScriptedEngine]:
    """An engine in a thread of its own, until the block ends."""
    engine, ready = ScriptedEngine(), threading.Event()
    thread = threading.Thread(target=engine.run, args=(ready,), name="scripted-engine")
    thread.start()
    try:
        assert ready.wait(10), "the scripted engine did not start"
        yield engine
    finally:
        engine.stop()
        thread.join(10)
