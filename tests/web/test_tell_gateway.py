"""The books speak to a gateway that may be away, hang, or die in the middle of a sentence."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from wattmill.core.errors import LedgerError
from wattmill.web import books
from wattmill.web.books import tell_gateway


@contextmanager
def gateway(folder: Path, answer: Callable[[socket.socket], None]) -> Iterator[None]:
    """Something that listens where a gateway does and answers once."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "gateway.sock"))
        server.listen()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                answer(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield
        thread.join()


def test_nobody_is_there(tmp_path: Path) -> None:
    assert tell_gateway(tmp_path, "status") is None


def test_somebody_was_there(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "gateway.sock"))
    assert tell_gateway(tmp_path, "status") is None


def test_it_answers(tmp_path: Path) -> None:
    with gateway(tmp_path, lambda connection: connection.sendall(b'{"pid": 7}\n')):
        assert tell_gateway(tmp_path, "status") == {"pid": 7}


@pytest.mark.parametrize("half", [b"", b'{"pid"'])
def test_it_dies_in_the_middle_of_its_answer(tmp_path: Path, half: bytes) -> None:
    dying = gateway(tmp_path, lambda connection: connection.sendall(half))
    with dying, pytest.raises(LedgerError) as refused:
        tell_gateway(tmp_path, "reload")
    assert "in the books" in refused.value.hint


def test_it_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books, "GATEWAY_TIMEOUT_S", 0.05)
    over = threading.Event()

    def hang(_connection: socket.socket) -> None:
        over.wait(10)

    with gateway(tmp_path, hang):
        with pytest.raises(LedgerError):
            tell_gateway(tmp_path, "reload")
        over.set()


def test_it_refuses(tmp_path: Path) -> None:
    refusing = gateway(tmp_path, lambda connection: connection.sendall(b'{"error": "no"}\n'))
    with refusing, pytest.raises(LedgerError) as refused:
        tell_gateway(tmp_path, "reload")
    assert "refuses: no" in str(refused.value)
