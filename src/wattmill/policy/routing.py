"""Which pool serves a request: the one that will be free first, and somebody else's only when the price covers it.

The score is *seconds to drain*: prompt tokens not yet prefilled over the pool's prefill rate, plus output tokens still
to come over its decode rate. Seconds compare between unequal machines, numbers of requests do not. It is our own
count, exact at this instant; what was scraped from the engine lags by seconds and only says whether it is up.
"""

from collections.abc import Mapping

from wattmill.core.records import Price
from wattmill.core.roster import Model, Pool
from wattmill.policy.events import View

SPILL_AFTER_S = 20.0


class PoolLoad:
    """Work sent to a pool and not yet ended."""

    __slots__ = ("in_flight", "output_tokens", "prompt_tokens")

    def __init__(self) -> None:
        self.in_flight = 0
        self.prompt_tokens = 0
        self.output_tokens = 0


class Router:
    """Keeps the load of each pool and chooses among those of a route."""

    def __init__(self) -> None:
        self._pools: dict[str, Pool] = {}
        self._loads: dict[str, PoolLoad] = {}

    def set_pools(self, pools: tuple[Pool, ...]) -> None:
        """Swap the pools; the load of one that stays is kept, and so is one that still has work."""
        self._pools = {pool.name: pool for pool in pools}
        for pool in pools:
            self._loads.setdefault(pool.name, PoolLoad())

    def choose(
        self, model: Model, prices: Mapping[str, Price], tried: tuple[str, ...], view: View
    ) -> str | None:
        """The pool to send to, or ``None`` when none of the route is up, has a price and room, and is worth its cost.

        ``prices`` are those of the tenant by pool; it is not served where it has none.
        """
        best_own = best_bought = None
        for name in model.route:
            price = prices.get(name)
            if price is None or name in tried or not self._is_open(name, view):
                continue
            pool = self._pools[name]
            if not pool.is_metered:
                best_own = self._freer(best_own, pool)
            elif covers(price, pool):
                best_bought = self._freer(best_bought, pool)
        if best_own and best_bought and self._spills(best_own, best_bought):
            return best_bought.name
        best = best_own or best_bought
        return best.name if best else None

    def _freer(self, best: Pool | None, pool: Pool) -> Pool:
        """The one that is free first; the earlier in the route when both are."""
        if best is None or self._drain_s(pool) < self._drain_s(best):
            return pool
        return best

    def _spills(self, own: Pool, bought: Pool) -> bool:
        """Whether waiting for our own machines is too long, and elsewhere shorter."""
        own_s = self._drain_s(own)
        return own_s > SPILL_AFTER_S and self._drain_s(bought) < own_s

    def _is_open(self, name: str, view: View) -> bool:
        pool = self._pools.get(name)
        seen = view.pools.get(name)
        return (
            pool is not None
            and seen is not None
            and seen.up
            and self._loads[name].in_flight < pool.slots + pool.max_waiting
        )

    def _drain_s(self, pool: Pool) -> float:
        load = self._loads[pool.name]
        return load.prompt_tokens / pool.prefill_tok_s + load.output_tokens / pool.decode_tok_s

    def sent(self, pool: str, prompt_tokens: int, output_tokens: int) -> None:
        load = self._loads[pool]
        load.in_flight += 1
        load.prompt_tokens += prompt_tokens
        load.output_tokens += output_tokens

    def prefilled(self, pool: str, prompt_tokens: int) -> None:
        self._loads[pool].prompt_tokens -= prompt_tokens

    def ended(self, pool: str, prompt_tokens: int, output_tokens: int) -> None:
        """``prompt_tokens`` is what was not yet taken off by ``prefilled``."""
        load = self._loads[pool]
        load.in_flight -= 1
        load.prompt_tokens -= prompt_tokens
        load.output_tokens -= output_tokens
        assert load.in_flight >= 0 and load.prompt_tokens >= 0 and load.output_tokens >= 0


def covers(price: Price, pool: Pool) -> bool:
    """Whether what the tenant pays for a token is at least what the pool costs us for it."""
    tokens = price.denominator
    return (
        price.input_uncached >= (pool.cost_input or 0) * tokens
        and price.output_text >= (pool.cost_output or 0) * tokens
    )
