"""The machine itself fails: a full disk, dead books, a locked database. Clients notice as little as can be."""

import resource
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from tests.gateway.mill import Mill
from tests.gateway.wire import ask, chat, get, post, wire
from tests.support.factory import wait_until
from wattmill.ledger.journal import segment_numbers, segment_path

WELL = "one two three four five"


@pytest.fixture(autouse=True)
def lives_on(mill: Mill) -> Iterator[None]:
    before = mill.factory.child("gateway")
    yield
    mill.assert_serves()
    assert mill.factory.child("gateway") == before


@contextmanager
def full_disk(mill: Mill) -> Iterator[None]:
    """The gateway cannot make its journal a byte longer."""
    gateway = mill.factory.child("gateway")
    assert gateway is not None
    directory = mill.factory.data / "journal"
    size = segment_path(directory, segment_numbers(directory)[-1]).stat().st_size
    before = resource.prlimit(gateway, resource.RLIMIT_FSIZE)
    resource.prlimit(gateway, resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.prlimit(gateway, resource.RLIMIT_FSIZE, before)


def ready(mill: Mill) -> bool:
    return ask(mill.url, get("/ready")).status == 200


def test_a_full_disk_refuses_what_is_new_and_loses_nothing(mill: Mill) -> None:
    mill.engine.pause()
    with wire(mill.url) as streaming:
        streaming.send(post(chat("waits", stream=True), mill.key()))
        streaming.read_until(b"one ")
        wait_until(lambda: mill.is_held(mill.last_request()), "its hold is on disk")
        request = mill.last_request()
        with full_disk(mill):
            first = mill.chat("waits", stream=True)
            assert (first.status, first.code) == (503, "ledger_unavailable")
            assert not ready(mill)
            second = mill.chat()
            assert (second.status, second.code) == (503, "ledger_unavailable")
            assert "cannot be written" in second.json["error"]["message"]
            assert int(second.headers["retry-after"]) > 0
            mill.engine.go_on()
            streaming.read_until(b"five")
            assert mill.is_held(request), "nothing is settled on a full disk"
        streaming.read_until(b"data: [DONE]\n\n")
    wait_until(lambda: ready(mill), "it is ready again")
    assert mill.wait_for(request)["state"] == "charged"
    refused = mill.wait_for(request + 1)
    assert (refused["state"], refused["reason"]) == ("void", "ledger_unavailable")


def test_the_gateway_serves_on_while_the_books_are_dead(mill: Mill) -> None:
    mill.assert_serves()
    before = mill.last_request()
    with serving(mill):
        mill.kill_books()
    assert mill.last_request() >= before + 10
    key = mill.do("create_key", tenant="acme")["key"]
    assert ask(mill.url, post(chat(), key)).text == WELL


@contextmanager
def serving(mill: Mill) -> Iterator[None]:
    """Clients are served all the while, and at least ten times."""
    answers: list[str] = []
    stop = threading.Event()
    key = mill.key()

    def talk() -> None:
        while not stop.is_set() or len(answers) < 10:
            answers.append(ask(mill.url, post(chat(), key)).text)

    client = threading.Thread(target=talk)
    client.start()
    try:
        yield
    finally:
        stop.set()
        client.join()
    assert set(answers) == {WELL}


def test_the_gateway_serves_on_while_the_database_is_locked(mill: Mill) -> None:
    """Somebody holds it for seconds; a command waits, a request does not."""
    made: list[str] = []
    mill.assert_serves()
    before = mill.last_request()
    command = threading.Thread(
        target=lambda: made.append(mill.do("create_key", tenant="acme")["key"])
    )
    database = sqlite3.connect(mill.factory.data / "ledger.db", isolation_level=None)
    with closing(database):
        database.execute("BEGIN IMMEDIATE")
        command.start()
        started_s = time.monotonic()
        while time.monotonic() - started_s < 2.0:
            mill.assert_serves()
        assert not made
        database.execute("ROLLBACK")
    command.join(30)
    assert ask(mill.url, post(chat(), made[0])).text == WELL
    assert mill.last_request() > before + 2
