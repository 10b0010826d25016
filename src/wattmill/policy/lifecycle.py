"""The life of a request: *arrive, hold, send, stream, settle*, and how each step can fail.

``Lifecycle.on(event, view)`` is synchronous and pure apart from its own state: no clock, no I/O, no randomness. The
gateway, the twin and a replay drive the same object.

stage        waits for                          then
-----------  ---------------------------------  --------------------------------------------------
holding      Held, HoldRefused, HoldLost        Send, or Reject
sent         Streaming, Finished, EngineFailed  (streaming), Settle, or Send to another pool
streaming    Finished, EngineFailed             Settle, or Void and Reject
counting     Counted (the client left)          Settle, or Void when nothing had been delivered
settling     Settled                            Deliver, or Confirm/Waive when the client has left
delivering   Delivered                          Confirm

An event that a stage does not wait for does nothing there. ``ClientGone`` counts once, in any stage.
"""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from wattmill.core.money import PUSD_PER_UUSD, format_usd
from wattmill.core.records import Price, Usage
from wattmill.core.roster import Key, Model, Roster, Tenant
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
from wattmill.policy.limits import Allowance
from wattmill.policy.routing import Router
from wattmill.tariff.rating import PriceBook

DEFAULT_OUTPUT_TOKENS = 4096
MAX_ATTEMPTS = 3
_LIMITS = {
    "budget": "monthly budget",
    "key_budget": "monthly budget of this key",
    "credit": "prepaid credit",
}

HOLDING, SENT, STREAMING, COUNTING, SETTLING, DELIVERING = (
    "holding",
    "sent",
    "streaming",
    "counting",
    "settling",
    "delivering",
)


_Due = tuple[Mapping[str, Price], int, int, tuple[tuple[str, int, int], ...]]
"""Prices by pool, the price of the hold and its amount, and the same of each reseller."""


class _Caller:
    """A key and the tenant it belongs to, with the resellers above it and what they may still do."""

    __slots__ = ("allowances", "key", "resellers", "tenant")

    def __init__(
        self,
        key: Key,
        tenant: Tenant,
        resellers: tuple[Tenant, ...],
        allowances: tuple[Allowance, Allowance],
    ) -> None:
        self.key = key
        self.tenant = tenant
        self.resellers = resellers
        self.allowances = allowances


class _Open(Struct, eq=False):
    """A request that has not ended."""

    caller: _Caller
    model: Model
    prices: Mapping[str, Price]
    stream: bool
    prompt_bound: int
    output_bound: int
    stage: str = HOLDING
    pool: str = ""
    tried: tuple[str, ...] = ()
    unprefilled: int = 0
    client_gone: bool = False
    received: bool = False
    limited: bool = True
    on_pool: bool = False


