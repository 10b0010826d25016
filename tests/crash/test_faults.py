"""A disk that fails at the N-th call, for every N: whatever was acknowledged is in the books once, and nothing else is.

A gateway's book with its group commit and the books that load it do some work on a disk whose N-th write, sync, rename
… finds no room, breaks, writes half of it, or is the last thing the process does. Then everything is recovered and
compared with what had been acknowledged. ``make faults`` tries every N; ``make test`` some.
"""

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from tests.crash.audit import Row, differences, gathered, journalled
from tests.crash.workload import BUDGETS, CREDIT_PUSD, PRICES, keep_segments, roster
from tests.support.faults import CALLS, Call, Faults, How, faults, faults_library
from wattmill.core.clock import ManualClock
from wattmill.core.records import METERS
from wattmill.gateway.commits import GroupCommit
from wattmill.ledger.accounts import AccountsState
from wattmill.ledger.book import Book
from wattmill.ledger.loader import Loader
from wattmill.ledger.records import decode_record
from wattmill.ledger.snapshot import JOURNAL, Snapshot, recover, write_snapshot
from wattmill.ledger.store import DATABASE, Store

__all__ = ["faults", "faults_library"]

ALL = bool(os.environ.get("WATTMILL_FAULTS_ALL"))
STRIDE = 1 if ALL else 29
"""``make test`` tries every so many-th call, each kind of failure from another one on."""
SIGKILLED = -9
PRICE_ROWS = {
    version: dict.fromkeys(METERS, 0) | {"plan": f"plan-{version}", "input_uncached": amount}
    for version, amount in enumerate(PRICES, start=1)
}


class Mill:
    """A disk that fails, a process that works on it, and what it said."""

    def __init__(self, faults: Faults, folder: Path) -> None:
        self.faults = faults
        self._blank, self._kept, self._said = folder / "blank", folder / "kept", folder / "said"
        self._blank.mkdir()
        Store(self._blank, write=True).close()
        (self._blank / JOURNAL).mkdir()
        write_snapshot(self._blank, Snapshot(roster(), AccountsState(), {}))
        self._workers = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.workload"],
            env=os.environ | faults.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    @property
    def data(self) -> Path:
        return self.faults.folder / "data"

    def reset(self) -> None:
        """A new disk."""
        shutil.rmtree(self.data, ignore_errors=True)
        shutil.rmtree(self._kept, ignore_errors=True)
        shutil.copytree(self._blank, self.data)
        self._kept.mkdir()
        self._said.write_text("")

    def work(self) -> int:
        """How the process ended."""
        assert self._workers.stdin and self._workers.stdout
        paths = {"data": self.data, "kept": self._kept, "said": self._said}
        line = msgspec.json.encode({name: str(path) for name, path in paths.items()})
        self._workers.stdin.write(line.decode() + "\n")
        self._workers.stdin.flush()
        ended = int(self._workers.stdout.readline())
        assert ended in (0, 1, SIGKILLED), f"it ended with {ended}"
        keep_segments(self.data, self._kept)
        return ended

    def close(self) -> None:
        self._workers.communicate(timeout=60)

    def recover(self) -> None:
        """As the next start does, on a disk that works again."""

        async def void_what_was_open() -> None:
            snapshot, accounts = recover(self.data)
            at_least = max(snapshot.positions, default=0) + 1
            journal = GroupCommit(
                self.data / JOURNAL, asyncio.get_running_loop(), at_least=at_least
            )
            Book(accounts, journal, snapshot.roster).recover(2e9)
            journal.close()

        asyncio.run(void_what_was_open())
        keep_segments(self.data, self._kept)
        with Store(self.data, write=True) as store:
            Loader(store, ManualClock(2e9)).catch_up()

    def faults_found(self) -> list[str]:
        """Everything that is not as it was acknowledged."""
        with closing(sqlite3.connect(self.data / DATABASE)) as database:
            database.row_factory = sqlite3.Row
            evidence = gathered(database, self.data, journalled(self._kept))
        evidence = replace(evidence, prices=PRICE_ROWS)
        rows = {str(row["id"]): row for row in evidence.rows}
        payments = {getattr(decode_record(row["body"]), "payment", "") for row in evidence.records}
        found = [one for one in differences(evidence) if "no client has its answer" not in one]
        for word, name, *more in map(str.split, self._said.read_text().splitlines()):
            if word == "recorded":
                found += [] if name in payments else [f"payment {name} is lost"]
            elif (row := rows.get(name)) is None:
                found.append(f"{word} {name} is lost")
            elif not _is_as_said(row, word, *more):
                found.append(f"{word} {name}: it is {row['state']} with {row['amount_pusd']}")
        return found + self._overspent(evidence.rows, evidence.resales)

    @staticmethod
    def _overspent(rows: Sequence[Row], resales: Sequence[Row]) -> list[str]:
        charged = {row["id"]: row for row in rows if row["state"] == "charged"}
        spent = dict.fromkeys((*BUDGETS, "salon", "shop"), 0)
        for row in charged.values():
            spent[row["tenant"]] += row["amount_pusd"]
        for row in resales:
            spent[row["party"]] += row["amount_pusd"] if row["request"] in charged else 0
        limits = BUDGETS | {"salon": CREDIT_PUSD}
        return [
            f"{name} is overspent: {spent[name]}" for name in limits if spent[name] > limits[name]
        ]


