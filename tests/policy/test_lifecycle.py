"""The life of a request, told event by event."""

import msgspec
import pytest

from wattmill.core.records import Price, Usage
from wattmill.core.roster import Key, Model, Pool, Roster, Tenant
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
from wattmill.policy.lifecycle import DEFAULT_OUTPUT_TOKENS, Lifecycle

USAGE = Usage(input_uncached=10, output_text=5)


def price(version: int, plan: str, valid_from_s: float, each: int) -> Price:
    return Price(version, plan, valid_from_s, each, each, each, each, each, each, each, each)


def pool(name: str) -> Pool:
    return Pool(name, "http://e", "openai", "m", None, 1000.0, 100.0, 1)


ROSTER = Roster(
    1,
    tenants=(Tenant("acme", "plan", "UTC"), Tenant("late", "future", "UTC")),
    keys=(Key("k", "", "acme"), Key("k-late", "", "late")),
    prices=(price(1, "plan", 0.0, 1), price(2, "plan", 100.0, 3), price(3, "future", 500.0, 1)),
    models=(Model("house", ("a", "b", "c", "d")), Model("short", ("a",), 7)),
    pools=(pool("a"), pool("b"), pool("c"), pool("d")),
)


class Desk:
    """A lifecycle to talk to in short sentences."""

    def __init__(self, roster: Roster = ROSTER) -> None:
        self.lifecycle = Lifecycle()
        self.up = {pool.name: True for pool in roster.pools}
        self.on(RosterChanged(0.0, roster))

    def on(self, event: Event) -> list[Action]:
        pools = {name: PoolView(up) for name, up in self.up.items()}
        return self.lifecycle.on(event, View(0.0, pools))

    def arrive(
        self,
        request: int = 1,
        at_s: float = 0.0,
        key: str = "k",
        model: str = "house",
        stream: bool = True,
        output_bound: int | None = 20,
        generates: bool = True,
    ) -> Action:
        (action,) = self.on(Arrived(request, at_s, key, model, stream, 10, output_bound, generates))
        return action

    def sent(self, stream: bool = True) -> None:
        """Bring request 1 to an engine."""
        self.arrive(stream=stream)
        assert self.on(Held(1, 0.0)) == [Send(1, "a")]

    def streaming(self) -> None:
        self.sent()
        assert self.on(Streaming(1, 0.0)) == []

    def settling(self, stream: bool = True) -> None:
        self.sent(stream)
        assert self.on(Finished(1, 0.0, USAGE)) == [Settle(1, "a", USAGE, "finished")]


def error_of(action: Action) -> str:
    assert isinstance(action, Reject)
    return action.error


# --- arrive -----------------------------------------------------------------------------------


def test_the_hold_is_the_worst_case_at_the_price_in_force() -> None:
    assert Desk().arrive(at_s=99.9) == Hold(1, "acme", "k", "house", 1, 30 * 1)
    assert Desk().arrive(at_s=100.0) == Hold(1, "acme", "k", "house", 2, 30 * 3)


@pytest.mark.parametrize(
    ("model", "output_bound", "generates", "tokens"),
    [
        ("house", None, True, 10 + DEFAULT_OUTPUT_TOKENS),
        ("short", None, True, 10 + 7),
        ("house", 0, True, 10),
        ("house", None, False, 10),
    ],
)
def test_the_hold_without_a_limit_of_the_client(
    model: str, output_bound: int | None, generates: bool, tokens: int
) -> None:
    hold = Desk().arrive(model=model, output_bound=output_bound, generates=generates)
    assert isinstance(hold, Hold) and hold.amount_pusd == tokens


def test_who_and_what_is_unknown_is_refused_before_a_hold() -> None:
    desk = Desk()
    assert error_of(desk.arrive(key="nobody")) == "invalid_api_key"
    assert error_of(desk.arrive(model="nothing")) == "model_not_found"
    assert error_of(desk.arrive(key="k-late", at_s=499.0)) == "no_price"
    assert desk.lifecycle.in_flight == 0


def with_limits(key: Key, tenant: Tenant) -> Desk:
    return Desk(
        Roster(1, (tenant,), (key,), ROSTER.prices, ROSTER.models, ROSTER.pools),
    )


def test_concurrency_frees_when_the_settlement_is_durable() -> None:
    desk = with_limits(Key("k", "", "acme", max_concurrency=1), Tenant("acme", "plan", "UTC"))
    desk.settling()
    assert error_of(desk.arrive(2)) == "concurrency_limit"
    desk.on(Settled(1, 0.0))
    assert isinstance(desk.arrive(3), Hold)


def test_a_tenants_limit_binds_all_its_keys_together() -> None:
    tenant = Tenant("acme", "plan", "UTC", max_concurrency=1)
    keys = (Key("k", "", "acme"), Key("k2", "", "acme"))
    desk = Desk(Roster(1, (tenant,), keys, ROSTER.prices, ROSTER.models, ROSTER.pools))
    desk.arrive(1, key="k")
    assert error_of(desk.arrive(2, key="k2")) == "concurrency_limit"


