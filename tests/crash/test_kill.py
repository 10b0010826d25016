"""Whatever is killed at whatever moment: no answer that a client saw is lost, none is charged that nobody saw.

``WATTMILL_CRASH_ROUNDS`` says how often the whole factory is killed, ``WATTMILL_CRASH_SEED`` repeats a run.
"""

import asyncio
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.audit import Evidence, JournalKeeper, differences, gather
from tests.crash.load import TENANTS, Crowd
from tests.support.factory import Factory, running_factory, wait_until

ROUNDS = int(os.environ.get("WATTMILL_CRASH_ROUNDS", "4"))
SEED = int(os.environ.get("WATTMILL_CRASH_SEED", str(time.time_ns() % 10**6)))
AUDIT_EVERY = 10
LONGEST_S = 1.5


class Ordeal:
    """A factory, its clients and the evidence."""

    def __init__(self, factory: Factory) -> None:
        self.factory = factory
        self.draw = random.Random(SEED)
        self.crowd = Crowd(factory, {name: factory.key(name) for name in TENANTS}, self.draw)
        self._journal = JournalKeeper(factory.data)

    async def some_time(self) -> None:
        """A random moment, as short as nothing or as long as many answers take."""
        await asyncio.sleep(self.draw.uniform(0.0, LONGEST_S))

    async def answers_more(self, count: int = 32) -> None:
        """So many more answers have come whole."""
        wanted = self.complete + count
        async with asyncio.timeout(120):
            while self.complete < wanted:
                await asyncio.sleep(0.01)

    @property
    def complete(self) -> int:
        return sum(answer.seen.ok for answer in self.crowd.answers)

    def start(self) -> None:
        self.factory.start()
        self._journal.look()

    async def killed_while_it_starts(self) -> None:
        """The crash after the crash: before, during or after recovery."""
        self.factory.launch()
        await self.some_time()
        self.factory.kill()
        self._journal.look()

    async def restarted(self, child: str, old: int) -> None:
        """The supervisor has started a child again."""
        await asyncio.to_thread(self.factory.wait_for_new_child, child, old)
        self._journal.look()

    def audit(self) -> Evidence:
        """Stop cleanly; nothing may differ."""
        self._journal.look()
        self.factory.stop()
        evidence = gather(self.factory, self._journal, self.crowd.answers)
        found = differences(evidence)
        assert not found, f"seed {SEED}: {len(found)} differences\n" + "\n".join(found[:40])
        return evidence


@pytest.fixture
def ordeal(tmp_path: Path) -> Iterator[Ordeal]:
    with running_factory(tmp_path) as factory:
        yield Ordeal(factory)


def test_the_factory_is_killed_again_and_again(ordeal: Ordeal) -> None:
    """The supervisor and all its children, with SIGKILL, while 32 clients are served or while it starts."""

    async def killed_under_load() -> None:
        async with ordeal.crowd.asking():
            await ordeal.some_time()
            await asyncio.to_thread(ordeal.factory.kill)

    for number in range(1, ROUNDS + 1):
        asyncio.run(killed_under_load())
        if ordeal.draw.random() < 0.25:
            asyncio.run(ordeal.killed_while_it_starts())
        ordeal.start()
        if number % AUDIT_EVERY == 0 or number == ROUNDS:
            evidence = ordeal.audit()
            print(f"{number} rounds of {ROUNDS}, seed {SEED}: {summary(evidence)}")
            ordeal.start()
    assert ordeal.complete, "no answer came whole in any round: nothing was tried"


def test_the_gateway_alone_is_killed(ordeal: Ordeal) -> None:
    """The supervisor starts it again; clients come back to the same address."""

    async def ask() -> None:
        async with ordeal.crowd.asking():
            for _ in range(3):
                await ordeal.answers_more()
                old = ordeal.factory.kill_child("gateway")
                await ordeal.restarted("gateway", old)
            await ordeal.answers_more()

    asyncio.run(ask())
    evidence = ordeal.audit()
    assert "crash" in notes(evidence, "void"), "no request was in flight when the gateway died"


def test_the_engine_alone_is_killed(ordeal: Ordeal) -> None:
    """Its requests are voided, their clients told; as soon as it is up again it serves."""

    async def ask() -> None:
        async with ordeal.crowd.asking():
            await ordeal.answers_more()
            old = ordeal.factory.kill_child("engine")
            await ordeal.restarted("engine", old)
            await ordeal.answers_more()

    asyncio.run(ask())
    evidence = ordeal.audit()
    assert {"engine_failed", "engine_unavailable"} & notes(evidence, "void")
    told = {answer.seen.error for answer in ordeal.crowd.answers}
    assert told & {"engine_failed", "engine_unavailable"}
    broken = [answer.seen.broken for answer in ordeal.crowd.answers if answer.seen.broken]
    assert not broken, f"clients were cut off without a word: {broken[:3]}"


def test_the_books_alone_are_killed(ordeal: Ordeal) -> None:
    """The gateway needs no database: every client is answered, and later everything is in the books."""

    async def ask() -> None:
        async with ordeal.crowd.asking():
            await ordeal.answers_more()
            old = ordeal.factory.kill_child("books")
            await ordeal.answers_more()
            await ordeal.restarted("books", old)
            await ordeal.answers_more()

    asyncio.run(ask())
    ordeal.audit()
    errors = {answer.seen.error for answer in ordeal.crowd.answers}
    assert errors <= {None, "concurrency_limit", "rate_limit"}
    assert not any(answer.seen.broken for answer in ordeal.crowd.answers)


def test_the_supervisor_alone_is_killed(ordeal: Ordeal) -> None:
    """Its children notice, answer what is in flight and go; nothing outlives it."""

    async def ask() -> None:
        async with ordeal.crowd.asking():
            await ordeal.answers_more()
            await asyncio.to_thread(ordeal.factory.kill_supervisor)
            await asyncio.to_thread(
                wait_until, lambda: not ordeal.factory.processes(), "all are gone"
            )

    asyncio.run(ask())
    ordeal.factory.close()
    ordeal.start()
    evidence = ordeal.audit()
    assert "crash" not in notes(evidence, "void") | notes(evidence, "waived")


def notes(evidence: Evidence, state: str) -> set[str]:
    """Why requests were voided or waived."""
    return {row["reason"] for row in evidence.rows if row["state"] == state}


def summary(evidence: Evidence) -> str:
    """How much was tried."""
    states = [row["state"] for row in evidence.rows]
    complete = sum(answer.seen.ok for answer in evidence.answers)
    broken = sum(bool(answer.seen.broken) for answer in evidence.answers)
    return (
        f"{complete} answers seen whole, {broken} cut off; {len(states)} requests, "
        f"{states.count('charged')} charged, {states.count('void')} voided, "
        f"{states.count('waived')} waived, {len(evidence.blocks)} blocks"
    )
