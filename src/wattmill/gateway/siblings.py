"""Several gateways of one factory: the memory they share, whose turn it is, and how one of them begins.

All are children of one supervisor, which made the memory: it goes when the last of them has gone, and the factory that
comes after begins with what the journal says.
"""

import contextlib
import fcntl
import mmap
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec import Struct

from wattmill.core.errors import LedgerBusy
from wattmill.core.roster import Roster
from wattmill.ledger.book import Book
from wattmill.ledger.journal import is_written, segment_path
from wattmill.ledger.locks import take_lock
from wattmill.ledger.sharing import Journal, begin_sharing
from wattmill.ledger.snapshot import JOURNAL, recover
from wattmill.ledger.use_table import TABLE_BYTES, UseTable

_TURN, _BEGINNING, _ADDING = range(3)
"""Bytes of the memory's file that are locked: the turn at the limits, beginning, adding a row."""
SOCKET = "gateway.sock"
LOCK = "gateway.lock"
DRAIN_MARGIN_S = 5.0
"""How much longer than its drain a gateway may take to end."""
PATIENCE_S = 0.25
"""How long a request may wait for its gateway's turn: a sibling that is merely slow ends its own in time."""
_PAUSE_S = 50e-6


class Shared(Struct, frozen=True):
    """What a gateway is told of its siblings: the memory's file (a descriptor), which of them it is, from 0, how many
    they are, and their common time: seconds to add to the machine's monotonic clock."""

    memory: int
    gateway: int
    gateways: int
    clock_offset_s: float


def socket_name(gateway: int | None) -> str:
    """Where a gateway takes commands: on ``gateway.sock``, or ``gateway-1.sock`` for the first of several."""
    return SOCKET if gateway is None else f"gateway-{gateway + 1}.sock"


class ByteLock:
    """A lock on one byte of a file; the kernel takes it back when its process ends, however it ends."""

    def __init__(self, descriptor: int, byte: int) -> None:
        self._descriptor = descriptor
        self._byte = byte
        self._patience_s = PATIENCE_S

    def take(self) -> bool:
        """Take it within ``PATIENCE_S``; at once or not at all as long as that was in vain before."""
        deadline_s = time.monotonic() + self._patience_s
        while not self._try():
            if time.monotonic() > deadline_s:
                self._patience_s = 0.0
                return False
            time.sleep(_PAUSE_S)
        self._patience_s = PATIENCE_S
        return True

    def _try(self) -> bool:
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, self._byte)
        except (BlockingIOError, PermissionError):
            return False
        return True

    def wait(self) -> None:
        fcntl.lockf(self._descriptor, fcntl.LOCK_EX, 1, self._byte)

    def end(self) -> None:
        fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, self._byte)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        self.wait()
        try:
            yield
        finally:
            self.end()


def wait_for_lock(path: Path, timeout_s: float, is_over: Callable[[], bool] = lambda: False) -> int:
    """Lock a file once whoever holds it has gone; ``LedgerBusy`` when that takes too long or ``is_over``."""
    deadline_s = time.monotonic() + timeout_s
    while True:
        try:
            hint = "a factory is running there, or its gateway still answers what it had accepted"
            return take_lock(path, "another gateway is at work", hint=hint)
        except LedgerBusy:
            if time.monotonic() > deadline_s or is_over():
                raise
            time.sleep(0.05)


def new_memory() -> int:
    """Memory for gateways to share; the descriptor of its file, which has no name."""
    if sys.platform == "linux":
        descriptor = os.memfd_create("wattmill")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, TABLE_BYTES)
    return descriptor


class Begun(Struct):
    """A gateway that may serve: its book, the roster, and how much of the past it had to end."""

    book: Book
    roster: Roster
    voided: int
    waived: int
    settled: Callable[[], None] = lambda: None
    """To be called when what it wrote is durable: the next one may begin."""


def begin(data: Path, shared: Shared, at_s: float, open_journal: Callable[[int], Journal]) -> Begun:
    """Recover what dead gateways left and take a place among the living. One at a time.

    ``open_journal`` makes the journal, its first segment of at least a number. A sibling that dies meanwhile is left to
    the next one that begins.
    """
    memory = mmap.mmap(shared.memory, TABLE_BYTES)
    locks = [ByteLock(shared.memory, byte) for byte in (_TURN, _BEGINNING, _ADDING)]
    turn, beginning, adding = locks
    table = UseTable(memory, shared.gateways, adding.held)
    beginning.wait()
    living = _living(data, table)
    if shared.gateway in living:
        raise LedgerBusy(f"gateway {shared.gateway + 1} is at work already", place=str(data))
    snapshot, accounts = recover(data, by_run=True)
    book, voided, waived = begin_sharing(
        table,
        turn,
        shared.gateway,
        known=accounts,
        living=living,
        journal=open_journal(max(snapshot.positions, default=0) + 1),
        roster=snapshot.roster,
        at_s=at_s,
    )
    return Begun(book, snapshot.roster, voided, waived, beginning.end)


def _living(data: Path, table: UseTable) -> dict[int, int]:
    """Runs of gateways that live: such a gateway has its first segment open."""
    runs = {number: table.run(number) for number in range(table.gateways)}
    journal = data / JOURNAL
    return {
        number: run
        for number, run in runs.items()
        if run and is_written(segment_path(journal, run))
    }
