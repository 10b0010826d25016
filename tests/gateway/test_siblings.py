"""Several gateways of one factory as processes see each other: locks, the memory, beginning in turn."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from wattmill.core.errors import LedgerBusy
from wattmill.core.records import Price, Usage
from wattmill.core.roster import Key, Roster, Tenant
from wattmill.gateway import siblings
from wattmill.gateway.commits import GroupCommit
from wattmill.gateway.siblings import Begun, ByteLock, Shared, begin, new_memory, socket_name
from wattmill.ledger.accounts import AccountsState
from wattmill.ledger.book import Held, HoldRefused
from wattmill.ledger.entries import Deliver
from wattmill.ledger.journal import encode_frame, is_written, retire, segment_numbers, segment_path
from wattmill.ledger.snapshot import JOURNAL, Snapshot, write_snapshot

NOW_S = 1_794_916_800.0
UNIT = Price(1, "plan", 0.0, 1, 0, 0, 0, 0, 0, 0, 0)
ROSTER = Roster(1, (Tenant("acme", "plan", "UTC", 1000),), (Key("k", "", "acme"),), (UNIT,))


@pytest.fixture
def memory() -> Iterator[int]:
    descriptor = new_memory()
    yield descriptor
    os.close(descriptor)


@contextmanager
def another_process_holds(memory: int, byte: int) -> Iterator[subprocess.Popen[bytes]]:
    """Until the block ends, or it is killed."""
    code = (
        f"import fcntl; fcntl.lockf({memory}, fcntl.LOCK_EX, 1, {byte}); print(flush=True); input()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        pass_fds=[memory],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


# --- whose turn it is -------------------------------------------------------------------------------------------------


def test_one_has_its_turn_at_a_time_and_who_dies_has_ended_it(
    memory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(siblings, "PATIENCE_S", 0.01)
    lock = ByteLock(memory, 0)
    with another_process_holds(memory, 0) as other:
        assert not lock.take()
        assert ByteLock(memory, 1).take(), "the bytes are locks of their own"
        other.kill()
        other.wait()
        assert lock.take()
    lock.end()


def test_who_hangs_costs_patience_once(memory: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop has streams to pass on: it does not wait again for somebody who did not come the last time."""
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    monkeypatch.setattr(siblings, "PATIENCE_S", 0.01)
    lock = ByteLock(memory, 0)
    with another_process_holds(memory, 0):
        assert not lock.take()
        assert slept
        slept.clear()
        assert not lock.take()
        assert not lock.take()
        assert len(slept) <= 2
    assert lock.take()
    lock.end()


# --- segments that somebody writes ------------------------------------------------------------------------------------


def test_a_segment_is_written_as_long_as_its_run_lives(tmp_path: Path) -> None:
    """The first one to the end of the run, though others follow it."""

    async def write() -> None:
        journal = GroupCommit(tmp_path, asyncio.get_running_loop())
        first = segment_path(tmp_path, journal.number)
        journal._next_segment()
        second = segment_path(tmp_path, journal._segment)
        journal._next_segment()
        assert is_written(first) and not is_written(second)
        assert not retire(first, 0)
        assert retire(second, 0)
        journal.close()
        assert not is_written(first)
        assert retire(first, 0)

    asyncio.run(write())
    assert segment_numbers(tmp_path) == [3]
    assert not is_written(segment_path(tmp_path, 1))


def test_a_segment_with_more_in_it_than_was_read_stays(tmp_path: Path) -> None:
    path = segment_path(tmp_path, 1)
    path.write_bytes(encode_frame([Deliver(1, 1.0)]))
    assert not retire(path, 0)
    assert retire(path, path.stat().st_size)


# --- beginning --------------------------------------------------------------------------------------------------------