def _is_as_said(row: Row, word: str, tokens: str = "") -> bool:
    """A word that was said stands, but for a charge that a crash made us drop."""
    states = {
        "held": ("charged", "waived", "void"),
        "voided": ("void",),
        "settled": ("charged", "waived"),
        "waived": ("waived",),
        "delivered": ("charged",),
    }
    return row["state"] in states[word] and (not tokens or row["input_uncached"] == int(tokens))


@pytest.fixture(scope="module")
def mill(faults_library: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mill]:
    memory = Path("/dev/shm")
    base = memory / f"wattmill-faults-{os.getpid()}" if memory.is_dir() else None
    folder = base or tmp_path_factory.mktemp("faults")
    folder.mkdir(exist_ok=True)
    faults = Faults(faults_library, folder / "disk", folder / "faults.state")
    mill = Mill(faults, folder)
    yield mill
    mill.close()
    shutil.rmtree(folder)


def test_nothing_fails_on_a_disk_that_works(mill: Mill) -> None:
    mill.faults.disarm()
    mill.reset()
    assert mill.work() == 0
    assert mill.work() == 0, "the next run finds what the first one left"
    mill.recover()
    assert mill.faults_found() == []
    said = mill._said.read_text().split()
    words = {"held", "voided", "settled", "waived", "delivered", "recorded"}
    assert words <= set(said), "the work did not do all that it should"


TOGETHER: tuple[Call, ...] = ("write", "sync", "truncate")
"""Failures in a row: the cutting off of what was half written fails, too."""


@pytest.mark.parametrize("calls", [*((call,) for call in CALLS), TOGETHER], ids="+".join)
@pytest.mark.parametrize("how", ["ENOSPC", "EIO", "short", "kill", "torn"])
def test_whatever_fails_nothing_acknowledged_is_lost_doubled_or_overspent(
    mill: Mill, calls: tuple[Call, ...], how: How
) -> None:
    """After a failure at every call in turn; where the process was killed its successor is killed too, further on."""
    mill.faults.disarm()
    mill.reset()
    mill.work()
    last = sum(mill.faults.calls[call] for call in calls)
    tried = range(1 + hash_of(*calls, how) % STRIDE % max(last, 1), last + 1, STRIDE)
    for at in tried:
        mill.reset()
        mill.faults.arm(*calls, at=at, how=how, times=1 + at % 4)
        ended = mill.work()
        if how in ("kill", "torn") and mill.faults.failed:
            assert ended == SIGKILLED
            mill.faults.arm(*calls, at=1 + at // 2, how=how)
            mill.work()
        mill.faults.disarm()
        mill.recover()
        assert mill.faults_found() == [], f"after {how} at {calls} {at} of {last}"
    print(f"{how:6} at {'+'.join(calls):20}: {len(tried)} of {last} calls")


def hash_of(*words: str) -> int:
    return sum("".join(words).encode())
