"""Whatever happens in whatever order, the ledger says what a list of requests and a few sums say.

Holds, settlements, voids, deliveries, waivers, credit that is granted and expires, corrections, late events, changes of
prices, ends of months, crashes between any two writes: see ``driver`` and ``reference``. ``make machine`` does 100,000
steps; ``WATTMILL_MACHINE_STEPS`` says how many, ``WATTMILL_MACHINE_SEED`` repeats a run.
"""

import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import ClassVar

import hypothesis
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.ledger.machine.driver import KEYS, PARTIES, Driver

from wattmill.ledger.store import Store

STEPS = int(os.environ.get("WATTMILL_MACHINE_STEPS", "600"))
SEED = int(os.environ.get("WATTMILL_MACHINE_SEED", str(time.time_ns() % 10**6)))
STEPS_A_RUN = 60
RUNS_A_SEED = 40
MEMORY = Path("/dev/shm")
MINUTE_S, HOUR_S, DAY_S = 60.0, 3_600.0, 86_400.0

index = st.integers(0, 50)
keys = st.sampled_from(sorted(KEYS))
tokens = st.tuples(st.integers(0, 15), st.integers(0, 8))
more_tokens = st.tuples(st.integers(0, 40), st.integers(0, 20))
"""An engine may generate more than was held."""


class Machine(RuleBasedStateMachine):
    """One life of a ledger."""

    blank: ClassVar[Path]
    steps: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self._folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
        self.mill = Driver(self._folder, self.blank)
        self._books_changed = False

    def teardown(self) -> None:
        """At last everything arrives and is loaded."""
        try:
            self.mill.commit()
            for _ in range(50):
                self.mill.arrive(0)
            self.mill.load(10**6)
            self.mill.check_books(thorough=True)
        finally:
            self.mill.close_store()
            shutil.rmtree(self._folder)

    # --- requests ---

    @rule(key=keys, tokens=tokens)
    def hold(self, key: str, tokens: tuple[int, int]) -> None:
        self.mill.hold(key, tokens)

    @rule(key=keys, held=tokens, used=tokens | more_tokens)
    def serve(self, key: str, held: tuple[int, int], used: tuple[int, int]) -> None:
        self.mill.serve(key, held, used)

    @precondition(lambda self: self.mill.ref.in_state("held"))
    @rule(which=index, tokens=tokens | more_tokens)
    def settle(self, which: int, tokens: tuple[int, int]) -> None:
        self.mill.settle(which, tokens)

    @precondition(lambda self: self.mill.ref.requests)
    @rule(how=st.sampled_from(["void", "deliver", "deliver", "deliver", "waive"]), which=index)
    def end(self, how: str, which: int) -> None:
        self.mill.end(how, which)

    @precondition(lambda self: self.mill.has_uncommitted)
    @rule()
    def commit(self) -> None:
        self.mill.commit()

    @rule(torn_frac=st.floats(0, 1) | st.just(1.0), zeros=st.sampled_from([0, 0, 1, 8, 100]))
    def crash(self, torn_frac: float, zeros: int) -> None:
        self.mill.crash(torn_frac, zeros)

    # --- the books ---

    @precondition(lambda self: self.mill.waiting)
    @rule(which=index)
    def arrive(self, which: int) -> None:
        self.mill.arrive(which)

    @rule(batch=st.sampled_from([1, 2, 5, 10**6]))
    def load(self, batch: int) -> None:
        self.mill.load(batch)
        self._books_changed = True

    @rule(statement=st.integers(1, 12), batch=st.sampled_from([1, 5, 10**6]))
    def load_and_die(self, statement: int, batch: int) -> None:
        self.mill.load_and_die(statement, batch)
        self._books_changed = True

    @rule()
    def publish(self) -> None:
        self.mill.publish()

    @precondition(lambda self: self.mill.loaded_charges)
    @rule(which=index, tokens=st.tuples(st.integers(-5, 5), st.integers(-5, 5)))
    def correct(self, which: int, tokens: tuple[int, int]) -> None:
        self.mill.correct(which, tokens)
        self._books_changed = True

    @rule()
    def close_books(self) -> None:
        self.mill.close_books()

    # --- prices, credit and time ---

    @rule(into=st.integers(0, 40), out=st.integers(0, 90), per=st.sampled_from([1, 1, 1, 3, 1000]))
    def change_prices(self, into: int, out: int, per: int) -> None:
        self.mill.add_prices(into, out, per)

    @rule(
        party=st.sampled_from(sorted(PARTIES)) | st.sampled_from(["broker", "salon"]),
        amount=st.integers(1, 900),
        priority=st.integers(1, 3),
        lasts_s=st.none() | st.sampled_from([MINUTE_S, HOUR_S, 3 * DAY_S]),
    )
    def grant(self, party: str, amount: int, priority: int, lasts_s: float | None) -> None:
        self.mill.grant(party, amount, priority, lasts_s)

    @precondition(lambda self: self.mill.has_time_left)
    @rule(seconds=st.sampled_from([0.001, 0.5, MINUTE_S, HOUR_S, HOUR_S, 5 * HOUR_S, 9 * DAY_S]))
    def wait(self, seconds: float) -> None:
        self.mill.clock.advance(seconds)

    @precondition(lambda self: self.mill.has_time_left)
    @rule(party=st.sampled_from(sorted(PARTIES)), seconds=st.sampled_from([-1.0, 0.0, 1.0]))
    def wait_until_month_ends(self, party: str, seconds: float) -> None:
        self.mill.wait_until_month_ends(party, seconds)

    # --- what must always be so ---

    @invariant()
    def agrees(self) -> None:
        Machine.steps += 1
        self.mill.check()
        if self._books_changed:
            self._books_changed = False
            self.mill.check_books()


def test_the_ledger_agrees_with_the_reference(tmp_path: Path) -> None:
    Store(tmp_path / "blank", write=True).close()
    Machine.blank, Machine.steps = tmp_path / "blank", 0
    seed = SEED
    while Machine.steps < STEPS:
        runs = min(RUNS_A_SEED, (STEPS - Machine.steps) // STEPS_A_RUN + 1)
        print(f"{Machine.steps} steps of {STEPS}, next seed {seed}", flush=True)
        hypothesis.seed(seed)(Machine)
        run_state_machine_as_test(Machine, settings=how(runs))
        seed += 1
    assert Machine.steps >= STEPS
    print(f"{Machine.steps} steps agreed, seeds {SEED} to {seed - 1}")


@pytest.mark.parametrize("zeros", [0, 1, 9])
def test_a_torn_frame_may_be_whole_by_a_zero_that_the_disk_left(tmp_path: Path, zeros: int) -> None:
    """The last byte of a delivery at a whole second is 0: without it the frame is torn, with it nothing is lost."""
    Store(tmp_path / "blank", write=True).close()
    Machine.blank = tmp_path / "blank"
    machine = Machine()
    machine.serve(held=(0, 0), key="k_acme", used=(0, 1))
    machine.crash(torn_frac=0.9921875, zeros=zeros)
    machine.agrees()
    assert bool(machine.mill.ref.in_state("charged")) == (zeros > 0)
    machine.teardown()


def how(runs: int) -> settings:
    return settings(
        max_examples=runs,
        stateful_step_count=STEPS_A_RUN,
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
