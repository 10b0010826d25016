"""From the journal into the books: `python -m bench.ledger.loading FOLDER CORE REQUESTS [URL]`. One line of JSON.

The journal is written first, as a gateway writes it: entries of many requests in each frame. What is timed is the
product's own ``Loader``: reading, adding up the accounts, a block of the chain and its rows in one durable transaction.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from wattmill.core.records import Usage
from wattmill.gateway.clock import SystemClock
from wattmill.ledger import schema
from wattmill.ledger.entries import RUN_BITS, Deliver, Entry, Hold, Settle
from wattmill.ledger.journal import SEGMENT_BYTES, create_segment, encode_frame
from wattmill.ledger.loader import Loader
from wattmill.ledger.snapshot import JOURNAL
from wattmill.ledger.store import Store

START_S = 1_793_491_200.0
TENANTS = 12
FRAME_REQUESTS = 128
USAGE = Usage(900, 100, 0, 200)
AMOUNT_PUSD = 900 * 400_000 + 100 * 40_000 + 200 * 1_600_000


def write_journal(directory: Path, requests: int) -> None:
    """Hold, settle and deliver of so many requests, in as many segments as they need."""
    descriptor, size = -1, SEGMENT_BYTES
    for frame in map(encode_frame, _groups(requests)):
        if size + len(frame) > SEGMENT_BYTES:
            if descriptor >= 0:
                os.close(descriptor)
            _, descriptor = create_segment(directory)
            size = 0
        size += os.write(descriptor, frame)
    os.close(descriptor)


def _groups(requests: int) -> Iterator[Sequence[Entry]]:
    """What becomes durable together: the holds of some, the settlements of those before, and so on."""
    numbers = [(1 << RUN_BITS) + number for number in range(requests)]
    frames = [numbers[at : at + FRAME_REQUESTS] for at in range(0, requests, FRAME_REQUESTS)]
    for at in range(len(frames) + 2):
        holds, settles, delivers = (
            frames[at - back] if 0 <= at - back < len(frames) else [] for back in range(3)
        )
        yield [*map(_hold, holds), *map(_settle, settles), *map(_deliver, delivers)]


def _who(request: int) -> tuple[str, str, str]:
    who = request % TENANTS
    return f"t{who}", f"k{who}", "house"


def _at_s(request: int) -> float:
    return START_S + (request & 0xFFFFFFFF) / 2000


def _hold(request: int) -> Hold:
    return Hold(request, _at_s(request), *_who(request), 1, 10**10)


def _settle(request: int) -> Settle:
    at_s = _at_s(request)
    return Settle(
        request, at_s + 1, at_s, *_who(request), "pool", 1, USAGE, AMOUNT_PUSD, "finished"
    )


def _deliver(request: int) -> Deliver:
    return Deliver(request, _at_s(request) + 1)


def measure(folder: Path, requests: int, url: str | None) -> dict[str, Any]:
    """Load all of it; the figures, and whether the books hold every request and amount."""
    write_journal(folder / JOURNAL, requests)
    with Store(folder, write=True, url=url) as store:
        loader = Loader(store, SystemClock())
        began, cpu = time.perf_counter(), time.process_time()
        loader.catch_up()
        wall_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu
        booked = _booked(store)
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "requests": requests,
        "per_s": requests / wall_s,
        "per_cpu_s": requests / cpu_s,
        "peak_mb": peak_kb / 1024,
        "differs": booked != (requests, requests * AMOUNT_PUSD),
    }


def _booked(store: Store) -> tuple[int, int]:
    row = schema.request.c
    figures = select(func.count(), func.sum(row.amount_pusd)).where(row.state == "charged")
    with store.reading() as connection:
        count, amount_pusd = connection.execute(figures).one()
    return int(count), int(amount_pusd)


def main() -> None:
    folder, core, requests, *url = sys.argv[1:]
    os.sched_setaffinity(0, {int(core)})
    print(json.dumps(measure(Path(folder), int(requests), url[0] if url else None)))


if __name__ == "__main__":
    main()