def test_requests_per_minute_say_when_to_come_back() -> None:
    desk = with_limits(Key("k", "", "acme", requests_per_minute=2), Tenant("acme", "plan", "UTC"))
    assert isinstance(desk.arrive(1), Hold)
    assert isinstance(desk.arrive(2), Hold)
    refused = desk.arrive(3, at_s=10.0)
    assert isinstance(refused, Reject)
    assert (refused.error, refused.retry_after_s) == ("rate_limit", 20.0)
    assert isinstance(desk.arrive(4, at_s=30.0), Hold)


def test_what_the_tenants_limit_refuses_is_not_counted_against_the_key() -> None:
    desk = with_limits(
        Key("k", "", "acme", requests_per_minute=3),
        Tenant("acme", "plan", "UTC", requests_per_minute=1),
    )
    assert isinstance(desk.arrive(1), Hold)
    for request in range(2, 10):
        assert error_of(desk.arrive(request, at_s=30.0)) == "rate_limit"
    assert isinstance(desk.arrive(10, at_s=60.0), Hold)


def test_a_refusal_for_concurrency_is_not_counted_against_the_rate() -> None:
    key = Key("k", "", "acme", requests_per_minute=2, max_concurrency=1)
    desk = with_limits(key, Tenant("acme", "plan", "UTC"))
    desk.arrive(1)
    assert error_of(desk.arrive(2)) == "concurrency_limit"
    desk.on(HoldRefused(1, 0.0, 0, 0.0))
    assert isinstance(desk.arrive(3), Hold)


# --- hold and send ----------------------------------------------------------------------------


def test_nothing_is_sent_before_the_hold_is_accepted() -> None:
    desk = Desk()
    desk.arrive()
    assert desk.on(Finished(1, 0.0, USAGE)) == []
    assert desk.on(EngineFailed(1, 0.0, "x")) == []
    assert desk.on(Held(1, 0.0)) == [Send(1, "a")]
    assert desk.on(Held(1, 0.0)) == []


@pytest.mark.parametrize(
    ("left_pusd", "words"),
    [
        (1_999_999, "left: 0.000001 EUR"),
        (-5, "left: 0.000000 EUR"),
        (2**64 * 10**6 + 1, "left: 18,446,744,073,709.551616 EUR"),
    ],
)
def test_a_refusal_says_what_is_left_exactly_and_in_the_sites_currency(
    left_pusd: int, words: str
) -> None:
    desk = Desk(msgspec.structs.replace(ROSTER, currency="EUR"))
    desk.arrive()
    (reject,) = desk.on(HoldRefused(1, 0.0, left_pusd, 9.0))
    assert isinstance(reject, Reject) and words in reject.message


def test_a_refused_hold_ends_the_request() -> None:
    desk = Desk()
    desk.arrive()
    (reject,) = desk.on(HoldRefused(1, 0.0, 1_500_000, 9.0))
    assert error_of(reject) == "insufficient_quota"
    assert desk.on(Held(1, 0.0)) == []


def test_a_ledger_that_cannot_write_ends_the_request() -> None:
    desk = Desk()
    desk.arrive()
    (reject,) = desk.on(HoldLost(1, 0.0, "disk full"))
    assert error_of(reject) == "ledger_unavailable"


def test_a_hold_that_is_lost_after_all_stops_the_engine() -> None:
    desk = Desk()
    desk.sent()
    abort, void, reject = desk.on(HoldLost(1, 0.0, "disk full"))
    assert (abort, void) == (Abort(1), Void(1, "a", "ledger_unavailable"))
    assert error_of(reject) == "ledger_unavailable"
    assert desk.lifecycle.in_flight == 0


def test_an_answer_on_its_way_is_not_lost_with_its_hold() -> None:
    desk = Desk()
    desk.streaming()
    assert desk.on(HoldLost(1, 0.0, "disk full")) == []
    assert desk.on(Finished(1, 0.0, USAGE)) == [Settle(1, "a", USAGE, "finished")]


def test_without_an_engine_the_hold_is_freed() -> None:
    desk = Desk()
    desk.up = dict.fromkeys(desk.up, False)
    desk.arrive()
    void, reject = desk.on(Held(1, 0.0))
    assert void == Void(1, None, "engine_unavailable")
    assert error_of(reject) == "engine_unavailable"


# --- stream and fail --------------------------------------------------------------------------


def test_before_the_first_byte_another_pool_is_tried_at_most_twice() -> None:
    desk = Desk()
    desk.sent(stream=False)
    assert desk.on(EngineFailed(1, 0.0, "x")) == [Send(1, "b")]
    assert desk.on(EngineFailed(1, 0.0, "x")) == [Send(1, "c")]
    void, reject = desk.on(EngineFailed(1, 0.0, "lost"))
    assert void == Void(1, "c", "engine_failed")
    assert reject == Reject(1, "engine_failed", "lost", 2.0)


