"""Carries the journal into the database: what is over, positions and accounts in one transaction, so exactly once."""

from pathlib import Path

from wattmill.core.clock import Clock
from wattmill.ledger.accounts import Accounts
from wattmill.ledger.entries import Entry
from wattmill.ledger.journal import read_frames, retire, segment_numbers, segment_path, sync
from wattmill.ledger.snapshot import JOURNAL
from wattmill.ledger.store import Store

BATCH_ENTRIES = 20_000


class Loader:
    """Follows the journal of a store's folder."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._journal: Path = store.directory / JOURNAL
        self._positions = store.positions()
        self.accounts = Accounts(store.accounts_state(), by_run=True)

    @property
    def positions(self) -> dict[int, int]:
        """How far each segment has been loaded."""
        return dict(self._positions)

    def load_some(self) -> int:
        """Load up to ``BATCH_ENTRIES`` entries or a little more; returns how many.

        They are read as soon as they are written, maybe before the gateway's own sync has returned: a sync of ours
        comes first, so that the database never knows of an entry that the journal could still lose.
        """
        entries: list[Entry] = []
        positions: dict[int, int] = {}
        for number in segment_numbers(self._journal):
            self._read_segment(number, entries, positions)
            if len(entries) >= BATCH_ENTRIES:
                break
        if not positions:
            return 0
        accounts = self.accounts.copy()
        over = [finished for entry in entries if (finished := accounts.finish(entry))]
        for number in positions:
            sync(segment_path(self._journal, number))
        recorded_us = round(self._clock.now_s() * 1e6)
        self._store.load(over, positions, accounts.state(), recorded_us)
        self.accounts = accounts
        self._positions.update(positions)
        return len(entries)

    def catch_up(self) -> int:
        """Load everything that is durable now; returns how many entries."""
        total = 0
        while loaded := self.load_some():
            total += loaded
        return total

    def _read_segment(self, number: int, entries: list[Entry], positions: dict[int, int]) -> None:
        path = segment_path(self._journal, number)
        start = self._positions.get(number, 0)
        if path.stat().st_size <= start:
            return
        for batch, end in read_frames(path, start):
            entries += batch
            positions[number] = end
            if len(entries) >= BATCH_ENTRIES:
                return

    def retire_segments(self) -> list[int]:
        """Delete segments that are wholly loaded and no longer written: all but the newest of them.

        What is left behind the last whole frame of such a segment was torn in a crash and never durable. Call it only
        after a snapshot with these positions has been written.
        """
        retired = []
        for number in segment_numbers(self._journal)[:-1]:
            if retire(segment_path(self._journal, number), self._positions.get(number, 0)):
                retired.append(number)
        self.accounts.forget_shares(segment_numbers(self._journal))
        return retired
