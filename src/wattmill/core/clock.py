"""The clock is an argument: one of these is handed to whatever needs to know the time.

The clock of the machine itself lives in ``gateway.clock``: no room below the gateway reads it.
"""

from typing import Protocol


class Clock(Protocol):
    """Seconds since the epoch, never going backwards within one process."""

    def now_s(self) -> float: ...


class ManualClock:
    """A clock that moves only when it is told to: for tests and simulations."""

    def __init__(self, start_s: float = 0.0) -> None:
        self._now_s = start_s

    def now_s(self) -> float:
        return self._now_s

    def advance(self, seconds: float) -> None:
        self._now_s += seconds

    def set(self, now_s: float) -> None:
        self._now_s = max(self._now_s, now_s)
