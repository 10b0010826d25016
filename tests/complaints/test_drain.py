"""What operators met when they stopped, restarted and rolled out: answers cut, usage of the last seconds gone."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.complaints.factory import new_tenant
from tests.gateway.mill import Mill, request_rows
from tests.gateway.wire import Wire, ask, chat, post, wire

WELL = "one two three four five"


@pytest.fixture(autouse=True)
def runs_again(mill: Mill) -> Iterator[None]:
    """Others want it, too, whatever comes of a test."""
    yield
    mill.engine.go_on()
    if mill.factory._process is None:
        mill.factory.start()


@contextmanager
def stopping(mill: Mill) -> Iterator[None]:
    """Ctrl-C, and the block while it drains; it has ended with status 0 when the block is left."""
    failed: list[BaseException] = []

    def stop() -> None:
        try:
            mill.factory.stop()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=stop)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    assert not failed, failed


@contextmanager
def streaming_for(mill: Mill, tenant: str) -> Iterator[Wire]:
    """A stream that has said its first word."""
    with wire(mill.url) as connection:
        connection.send(post(chat("waits", stream=True), mill.key(tenant)))
        connection.read_until(b"one ")
        yield connection


def takes_new_requests(mill: Mill) -> bool:
    """Whether somebody who comes now is served."""
    try:
        return ask(mill.url, post(chat(), mill.key())).status == 200
    except (OSError, EOFError):
        return False


def test_a_graceful_stop_ends_answers_and_writes_down_every_one(mill: Mill) -> None:
    """litellm #38157, #34805, bifrost #3548, smg PR #1172: SIGTERM cut answers, and dropped what was unwritten."""
    tenant = new_tenant(mill)
    mill.engine.pause()
    before = [mill.chat(tenant=tenant).request for _ in range(5)]
    with streaming_for(mill, tenant) as streaming, stopping(mill):
        while takes_new_requests(mill):
            pass
        mill.engine.go_on()
        streaming.read_until(b"[DONE]")
    rows = {n: row for n, row in request_rows(mill.factory.data).items() if row["tenant"] == tenant}
    assert set(before) < rows.keys() and len(rows) == 6
    assert {row["state"] for row in rows.values()} == {"charged"}
    mill.factory.start()
    assert {n: mill.rows()[n] for n in rows} == rows, "a restart changes nothing"


def test_an_answer_longer_than_the_grace_is_told_so_and_not_charged(mill: Mill) -> None:
    """dynamo #11173, aibrix #2413: a minute of grace, answers of two, and nothing said what became of them."""
    tenant = new_tenant(mill)
    mill.engine.pause()
    with streaming_for(mill, tenant) as streaming, stopping(mill):
        rest = streaming.read_until(b"0\r\n\r\n")
    assert b'"code":"engine_failed"' in rest and b"gateway stops" in rest
    (row,) = [row for row in request_rows(mill.factory.data).values() if row["tenant"] == tenant]
    assert (row["state"], row["reason"], row["amount_pusd"]) == ("void", "engine_failed", 0)