def test_a_retry_that_finds_no_pool_is_void() -> None:
    desk = Desk()
    desk.sent()
    desk.up = dict.fromkeys(desk.up, False)
    void, reject = desk.on(EngineFailed(1, 0.0, "lost"))
    assert void == Void(1, "a", "engine_failed")
    assert error_of(reject) == "engine_failed"


def test_after_the_first_byte_there_is_no_second_try() -> None:
    desk = Desk()
    desk.streaming()
    void, reject = desk.on(EngineFailed(1, 0.0, "lost"))
    assert void == Void(1, "a", "engine_failed")
    assert error_of(reject) == "engine_failed"


def test_an_engine_that_refuses_has_the_last_word_and_costs_nothing() -> None:
    desk = Desk()
    desk.sent()
    assert desk.on(EngineRefused(1, 0.0, 400)) == [Void(1, "a", "engine_refused"), Deliver(1)]
    assert desk.on(Delivered(1, 0.0)) == []


def test_a_refusal_that_comes_too_late_does_nothing() -> None:
    desk = Desk()
    desk.settling()
    assert desk.on(EngineRefused(1, 0.0, 400)) == []
    assert desk.on(Settled(1, 0.0)) == [Deliver(1)]


def test_the_spine() -> None:
    desk = Desk()
    desk.streaming()
    assert desk.on(Finished(1, 0.0, USAGE)) == [Settle(1, "a", USAGE, "finished")]
    assert desk.on(Delivered(1, 0.0)) == []
    assert desk.on(Settled(1, 0.0)) == [Deliver(1)]
    assert desk.on(Delivered(1, 0.0)) == [Confirm(1)]
    assert desk.lifecycle.in_flight == 0


# --- the client leaves ------------------------------------------------------------------------


def test_a_client_that_leaves_before_the_first_token_is_charged_nothing() -> None:
    desk = Desk()
    desk.sent()
    assert desk.on(ClientGone(1, 0.0, 0)) == [Abort(1), Void(1, "a", "client_gone")]


def test_a_client_that_leaves_while_the_hold_is_asked_for() -> None:
    desk = Desk()
    desk.arrive()
    assert desk.on(ClientGone(1, 0.0, 0)) == [Void(1, None, "client_gone")]
    assert desk.on(Held(1, 0.0)) == []


def test_a_client_that_leaves_midway_is_charged_what_it_got() -> None:
    desk = Desk()
    desk.streaming()
    counted = Usage(input_uncached=10, output_text=3, source="counted")
    assert desk.on(ClientGone(1, 0.0, 3)) == [Abort(1), Count(1)]
    assert desk.on(ClientGone(1, 0.0, 3)) == []
    assert desk.on(Finished(1, 0.0, USAGE)) == []
    assert desk.on(Counted(1, 0.0, counted)) == [Settle(1, "a", counted, "client_gone")]
    assert desk.on(Settled(1, 0.0)) == [Confirm(1)]
    assert desk.lifecycle.in_flight == 0


@pytest.mark.parametrize("after_settled", [False, True])
@pytest.mark.parametrize(
    ("stream", "delivered", "end"),
    [
        (True, 5, Confirm(1)),
        (True, 0, Waive(1, "client_gone")),
        (False, 0, Waive(1, "client_gone")),
    ],
)
def test_a_client_that_leaves_before_the_end_pays_only_for_what_it_received(
    after_settled: bool, stream: bool, delivered: int, end: Action
) -> None:
    desk = Desk()
    desk.settling(stream)
    gone, settled = ClientGone(1, 0.0, delivered), Settled(1, 0.0)
    if after_settled:
        assert desk.on(settled) == [Deliver(1)]
        assert desk.on(gone) == [end]
    else:
        assert desk.on(gone) == []
        assert desk.on(settled) == [end]
    assert desk.on(Delivered(1, 0.0)) == []


# --- the roster changes -----------------------------------------------------------------------


def test_what_is_open_keeps_its_price_and_its_pool_when_the_roster_changes() -> None:
    desk = Desk()
    desk.streaming()
    assert desk.on(RosterChanged(1.0, Roster(2))) == []
    assert error_of(desk.arrive(2)) == "invalid_api_key"
    assert desk.on(Finished(1, 0.0, USAGE)) == [Settle(1, "a", USAGE, "finished")]


def test_events_of_a_request_nobody_knows_do_nothing() -> None:
    desk = Desk()
    strangers: list[Event] = [
        Held(9, 0.0),
        HoldRefused(9, 0.0, 0, 0.0),
        HoldLost(9, 0.0, ""),
        Streaming(9, 0.0),
        Finished(9, 0.0, USAGE),
        EngineRefused(9, 0.0, 400),
        EngineFailed(9, 0.0, ""),
        ClientGone(9, 0.0, 1),
        Counted(9, 0.0, USAGE),
        Settled(9, 0.0),
        Delivered(9, 0.0),
    ]
    assert [desk.on(event) for event in strangers] == [[]] * len(strangers)
