"""What holds for every request whatever happens: over random events and over runs of the twin.

A ``Witness`` sees the log alone and objects to the first step that breaks a rule.
"""

from collections.abc import Callable, Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from wattmill.core.records import Usage
from wattmill.ledger.accounts import Accounts
from wattmill.ledger.entries import Deliver as Delivery
from wattmill.ledger.entries import Hold as HoldEntry
from wattmill.policy.events import (
    Abort,
    Action,
    Arrived,
    ClientGone,
    Confirm,
    Count,
    Counted,
    Deliver,
    Delivered,
    EngineFailed,
    EngineRefused,
    Event,
    Finished,
    Held,
    Hold,
    HoldLost,
    HoldRefused,
    PoolView,
    Reject,
    RosterChanged,
    Send,
    Settle,
    Settled,
    Streaming,
    View,
    Void,
    Waive,
)
from wattmill.policy.lifecycle import MAX_ATTEMPTS, Lifecycle
from wattmill.policy.replay import Step
from wattmill.policy.routing import covers
from wattmill.twin.scenes import random_scene
from wattmill.twin.simulate import simulate

STEADY = settings(derandomize=True, deadline=None, max_examples=400)
LONG = settings(derandomize=True, deadline=None, max_examples=120)
USAGE = Usage(input_uncached=10, output_text=5)
SEEDS = st.integers(0, 10**6)


ASKED_BY: dict[type, type] = {
    Streaming: Send,
    Finished: Send,
    EngineRefused: Send,
    EngineFailed: Send,
    Counted: Count,
    Settled: Settle,
    Delivered: Deliver,
}
"""An event that nobody asked for does not count."""


class Seen:
    """What the log said of one request so far."""

    def __init__(self) -> None:
        self.events: list[type] = []
        self.actions: list[Action] = []

    def had(self, *kinds: type) -> bool:
        return any(kind in self.events for kind in kinds)

    def did(self, *kinds: type) -> list[Action]:
        return [action for action in self.actions if isinstance(action, kinds)]


class Witness:
    """Reads steps in order and asserts the rules of a request's life."""

    def __init__(self) -> None:
        self.requests: dict[int, Seen] = {}

    def read(self, step: Step) -> None:
        if isinstance(step.event, RosterChanged):
            assert step.actions == []
            return
        seen = self.requests.setdefault(step.event.request, Seen())
        streaming = seen.had(Streaming) and not seen.did(Settle, Void, Count)
        if ASKED_BY.get(type(step.event), Hold) in map(type, seen.actions) or not seen.events:
            seen.events.append(type(step.event))
        if streaming and isinstance(step.event, EngineFailed):
            assert [type(action) for action in step.actions] == [Void, Reject]
        for action in step.actions:
            assert action.request == step.event.request
            self._check(seen, action)
            seen.actions.append(action)

    def _check(self, seen: Seen, action: Action) -> None:
        rule = RULES.get(type(action))
        assert rule is None or rule(seen, action), (action, seen.events, seen.actions)

    def all_ended(self) -> None:
        for request, seen in self.requests.items():
            ends = len(seen.did(Settle, Void))
            if not seen.did(Hold) or seen.had(HoldRefused, HoldLost):
                assert ends == 0 or not seen.did(Reject), request
                assert len(seen.did(Reject)) + ends == 1, request
            else:
                assert ends == 1, request
            assert len(seen.did(Confirm, Waive)) == len(seen.did(Settle)), request


def _may_send(seen: Seen, action: Action) -> bool:
    pools = [sent.pool for sent in seen.did(Send) if isinstance(sent, Send)]
    assert isinstance(action, Send)
    return (
        seen.had(Held)
        and not seen.had(Streaming)
        and not seen.did(Settle, Void)
        and action.pool not in pools
        and len(pools) < MAX_ATTEMPTS
    )


