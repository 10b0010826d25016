"""An asyncio loop whose clock jumps: nothing waits, the next timer is always now."""

import asyncio
import math
import selectors
from collections.abc import Mapping
from typing import Any


class _JumpSelector(selectors.BaseSelector):
    """Watches the loop's own wake-up pipe and nothing else; in place of waiting it moves the clock."""

    def __init__(self) -> None:
        self.loop: JumpLoop | None = None
        self._keys: dict[int, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = selectors.SelectorKey(fileobj, fileobj, events, data)
        self._keys[key.fd] = key
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "nothing is left that could ever happen"
        if timeout > 0 and self.loop is not None:
            self.loop.jump()
        return []

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._keys


class JumpLoop(asyncio.SelectorEventLoop):
    """Its time is the moment of the timer that is due, exactly."""

    def __init__(self, start_s: float) -> None:
        selector = _JumpSelector()
        self._now_s = start_s
        super().__init__(selector)
        # A timer is due from this long before its time: just enough to see that now is now.
        self._clock_resolution = math.ulp(start_s)
        selector.loop = self

    def time(self) -> float:
        return self._now_s

    def jump(self) -> None:
        """To the next timer."""
        self._now_s = self._scheduled[0].when()  # type: ignore[attr-defined]
