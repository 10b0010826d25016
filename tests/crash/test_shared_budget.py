"""Two gateways share one budget while they are killed in turn: not a pUSD more is spent, and not one stays unspent.

Each round an administrator grants a little more, 32 clients use it up through both gateways, and somebody dies
meanwhile. Then one request after the other is asked until none fits any more: each that fits is answered, the first
that does not is refused.
"""

import asyncio
import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.audit import JournalKeeper, differences, gather
from tests.crash.load import TENANTS, Answer, Crowd
from tests.crash.test_kill import AUDIT_EVERY, ROUNDS, SEED, summary
from tests.support.client import Connection, Seen
from tests.support.factory import CONTROL, EXAMPLE, MODULES, Factory, running_factory, wait_until
from wattmill.core.money import PUSD_PER_UUSD
from wattmill.ledger.entries import RUN_BITS, Hold
from wattmill.web import control

TENANT = "acme"
MORE_UUSD = 1000
GATEWAYS = 2
SERVE = f'control = "{CONTROL}"'
TWO = EXAMPLE.replace(SERVE, f"{SERVE}\ngateways = {GATEWAYS}")
BODY = {
    "model": "house-small",
    "max_tokens": 16,
    "ignore_eos": True,
    "messages": [{"role": "user", "content": "What is left?"}],
}


class Siblings:
    """A factory with two gateways, its clients and the evidence."""

    def __init__(self, factory: Factory) -> None:
        self.factory = factory
        self.draw = random.Random(SEED)
        self.keys = {name: factory.key(name) for name in TENANTS}
        self.crowd = Crowd(factory, self.keys, self.draw)
        self.journal = JournalKeeper(factory.data)
        self.held_pusd = 0
        """What each request of ``ask`` holds."""

    # --- money -------------------------------------------------------------------------------------------------------

    def balance(self) -> tuple[int, int]:
        """The budget and what is spent of it, in pUSD."""
        rows = control.call(self.factory.data, "balances")
        found = next(row for row in rows if row["tenant"] == TENANT)
        assert found["held_pusd"] == 0, "nothing is in flight"
        return found["budget_pusd"], found["spent_pusd"]

    def grant_more(self) -> None:
        _, spent_pusd = self.balance()
        budget_uusd = spent_pusd // PUSD_PER_UUSD + MORE_UUSD
        control.call(self.factory.data, "set_tenant", name=TENANT, budget_uusd=budget_uusd)

    def held_of(self, request: int) -> int:
        """What the journal says was held for a request, in pUSD."""
        self.journal.look()
        found = (e for e in self.journal.entries if isinstance(e, Hold) and e.request == request)
        return next(found).amount_pusd

    # --- life and death ----------------------------------------------------------------------------------------------

    def gateways(self) -> list[int]:
        processes = self.factory.processes().items()
        return sorted(pid for pid, command in processes if MODULES["gateway"] in command)

    def are_ready(self) -> bool:
        status = control.call(self.factory.data, "status")["gateway"]
        pids = (status or {}).get("pids", ())
        return len(pids) == GATEWAYS and status["not_ready"] is None

    def wait_until_ready(self) -> None:
        wait_until(lambda: control.is_running(self.factory.data), "the books take commands")
        wait_until(self.are_ready, "both gateways serve")
        self.journal.look()

    def kill_somebody(self) -> None:
        """One gateway, both of them, the books, or all."""
        self.journal.look()
        victims = self.draw.choice(("gateway", "gateway", "gateways", "books", "factory"))
        if victims == "factory":
            self.factory.kill()
            self.factory.start()
        elif victims == "books":
            if self.factory.child("books") is None:  # dead already, and not started again yet
                return
            self.factory.kill_child("books")
        else:
            if not (pids := self.gateways()):
                return
            dying = pids if victims == "gateways" else [self.draw.choice(pids)]
            for pid in dying:
                os.kill(pid, signal.SIGKILL)
            wait_until(lambda: not set(dying) & set(self.factory.processes()), "they are gone")

    # --- asking ------------------------------------------------------------------------------------------------------

    def refusals(self) -> int:
        return sum(answer.seen.error == "insufficient_quota" for answer in self.crowd.answers)

    async def use_up(self) -> None:
        """Until clients are told, again and again, that the budget is used up; somebody is killed before and after."""
        refused = self.refusals()
        async with self.crowd.asking(), asyncio.timeout(120):
            await asyncio.sleep(self.draw.uniform(0.0, 1.0))
            await asyncio.to_thread(self.kill_somebody)
            while self.refusals() < refused + 20:
                await asyncio.sleep(0.01)
            if self.draw.random() < 0.5:
                await asyncio.to_thread(self.kill_somebody)
        await asyncio.to_thread(self.wait_until_ready)

    def ask(self) -> Seen:
        """One request over a connection of its own: to either gateway."""

        async def ask() -> Seen:
            async with Connection(self.factory.url, self.keys[TENANT]) as connection:
                return await connection.ask(BODY)

        return asyncio.run(ask())

    def learn_what_is_held(self) -> None:
        """From one request that is sure to fit."""
        seen = self.ask()
        assert seen.ok and seen.request is not None, (seen.status, seen.error, seen.broken)
        self.held_pusd = self.held_of(seen.request)
        self.keep(seen)

    def keep(self, seen: Seen) -> None:
        """As evidence, with what the crowd saw."""
        self.crowd.answers.append(Answer(TENANT, False, seen))

    def use_up_the_rest(self) -> set[int]:
        """What fits is answered, what does not is refused; returns the runs of the gateways that answered."""
        runs: set[int] = set()
        while True:
            budget_pusd, spent_pusd = self.balance()
            assert spent_pusd <= budget_pusd, "more is spent than the budget allows"
            seen = self.ask()
            if not seen.ok:
                assert seen.error == "insufficient_quota", (seen.status, seen.error, seen.broken)
                assert spent_pusd + self.held_pusd > budget_pusd, "it would have fitted"
                return runs
            assert seen.request is not None
            runs.add(seen.request >> RUN_BITS)
            assert spent_pusd + self.held_pusd <= budget_pusd, "it did not fit"
            self.keep(seen)

    def audit(self) -> str:
        """Stop cleanly; nothing may differ."""
        self.journal.look()
        self.factory.stop()
        evidence = gather(self.factory, self.journal, self.crowd.answers)
        found = differences(evidence)
        assert not found, f"seed {SEED}: {len(found)} differences\n" + "\n".join(found[:40])
        return summary(evidence)


@pytest.fixture
def siblings(tmp_path: Path) -> Iterator[Siblings]:
    with running_factory(tmp_path, TWO) as factory:
        yield Siblings(factory)


def test_a_shared_budget_is_used_up_to_the_last_request_that_fits(siblings: Siblings) -> None:
    runs: set[int] = set()
    for number in range(1, ROUNDS + 1):
        siblings.grant_more()
        if number == 1:
            siblings.learn_what_is_held()
        asyncio.run(siblings.use_up())
        runs |= siblings.use_up_the_rest()
        if number % AUDIT_EVERY == 0 or number == ROUNDS:
            print(f"{number} rounds of {ROUNDS}, seed {SEED}: {siblings.audit()}")
            if number < ROUNDS:
                siblings.factory.start()
                siblings.wait_until_ready()
    assert len(runs) > 1, "only one gateway was asked"
