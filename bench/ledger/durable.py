"""Hold, settle, deliver: each durable before the next, many in flight. A process of its own, on one core.

The entries are made by the same ``Book`` and made durable by the same ``GroupCommit`` that the gateway uses; only
sockets, policy and engine are left out. Prints one line of JSON. With a file ``TOLD`` it writes there how many clients
have had their answer, for who kills it:

    python -m bench.ledger.durable FOLDER CORE IN_FLIGHT SECONDS SYNC_DELAY_MS [TOLD]
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import sys
import time
from functools import partial
from pathlib import Path

import uvloop

from wattmill.core.records import Price, Usage
from wattmill.core.roster import Key, Roster, Tenant
from wattmill.gateway.commits import GroupCommit
from wattmill.ledger.accounts import Accounts
from wattmill.ledger.book import Book, Held

START_S = 1_793_491_200.0
TENANTS = 12
HOLD_PUSD = 10**10
BUDGET_PUSD = 10**18
USAGE = Usage(900, 100, 0, 200)


def roster() -> Roster:
    """Tenants with a budget and a key each: every hold is checked against one."""
    tenants = tuple(Tenant(f"t{n}", "standard", "UTC", BUDGET_PUSD) for n in range(TENANTS))
    keys = tuple(Key(f"k{n}", str(n), f"t{n}") for n in range(TENANTS))
    price = Price(1, "standard", 0.0, 400_000, 40_000, 400_000, 1_600_000, 1_600_000, 0, 0, 0)
    return Roster(1, tenants, keys, (price,))


class Load:
    """A closed loop: so many requests in flight, each followed by the next."""

    def __init__(
        self,
        book: Book,
        journal: GroupCommit,
        in_flight: int,
        seconds: float,
        told: int | None = None,
    ) -> None:
        self.done = 0
        self._book, self._journal, self._told = book, journal, told
        self._left = in_flight
        self._request = 1 << 40
        self._ends = time.perf_counter() + seconds
        self.over = asyncio.Event()
        for _ in range(in_flight):
            self._begin()

    def _begin(self) -> None:
        self._request += 1
        request, who = self._request, self._request % TENANTS
        answer = self._book.hold(
            request,
            START_S,
            tenant=f"t{who}",
            key=f"k{who}",
            model="house",
            price=1,
            amount_pusd=HOLD_PUSD,
        )
        assert isinstance(answer, Held)
        self._journal.when_durable(answer.place, partial(self._settle, request))

    def _settle(self, request: int) -> None:
        place = self._book.settle(request, START_S, "pool", USAGE, "finished")
        assert place is not None
        self._journal.when_durable(place, partial(self._deliver, request))

    def _deliver(self, request: int) -> None:
        self._book.deliver(request, START_S)
        self.done += 1
        if self._told is not None:
            os.pwrite(self._told, self.done.to_bytes(8, "little"), 0)
        if time.perf_counter() < self._ends:
            self._begin()
            return
        self._left -= 1
        if not self._left:
            self.over.set()


async def measure(
    folder: Path, in_flight: int, seconds: float, sync_delay_s: float, told: Path | None
) -> dict[str, float]:
    """Requests per second of wall time and of CPU time."""
    loop = asyncio.get_running_loop()
    journal = GroupCommit(folder, loop, sync_delay_s=sync_delay_s)
    book = Book(Accounts(), journal, roster())
    gc.freeze()
    began, cpu = time.perf_counter(), time.process_time()
    counter = None if told is None else os.open(told, os.O_WRONLY | os.O_CREAT)
    load = Load(book, journal, in_flight, seconds, counter)
    await load.over.wait()
    wall_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu
    journal.close()
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "requests": load.done,
        "per_s": load.done / wall_s,
        "per_cpu_s": load.done / cpu_s,
        "mean_ms": 1000 * in_flight * wall_s / load.done,
        "peak_mb": peak_kb / 1024,
    }


def main() -> None:
    folder, core, in_flight, seconds, delay_ms, *told = sys.argv[1:]
    os.sched_setaffinity(0, {int(core)})
    delay_s, counter = float(delay_ms) / 1000, Path(told[0]) if told else None
    measured = measure(Path(folder), int(in_flight), float(seconds), delay_s, counter)
    print(json.dumps(uvloop.run(measured)))


if __name__ == "__main__":
    main()
