"""Rate limits that need one number per key: the generic cell rate algorithm (GCRA, ITU-T I.371)."""


class RateLimiter:
    """Allows ``per_minute`` requests a minute for each name, in bursts of up to ``per_minute``.

    The one number kept per name is the time at which a fully refilled allowance would be reached.
    """

    def __init__(self) -> None:
        self._full_at_s: dict[str, float] = {}

    def wait_s(self, name: str, per_minute: int, now_s: float) -> float:
        """0 and the request is counted, or the seconds to wait and it is not."""
        interval_s = 60.0 / per_minute
        full_at_s = max(self._full_at_s.get(name, now_s), now_s)
        wait_s = full_at_s + interval_s - (now_s + 60.0)
        if wait_s > 1e-9:
            return wait_s
        self._full_at_s[name] = full_at_s + interval_s
        return 0.0


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