def _may_reject(seen: Seen, _action: Action) -> bool:
    return not seen.did(Reject, Settle) and (
        not seen.did(Hold) or seen.had(HoldRefused, HoldLost) or bool(seen.did(Void))
    )


RULES: dict[type, Callable[[Seen, Action], bool]] = {
    Hold: lambda seen, _: seen.events == [Arrived],
    Send: _may_send,
    Reject: _may_reject,
    Settle: lambda seen, _: seen.had(Held) and not seen.did(Settle, Void, Reject),
    Void: lambda seen, _: bool(seen.did(Hold)) and not seen.did(Settle, Void, Reject),
    Abort: lambda seen, _: bool(seen.did(Send)) and not seen.did(Abort, Settle, Void),
    Count: lambda seen, _: seen.had(Streaming) and seen.had(ClientGone) and not seen.did(Count),
    Deliver: lambda seen, _: not seen.did(Deliver) and seen.had(Settled, EngineRefused),
    Confirm: lambda seen, _: seen.had(Settled) and not seen.did(Confirm, Waive),
    Waive: lambda seen, _: seen.had(Settled, ClientGone) and not seen.did(Confirm, Waive),
}


def assert_at_rest(lifecycle: Lifecycle) -> None:
    assert lifecycle.in_flight == 0
    assert not any(allowance.in_flight for allowance in lifecycle._allowances.values())
    for load in lifecycle._router._loads.values():
        assert (load.in_flight, load.prompt_tokens, load.output_tokens) == (0, 0, 0)


# --- random events ----------------------------------------------------------------------------

EVENTS: list[Callable[[int], Event]] = [
    lambda request: Held(request, 0.0),
    lambda request: HoldRefused(request, 0.0, 0, 0.0),
    lambda request: HoldLost(request, 0.0, "disk full"),
    lambda request: Streaming(request, 0.0),
    lambda request: Finished(request, 0.0, USAGE),
    lambda request: EngineRefused(request, 0.0, 400),
    lambda request: EngineFailed(request, 0.0, "lost"),
    lambda request: ClientGone(request, 0.0, 0),
    lambda request: ClientGone(request, 0.0, 3),
    lambda request: Counted(request, 0.0, USAGE),
    lambda request: Settled(request, 0.0),
    lambda request: Delivered(request, 0.0),
]
LIKELY = [EVENTS[0]] * 4 + [EVENTS[3]] * 2 + [EVENTS[4]] * 2 + [EVENTS[10]] * 2
REQUESTS = range(1, 5)
happenings = st.lists(
    st.tuples(st.sampled_from(REQUESTS), st.sampled_from(EVENTS + LIKELY), st.booleans()),
    max_size=60,
)


@STEADY
@given(happenings, st.booleans())
def test_whatever_happens_in_whatever_order(
    happenings: list[tuple[int, Callable[[int], Event], bool]], stream: bool
) -> None:
    lifecycle, witness = Lifecycle(), Witness()
    roster = random_scene(0).roster

    def happen(event: Event, up: bool = True) -> None:
        view = View(0.0, {pool.name: PoolView(up) for pool in roster.pools})
        witness.read(Step(event, view, lifecycle.on(event, view)))

    happen(RosterChanged(0.0, roster))
    for request in REQUESTS:
        happen(Arrived(request, 0.0, "k-acme", "house-large", stream, 10, 20))
    for request, event, up in happenings:
        happen(event(request), up)
    for request in REQUESTS:
        for last in (ClientGone(request, 0.0, 0), Counted(request, 0.0, USAGE)):
            happen(last)
        happen(Settled(request, 0.0))
    assert_at_rest(lifecycle)


# --- whole runs of the twin -------------------------------------------------------------------


def decided_again(log: Iterable[Step]) -> Lifecycle:
    lifecycle = Lifecycle()
    for step in log:
        assert lifecycle.on(step.event, step.view) == step.actions
    return lifecycle


