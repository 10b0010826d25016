"""Reads the engines' own counters at moments when nothing is in flight, for the books to be held against."""

import time
import urllib.request
from collections.abc import Sequence
from urllib.error import URLError

from wattmill.core.roster import Pool
from wattmill.gateway.counters import token_counters
from wattmill.gateway.health import QUEUES, gauge
from wattmill.ledger.engines import Reading
from wattmill.ledger.reconcile import Tokens
from wattmill.web.books import Books

TIMEOUT_S = 2.0
MOST_BYTES = 2**22


def read_engines(books: Books) -> list[Reading]:
    """Keep a reading of every engine that has counters and is at rest just now; returns those that were kept.

    The counters are read before and after the gateways were found without a request: only what did not move is kept.
    """
    pools = [pool for pool in books.pools if pool.engine in QUEUES]
    before = _counters(pools)
    at_us = round(time.time() * 1e6)
    if not books.is_at_rest():
        return []
    after = _counters(pools)
    kept = [
        Reading(pool, at_us, counted)
        for pool, counted in after.items()
        if before.get(pool) == counted
    ]
    books.add_readings(kept)
    return kept


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
