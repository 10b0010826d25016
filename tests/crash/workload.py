"""A gateway's book with its group commit, and the books that load what it writes, in one process on a failing disk.

``python -m tests.crash.workload`` answers each line ``{"data": …, "kept": …, "said": …}`` on its standard input with
how a child ended that did the work: it forks, so that many runs cost one start. What the child says to ``said`` it says
when it is true: a line stands for an answer that somebody outside has got.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import msgspec

from wattmill.core.clock import ManualClock
from wattmill.core.records import Price, Usage
from wattmill.core.roster import Grant, Key, Roster, Tenant
from wattmill.gateway import commits
from wattmill.gateway.commits import GroupCommit
from wattmill.ledger import chain
from wattmill.ledger import loader as loading
from wattmill.ledger.book import Book, Held
from wattmill.ledger.entries import RUN_BITS, Hop
from wattmill.ledger.journal import segment_numbers, segment_path
from wattmill.ledger.loader import Loader
from wattmill.ledger.records import PaymentReceived
from wattmill.ledger.snapshot import JOURNAL, Snapshot, recover, write_snapshot
from wattmill.ledger.store import Store

NOON_S = 1_794_916_800.0
REQUESTS = 14
AT_ONCE = 3
HELD_TOKENS = 10
TENANTS = ("acme", "shop", "salon")
BUDGETS = {"acme": 250, "reseller": 300}
CREDIT_PUSD = 300
PRICES = (10, 6)
"""Of a token: to a tenant, to the reseller."""
TIME_LIMIT_S = 30


def roster() -> Roster:
    """A budget, a reseller's budget and prepaid credit, none of which lasts for all requests."""
    tenants = (
        Tenant("acme", "plan-1", "UTC", BUDGETS["acme"]),
        Tenant("shop", "plan-1", "UTC", parent="reseller"),
        Tenant("salon", "plan-1", "UTC", prepaid=True),
        Tenant("reseller", "plan-2", "UTC", BUDGETS["reseller"]),
    )
    keys = tuple(Key(f"k_{name}", f"k_{name}", name) for name in TENANTS)
    prices = tuple(
        Price(version, f"plan-{version}", 0.0, amount, *[0] * 7)
        for version, amount in enumerate(PRICES, start=1)
    )
    grants = (Grant("CR-1", "salon", CREDIT_PUSD, 1, 0.0),)
    return Roster(1, tenants, keys, prices, grants=grants)


class Work:
    """One run of both processes."""

    def __init__(self, data: Path, kept: Path, said: TextIO) -> None:
        self._data, self._kept, self._said = data, kept, said
        self._store = Store(data, write=True)
        self._loader = Loader(self._store, ManualClock(NOON_S))
        self._loader.accounts.set_parties(roster().tenants)
        self._payments = 0

    async def run(self) -> None:
        snapshot, accounts = recover(self._data)
        at_least = max(snapshot.positions, default=0) + 1
        loop = asyncio.get_running_loop()
        self._journal = GroupCommit(self._data / JOURNAL, loop, at_least=at_least)
        self._book = Book(accounts, self._journal, snapshot.roster)
        self._book.recover(NOON_S)
        numbers = iter(range(1, REQUESTS + 1))
        await asyncio.gather(*(self._client(numbers) for _ in range(AT_ONCE)))
        self._journal.close()
        self._tend_the_books(0)
        self._store.close()

    async def _client(self, numbers: Iterator[int]) -> None:
        for number in numbers:
            await self._serve((self._journal.number << RUN_BITS) + number, number)
            self._tend_the_books(number)

    async def _serve(self, request: int, number: int) -> None:
        """One request, to one of its ends."""
        while self._journal.failing:
            await asyncio.sleep(0.001)
        tenant, amount = TENANTS[number % 3], HELD_TOKENS * PRICES[0]
        hop = Hop("reseller", 2, HELD_TOKENS * PRICES[1])
        answer = self._book.hold(
            request,
            NOON_S,
            tenant=tenant,
            key=f"k_{tenant}",
            model="house",
            price=1,
            amount_pusd=amount,
            upline=(hop,) if tenant == "shop" else (),
        )
        if not isinstance(answer, Held):
            return
        await self._durable(answer.place)
        self._say("held", request)
        if number % 5 == 0:
            await self._durable(self._book.void(request, NOON_S, "here", "engine_failed"))
            self._say("voided", request)
            return
        usage = Usage(min(number, HELD_TOKENS))
        await self._durable(self._book.settle(request, NOON_S, "here", usage, "finished"))
        self._say("settled", request, usage.input_uncached)
        if number % 7 == 0:
            await self._durable(self._book.waive(request, NOON_S, "client_gone"))
            self._say("waived", request)
        elif number % 4:
            await self._durable(self._book.deliver(request, NOON_S))
            self._say("delivered", request)

    async def _durable(self, place: int | None) -> None:
        assert place is not None
        reached = asyncio.get_running_loop().create_future()
        self._journal.when_durable(place, lambda: reached.set_result(None))
        await reached

    def _tend_the_books(self, number: int) -> None:
        """Load, now and then enter a record, publish and retire; whatever fails is tried again the next time."""
        with contextlib.suppress(Exception):
            self._loader.load_some()
            if number % 3 == 0:
                self._enter_payment()
            if number % 4 == 0:
                self._publish()

    def _enter_payment(self) -> None:
        name = f"P-{os.getpid()}-{self._payments}"
        record = PaymentReceived(payment=name, tenant="acme", amount_pusd=1, received_us=1)
        self._payments += 1
        with self._store.transaction() as connection:
            chain.append_record(connection, record, 1)
        self._say("recorded", name)

    def _publish(self) -> None:
        accounts, positions = self._loader.accounts, self._loader.positions
        write_snapshot(self._data, Snapshot(roster(), accounts.state(), positions))
        keep_segments(self._data, self._kept)
        self._loader.retire_segments()

    def _say(self, *words: object) -> None:
        self._said.write(" ".join(map(str, words)) + "\n")
        self._said.flush()


def keep_segments(data: Path, kept: Path) -> None:
    """A second link to every segment, out of reach of the books."""
    for number in segment_numbers(data / JOURNAL):
        if not segment_path(kept, number).exists():
            segment_path(kept, number).hardlink_to(segment_path(data / JOURNAL, number))


def work(data: Path, kept: Path, said: Path) -> None:
    """All of it; an error that ends it is one of the ways in which a process ends."""
    signal.alarm(TIME_LIMIT_S)
    loading.BATCH_ENTRIES = 6
    commits.SEGMENT_BYTES = 1500  # type: ignore[attr-defined]
    commits.RETRY_S = 0.001
    with said.open("a") as file:
        asyncio.run(Work(data, kept, file).run())


def main() -> None:
    for line in sys.stdin:
        paths = msgspec.json.decode(line, type=dict[str, str])
        child = os.fork()
        if child == 0:
            try:
                work(Path(paths["data"]), Path(paths["kept"]), Path(paths["said"]))
            except BaseException as error:
                print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
                os._exit(1)
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