class Folder:
    """A data folder and the journals that were opened in it."""

    def __init__(self, data: Path, memory: int) -> None:
        self.data = data
        self.memory = memory
        self.journals: list[GroupCommit] = []
        write_snapshot(data, Snapshot(ROSTER, AccountsState(), {}))

    def begin(self, gateway: int) -> Begun:
        shared = Shared(self.memory, gateway, 2, 0.0)
        begun = begin(self.data, shared, NOW_S, self._open)
        begun.settled()
        return begun

    def _open(self, at_least: int) -> GroupCommit:
        loop = asyncio.get_running_loop()
        self.journals.append(GroupCommit(self.data / JOURNAL, loop, at_least=at_least))
        return self.journals[-1]

    async def durable(self, journal: GroupCommit, place: int) -> None:
        reached = asyncio.Event()
        journal.when_durable(place, reached.set)
        async with asyncio.timeout(10):
            await reached.wait()


@contextmanager
def folder(tmp_path: Path, memory: int) -> Iterator[Folder]:
    found = Folder(tmp_path, memory)
    try:
        yield found
    finally:
        for journal in found.journals:
            journal.close()


def hold(begun: Begun, request: int, amount: int) -> Held | HoldRefused:
    return begun.book.hold(
        request, NOW_S, tenant="acme", key="k", model="m", price=1, amount_pusd=amount
    )


def test_they_share_a_budget_and_one_that_dies_leaves_what_it_delivered(
    tmp_path: Path, memory: int
) -> None:
    async def live() -> None:
        with folder(tmp_path, memory) as place:
            one, other = place.begin(0), place.begin(1)
            first, second = (journal.number << 40 for journal in place.journals)
            assert isinstance(hold(one, first, 300), Held)
            assert isinstance(hold(one, first + 1, 500), Held)
            assert isinstance(hold(other, second, 201), HoldRefused)
            one.book.settle(first, NOW_S, "p", Usage(250), "ok")
            last = one.book.deliver(first, NOW_S)
            assert last is not None
            await place.durable(place.journals[0], last)
            place.journals[0].close()  # it dies
            del place.journals[0]
            assert isinstance(hold(other, second, 251), HoldRefused), "nobody has recovered it"
            again = place.begin(0)
            assert (again.voided, again.waived) == (1, 0)
            assert isinstance(hold(other, second, 751), HoldRefused)
            assert isinstance(hold(other, second, 750), Held)

    asyncio.run(live())


def test_a_gateway_that_lives_is_not_begun_again(tmp_path: Path, memory: int) -> None:
    async def live() -> None:
        with folder(tmp_path, memory) as place:
            place.begin(0)
            with pytest.raises(LedgerBusy, match="gateway 1 is at work"):
                place.begin(0)

    asyncio.run(live())


def test_what_a_living_one_has_open_is_left_alone(tmp_path: Path, memory: int) -> None:
    async def live() -> None:
        with folder(tmp_path, memory) as place:
            one = place.begin(0)
            held = hold(one, place.journals[0].number << 40, 300)
            assert isinstance(held, Held)
            await place.durable(place.journals[0], held.place)
            assert place.begin(1).voided == 0
            assert len(one.book.accounts.open_holds) == 1

    asyncio.run(live())


def test_the_folder_is_locked_until_the_last_that_inherited_the_lock_has_gone(
    tmp_path: Path,
) -> None:
    lock = siblings.wait_for_lock(tmp_path / siblings.LOCK, 0)
    heirs = [
        subprocess.Popen([sys.executable, "-c", "input()"], pass_fds=[lock], stdin=subprocess.PIPE)
        for _ in range(2)
    ]
    os.close(lock)
    for heir in heirs:
        with pytest.raises(LedgerBusy):
            siblings.wait_for_lock(tmp_path / siblings.LOCK, 0)
        heir.kill()
        heir.communicate()
    os.close(siblings.wait_for_lock(tmp_path / siblings.LOCK, 0))


def test_each_takes_commands_of_its_own() -> None:
    assert [socket_name(number) for number in (None, 0, 11)] == [
        "gateway.sock",
        "gateway-1.sock",
        "gateway-12.sock",
    ]
