"""Reads the engines' own counters at moments when nothing is in flight; the books are held against them."""

import time
import urllib.request
from collections.abc import Callable, Sequence
from urllib.error import URLError

from wattmill.core.roster import Pool
from wattmill.gateway.counters import token_counters
from wattmill.gateway.health import QUEUES, gauge
from wattmill.ledger.engines import Reading
from wattmill.ledger.reconcile import Tokens

TIMEOUT_S = 2.0
MOST_BYTES = 2**22


def read_engines(pools: Sequence[Pool], is_at_rest: Callable[[], bool]) -> list[Reading]:
    """A reading of every engine that has counters and has nothing to do just now.

    The counters are read before and after the gateways were found without a request: only what did not move counts.
    """
    counting = [pool for pool in pools if pool.engine in QUEUES]
    before = _counters(counting)
    at_us = round(time.time() * 1e6)
    if not is_at_rest():
        return []
    after = _counters(counting)
    return [
        Reading(pool, at_us, counted)
        for pool, counted in after.items()
        if before.get(pool) == counted
    ]


def _counters(pools: Sequence[Pool]) -> dict[str, Tokens]:
    """What each engine has counted that answers, has counters and has nothing to do."""
    counters = {pool.name: _counted(pool) for pool in pools}
    return {pool: counted for pool, counted in counters.items() if counted is not None}


def _counted(pool: Pool) -> Tokens | None:
    address = pool.url.removesuffix("/v1") + "/metrics"
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT_S) as answer:
            text = answer.read(MOST_BYTES).decode("utf-8", "replace")
    except (URLError, OSError, ValueError):
        return None
    is_at_rest = all(gauge(text, name) == 0 for name in QUEUES[pool.engine])
    return token_counters(pool.engine, text) if is_at_rest else None
