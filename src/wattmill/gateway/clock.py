"""The clock of this machine."""

import time


class SystemClock:
    """Wall-clock time at start plus the monotonic time since, so that a step of the wall clock moves nothing.

    Clocks with one offset (seconds) agree to the last digit: the monotonic time is the machine's.
    """

    def __init__(self, offset_s: float | None = None) -> None:
        self._offset_s = clock_offset_s() if offset_s is None else offset_s

    def now_s(self) -> float:
        return self._offset_s + time.monotonic()


def clock_offset_s() -> float:
    """What the machine's monotonic clock lacks to the time of day, now."""
    return time.time() - time.monotonic()
