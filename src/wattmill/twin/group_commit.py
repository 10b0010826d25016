"""Group commit as a model: entries wait in line, and one sync makes all that gathered durable.

The gateway's journal does the same with a thread and a disk. Here a sync takes ``sync_s`` and
nothing fails. An entry appended at the very instant at which a sync begins still goes with it; one
appended while it runs goes with the next.
"""

from wattmill.ledger.entries import Entry


class GroupCommitModel:
    """A journal whose only property is how long a sync takes; with 0 s nothing waits."""

    def __init__(self, sync_s: float = 0.0) -> None:
        if sync_s < 0:
            raise ValueError("a sync takes no less than 0 s")
        self.entries: list[Entry] = []
        self.durable = 0
        self._sync_s = sync_s
        self._began_s: float | None = None
        self._covers = 0

    def append(self, now_s: float, entry: Entry) -> int:
        """Put an entry in line; it is durable when ``durable`` has reached the place returned.

        What ``next_s`` announced for an earlier instant must have been done by ``advance``.
        """
        assert self._began_s is None or now_s <= self._began_s + self._sync_s, "advance first"
        self.entries.append(entry)
        if self._began_s is None or self._began_s == now_s:
            self._begin(now_s)
        return len(self.entries)

    def next_s(self) -> float | None:
        """When the sync that runs ends; ``None`` while there is nothing to make durable."""
        return None if self._began_s is None else self._began_s + self._sync_s

    def advance(self, now_s: float) -> int:
        """End every sync that ends by now; returns the place up to which all is durable."""
        while self._began_s is not None and self._began_s + self._sync_s <= now_s:
            self.durable = self._covers
            if self.durable < len(self.entries):
                self._begin(self._began_s + self._sync_s)
            else:
                self._began_s = None
        return self.durable

    def _begin(self, now_s: float) -> None:
        self._began_s = now_s
        self._covers = len(self.entries)
