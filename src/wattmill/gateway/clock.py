"""The clock of this machine."""

import time


class SystemClock:
    """Wall-clock time at start plus the monotonic time since, so that a step of the wall clock moves nothing."""

    def __init__(self) -> None:
        self._offset_s = time.time() - time.monotonic()

    def now_s(self) -> float:
        return self._offset_s + time.monotonic()
