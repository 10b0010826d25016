"""Rate limits that need one number per key: the generic cell rate algorithm (GCRA, ITU-T I.371)."""

_MINUTE_NS = 60 * 10**9


class RateLimiter:
    """Allows ``per_minute`` requests a minute for each name, in bursts of up to ``per_minute``.

    The one number kept per name is the time at which a fully refilled allowance would be reached,
    in whole nanoseconds: sums of floats near the epoch drift by microseconds, and would refuse the
    last request of a burst.
    """

    def __init__(self) -> None:
        self._full_at_ns: dict[str, int] = {}

    def wait_s(self, name: str, per_minute: int, now_s: float) -> float:
        """0 when one more request is allowed, else the seconds until it is. Counts nothing."""
        if per_minute < 1:
            return 60.0
        now_ns = _ns(now_s)
        wait_ns = self._full_after_ns(name, per_minute, now_ns) - now_ns - _MINUTE_NS
        return max(wait_ns, 0) / 1e9

    def count(self, name: str, per_minute: int, now_s: float) -> None:
        """Count a request that was let in."""
        self._full_at_ns[name] = self._full_after_ns(name, per_minute, _ns(now_s))

    def _full_after_ns(self, name: str, per_minute: int, now_ns: int) -> int:
        return max(self._full_at_ns.get(name, now_ns), now_ns) + _MINUTE_NS // per_minute


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)


class ConcurrencyLimiter:
    """Counts what is in flight for each name."""

    def __init__(self) -> None:
        self._in_flight: dict[str, int] = {}

    def in_flight(self, name: str) -> int:
        return self._in_flight.get(name, 0)

    def enter(self, name: str) -> None:
        self._in_flight[name] = self._in_flight.get(name, 0) + 1

    def leave(self, name: str) -> None:
        left = self._in_flight[name] - 1
        assert left >= 0, f"{name} left more often than it entered"
        if left:
            self._in_flight[name] = left
        else:
            del self._in_flight[name]
