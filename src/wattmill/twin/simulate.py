"""The driver of the twin: events happen in the order of ``(time, priority, number)``, nothing else.

It runs the same ``Lifecycle`` and the same ``Book`` as the gateway, against replicas in place of
engines and a modelled sync in place of a disk. Every event goes through ``Lifecycle.on``, and each
action is carried out at the instant at which it was decided:

- a hold is asked of the book, and its answer is the next event;
- pieces of a stream wait for their hold to be durable, then all that wait are handed over at once;
- the end of an answer waits for its settlement to be durable;
- what a replica says of a request that it should have forgotten is dropped.
"""

from collections import deque
from collections.abc import Callable
from functools import partial
from heapq import heappop, heappush
from itertools import count
from typing import Any

from msgspec import Struct

from wattmill.core.records import Usage
from wattmill.ledger import book as ledger
from wattmill.ledger.accounts import Accounts, Balance
from wattmill.ledger.entries import Entry, Hop
from wattmill.policy import events as policy
from wattmill.policy.lifecycle import Lifecycle
from wattmill.policy.replay import Step
from wattmill.twin.group_commit import GroupCommitModel
from wattmill.twin.replica import Counters, Done, Replica, StepTimes, Token
from wattmill.twin.workload import Failure, Job, Scene

ENGINE_DIED = "the engine died"

BREAKS, DURABLE, STEPS, LEAVES, ARRIVES = range(5)
"""Priorities at one instant: what ends comes before what begins."""


class Outcome(Struct, frozen=True):
    """How a request ended, and when; ``pieces`` of a stream were handed to its client.

    ``outcome`` is *finished*, *client_gone*, *waived*, or the error that the client was told.
    """

    request: int
    outcome: str
    pool: str | None
    pieces: int
    charged_pusd: int
    arrived_s: float
    first_piece_s: float | None
    last_piece_s: float | None
    ended_s: float

    @property
    def ttft_s(self) -> float | None:
        """Time to the first token; ``None`` when the client got none of a stream."""
        return None if self.first_piece_s is None else self.first_piece_s - self.arrived_s

    @property
    def tpot_s(self) -> float | None:
        """Time per output token after the first; ``None`` with fewer than two."""
        if self.first_piece_s is None or self.last_piece_s is None or self.pieces < 2:
            return None
        return (self.last_piece_s - self.first_piece_s) / (self.pieces - 1)

    @property
    def latency_s(self) -> float:
        """From arrival to the end, whatever it was."""
        return self.ended_s - self.arrived_s


class Run(Struct, frozen=True):
    """All that happened: decisions, postings, and what became of each request, by its id."""

    log: list[Step]
    entries: list[Entry]
    outcomes: dict[int, Outcome]
    counters: dict[str, Counters]
    balances: dict[str, Balance]
    ended_s: float


def simulate(scene: Scene) -> Run:
    """Run a scene to its end. The same scene gives the same run."""
    return _Simulation(scene).run()


class _Live:
    """A request between its arrival and its end. ``pool`` is set while an engine has it."""

    __slots__ = (
        "charged",
        "delivered",
        "durable",
        "ended_s",
        "first_s",
        "gone",
        "job",
        "last_s",
        "outcome",
        "pool",
        "served_by",
        "waiting",
    )

    def __init__(self, job: Job) -> None:
        self.job = job
        self.pool: str | None = None
        self.served_by: str | None = None
        self.durable = False
        self.waiting = 0
        self.delivered = 0
        self.gone = False
        self.charged = 0
        self.outcome = ""
        self.first_s: float | None = None
        self.last_s: float | None = None
        self.ended_s: float | None = None


