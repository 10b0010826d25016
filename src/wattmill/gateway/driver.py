"""The live driver of the policy: events in, actions carried out.

The twin has a driver of its own that carries out the same actions against a model of an engine; the tests hold the two
against each other.
"""

import asyncio
import itertools
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from wattmill.core.clock import Clock
from wattmill.core.errors import LedgerError
from wattmill.core.records import NO_USAGE
from wattmill.core.roster import Model, Roster
from wattmill.gateway.api import Ask, engine_body
from wattmill.gateway.counting import count_prompt
from wattmill.gateway.exchange import Client, Exchange
from wattmill.gateway.links import Connect, EngineLinks
from wattmill.gateway.tally import Tally
from wattmill.ledger.book import Book, Held
from wattmill.ledger.entries import RUN_BITS, Entry, Hop
from wattmill.policy import events as policy
from wattmill.policy.lifecycle import Lifecycle

ONE_CHOICE_ENGINES = ("llama.cpp",)
"""Engines whose usage counts only the first of several choices: what they cannot count is not sold."""

FIRST_BYTE_TIMEOUT_S = 600.0
BETWEEN_BYTES_TIMEOUT_S = 300.0
HOLD_TIMEOUT_S = 5.0


class Journal(Protocol):
    """Where entries become durable."""

    @property
    def number(self) -> int: ...

    @property
    def durable(self) -> int: ...

    @property
    def failing(self) -> str | None: ...

    def append(self, entry: Entry) -> int: ...
    def when_durable(self, place: int, callback: Callable[[], None]) -> None: ...


Recorder = Callable[[policy.Event, policy.View, list[policy.Action]], None]


