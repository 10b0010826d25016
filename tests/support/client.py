"""HTTP by hand: a client that is certain which answers it saw whole, and what they said.

    async with Connection(factory.url, key) as connection:
        seen = await connection.ask({"model": "house-small", "messages": [...], "stream": True})
        assert seen.ok and seen.request in ledger

Whatever happens to the connection, ``ask`` returns what was seen until then. A plain answer is complete when its whole
body has come, a stream when ``data: [DONE]`` has. Everything that the kernel still holds is read before a connection is
called broken, so nothing that was delivered goes unseen.
"""

import asyncio
import contextlib
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

CHAT, COMPLETIONS, EMBEDDINGS = "/v1/chat/completions", "/v1/completions", "/v1/embeddings"
CONNECT_TIMEOUT_S = 30.0


@dataclass
class Seen:
    """What a client saw of one answer. ``status`` is 0 when not even a head came."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    complete: bool = False
    body: bytes = b""
    """Of a plain answer."""
    chunks: list[Any] = field(default_factory=list)
    """Of a stream: its JSON payloads in order."""
    broken: str | None = None
    """Why the connection ended before the answer did."""
    left: bool = False
    """The client itself closed the connection."""

    @property
    def ok(self) -> bool:
        """Whole, and what was asked for: no error, not even one inside the stream."""
        return self.status == 200 and self.complete and self.error is None

    @property
    def request(self) -> int | None:
        """The number of the request in the books."""
        label = self.headers.get("x-request-id", "")
        return int(label[3:], 16) if label.startswith("wm-") else None

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def usage(self) -> dict[str, Any] | None:
        """The usage that the client was told, where it was told any."""
        told = [chunk.get("usage") for chunk in self.chunks]
        if not self.chunks and self.complete and self.status == 200:
            told = [self.json.get("usage")]
        return next((usage for usage in reversed(told) if usage), None)

    @property
    def tokens(self) -> tuple[int, int, int] | None:
        """Tokens as the client was told, disjoint: uncached input, cached input, output."""
        usage = self.usage
        if usage is None:
            return None
        cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
        return usage["prompt_tokens"] - cached, cached, usage.get("completion_tokens") or 0

    @property
    def error(self) -> str | None:
        """The code of an error, as an answer of its own or inside a stream."""
        if self.chunks:
            return next((str(c["error"].get("code")) for c in self.chunks if "error" in c), None)
        if self.status == 200 or not self.complete:
            return None
        with contextlib.suppress(ValueError, KeyError, TypeError):
            return str(self.json["error"]["code"])
        return f"status {self.status}"

    @property
    def pieces(self) -> int:
        """Chunks with content that arrived."""
        return sum(1 for chunk in self.chunks if _content(chunk))


def _content(chunk: Any) -> str:
    for choice in chunk.get("choices") or ():
        return choice.get("text") or (choice.get("delta") or {}).get("content") or ""
    return ""


class Connection:
    """A keep-alive connection to a factory. It is opened when it is needed, again after it was lost."""

    def __init__(self, url: str, key: str) -> None:
        address = urlsplit(url)
        self._host, self._port = address.hostname or "", address.port or 80
        self.key = key
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> "Connection":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def ask(
        self, body: object, path: str = CHAT, *, leave_after: int | None = None, last: bool = False
    ) -> Seen:
        """POST a body and read the answer.

        ``leave_after``: close after so many pieces of content; with 0 as soon as the request is sent.
        ``last``: tell the gateway that the connection ends with this answer.
        """
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\nhost: {self._host}\r\nauthorization: Bearer {self.key}\r\n"
        if last:
            head += "connection: close\r\n"
        head += f"content-type: application/json\r\ncontent-length: {len(payload)}\r\n\r\n"
        seen = await self.send(head.encode() + payload, leave_after=leave_after)
        if last:
            await self.close()
        return seen

    async def get(self, path: str) -> Seen:
        head = f"GET {path} HTTP/1.1\r\nhost: {self._host}\r\nauthorization: Bearer {self.key}\r\n"
        return await self.send(f"{head}\r\n".encode())

    async def send(self, request: bytes, *, leave_after: int | None = None) -> Seen:
        """Send the bytes of a request and read the answer."""
        seen = Seen()
        try:
            reader, writer = await self._open()
            writer.write(request)
            await writer.drain()
            if leave_after == 0:
                seen.left = True
            else:
                await self._read(reader, seen, leave_after)
        except (OSError, EOFError, TimeoutError) as error:
            seen.broken = str(error) or type(error).__name__
        if seen.left or seen.broken or seen.headers.get("connection") == "close":
            await self.close()
        return seen

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._reader is None or self._writer is None or self._reader.at_eof():
            await self.close()
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                opened = await asyncio.open_connection(self._host, self._port, limit=2**24)
            self._reader, self._writer = opened
        return self._reader, self._writer

    async def close(self) -> None:
        """Close at once; the gateway can see it when this returns."""
        writer, self._reader, self._writer = self._writer, None, None
        if writer is not None:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _read(
        self, reader: asyncio.StreamReader, seen: Seen, leave_after: int | None
    ) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        seen.status = int(head[0].split()[1])
        fields = (line.partition(":") for line in head[1:] if line)
        seen.headers = {name.lower(): value.strip() for name, _, value in fields}
        if seen.headers.get("transfer-encoding") == "chunked":
            await self._read_stream(reader, seen, leave_after)
        else:
            seen.body = await reader.readexactly(int(seen.headers.get("content-length", 0)))
            seen.complete = True

    async def _read_stream(
        self, reader: asyncio.StreamReader, seen: Seen, leave_after: int | None
    ) -> None:
        data = b""
        while size := int(await reader.readuntil(b"\r\n"), 16):
            data += (await reader.readexactly(size + 2))[:-2]
            *frames, data = data.split(b"\n\n")
            for frame in frames:
                self._note(frame, seen)
            if leave_after is not None and seen.pieces >= leave_after and not seen.complete:
                seen.left = True
                return
        await reader.readexactly(2)

    @staticmethod
    def _note(frame: bytes, seen: Seen) -> None:
        payload = frame.removeprefix(b"data:").strip()
        if payload == b"[DONE]":
            seen.complete = True
        elif payload:
            seen.chunks.append(json.loads(payload))