class _Simulation:
    """One run. It is the sink of its own book."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._now_s = scene.start_s
        self._agenda: list[tuple[float, int, int, Callable[[], None]]] = []
        self._number = count()
        self._alarms: dict[str | None, float] = {}
        self._lifecycle = Lifecycle()
        self._accounts = Accounts()
        self._book = ledger.Book(self._accounts, self, scene.roster)
        self._journal = GroupCommitModel(scene.sync_s)
        self._line: deque[tuple[int, Callable[[], None]]] = deque()
        self._replicas = {
            pool.name: Replica(scene.engines.get(pool.name, StepTimes.of_pool(pool)), pool.slots)
            for pool in scene.roster.pools
        }
        self._up_again_s: dict[str, float] = {}
        self._view = policy.View(
            scene.start_s, {pool: policy.PoolView(True) for pool in self._replicas}
        )
        self._live: dict[int, _Live] = {}
        self._log: list[Step] = []
        self._carry_out: dict[type, Callable[[Any], None]] = {
            policy.Reject: self._reject,
            policy.Hold: self._hold,
            policy.Send: self._send,
            policy.Abort: self._abort,
            policy.Count: self._count,
            policy.Settle: self._settle,
            policy.Void: self._void,
            policy.Deliver: self._deliver,
            policy.Confirm: self._confirm,
            policy.Waive: self._waive,
        }

    def run(self) -> Run:
        self._happen(policy.RosterChanged(self._now_s, self._scene.roster))
        for failure in self._scene.failures:
            self._at(failure.at_s, BREAKS, partial(self._break, failure))
        for job in self._scene.jobs:
            self._at(job.arrival_s, ARRIVES, partial(self._arrive, job))
        while self._agenda:
            self._now_s, _, _, do = heappop(self._agenda)
            do()
        assert not self._accounts.open_holds and not self._accounts.unconfirmed
        return Run(
            self._log,
            self._journal.entries,
            {request: _outcome(live) for request, live in sorted(self._live.items())},
            {pool: replica.counters for pool, replica in self._replicas.items()},
            self._accounts.state().balances,
            self._now_s,
        )

    # --- time -----------------------------------------------------------------------------------

    def _at(self, when_s: float, priority: int, do: Callable[[], None]) -> None:
        heappush(self._agenda, (max(when_s, self._now_s), priority, next(self._number), do))

    def _watch_replica(self, pool: str) -> None:
        self._watch(pool, self._replicas[pool].next_s(), STEPS, partial(self._step_ends, pool))

    def _watch_journal(self) -> None:
        self._watch(None, self._journal.next_s(), DURABLE, self._sync_ends)

    def _watch(
        self, alarm: str | None, when_s: float | None, priority: int, do: Callable[[], None]
    ) -> None:
        """Come back at ``when_s``, once. One alarm too many does no harm: nothing is due then."""
        if when_s is not None and self._alarms.get(alarm) != when_s:
            self._alarms[alarm] = when_s
            self._at(when_s, priority, do)

    # --- what happens ---------------------------------------------------------------------------

    def _happen(self, event: policy.Event) -> None:
        actions = self._lifecycle.on(event, self._view)
        self._log.append(Step(event, self._view, actions))
        for action in actions:
            self._carry_out[type(action)](action)

    def _arrive(self, job: Job) -> None:
        assert job.request not in self._live, f"request {job.request} arrives twice"
        self._live[job.request] = live = _Live(job)
        if job.leaves_at_s is not None:
            self._at(job.leaves_at_s, LEAVES, partial(self._leave, live))
        self._happen(
            policy.Arrived(
                job.request,
                self._now_s,
                job.key,
                job.model,
                job.stream,
                job.input_bound,
                job.output_bound,
            )
        )

    def _leave(self, live: _Live) -> None:
        if live.ended_s is None and not live.gone:
            live.gone = True
            self._happen(policy.ClientGone(live.job.request, self._now_s, live.delivered))

    def _break(self, failure: Failure) -> None:
        """The engine dies; if it was down already, it stays down for the longer time."""
        pool, back_s = failure.pool, self._now_s + failure.down_for_s
        self._up_again_s[pool] = max(self._up_again_s.get(pool, back_s), back_s)
        self._at(back_s, BREAKS, partial(self._mend, pool))
        self._see(pool, up=False)
        for request in sorted(self._replicas[pool].fail(self._now_s)):
            self._live[request].pool = None
            self._happen(policy.EngineFailed(request, self._now_s, ENGINE_DIED))

    def _mend(self, pool: str) -> None:
        if self._now_s >= self._up_again_s[pool]:
            self._see(pool, up=True)

    def _see(self, pool: str, *, up: bool) -> None:
        pools = self._view.pools | {pool: policy.PoolView(up)}
        self._view = policy.View(self._now_s, pools)

    def _step_ends(self, pool: str) -> None:
        self._alarms.pop(pool, None)
        for emission in self._replicas[pool].advance(self._now_s):
            live = self._live[emission.request]
            if live.pool != pool:
                continue
            if isinstance(emission, Token):
                self._token(live, emission)
            else:
                self._done(live, emission)
        self._watch_replica(pool)

    def _token(self, live: _Live, token: Token) -> None:
        if live.job.stream:
            live.waiting += token.n
            self._hand_over(live)

    def _done(self, live: _Live, done: Done) -> None:
        live.pool = None
        self._happen(policy.Finished(done.request, self._now_s, done.usage))

    def _hand_over(self, live: _Live) -> None:
        """Give the client of a stream all pieces that wait, once its hold is durable."""
        if not live.durable or not live.waiting:
            return
        if live.first_s is None:
            live.first_s = self._now_s
            self._happen(policy.Streaming(live.job.request, self._now_s))
        live.delivered += live.waiting
        live.waiting = 0
        live.last_s = self._now_s
        leaves_after = live.job.leaves_after
        if leaves_after is not None and live.delivered >= leaves_after:
            self._leave(live)

    # --- what is done about it ------------------------------------------------------------------

    def _hold(self, hold: policy.Hold) -> None:
        request = hold.request
        answer = self._book.hold(
            request,
            self._now_s,
            tenant=hold.tenant,
            key=hold.key,
            model=hold.model,
            price=hold.price,
            amount_pusd=hold.amount_pusd,
            upline=tuple(Hop(*hop) for hop in hold.upline),
        )
        if isinstance(answer, ledger.Held):
            self._when_durable(answer.place, partial(self._hold_is_durable, request))
            self._happen(policy.Held(request, self._now_s))
        else:
            self._happen(policy.HoldRefused(request, self._now_s, *answer.words))

    def _hold_is_durable(self, request: int) -> None:
        live = self._live[request]
        live.durable = True
        self._hand_over(live)

    def _send(self, send: policy.Send) -> None:
        """To an engine, which starts anew: what another one had yielded is forgotten."""
        live = self._live[send.request]
        live.pool = live.served_by = send.pool
        live.waiting = 0
        job = live.job
        self._replicas[send.pool].submit(
            self._now_s, job.request, job.prompt_tokens, job.cached_tokens, job.generated_tokens
        )
        self._watch_replica(send.pool)

    def _abort(self, abort: policy.Abort) -> None:
        live = self._live[abort.request]
        assert live.pool is not None, f"no engine has request {abort.request}"
        self._replicas[live.pool].abort(self._now_s, abort.request)
        live.pool = None

    def _count(self, count: policy.Count) -> None:
        live = self._live[count.request]
        usage = Usage(
            input_uncached=live.job.prompt_tokens - live.job.cached_tokens,
            input_cached=live.job.cached_tokens,
            output_text=live.delivered,
            source="counted",
        )
        self._happen(policy.Counted(count.request, self._now_s, usage))

    def _settle(self, settle: policy.Settle) -> None:
        request = settle.request
        place = self._book.settle(request, self._now_s, settle.pool, settle.usage, settle.outcome)
        assert place is not None, f"request {request} was settled or voided before"
        live = self._live[request]
        live.outcome = settle.outcome
        charged = self._accounts.unconfirmed_settle(request)
        live.charged = charged.amount_pusd if charged else 0
        self._when_durable(place, partial(self._settlement_is_durable, request))

    def _settlement_is_durable(self, request: int) -> None:
        self._happen(policy.Settled(request, self._now_s))

    def _void(self, void: policy.Void) -> None:
        place = self._book.void(void.request, self._now_s, void.pool, void.reason)
        assert place is not None, f"request {void.request} was settled or voided before"
        self._end(void.request, void.reason)

    def _reject(self, reject: policy.Reject) -> None:
        self._end(reject.request, reject.error)

    def _deliver(self, deliver: policy.Deliver) -> None:
        self._happen(policy.Delivered(deliver.request, self._now_s))

    def _confirm(self, confirm: policy.Confirm) -> None:
        place = self._book.deliver(confirm.request, self._now_s)
        assert place is not None, f"request {confirm.request} was confirmed or waived before"
        self._end(confirm.request, self._live[confirm.request].outcome)

    def _waive(self, waive: policy.Waive) -> None:
        place = self._book.waive(waive.request, self._now_s, waive.reason)
        assert place is not None, f"request {waive.request} was confirmed or waived before"
        self._live[waive.request].charged = 0
        self._end(waive.request, "waived")

    def _end(self, request: int, outcome: str) -> None:
        live = self._live[request]
        live.outcome = outcome
        live.ended_s = self._now_s
        live.pool = None
        live.waiting = 0

    # --- the journal ----------------------------------------------------------------------------

    def append(self, entry: Entry) -> int:
        """The book's entries go into the modelled journal, now."""
        place = self._journal.append(self._now_s, entry)
        self._watch_journal()
        return place

    def _when_durable(self, place: int, do: Callable[[], None]) -> None:
        self._line.append((place, do))

    def _sync_ends(self) -> None:
        self._alarms.pop(None, None)
        durable = self._journal.advance(self._now_s)
        while self._line and self._line[0][0] <= durable:
            self._line.popleft()[1]()
        self._watch_journal()


def _outcome(live: _Live) -> Outcome:
    assert live.ended_s is not None, f"request {live.job.request} never ended"
    return Outcome(
        live.job.request,
        live.outcome,
        live.served_by,
        live.delivered,
        live.charged,
        live.job.arrival_s,
        live.first_s,
        live.last_s,
        live.ended_s,
    )