class Driver:
    """Everything in flight in one gateway."""

    def __init__(
        self,
        *,
        book: Book,
        journal: Journal,
        clock: Clock,
        connect: Connect,
        engine_keys: dict[str, str],
        record: Recorder | None = None,
    ) -> None:
        self.tally = Tally()
        self.view = policy.View(clock.now_s(), {})
        self._lifecycle = Lifecycle()
        self._book = book
        self._journal = journal
        self._connect = connect
        self._engine_keys = engine_keys
        self._record = record
        self.now_s = clock.now_s
        self.swept_at_s = self._event_s = clock.now_s()
        self._loop = asyncio.get_running_loop()
        self._models: dict[str, Model] = {}
        self._links: dict[str, EngineLinks] = {}
        self._exchanges: dict[int, Exchange] = {}
        self._handed_over: list[Exchange] = []
        self._numbers = itertools.count(journal.number << RUN_BITS)
        self._tasks: set[asyncio.Task[None]] = set()
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

    # --- configuration -----------------------------------------------------------------------------------------------

    def set_roster(self, roster: Roster) -> None:
        """Swap tenants, keys, prices, models and pools in whole; requests in flight go on."""
        self._book.set_roster(roster)
        self._models = {model.alias: model for model in roster.models}
        for pool in roster.pools:
            links = self._links.get(pool.name)
            if links is None or links.pool != pool:
                key = self._engine_keys.get(pool.api_key_env or "")
                self._links[pool.name] = EngineLinks(pool, key, self._connect)
                if links is not None:
                    links.close()
        self.emit(policy.RosterChanged(self.now_s(), roster))

    @property
    def engines(self) -> dict[str, EngineLinks]:
        """The connections to each pool's engine."""
        return self._links

    @property
    def in_flight(self) -> int:
        """Requests without their end, and ends that a slow client has not taken yet."""
        return len(self._exchanges) + len(self._handed_over)

    @property
    def refusal(self) -> str | None:
        """Why no new request is accepted just now."""
        return self._journal.failing

    # --- events ------------------------------------------------------------------------------------------------------

    def arrive(self, client: Client, key: str, ask: Ask) -> Exchange:
        """A request with a valid key and a checked body."""
        now_s = self.now_s()
        request = next(self._numbers)
        exchange = Exchange(self, client, request, ask, now_s, now_s)
        self._exchanges[request] = client.exchange = exchange
        generates = ask.endpoint.generates
        self.emit(
            policy.Arrived(
                request,
                now_s,
                key,
                ask.model,
                ask.stream,
                ask.input_bound,
                ask.output_bound,
                generates,
            )
        )
        return exchange

    def leave(self, exchange: Exchange) -> None:
        """The client of an exchange closed its connection."""
        self.emit(policy.ClientGone(exchange.request, self.now_s(), exchange.pieces))

    def emit(self, event: policy.Event) -> None:
        """Let the policy decide, and do it: each action happens at the instant of its event."""
        self._event_s = event.at_s
        actions = self._lifecycle.on(event, self.view)
        if self._record is not None:
            self._record(event, self.view, actions)
        for action in actions:
            self._carry_out[type(action)](action)

    def when_durable(self, place: int, callback: Callable[[], None]) -> None:
        self._journal.when_durable(place, callback)

    # --- actions: before the answer ----------------------------------------------------------------------------------

    def _reject(self, action: policy.Reject) -> None:
        exchange = self._exchanges[action.request]
        self.tally.ended(exchange, action.error, self._event_s)
        exchange.reject(action.error, action.message, action.retry_after_s)

    def _hold(self, action: policy.Hold) -> None:
        now_s = self._event_s
        if self._journal.failing:
            self.emit(policy.HoldLost(action.request, now_s, self._journal.failing))
            return
        try:
            answer = self._book.hold(
                action.request,
                now_s,
                tenant=action.tenant,
                key=action.key,
                model=action.model,
                price=action.price,
                amount_pusd=action.amount_pusd,
                upline=tuple(Hop(*hop) for hop in action.upline) if action.upline else (),
            )
        except LedgerError as error:
            self.emit(policy.HoldLost(action.request, now_s, error.message))
            return
        if isinstance(answer, Held):
            self._exchanges[action.request].hold_place = answer.place
            self.emit(policy.Held(action.request, now_s))
        else:
            self.emit(policy.HoldRefused(action.request, now_s, *answer.words))

    def _send(self, action: policy.Send) -> None:
        exchange = self._exchanges[action.request]
        links = self._links[action.pool]
        exchange.begin_attempt(action.pool)
        exchange.touched_at_s = self.swept_at_s
        if exchange.ask.choices > 1 and links.pool.engine in ONE_CHOICE_ENGINES:
            exchange.refuse("This model's engine gives one choice for one prompt at a time.", "n")
            return
        limit = self._models[exchange.ask.model].max_output_tokens
        body = engine_body(exchange.ask, links.pool, limit)
        links.send(exchange, links.request(exchange.ask.endpoint.path, body))

    # --- actions: the client left ------------------------------------------------------------------------------------

    def _abort(self, action: policy.Abort) -> None:
        self.stop_engine(self._exchanges[action.request])

    def stop_engine(self, exchange: Exchange) -> None:
        """Close the connection that carries an answer, so that the engine stops working on it."""
        if exchange.pool:
            self._links[exchange.pool].abort(exchange)

    def _count(self, action: policy.Count) -> None:
        exchange = self._exchanges[action.request]
        counted = exchange.counted(exchange.pieces)
        if counted.source == "counted":
            self.emit(policy.Counted(action.request, self._event_s, counted))
            return
        task = self._loop.create_task(self._ask_engine_to_count(exchange))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask_engine_to_count(self, exchange: Exchange) -> None:
        usage = await count_prompt(self._links[exchange.pool], exchange)
        self.emit(policy.Counted(exchange.request, self.now_s(), usage))

    # --- actions: the books ------------------------------------------------------------------------------------------

    def _settle(self, action: policy.Settle) -> None:
        place = self._book.settle(
            action.request, self._event_s, action.pool, action.usage, action.outcome
        )
        assert place is not None, f"request {action.request} had ended before it was settled"
        exchange = self._exchanges[action.request]
        self.tally.used(exchange.pool, action.usage)
        self._journal.when_durable(place, partial(self._settled, action.request))

    def _settled(self, request: int) -> None:
        self.emit(policy.Settled(request, self.now_s()))

    def _void(self, action: policy.Void) -> None:
        exchange = self._exchanges[action.request]
        worked = action.pool and action.reason != "engine_refused"
        own = exchange.counted(exchange.pieces) if worked else NO_USAGE
        self._book.void(action.request, self._event_s, action.pool, action.reason, own)
        if action.reason == "client_gone":
            self.tally.ended(exchange, action.reason, self._event_s)
            exchange.drop()

    def _deliver(self, action: policy.Deliver) -> None:
        exchange = self._exchanges[action.request]
        self.tally.ended(exchange, "finished", self._event_s)
        exchange.deliver_end()
        if not self._handed_over:
            self._loop.call_soon(self._confirm_handed_over)
        self._handed_over.append(exchange)

    def _confirm_handed_over(self) -> None:
        """One turn of the loop later the bytes are with the kernel, or wait for a slow client: look again then."""
        waiting = []
        exchanges, self._handed_over = self._handed_over, []
        now_s = self.now_s()
        for exchange in exchanges:
            if exchange.client.is_gone and not exchange.client.took_all:
                self.emit(policy.ClientGone(exchange.request, now_s, exchange.pieces))
            elif exchange.client.unsent_bytes:
                waiting.append(exchange)
            else:
                self.emit(policy.Delivered(exchange.request, now_s))
        if waiting:
            if not self._handed_over:
                self._loop.call_later(0.02, self._confirm_handed_over)
            self._handed_over += waiting

    def _confirm(self, action: policy.Confirm) -> None:
        self._book.deliver(action.request, self._event_s)
        self._drop(action.request)

    def _waive(self, action: policy.Waive) -> None:
        self._book.waive(action.request, self._event_s, action.reason)
        self._drop(action.request)

    def _drop(self, request: int) -> None:
        exchange = self._exchanges.get(request)
        if exchange is not None:
            self.tally.ended(exchange, "client_gone", self._event_s)
            exchange.drop()

    def release(self, exchange: Exchange) -> None:
        """An exchange has ended: its connection to the engine carries it no more."""
        self._exchanges.pop(exchange.request, None)

    # --- time --------------------------------------------------------------------------------------------------------

    def sweep(self) -> None:
        """Once a second: requests that wait too long for their engine, or for a journal that fails."""
        now_s = self.swept_at_s = self.now_s()
        for exchange in list(self._exchanges.values()):
            waited_s = now_s - exchange.touched_at_s
            if self._journal.failing and exchange.hold_place > self._journal.durable:
                if waited_s > HOLD_TIMEOUT_S:
                    self._give_up_on_hold(exchange, now_s)
                continue
            begun = exchange.first_piece_at_s is not None
            limit_s = BETWEEN_BYTES_TIMEOUT_S if begun else FIRST_BYTE_TIMEOUT_S
            if waited_s > limit_s and exchange.link is not None:
                exchange.on_link_lost(f"The engine sent nothing for {limit_s:.0f} s.")

    def end_streams(self, reason: str) -> None:
        """Every stream that its engine has not ended gets an error instead, and is not charged."""
        for exchange in list(self._exchanges.values()):
            if exchange.first_piece_at_s is not None:
                exchange.on_link_lost(reason)

    def _give_up_on_hold(self, exchange: Exchange, now_s: float) -> None:
        """The disk refuses the hold: nothing was delivered and nothing will be charged."""
        reason = self._journal.failing or "the journal cannot be written"
        self.emit(policy.HoldLost(exchange.request, now_s, reason))
