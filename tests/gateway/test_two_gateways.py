"""Two gateways on one port: commands reach both, either serves, and one that hangs stops only what it must."""

import asyncio
import fcntl
import os
import re
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.gateway.mill import TOML, Mill, running_mill
from tests.gateway.wire import Answer, ask, chat, post, wire
from tests.support.client import Connection, Seen
from tests.support.factory import MODULES, Factory, wait_until
from wattmill.ledger.entries import RUN_BITS
from wattmill.web.books import tell_gateways

TWO = TOML.replace("max_connections = 40", "max_connections = 40\ngateways = 2")


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mill]:
    with running_mill(tmp_path_factory.mktemp("two"), TWO) as mill:
        yield mill
        mill.assert_serves()
        mill.factory.stop()


def gateways(factory: Factory) -> list[int]:
    """Their process ids."""
    processes = factory.processes().items()
    return [pid for pid, command in processes if MODULES["gateway"] in command]


def answers(mill: Mill, tenant: str = "acme", count: int = 24) -> list[Answer]:
    """Over connections of their own; the kernel picks the gateway."""
    return [mill.chat(tenant=tenant) for _ in range(count)]


def test_both_serve_and_number_their_requests_apart(two: Mill) -> None:
    numbers = [answer.request for answer in answers(two)]
    assert len(set(numbers)) == len(numbers)
    assert len({number >> RUN_BITS for number in numbers}) == 2


def test_a_change_is_in_force_in_both_when_the_command_returns(two: Mill) -> None:
    made = two.do("create_key", tenant="acme")
    request = post(chat("well"), made["key"])
    assert {ask(two.url, request).status for _ in range(16)} == {200}
    two.do("revoke_key", key_id=made["id"])
    assert {ask(two.url, request).status for _ in range(16)} == {401}


def test_status_and_metrics_are_of_both(two: Mill) -> None:
    before = len(answers(two, count=8))
    status = two.do("status")["gateway"]
    assert sorted(status["pids"]) == sorted(gateways(two.factory))
    assert (status["in_flight"], status["not_ready"]) == (0, None)
    assert status["pools"]["here"]["up"] and not status["pools"]["away"]["up"]
    with urllib.request.urlopen(two.factory.control_url + "/metrics", timeout=10) as page:
        text = page.read().decode()
    served = re.findall(r'wattmill_requests_total\{gateway="(\d)",model="house",.*?\} (\S+)', text)
    assert {number for number, _ in served} == {"1", "2"}
    assert sum(float(count) for _, count in served) >= before
    assert text.count("# TYPE wattmill_requests_total") == 1


@contextmanager
def somebody_hangs_in_its_turn(mill: Mill) -> Iterator[None]:
    """As a process would that was stopped just there."""
    folder = Path(f"/proc/{gateways(mill.factory)[0]}/fd")
    memory = next(path for path in folder.iterdir() if "memfd:wattmill" in str(path.readlink()))
    descriptor = os.open(memory, os.O_RDWR)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX, 1, 0)
        yield
    finally:
        os.close(descriptor)


def test_whoever_hangs_in_its_turn_stops_only_requests_with_a_limit(two: Mill) -> None:
    with somebody_hangs_in_its_turn(two):
        for answer in answers(two, "poor", 8):
            assert (answer.status, answer.code) == (503, "ledger_unavailable")
            assert "another gateway" in answer.json["error"]["message"]
        assert {answer.status for answer in answers(two, count=8)} == {200}
    assert {answer.status for answer in answers(two, "poor", 8)} == {200}


def test_one_that_dies_is_started_again_while_the_other_serves(two: Mill) -> None:
    pids = gateways(two.factory)
    two.engine.pause()
    with wire(two.url) as streaming:
        streaming.send(post(chat("waits", stream=True), two.key()))
        streaming.read_until(b"one ")
        old = next(pid for pid in pids if not _in_flight(two, pid))
        os.kill(old, 9)
        wait_until(lambda: old not in two.factory.processes(), "it is gone")
        wait_until(lambda: len(two.do("status")["gateway"].get("pids", ())) == 2, "both are back")
        two.engine.go_on()
        rest = streaming.read_until(b"[DONE]")
        assert b"five" in rest
    wait_until(lambda: two.do("status")["gateway"]["not_ready"] is None, "both are ready")


def _in_flight(mill: Mill, pid: int) -> bool:
    statuses = tell_gateways(mill.factory.data, "status")
    return any(status["pid"] == pid and status["in_flight"] for status in statuses)


def test_a_new_factory_waits_until_the_old_gateways_have_answered(tmp_path: Path) -> None:
    """The supervisor is killed while answers are on their way, and the factory is started again at once."""

    async def change(mill: Mill) -> list[Seen]:
        body = chat("waits", stream=True) | {"stream_options": {"include_usage": True}}
        factory = mill.factory
        connections = [Connection(factory.url, mill.key()) for _ in range(6)]
        asking = [asyncio.create_task(connection.ask(body)) for connection in connections]
        await asyncio.to_thread(wait_until, lambda: factory.in_flight() == 6, "they are asked")
        factory.kill_supervisor()
        asyncio.get_running_loop().call_later(2.0, mill.engine.go_on)
        await asyncio.to_thread(factory.succeed)
        seen = list(await asyncio.gather(*asking))
        for connection in connections:
            await connection.close()
        return seen

    with running_mill(tmp_path, TWO) as mill:
        mill.engine.pause()
        seen = asyncio.run(change(mill))
        assert [answer.ok for answer in seen] == [True] * 6
        states = {number: row["state"] for number, row in mill.rows().items()}
        assert {states[answer.request or 0] for answer in seen} == {"charged"}
        mill.factory.stop()