@LONG
@given(SEEDS)
def test_every_request_of_a_run_ends_once_and_leaves_nothing_behind(seed: int) -> None:
    scene = random_scene(seed)
    run = simulate(scene)
    witness = Witness()
    for step in run.log:
        witness.read(step)
    witness.all_ended()
    assert sorted(witness.requests) == [job.request for job in scene.jobs]
    assert_at_rest(decided_again(run.log))


@LONG
@given(SEEDS)
def test_the_postings_of_a_request_are_one_of_three(seed: int) -> None:
    kinds: dict[int, tuple[str, ...]] = {}
    for entry in simulate(random_scene(seed)).entries:
        kinds[entry.request] = (*kinds.get(entry.request, ()), type(entry).__name__)
    assert set(kinds.values()) <= {
        ("Hold", "Void"),
        ("Hold", "Settle", "Deliver"),
        ("Hold", "Settle", "Waive"),
    }


@LONG
@given(SEEDS)
def test_holds_never_overspend_a_budget(seed: int) -> None:
    scene = random_scene(seed)
    accounts = Accounts()
    accounts.set_parties(scene.roster.tenants)
    budgets = {tenant.name: tenant.budget_pusd for tenant in scene.roster.tenants}
    for entry in simulate(scene).entries:
        assert accounts.apply(entry)
        if isinstance(entry, HoldEntry) and (budget := budgets[entry.tenant]) is not None:
            balance = accounts.balance(entry.tenant, entry.at_s)
            assert balance.spent_pusd + balance.held_pusd <= budget


@LONG
@given(SEEDS)
def test_nobody_pays_for_what_was_not_delivered(seed: int) -> None:
    scene = random_scene(seed)
    streams = {job.request: job.stream for job in scene.jobs}
    run = simulate(scene)
    delivered = {entry.request for entry in run.entries if isinstance(entry, Delivery)}
    for request, outcome in run.outcomes.items():
        if outcome.outcome not in ("finished", "client_gone"):
            assert outcome.charged_pusd == 0
        if outcome.outcome == "client_gone":
            assert streams[request] or outcome.charged_pusd == 0
            assert bool(outcome.charged_pusd) == (outcome.pieces > 0)
        assert bool(outcome.charged_pusd) == (request in delivered)


@LONG
@given(SEEDS)
def test_a_run_spills_only_when_the_price_covers(seed: int) -> None:
    scene = random_scene(seed)
    pools = {pool.name: pool for pool in scene.roster.pools}
    prices = {price.version: price for price in scene.roster.prices}
    agreed: dict[int, int] = {}
    for action in (action for step in simulate(scene).log for action in step.actions):
        if isinstance(action, Hold):
            agreed[action.request] = action.price
        if isinstance(action, Send) and pools[action.pool].is_metered:
            assert covers(prices[agreed[action.request]], pools[action.pool])


@LONG
@given(SEEDS)
def test_concurrency_is_refused_exactly_at_the_limit(seed: int) -> None:
    """A request is in flight from its hold until its settlement is durable, or until it is void."""
    scene = random_scene(seed)
    limits = {key.id: key.max_concurrency for key in scene.roster.keys if key.max_concurrency}
    models = {model.alias for model in scene.roster.models}
    in_flight: dict[int, str] = {}
    for step in simulate(scene).log:
        event = step.event
        if isinstance(event, Arrived) and event.key in limits and event.model in models:
            full = list(in_flight.values()).count(event.key) >= limits[event.key]
            refusal = (
                f"Limit of {limits[event.key]} requests at a time reached for key {event.key}."
            )
            (answer,) = step.actions
            assert full == (isinstance(answer, Reject) and answer.message == refusal)
        if isinstance(event, Settled | HoldRefused):
            in_flight.pop(event.request)
        for action in step.actions:
            if isinstance(action, Hold):
                in_flight[action.request] = action.key
            if isinstance(action, Void):
                in_flight.pop(action.request)
    assert in_flight == {}
