"""An answer counts only if it is whole: what load.c accepts, and what it calls an error."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunked(*parts: bytes) -> bytes:
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    return STREAM_HEAD + chunks + b"0\r\n\r\n"


STREAM = chunked(b"data: {}\n\n", b"data: {}\n\ndata: [DONE]\n\n")


@contextmanager
def canned(pieces: Sequence[bytes], *, hang_up: bool = False) -> Iterator[int]:
    """A server that answers every request with the same pieces, each a segment of its own."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        try:
            while True:
                client, _ = listener.accept()
                threading.Thread(target=talk, args=[client], daemon=True).start()
        except OSError:
            return

    def talk(client: socket.socket) -> None:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with client:
            try:
                while client.recv(65536):
                    for piece in pieces:
                        client.sendall(piece)
                    if hang_up:
                        return
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def load(cache: Path, port: int, *words: str) -> dict[str, Any]:
    program, body = str(cache / "bin" / "load"), str(cache / "plain.json")
    command = [program, "--body", body, "--port", str(port), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_counts_whole_answers(cache: Path) -> None:
    with canned([PLAIN]) as port:
        report = load(cache, port, "--requests", "50", "--connections", "3")
    assert (report["requests"], report["errors"], report["bytes"]) == (50, 0, 100)
    latency = report["latency_us"]
    assert 0 < latency["p50"] <= latency["p90"] <= latency["p99"] <= latency["max"]
    assert report["ttft_us"] is None


@pytest.mark.parametrize("size", [1, 2, 3, 7, 11])
def test_a_stream_may_be_cut_anywhere(cache: Path, size: int) -> None:
    pieces = [STREAM[i : i + size] for i in range(0, len(STREAM), size)]
    with canned(pieces) as port:
        report = load(cache, port, "--requests", "3", "--stream", "--frames", "2")
    assert (report["requests"], report["errors"], report["frames"]) == (3, 0, 6)
    assert 0 < report["ttft_us"]["p50"] <= report["latency_us"]["max"]


@pytest.mark.parametrize(
    ("answer", "words", "reason"),
    [
        (PLAIN.replace(b"200 OK", b"429 Too Many"), [], "not a 200, status 429"),
        (PLAIN + b"more", [], "bytes after the answer"),
        (b"HTTP/1.1 200 OK\r\n\r\n{}", [], "an answer of unknown length"),
        (b"220 smtp.example\r\n\r\n", [], "no HTTP answer"),
        (chunked(b"data: {}\n\n"), ["--stream"], "a stream without [DONE]"),
        (chunked(b"data: [DONE]\n\n"), ["--stream", "--frames", "1"], "too few frames"),
        (STREAM_HEAD + b"2\r\n{}}\r\n", ["--stream"], "a chunk longer than its size"),
        (STREAM_HEAD + b"two\r\n", ["--stream"], "a bad chunk size"),
    ],
)
def test_a_faulty_answer_is_an_error(
    cache: Path, answer: bytes, words: list[str], reason: str
) -> None:
    with canned([answer]) as port:
        report = load(cache, port, "--requests", "4", *words)
    assert (report["requests"], report["errors"]) == (0, 4)
    assert reason in report["first_error"]


@pytest.mark.parametrize("answer", [PLAIN[:-1], STREAM[:-1], STREAM[:30], b""])
def test_a_cut_off_answer_is_an_error(cache: Path, answer: bytes) -> None:
    words = ["--stream"] if answer and STREAM.startswith(answer) else []
    with canned([answer], hang_up=True) as port:
        report = load(cache, port, "--requests", "3", *words)
    assert (report["requests"], report["errors"]) == (0, 3)
    assert "the connection broke" in report["first_error"]


def test_a_server_may_close_after_each_answer(cache: Path) -> None:
    answer = PLAIN.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with canned([answer], hang_up=True) as port:
        report = load(cache, port, "--requests", "20", "--connections", "2")
    assert (report["requests"], report["errors"]) == (20, 0)
