"""What each gateway of a factory uses of every account, in memory that they share.

One row for each account (a party's month, a key's month, a grant), one cell in it for each gateway, and one for what is
past: runs that are over. Only its owner writes a cell, so no two writers meet. A writer may be killed between any two
bytes: a cell has two copies and a count of its changes, whose last bit says which copy holds, so that a reader finds
the old use or the new one and nothing in between.
"""

import hashlib
import mmap
import struct
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

from wattmill.core.errors import LedgerError

TABLE_BYTES = 2**28
"""Pages that nobody touches take no memory."""

MAX_GATEWAYS = 64
_HEADER_BYTES = 4096
_ROWS, _LATEST, _RUNS = 0, 1, 2
"""Words of the header: how many rows there are, the latest hold, then each gateway's run."""
_ID_BYTES = 16
_CELL_BYTES = 96
_COPY = struct.Struct("<qQqQq")
"""The month, then what is spent and what is held, each in 128 bits."""
_LOW = 2**64 - 1
_COPIES = (8, 8 + _COPY.size)


class Use(NamedTuple):
    """Of an account, in pUSD: spent in one month (counted from year 0; 0 for a grant), and held for open requests."""

    month: int
    spent_pusd: int
    held_pusd: int


NO_USE = Use(0, 0, 0)


class UseTable:
    """The table over a piece of memory. ``adding`` is held while a row is added: one process at a time."""

    def __init__(
        self,
        memory: mmap.mmap,
        gateways: int,
        adding: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        assert 1 <= gateways <= MAX_GATEWAYS
        self.gateways = gateways
        self.past = gateways
        """The cell of what is past."""
        self._memory = memory
        self._words = memoryview(memory).cast("Q")
        self._times = memoryview(memory).cast("d")
        self._adding = adding
        self._row_bytes = _ID_BYTES + (gateways + 1) * _CELL_BYTES
        self._rows: dict[str, int] = {}
        self._places: dict[bytes, int] = {}
        self._known = 0

    # --- the header --------------------------------------------------------------------------------------------------

    def run(self, gateway: int) -> int:
        """The run of a gateway, dead or alive; 0 before its first."""
        return self._words[_RUNS + gateway]

    def set_run(self, gateway: int, run: int) -> None:
        self._words[_RUNS + gateway] = run

    def not_before(self, at_s: float) -> float:
        """An instant, or the latest one that this was asked for: for holds in their order time never runs backwards."""
        self._times[_LATEST] = latest_s = max(at_s, self._times[_LATEST])
        return latest_s

    # --- rows --------------------------------------------------------------------------------------------------------

    def row(self, account: str) -> int:
        """Where an account's row begins; a new one is added at the end. ``LedgerError`` when the table is full."""
        found = self._rows.get(account)
        if found is None:
            found = self._rows[account] = self._find(account)
        return found

    def _find(self, account: str) -> int:
        name = hashlib.blake2b(account.encode(), digest_size=_ID_BYTES).digest()
        with self._adding():
            self._learn()
            return self._places.get(name) or self._add(name)

    def _learn(self) -> None:
        """Rows that others have added."""
        for number in range(self._known, self._words[_ROWS]):
            place = self._place(number)
            self._places[self._memory[place : place + _ID_BYTES]] = place
        self._known = self._words[_ROWS]

    def _add(self, name: bytes) -> int:
        place = self._place(self._known)
        if place + self._row_bytes > len(self._memory):
            raise LedgerError(
                f"{self._known:,} tenants, keys and grants are more than gateways can share",
                hint="start the factory with one gateway, or make keys that are no longer used end",
            )
        self._memory[place : place + _ID_BYTES] = name
        self._known += 1
        self._words[_ROWS] = self._known
        self._places[name] = place
        return place

    def _place(self, number: int) -> int:
        return _HEADER_BYTES + number * self._row_bytes

    # --- cells -------------------------------------------------------------------------------------------------------

    def write(self, row: int, cell: int, use: tuple[int, int, int]) -> None:
        """Change a cell as one step."""
        place = row + _ID_BYTES + cell * _CELL_BYTES
        word = place // 8
        changes = self._words[word] + 1
        self._write_copy(place + _COPIES[changes & 1], use)
        self._words[word] = changes

    def _write_copy(self, place: int, use: tuple[int, int, int]) -> None:
        month, spent, held = use
        _COPY.pack_into(
            self._memory, place, month, spent & _LOW, spent >> 64, held & _LOW, held >> 64
        )

    def read(self, row: int, cell: int) -> Use:
        """What a cell says, while its owner may be changing it."""
        place = row + _ID_BYTES + cell * _CELL_BYTES
        word = place // 8
        while True:
            changes = self._words[word]
            if not changes:
                return NO_USE
            found = _COPY.unpack_from(self._memory, place + _COPIES[changes & 1])
            if self._words[word] == changes:
                month, spent_low, spent_high, held_low, held_high = found
                return Use(month, spent_low | spent_high << 64, held_low | held_high << 64)

    def others(self, row: int, gateway: int) -> Iterator[Use]:
        """The past and every other gateway."""
        return (self.read(row, cell) for cell in range(self.gateways + 1) if cell != gateway)

    def clear(self, gateway: int) -> None:
        """Nothing is used by a gateway whose runs are over and counted in the past."""
        for number in range(self._words[_ROWS]):
            row = self._place(number)
            if self.read(row, gateway) != NO_USE:
                self.write(row, gateway, NO_USE)
