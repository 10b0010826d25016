"""Group commit: entries wait in line, one thread writes and syncs whatever has gathered, many share one sync.

The loop hands over one group at a time, at the end of a turn; while its sync runs the next one gathers. So the group
grows with the cost of a sync and with the load: a slow disk costs latency, not throughput, and the interpreter's lock
changes hands twice a group, however many requests share it. Nothing is ever dropped: when the disk refuses (full,
broken), ``failing`` says why, the same entries are tried again, and nothing new is accepted until they are down.
"""

import asyncio
import contextlib
import os
import threading
import time
from bisect import bisect_right, insort
from collections.abc import Callable
from operator import itemgetter
from pathlib import Path
from queue import SimpleQueue

from wattmill.ledger.entries import Entry
from wattmill.ledger.journal import SEGMENT_BYTES, create_segment, encode_frame

RETRY_S = 0.25
CLOSE_TIMEOUT_S = 5.0
_PLACE = itemgetter(0)


class GroupCommit:
    """The journal of one gateway, open for appending. Call everything from the loop's thread."""

    def __init__(
        self,
        directory: Path,
        loop: asyncio.AbstractEventLoop,
        *,
        at_least: int = 1,
        sync_delay_s: float = 0.0,
    ) -> None:
        self.number, self._descriptor = create_segment(directory, at_least)
        self._first = self._descriptor
        self.durable = 0
        self.failing: str | None = None
        self._directory = directory
        self._loop = loop
        self._sync_delay_s = sync_delay_s
        self._segment = self.number
        self._size = 0
        self._appended = 0
        self._line: list[Entry] = []
        self._waiters: list[tuple[int, Callable[[], None]]] = []
        """In the order of their places."""
        self._is_busy = False
        """A group is about to be handed over, or is in the thread."""
        self._groups: SimpleQueue[tuple[bytes, int] | None] = SimpleQueue()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)
        self._thread.start()

    def append(self, entry: Entry) -> int:
        """Put an entry in line. It is durable when ``durable`` has reached the place returned."""
        self._line.append(entry)
        self._appended += 1
        if not self._is_busy:
            self._is_busy = True
            self._loop.call_soon(self._hand_over)
        return self._appended

    def when_durable(self, place: int, callback: Callable[[], None]) -> None:
        """Call back once a place is durable: at once if it is already."""
        waiters = self._waiters
        if place <= self.durable:
            callback()
        elif not waiters or place >= waiters[-1][0]:
            waiters.append((place, callback))
        else:
            insort(waiters, (place, callback), key=_PLACE)

    def close(self) -> None:
        """Write and sync what is in line, as far as the disk allows, and stop."""
        self._closing = True
        if self._line:
            self._hand_over()
        self._groups.put(None)
        self._thread.join(CLOSE_TIMEOUT_S)
        for descriptor in {self._first, self._descriptor}:
            os.close(descriptor)

    def _hand_over(self) -> None:
        if self._line:
            group, self._line = self._line, []
            self._groups.put((encode_frame(group), self._appended))
        else:
            self._is_busy = False

    def _reached(self, place: int) -> None:
        """Tell those who wait; what they append goes into the next group. One that fails holds up nobody."""
        self._loop.call_soon(self._hand_over)
        self.durable = place
        due = bisect_right(self._waiters, place, key=_PLACE)
        reached, self._waiters = self._waiters[:due], self._waiters[due:]
        for _, callback in reached:
            try:
                callback()
            except Exception as error:
                told = {"message": "what waited for the journal failed", "exception": error}
                self._loop.call_exception_handler(told)

    # --- in the thread -----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while (group := self._groups.get()) is not None:
            frame, place = group
            if not self._write_until_durable(frame):
                return
            with contextlib.suppress(RuntimeError):  # the loop has closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._reached, place)

    def _write_until_durable(self, frame: bytes) -> bool:
        while True:
            try:
                self._write(frame)
            except OSError as error:
                self.failing = f"the journal cannot be written: {error.strerror}"
                if self._closing:
                    return False
                time.sleep(RETRY_S)
            else:
                self.failing = None
                return True

    def _write(self, frame: bytes) -> None:
        """Append a whole frame and sync it; on failure the file ends where it ended before."""
        if self._size and self._size + len(frame) > SEGMENT_BYTES:
            self._next_segment()
        try:
            if self.failing:
                os.ftruncate(self._descriptor, self._size)
            written = 0
            while written < len(frame):
                written += os.write(self._descriptor, frame[written:] if written else frame)
            if self._sync_delay_s:
                time.sleep(self._sync_delay_s)
            os.fdatasync(self._descriptor)
        except OSError:
            with contextlib.suppress(OSError):  # the next try does it again
                os.ftruncate(self._descriptor, self._size)
            raise
        self._size += len(frame)

    def _next_segment(self) -> None:
        number, descriptor = create_segment(self._directory, self._segment + 1)
        if self._descriptor != self._first:  # its lock says that this run lives
            os.close(self._descriptor)
        self._segment, self._descriptor, self._size = number, descriptor, 0
