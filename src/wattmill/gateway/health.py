"""Asks every engine, once in a while, whether it is up and how long its queue is: the view that policy sees."""

import asyncio
import re

from wattmill.gateway.calls import CallFailed, call
from wattmill.gateway.driver import Driver
from wattmill.gateway.links import EngineLinks
from wattmill.policy.events import PoolView, View

EVERY_S = 0.5
TIMEOUT_S = 2.0
MISSES_UNTIL_DOWN = 3

_OWN_HEALTH = {"llama.cpp", "vllm", "sglang", "trtllm"}
"""Engines with ``/health`` beside their API; others are asked for their models."""

QUEUES = {
    "llama.cpp": ("llamacpp:requests_processing", "llamacpp:requests_deferred"),
    "vllm": ("vllm:num_requests_running", "vllm:num_requests_waiting"),
    "sglang": ("sglang:num_running_reqs", "sglang:num_queue_reqs"),
}
"""Gauges of requests running and waiting, by engine."""


class HealthWatch:
    """Keeps ``driver.view`` up to date."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._misses: dict[str, int] = {}

    async def run(self) -> None:
        """Ask for ever."""
        while True:
            await self.ask_all()
            await asyncio.sleep(EVERY_S)

    async def ask_all(self) -> None:
        """One round over all pools, all at once."""
        engines = self._driver.engines
        views = await asyncio.gather(*(self._ask(links) for links in engines.values()))
        pools = dict(zip(engines, views, strict=True))
        self._driver.view = View(self._driver.now_s(), pools)

    async def _ask(self, links: EngineLinks) -> PoolView:
        name = links.pool.name
        try:
            status, _ = await call(links, _health_request(links), TIMEOUT_S)
        except CallFailed as error:
            self._misses[name] = self._misses.get(name, 0) + 1
            is_refused = "reached" in str(error)
            known = self._driver.view.pools.get(name)
            patient = known is not None and known.up and self._misses[name] < MISSES_UNTIL_DOWN
            return PoolView(up=patient and not is_refused)
        self._misses[name] = 0
        if status != 200:
            return PoolView(up=False)
        running, waiting = await _queue(links)
        return PoolView(up=True, running=running, waiting=waiting)


def _health_request(links: EngineLinks) -> bytes:
    if links.pool.engine in _OWN_HEALTH:
        return links.get("/health", base="")
    return links.get("/models")


async def _queue(links: EngineLinks) -> tuple[int | None, int | None]:
    names = QUEUES.get(links.pool.engine)
    if names is None:
        return None, None
    try:
        status, text = await call(links, links.get("/metrics", base=""), TIMEOUT_S)
    except CallFailed:
        return None, None
    if status != 200:
        return None, None
    running, waiting = (gauge(text.decode("utf-8", "replace"), name) for name in names)
    return running, waiting


def gauge(text: str, name: str) -> int | None:
    """The sum of a metric's samples in Prometheus text; ``None`` when it is not there or no number."""
    values = re.findall(rf"^{re.escape(name)}(?:{{[^}}]*}})? (\S+)", text, re.M)
    try:
        return round(sum(map(float, values))) if values else None
    except (ValueError, OverflowError):
        return None
