"""LiteLLM's own spend tracking, at work: one JSON argument in, one line of JSON out. Runs in LiteLLM's environment.

What runs is ``DBSpendUpdateWriter.update_database`` for every request and ``update_spend`` for the flushes, as the
proxy calls them, with keys, users and teams in the database. With ``told`` it runs on the proxy's own timers until it
is killed, and writes into that file how many requests it has tracked; otherwise it tracks so many requests, a thousand
between two flushes, until all are in the database.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
os.environ.setdefault("LITELLM_LOG", "ERROR")

from bench.ledger import prisma_stand_in

prisma_stand_in.install_errors()

from litellm.proxy import proxy_server  # type: ignore[import-not-found]  # noqa: E402
from litellm.proxy.utils import (  # type: ignore[import-not-found]  # noqa: E402
    PrismaClient,
    ProxyLogging,
    monitor_spend_logs_queue,
    update_spend,
)

BETWEEN_FLUSHES = 1000
TENANTS = 12
FLUSH_S = 10.0
"""How often the proxy writes what keys, users and teams have spent; it adds up to 5 s by chance."""


def client(database: prisma_stand_in.Database, logging: ProxyLogging) -> PrismaClient:
    """A Prisma client whose ``db`` is the stand-in; its queues are those of its class."""
    made = PrismaClient.__new__(PrismaClient)
    made.baseline_accounting_transactions = []
    made.baseline_accounting_lock = asyncio.Lock()
    made.proxy_logging_obj = logging
    made.token_auth = None
    made.db = database
    return made


class Tracker:
    """Tracks requests of twelve teams, one after another."""

    def __init__(self, prisma: PrismaClient, logging: ProxyLogging) -> None:
        self._prisma, self._logging = prisma, logging
        self._writer = logging.db_spend_update_writer
        self._number = 0
        self.tracked = 0

    async def track(self) -> None:
        self._number = number = self._number + 1
        end = datetime.now()
        who = f"{number % TENANTS:02}"
        usage = {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200}
        await self._writer.update_database(
            token=f"hashed-key-{who}",
            user_id=f"user-{who}",
            end_user_id=None,
            team_id=f"team-{who}",
            org_id=None,
            kwargs=_kwargs(number, who, usage),
            completion_response={"id": f"chatcmpl-{os.getpid()}-{number}", "usage": usage},
            start_time=end - timedelta(milliseconds=800),
            end_time=end,
            response_cost=0.000724,
        )
        self.tracked += 1

    async def flush(self) -> None:
        await update_spend(self._prisma, None, self._logging)


def _kwargs(number: int, who: str, usage: dict[str, int]) -> dict[str, Any]:
    """What the proxy's logging object holds at the end of a request, as far as spend tracking reads it."""
    metadata = {
        "user_api_key": f"hashed-key-{who}",
        "user_api_key_hash": f"hashed-key-{who}",
        "user_api_key_alias": f"key {who}",
        "user_api_key_user_id": f"user-{who}",
        "user_api_key_team_id": f"team-{who}",
        "model_group": "house",
        "model_info": {"id": "house-1"},
        "deployment": "hosted_vllm/house",
        "usage_object": usage,
    }
    standard: dict[str, Any] = {
        "id": f"chatcmpl-{os.getpid()}-{number}",
        "model": "house",
        "model_group": "house",
        "model_id": "house-1",
        "custom_llm_provider": "hosted_vllm",
        "api_base": "http://127.0.0.1:9000/v1",
        "metadata": metadata,
        "hidden_params": {"litellm_overhead_time_ms": 3.0},
        "model_map_information": {"model_map_key": "house", "model_map_value": None},
        "request_tags": [],
        "cost_breakdown": {"input_cost": 0.0004, "output_cost": 0.000324, "total_cost": 0.000724},
        "status": "success",
        "messages": None,
        "response": None,
        **usage,
    }
    return {
        "call_type": "acompletion",
        "model": "house",
        "custom_llm_provider": "hosted_vllm",
        "litellm_call_id": f"call-{os.getpid()}-{number}",
        "litellm_params": {"metadata": metadata, "api_base": "http://127.0.0.1:9000/v1"},
        "standard_logging_object": standard,
        "response_cost": 0.000724,
    }


async def measure(tracker: Tracker, requests: int) -> dict[str, float]:
    """Wall and CPU time until all requests are in the database; flushed as soon as a thousand wait."""
    await tracker.track()  # what is imported at the first request is not counted
    await tracker.flush()
    tracker.tracked = 0
    began, cpu = time.perf_counter(), time.process_time()
    while tracker.tracked < requests:
        for _ in range(min(BETWEEN_FLUSHES, requests - tracker.tracked)):
            await tracker.track()
        await asyncio.sleep(0)  # what each request has left to a task of its own
        await tracker.flush()
    wall_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "requests": requests,
        "per_s": requests / wall_s,
        "per_cpu_s": requests / cpu_s,
        "peak_mb": peak_kb / 1024,
    }


async def run_on_timers(
    tracker: Tracker, prisma: Any, logging: Any, told: Path, rate: float
) -> None:
    """As in the proxy: the queue's own monitor, a flush now and then. Ends when it is killed."""
    tasks = {
        asyncio.create_task(monitor_spend_logs_queue(prisma, None, logging)),
        asyncio.create_task(_flush_now_and_then(tracker)),
    }
    counter = os.open(told, os.O_WRONLY | os.O_CREAT)
    began = time.monotonic()
    while tasks:
        while tracker.tracked < rate * (time.monotonic() - began):
            await tracker.track()
            os.pwrite(counter, tracker.tracked.to_bytes(8, "little"), 0)
        await asyncio.sleep(0.005)


async def _flush_now_and_then(tracker: Tracker) -> None:
    while True:
        await asyncio.sleep(FLUSH_S)
        await tracker.flush()


async def main() -> None:
    asked = SimpleNamespace(**json.loads(sys.argv[1]))
    os.sched_setaffinity(0, {asked.core})
    logging: ProxyLogging = proxy_server.proxy_logging_obj
    prisma = client(await prisma_stand_in.connect(asked.dsn), logging)
    proxy_server.prisma_client = prisma
    tracker = Tracker(prisma, logging)
    if asked.told:
        await run_on_timers(tracker, prisma, logging, Path(asked.told), asked.rate)
    print(json.dumps(await measure(tracker, asked.requests)), flush=True)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
