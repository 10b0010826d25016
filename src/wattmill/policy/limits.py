"""What a key or a tenant may still do: so many requests at a time, and so many a minute.

The rate is the generic cell rate algorithm (GCRA, ITU-T I.371): one number, the time at which the allowance would be
full again, in whole nanoseconds, because sums of floats near the epoch drift by microseconds and would refuse the last
request of a burst.
"""

from wattmill.core.roster import Key, Tenant

_MINUTE_NS = 60 * 10**9


class Allowance:
    """The limits of one key or tenant (``None``: without), and how much of them is used."""

    __slots__ = ("_full_at_ns", "in_flight", "max_concurrency", "name", "per_minute")

    def __init__(
        self, name: str, per_minute: int | None = None, max_concurrency: int | None = None
    ) -> None:
        self.name = name
        self.per_minute = per_minute
        self.max_concurrency = max_concurrency
        self.in_flight = 0
        self._full_at_ns = 0

    def set_limits(self, owner: Key | Tenant) -> None:
        """Take over new limits; what is used stays used."""
        self.per_minute = owner.requests_per_minute
        self.max_concurrency = owner.max_concurrency

    @property
    def is_crowded(self) -> bool:
        """Whether as many requests are in flight as may be."""
        return self.max_concurrency is not None and self.in_flight >= self.max_concurrency

    def wait_s(self, now_s: float) -> float:
        """0 when the rate allows one more request, else the seconds until it does. Nothing is counted yet."""
        per_minute = self.per_minute
        if per_minute is None:
            return 0.0
        if per_minute < 1:
            return 60.0
        now_ns = round(now_s * 1e9)
        wait_ns = max(self._full_at_ns, now_ns) + _MINUTE_NS // per_minute - now_ns - _MINUTE_NS
        return wait_ns / 1e9 if wait_ns > 0 else 0.0

    def enter(self, now_s: float) -> None:
        """Count a request that was let in."""
        self.in_flight += 1
        if self.per_minute:
            now_ns = round(now_s * 1e9)
            self._full_at_ns = max(self._full_at_ns, now_ns) + _MINUTE_NS // self.per_minute

    def leave(self) -> None:
        """A request that was let in has ended."""
        self.in_flight -= 1
        assert self.in_flight >= 0, f"{self.name} left more often than it entered"