class Lifecycle:
    """Decides everything about every request. One instance per gateway."""

    def __init__(self) -> None:
        self._open: dict[int, _Open] = {}
        self._router = Router()
        self._callers: dict[str, _Caller] = {}
        self._allowances: dict[str, Allowance] = {}
        self._models: dict[str, Model] = {}
        self._prices = PriceBook(())
        self._currency = "USD"
        self._handlers: dict[type, Callable[[Any, View], list[Action]]] = {
            RosterChanged: self._on_roster,
            Arrived: self._on_arrived,
            Held: self._on_held,
            HoldRefused: self._on_hold_refused,
            HoldLost: self._on_hold_lost,
            Streaming: self._on_streaming,
            Finished: self._on_finished,
            EngineRefused: self._on_engine_refused,
            EngineFailed: self._on_engine_failed,
            ClientGone: self._on_client_gone,
            Counted: self._on_counted,
            Settled: self._on_settled,
            Delivered: self._on_delivered,
        }

    @property
    def in_flight(self) -> int:
        """Requests that have not ended."""
        return len(self._open)

    def on(self, event: Event, view: View) -> list[Action]:
        """What to do now that ``event`` has happened. Late events of a request that has ended do nothing."""
        return self._handlers[type(event)](event, view)

    # --- who may -----------------------------------------------------------------------------------------------------

    def _on_roster(self, event: RosterChanged, _view: View) -> list[Action]:
        roster: Roster = event.roster
        tenants = {tenant.name: tenant for tenant in roster.tenants}
        self._callers = {key.id: self._caller(key, tenants) for key in roster.keys}
        self._models = {model.alias: model for model in roster.models}
        self._prices = PriceBook(roster.prices)
        self._currency = roster.currency
        self._router.set_pools(roster.pools)
        return []

    def _caller(self, key: Key, tenants: dict[str, Tenant]) -> _Caller:
        tenant = tenants[key.tenant]
        allowances = (
            self._allowance(f"key {key.id}", key),
            self._allowance(f"tenant {tenant.name}", tenant),
        )
        return _Caller(key, tenant, _resellers(tenant, tenants), allowances)

    def _allowance(self, name: str, owner: Key | Tenant) -> Allowance:
        allowance = self._allowances.setdefault(name, Allowance(name))
        allowance.set_limits(owner)
        return allowance

    def _on_arrived(self, event: Arrived, _view: View) -> list[Action]:
        caller = self._callers.get(event.key)
        if caller is None:
            return [Reject(event.request, "invalid_api_key", "This API key is not known.")]
        model = self._models.get(event.model)
        if model is None:
            return [Reject(event.request, "model_not_found", self._no_such_model(event.model))]
        output_bound = _output_bound(event, model)
        due = self._due(event, caller, model, output_bound)
        if isinstance(due, Reject):
            return [due]
        refusal = _over_limit(event, caller)
        if refusal:
            return [refusal]
        for allowance in caller.allowances:
            allowance.enter(event.at_s)
        prices, price, amount_pusd, upline = due
        self._open[event.request] = _Open(
            caller, model, prices, event.stream, event.input_bound, output_bound
        )
        who = (caller.tenant.name, caller.key.id, model.alias)
        return [Hold(event.request, *who, price, amount_pusd, upline)]

    def _due(
        self, event: Arrived, caller: _Caller, model: Model, output_bound: int
    ) -> _Due | Reject:
        """The most that the tenant, and each reseller above it, can owe for the request."""
        quote = self._prices.quote(caller.tenant.plan, model, event.at_s)
        if quote is None:
            return _no_price(event, caller.tenant)
        prices, upline = quote.prices, []
        for reseller in caller.resellers:
            upper = self._prices.quote(reseller.plan, model, event.at_s)
            if upper is None:
                return _no_price(event, reseller)
            most, at = upper.dearest(event.input_bound, output_bound)
            upline.append((reseller.name, at.version, most))
            # We are paid by the reseller on top, so its prices decide; everybody below needs one, too.
            prices = {pool: paid for pool, paid in upper.prices.items() if pool in prices}
        amount_pusd, price = quote.dearest(event.input_bound, output_bound)
        return prices, price.version, amount_pusd, tuple(upline)

    def _no_such_model(self, name: str) -> str:
        known = ", ".join(sorted(self._models)) or "none"
        return f"The model {name!r} does not exist. Models here: {known}."

    # --- hold and send -----------------------------------------------------------------------------------------------

    def _on_held(self, event: Held, view: View) -> list[Action]:
        opened = self._open.get(event.request)
        if opened is None or opened.stage != HOLDING:
            return []
        return self._send(
            event.request, opened, view, "No engine of this model is up and has room in its queue."
        )

    def _on_hold_refused(self, event: HoldRefused, _view: View) -> list[Action]:
        if not self._close_holding(event.request):
            return []
        left = f"{_shown(max(event.remaining_pusd, 0))} {self._currency}"
        what = _LIMITS.get(event.limit, event.limit)
        message = f"The {what} does not cover this request (left: {left})."
        return [Reject(event.request, "insufficient_quota", message)]

    def _on_hold_lost(self, event: HoldLost, _view: View) -> list[Action]:
        opened = self._open.get(event.request)
        if opened is None or opened.stage not in (HOLDING, SENT):
            return []
        self._close(event.request)
        reject = Reject(event.request, "ledger_unavailable", event.reason, 5.0)
        if opened.stage == HOLDING:
            return [reject]
        return [
            Abort(event.request),
            Void(event.request, opened.pool, "ledger_unavailable"),
            reject,
        ]

    def _close_holding(self, request: int) -> bool:
        opened = self._open.get(request)
        return opened is not None and opened.stage == HOLDING and self._close(request) is not None

    def _send(self, request: int, opened: _Open, view: View, otherwise: str) -> list[Action]:
        pool = self._router.choose(opened.model, opened.prices, opened.tried, view)
        if pool is None:
            self._close(request)
            error = "engine_failed" if opened.tried else "engine_unavailable"
            reject = Reject(request, error, otherwise, 2.0)
            return [Void(request, opened.pool or None, error), reject]
        opened.stage = SENT
        opened.pool = pool
        opened.tried = (*opened.tried, pool)
        opened.unprefilled = opened.prompt_bound
        opened.on_pool = True
        self._router.sent(pool, opened.prompt_bound, opened.output_bound)
        return [Send(request, pool)]

    # --- stream ------------------------------------------------------------------------------------------------------

    def _on_streaming(self, event: Streaming, _view: View) -> list[Action]:
        opened = self._open.get(event.request)
        if opened is not None and opened.stage == SENT:
            opened.stage = STREAMING
            self._router.prefilled(opened.pool, opened.unprefilled)
            opened.unprefilled = 0
        return []

    def _on_finished(self, event: Finished, _view: View) -> list[Action]:
        opened = self._open.get(event.request)
        if opened is None or opened.stage not in (SENT, STREAMING):
            return []
        return self._settle(event.request, opened, event.usage, "finished")

    def _settle(self, request: int, opened: _Open, usage: Usage, outcome: str) -> list[Action]:
        opened.stage = SETTLING
        self._off_pool(opened)
        return [Settle(request, opened.pool, usage, outcome)]

    def _on_engine_refused(self, event: EngineRefused, _view: View) -> list[Action]:
        opened = self._open.get(event.request)
        if opened is None or opened.stage != SENT:
            return []
        self._close(event.request)
        return [Void(event.request, opened.pool, "engine_refused"), Deliver(event.request)]

    def _on_engine_failed(self, event: EngineFailed, view: View) -> list[Action]:
        opened = self._open.get(event.request)
        if opened is None or opened.stage not in (SENT, STREAMING):
            return []
        if opened.stage == SENT and len(opened.tried) < MAX_ATTEMPTS:
            self._off_pool(opened)
            return self._send(event.request, opened, view, event.reason)
        self._close(event.request)
        reject = Reject(event.request, "engine_failed", event.reason, 2.0)
        return [Void(event.request, opened.pool, "engine_failed"), reject]

    # --- the client leaves -------------------------------------------------------------------------------------------

    def _on_client_gone(self, event: ClientGone, _view: View) -> list[Action]:
        opened = self._open.get(event.request)
        if opened is None or opened.client_gone:
            return []
        opened.client_gone = True
        opened.received = opened.stream and event.delivered > 0
        if opened.stage in (SETTLING, DELIVERING):
            return self._without_client(event.request, opened)
        if opened.stage == STREAMING and event.delivered:
            opened.stage = COUNTING
            return [Abort(event.request), Count(event.request)]
        self._close(event.request)
        abort: list[Action] = [] if opened.stage == HOLDING else [Abort(event.request)]
        return [*abort, Void(event.request, opened.pool or None, "client_gone")]

    def _on_counted(self, event: Counted, _view: View) -> list[Action]:
        opened = self._open.get(event.request)
        if opened is None or opened.stage != COUNTING:
            return []
        return self._settle(event.request, opened, event.usage, "client_gone")

    # --- settle and deliver ------------------------------------------------------------------------------------------

    def _on_settled(self, event: Settled, _view: View) -> list[Action]:
        opened = self._open.get(event.request)
        if opened is None or opened.stage != SETTLING:
            return []
        opened.stage = DELIVERING
        if opened.client_gone:
            return self._without_client(event.request, opened)
        self._leave_limits(opened)
        return [Deliver(event.request)]

    def _without_client(self, request: int, opened: _Open) -> list[Action]:
        """The settlement stands for what was streamed; an answer of which nothing was received is waived."""
        if opened.stage == SETTLING:
            return []
        self._close(request)
        return [Confirm(request)] if opened.received else [Waive(request, "client_gone")]

    def _on_delivered(self, event: Delivered, _view: View) -> list[Action]:
        opened = self._open.get(event.request)
        if opened is None or opened.stage != DELIVERING:
            return []
        self._close(event.request)
        return [Confirm(event.request)]

    # --- bookkeeping -------------------------------------------------------------------------------------------------

    def _close(self, request: int) -> _Open | None:
        opened = self._open.pop(request, None)
        if opened is not None:
            self._off_pool(opened)
            self._leave_limits(opened)
        return opened

    def _off_pool(self, opened: _Open) -> None:
        if opened.on_pool:
            opened.on_pool = False
            self._router.ended(opened.pool, opened.unprefilled, opened.output_bound)

    def _leave_limits(self, opened: _Open) -> None:
        if opened.limited:
            opened.limited = False
            for allowance in opened.caller.allowances:
                allowance.leave()


