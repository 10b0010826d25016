"""A factory on a full disk, on a broken one, and with a server that goes away: what clients saw is in the books."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.gateway.mill import Mill, running_mill
from tests.gateway.wire import Answer, ask, get
from tests.support.books import faults_of, rows
from tests.support.factory import wait_until
from tests.support.faults import Faults
from tests.support.postgres import PostgresServer, running_postgres

from wattmill.ledger.location import DATABASE_URL
from wattmill.ledger.store import Store

NewMill = Callable[..., Mill]
STATES = "SELECT id, state FROM request ORDER BY id"


@pytest.fixture
def disk(faults_library: Path, tmp_path: Path) -> Faults:
    """The disk that the data folder is on."""
    return Faults(faults_library, tmp_path / "data", tmp_path / "faults.state")


@pytest.fixture
def mill(disk: Faults, database_url: str | None, tmp_path: Path) -> Iterator[Mill]:
    """A factory on that disk, with its books there or in a server."""
    where = {DATABASE_URL: database_url} if database_url else {}
    with running_mill(tmp_path, **disk.environment, **where) as mill:
        yield mill


def states(mill: Mill, url: str | None = None) -> dict[int, str]:
    """How each request that is over ended; and their chain is whole."""
    mill.do("catch_up")
    with Store(mill.factory.data, write=False, url=url) as store:
        assert faults_of(store) == []
        return {int(str(number)): str(state) for number, state in rows(store, STATES)}


def charged(mill: Mill) -> set[int]:
    return {number for number, state in states(mill).items() if state == "charged"}


def is_ready(mill: Mill) -> bool:
    return ask(mill.url, get("/ready")).status == 200


def fill(
    mill: Mill, disk: Faults, answered: list[Answer], answers: list[Answer]
) -> threading.Thread:
    """The disk is full and the gateway knows, because of one request that waits for room from now on.

    Not before what was answered is confirmed, which nobody waits for: that may not meet the full disk.
    """

    def wait() -> None:
        with contextlib.suppress(OSError, EOFError, ValueError):
            answers.append(mill.chat())

    assert_in_the_books(mill, answered)
    disk.fill()
    thread = threading.Thread(target=wait)
    thread.start()
    wait_until(lambda: not is_ready(mill), "the gateway has met the full disk")
    return thread


def chat_twice(mill: Mill) -> list[Answer]:
    return [mill.chat(), mill.chat(stream=True)]


def assert_in_the_books(mill: Mill, answers: list[Answer]) -> None:
    """Whoever saw an answer is charged once, and nobody else."""
    seen = {answer.request for answer in answers if answer.status == 200}
    wait_until(lambda: seen <= charged(mill), "all that was answered is in the books")
    assert charged(mill) == seen


def test_a_full_disk_stops_new_requests_and_loses_nothing(mill: Mill, disk: Faults) -> None:
    answers = chat_twice(mill)
    late: list[Answer] = []
    waiting = fill(mill, disk, answers, late)
    refused = mill.chat()
    assert (refused.status, refused.code) == (503, "ledger_unavailable")
    assert int(refused.headers["retry-after"]) > 0
    disk.disarm()
    waiting.join()
    wait_until(lambda: is_ready(mill), "there is room again")
    answers += [*late, *chat_twice(mill)]
    assert_in_the_books(mill, answers)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_factory_that_is_killed_on_a_full_disk_has_every_answer_afterwards(
    mill: Mill, disk: Faults
) -> None:
    answers = chat_twice(mill)
    late: list[Answer] = []
    waiting = fill(mill, disk, answers, late)
    mill.factory.kill()
    waiting.join()
    assert late == []
    disk.disarm()
    mill.factory.start()
    answers += chat_twice(mill)
    assert_in_the_books(mill, answers)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_books_on_a_broken_disk_catch_up_when_it_works_again(mill: Mill, disk: Faults) -> None:
    answers = chat_twice(mill)
    disk.arm("write", "sync", how="EIO", times=10**9, name="ledger.db")
    answers += chat_twice(mill)
    assert [answer.status for answer in answers] == [200] * 4
    wait_until(lambda: disk.failed > 0, "the books cannot write")
    disk.disarm()
    assert_in_the_books(mill, answers)


def test_the_gateway_serves_on_while_the_server_is_away(tmp_path: Path) -> None:
    with running_postgres() as server:
        url = server.new_database()
        with running_mill(tmp_path, **{DATABASE_URL: url}) as mill:
            answers = chat_twice(mill)
            for end in (PostgresServer.crash, PostgresServer.stop):
                end(server)
                answers += chat_twice(mill)
                assert [answer.status for answer in answers[-2:]] == [200, 200]
                server.start()
                answers += chat_twice(mill)
            assert_in_the_books(mill, answers)
            mill.factory.restart()
            assert_in_the_books(mill, [*answers, *chat_twice(mill)])
