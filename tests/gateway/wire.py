"""A client without manners: bytes out, answers in, one socket."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

CHAT = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "hello"}]
TIMEOUT_S = 15.0


@dataclass(frozen=True)
class Answer:
    """One answer, whole."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str | None:
        """The code of an error in the API's shape; an assertion error when the shape is another."""
        error = self.json["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert error["message"] and error["type"]
        code: str | None = error["code"]
        return code

    @property
    def text(self) -> str:
        """What the model said, in a plain answer or in a stream."""
        if not self.is_stream:
            return str(self.json["choices"][0]["message"]["content"])
        choices = [choice for chunk in self.chunks for choice in chunk.get("choices", [])]
        return "".join(choice["delta"].get("content") or "" for choice in choices)

    @property
    def is_stream(self) -> bool:
        return self.headers["content-type"].startswith("text/event-stream")

    @property
    def chunks(self) -> list[Any]:
        """The JSON of a stream's frames."""
        frames = [frame.removeprefix(b"data: ") for frame in self.body.split(b"\n\n") if frame]
        return [json.loads(frame) for frame in frames if frame != b"[DONE]"]

    @property
    def request(self) -> int:
        """The request's number in the books."""
        return int(self.headers["x-request-id"].removeprefix("wm-"), 16)


class Wire:
    """One connection."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout=TIMEOUT_S)
        self._file = self.socket.makefile("rb")

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self, *, to_head: bool = False) -> Answer:
        """Read one answer; EOFError when the connection ends first."""
        version, status, _ = self._line().split(b" ", 2)
        assert version == b"HTTP/1.1"
        headers = {}
        while line := self._line():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        if to_head or int(status) < 200:
            return Answer(int(status), headers, b"")
        if headers.get("transfer-encoding") == "chunked":
            return Answer(int(status), headers, b"".join(self.pieces()))
        body = self._read(int(headers["content-length"]))
        return Answer(int(status), headers, body)

    def pieces(self) -> Iterator[bytes]:
        """The chunks of a chunked body as they come."""
        while size := int(self._line(), 16):
            yield self._read(size)
            self._read(2)
        self._read(2)

    def read_until(self, word: bytes) -> bytes:
        """Read on until a word has come."""
        data = bytearray()
        while not data.endswith(word):
            data += self._read(1)
        return bytes(data)

    def _line(self) -> bytes:
        line = self._file.readline()
        if not line.endswith(b"\r\n"):
            raise EOFError
        return line[:-2]

    def _read(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(data) < size:
            raise EOFError
        return data

    @property
    def is_closed(self) -> bool:
        """Whether the other side closes, or has closed, with nothing more to say."""
        try:
            return self._file.read(1) == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        self._file.close()
        self.socket.close()


@contextmanager
def wire(url: str) -> Iterator[Wire]:
    connection = Wire(url)
    try:
        yield connection
    finally:
        connection.close()


def post(body: bytes | dict[str, Any], key: str, path: str = CHAT, more: str = "") -> bytes:
    """The bytes of a POST."""
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n{more}"
    return f"{head}content-length: {len(payload)}\r\n\r\n".encode() + payload


def get(path: str, key: str = "", method: str = "GET") -> bytes:
    """The bytes of a request without a body."""
    authorization = f"authorization: Bearer {key}\r\n" if key else ""
    return f"{method} {path} HTTP/1.1\r\nhost: x\r\n{authorization}\r\n".encode()


def ask(url: str, request: bytes) -> Answer:
    """One request on a connection of its own."""
    with wire(url) as connection:
        connection.send(request)
        return connection.answer()


def chat(play: str = "well", **fields: Any) -> dict[str, Any]:
    """A chat request; ``play`` is what the scripted engine shall do with it."""
    return {"model": "house", "messages": HELLO, "user": play, **fields}