def _resellers(tenant: Tenant, tenants: Mapping[str, Tenant]) -> tuple[Tenant, ...]:
    """Who is billed for a tenant, from its own reseller up."""
    found: list[Tenant] = []
    above = tenants.get(tenant.parent) if tenant.parent else None
    while above is not None and above not in found:
        found.append(above)
        above = tenants.get(above.parent) if above.parent else None
    return tuple(found)


def _no_price(event: Arrived, party: Tenant) -> Reject:
    message = f"The rate plan {party.plan!r} has no price in force."
    return Reject(event.request, "no_price", message)


def _shown(amount_pusd: int) -> str:
    """With six decimals, and what is finer left off: nobody is told of more than there is."""
    return format_usd(amount_pusd // PUSD_PER_UUSD * PUSD_PER_UUSD, 6)


def _over_limit(event: Arrived, caller: _Caller) -> Reject | None:
    for allowance in caller.allowances:
        if allowance.is_crowded:
            allowed = allowance.max_concurrency
            message = f"Limit of {allowed} requests at a time reached for {allowance.name}."
            return Reject(event.request, "concurrency_limit", message, 1.0)
        wait_s = 0.0 if allowance.per_minute is None else allowance.wait_s(event.at_s)
        if wait_s:
            message = (
                f"Limit of {allowance.per_minute} requests per minute reached for {allowance.name}."
            )
            return Reject(event.request, "rate_limit", message, wait_s)
    return None


def _output_bound(event: Arrived, model: Model) -> int:
    if not event.generates:
        return 0
    if event.output_bound is not None:
        return event.output_bound
    return model.max_output_tokens or DEFAULT_OUTPUT_TOKENS
