"""Group commit: many entries share one sync, and none is lost whatever the disk does."""

import asyncio
import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattmill.gateway import commits
from wattmill.gateway.commits import GroupCommit
from wattmill.ledger.entries import Deliver
from wattmill.ledger.journal import read_frames, segment_numbers, segment_path

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
BROKEN = OSError(errno.EIO, os.strerror(errno.EIO))


class Disk:
    """Stands in for ``os``: counts syncs, and fails as often as it is told."""

    def __init__(self) -> None:
        self.syncs = 0
        self.failures: list[tuple[str, OSError]] = []
        self.before_sync: Callable[[], None] = lambda: None

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def _fail(self, call: str) -> None:
        if self.failures and self.failures[0][0] == call:
            raise self.failures.pop(0)[1]

    def write(self, descriptor: int, data: bytes) -> int:
        if self.failures and self.failures[0][0] == "half a write":
            self.failures[0] = ("write", self.failures[0][1])
            return os.write(descriptor, data[: len(data) // 2 + 1])
        self._fail("write")
        return os.write(descriptor, data)

    def fdatasync(self, descriptor: int) -> None:
        self.before_sync()
        self._fail("fdatasync")
        self.syncs += 1
        os.fdatasync(descriptor)

    def ftruncate(self, descriptor: int, size: int) -> None:
        self._fail("ftruncate")
        os.ftruncate(descriptor, size)


@contextmanager
def a_disk() -> Iterator[Disk]:
    disk = Disk()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(commits, "os", disk)
        patch.setattr(commits, "RETRY_S", 0.002)
        yield disk


@pytest.fixture
def disk() -> Iterator[Disk]:
    with a_disk() as disk:
        yield disk


def entry(number: int) -> Deliver:
    return Deliver(number, 1.0)


def on_disk(directory: Path) -> list[int]:
    """Numbers of the entries in the journal, in order."""
    paths = [segment_path(directory, number) for number in segment_numbers(directory)]
    return [e.request for path in paths for entries, _ in read_frames(path) for e in entries]


async def durable(journal: GroupCommit, place: int) -> None:
    """Until a place is durable."""
    reached = asyncio.Event()
    journal.when_durable(place, reached.set)
    async with asyncio.timeout(10):
        await reached.wait()


@contextmanager
def a_journal(directory: Path, **options: Any) -> Iterator[GroupCommit]:
    journal = GroupCommit(directory, asyncio.get_running_loop(), **options)
    try:
        yield journal
    finally:
        journal.close()


def test_entries_of_one_turn_share_a_sync(tmp_path: Path, disk: Disk) -> None:
    async def serve() -> None:
        with a_journal(tmp_path) as journal:
            places = [journal.append(entry(number)) for number in range(1000)]
            await durable(journal, places[-1])

    asyncio.run(serve())
    assert disk.syncs == 1
    assert on_disk(tmp_path) == list(range(1000))


def test_while_a_sync_runs_the_next_group_gathers(tmp_path: Path, disk: Disk) -> None:
    async def serve() -> None:
        with a_journal(tmp_path, sync_delay_s=0.02) as journal:
            for number in range(200):
                place = journal.append(entry(number))
                await asyncio.sleep(0.0005)
            await durable(journal, place)

    asyncio.run(serve())
    assert disk.syncs < 50
    assert on_disk(tmp_path) == list(range(200))


def test_nobody_is_told_before_the_sync_has_returned(tmp_path: Path, disk: Disk) -> None:
    told: list[int] = []
    told_at_sync: list[list[int]] = []
    disk.before_sync = lambda: told_at_sync.append(list(told))

    async def serve() -> None:
        with a_journal(tmp_path) as journal:
            for number in range(3):
                place = journal.append(entry(number))
                journal.when_durable(place, lambda number=number: told.append(number))  # type: ignore[misc]
                await durable(journal, place)

    asyncio.run(serve())
    assert told_at_sync == [[], [0], [0, 1]]


def test_waiters_are_told_in_the_order_of_their_places(tmp_path: Path) -> None:
    told: list[int] = []

    async def serve() -> None:
        with a_journal(tmp_path) as journal:
            places = [journal.append(entry(number)) for number in range(5)]
            for place in reversed(places):
                journal.when_durable(place, lambda place=place: told.append(place))  # type: ignore[misc]
            await durable(journal, places[-1])
            journal.when_durable(places[0], lambda: told.append(0))

    asyncio.run(serve())
    assert told == [1, 2, 3, 4, 5, 0]


FAILURES: dict[str, list[tuple[str, OSError]]] = {
    "full": [("write", FULL)] * 3,
    "full in the middle of a frame": [("half a write", FULL)] * 2,
    "sync refused": [("fdatasync", BROKEN)] * 2,
    "cannot even truncate": [("half a write", FULL), ("ftruncate", BROKEN)],
}


@pytest.mark.parametrize("failures", FAILURES.values(), ids=FAILURES)
def test_a_disk_that_refuses_is_tried_again_and_nothing_is_lost(
    tmp_path: Path, disk: Disk, failures: list[tuple[str, OSError]]
) -> None:
    said: list[str | None] = []

    async def serve() -> None:
        with a_journal(tmp_path) as journal:
            disk.before_sync = lambda: said.append(journal.failing)
            await durable(journal, journal.append(entry(0)))
            disk.failures = list(failures)
            await durable(journal, journal.append(entry(1)))
            assert journal.failing is None
            await durable(journal, journal.append(entry(2)))

    asyncio.run(serve())
    assert on_disk(tmp_path) == [0, 1, 2]
    assert said[0] is said[-1] is None
    assert any(said), "while it failed, it said so"


def test_it_says_why_it_fails_and_tells_nobody(tmp_path: Path, disk: Disk) -> None:
    async def serve() -> None:
        with a_journal(tmp_path) as journal:
            disk.failures = [("write", FULL)] * 100_000
            place = journal.append(entry(0))
            async with asyncio.timeout(10):
                while not journal.failing:
                    await asyncio.sleep(0.001)
            assert "No space left on device" in journal.failing
            assert journal.durable < place
            disk.failures = []
            await durable(journal, place)

    asyncio.run(serve())
    assert on_disk(tmp_path) == [0]


def test_a_disk_that_stays_full_does_not_keep_it_from_closing(tmp_path: Path, disk: Disk) -> None:
    async def serve() -> None:
        with a_journal(tmp_path) as journal:
            await durable(journal, journal.append(entry(0)))
            disk.failures = [("half a write", FULL)] * 100_000
            journal.append(entry(1))
            await asyncio.sleep(0)

    asyncio.run(serve())
    assert on_disk(tmp_path) == [0]


def test_closing_writes_what_is_in_line(tmp_path: Path) -> None:
    async def serve() -> None:
        with a_journal(tmp_path) as journal:
            for number in range(10):
                journal.append(entry(number))

    asyncio.run(serve())
    assert on_disk(tmp_path) == list(range(10))


def test_a_segment_that_is_full_is_followed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commits, "SEGMENT_BYTES", 200)

    async def serve() -> None:
        with a_journal(tmp_path, at_least=7) as journal:
            for number in range(20):
                await durable(journal, journal.append(entry(number)))

    asyncio.run(serve())
    numbers = segment_numbers(tmp_path)
    assert numbers == list(range(7, 7 + len(numbers))) and len(numbers) > 2
    assert on_disk(tmp_path) == list(range(20))
    assert all(segment_path(tmp_path, number).stat().st_size <= 200 for number in numbers)


troubles = st.lists(
    st.sampled_from(["write", "half a write", "fdatasync", "ftruncate"]).map(lambda c: (c, FULL)),
    max_size=6,
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 30), troubles), min_size=1, max_size=6))
def test_whatever_the_disk_does_each_entry_is_there_once_and_in_order(
    groups: list[tuple[int, list[tuple[str, OSError]]]],
) -> None:
    async def serve(directory: Path, disk: Disk) -> int:
        number = 0
        with a_journal(directory) as journal:
            for size, failures in groups:
                disk.failures = list(failures)
                for _ in range(size):
                    place = journal.append(entry(number))
                    number += 1
                await asyncio.sleep(0)
                await durable(journal, place)
        return number

    with TemporaryDirectory() as folder, a_disk() as disk:
        appended = asyncio.run(serve(Path(folder), disk))
        assert on_disk(Path(folder)) == list(range(appended))
