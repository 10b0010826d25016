"""The book that the data plane writes: hold, settle, void, deliver, waive.

Each call changes the accounts at once (the hold is *accepted*) and appends to the journal (soon it is *durable*). The
book rates, so that a quantity and its price are never apart; it does no I/O of its own.
"""

from typing import Protocol

from msgspec import Struct

from wattmill.core.records import NO_USAGE, Price, Usage
from wattmill.core.roster import Roster
from wattmill.ledger.accounts import Accounts
from wattmill.ledger.entries import (
    MAX_AMOUNT_PUSD,
    Deliver,
    Entry,
    Hold,
    Settle,
    Void,
    Waive,
)
from wattmill.tariff.rating import rate


class EntrySink(Protocol):
    """Where entries go. ``append`` returns the entry's place in line; it is durable once that place is reached."""

    def append(self, entry: Entry) -> int: ...


class Held(Struct, frozen=True, gc=False):
    """The hold is accepted; it is durable when the sink has reached ``place``."""

    place: int


class HoldRefused(Struct, frozen=True, gc=False):
    """The budget does not cover the hold."""

    remaining_pusd: int
    resets_at_s: float


class Book:
    """Accounts and journal moved together."""

    def __init__(self, accounts: Accounts, sink: EntrySink, roster: Roster) -> None:
        self.accounts = accounts
        self._sink = sink
        self._prices: dict[int, Price] = {}
        self.set_roster(roster)

    def set_roster(self, roster: Roster) -> None:
        """Take over budgets and prices. A version of a price never changes, so old ones are kept for open holds."""
        self.accounts.set_tenants(roster.tenants)
        self._prices.update({price.version: price for price in roster.prices})

    def hold(
        self,
        request: int,
        at_s: float,
        *,
        tenant: str,
        key: str,
        model: str,
        price: int,
        amount_pusd: int,
    ) -> Held | HoldRefused:
        """Reserve an amount, or say what is left when the budget does not cover it."""
        remaining = self.accounts.remaining_pusd(tenant, at_s)
        if remaining is None:
            remaining = MAX_AMOUNT_PUSD
        if amount_pusd > remaining:
            resets_at_s = self.accounts.balance(tenant, at_s).month.end_s
            return HoldRefused(remaining, resets_at_s)
        entry = Hold(request, at_s, tenant, key, model, price, amount_pusd)
        self.accounts.apply(entry)
        return Held(self._sink.append(entry))

    def settle(
        self, request: int, at_s: float, pool: str, usage: Usage, outcome: str
    ) -> int | None:
        """Charge the usage at the price of the hold. ``None`` when the request has already ended."""
        hold = self.accounts.held(request)
        if hold is None:
            return None
        amount_pusd = rate(usage, self._prices[hold.price])
        entry = Settle(
            request,
            at_s,
            hold.at_s,
            hold.tenant,
            hold.key,
            hold.model,
            pool,
            hold.price,
            usage,
            amount_pusd,
            outcome,
        )
        return self._enter(entry)

    def void(
        self, request: int, at_s: float, pool: str | None, reason: str, usage: Usage = NO_USAGE
    ) -> int | None:
        """End a request without a charge; ``usage`` is the work that is our own cost."""
        hold = self.accounts.held(request)
        if hold is None:
            return None
        return self._enter(
            Void(request, at_s, hold.at_s, hold.tenant, hold.key, hold.model, pool, reason, usage)
        )

    def deliver(self, request: int, at_s: float) -> int | None:
        """Confirm that the client has its answer."""
        if self.accounts.unconfirmed_settle(request) is None:
            return None
        return self._enter(Deliver(request, at_s))

    def waive(self, request: int, at_s: float, reason: str) -> int | None:
        """Drop the charge of a settlement whose answer never reached the client."""
        settle = self.accounts.unconfirmed_settle(request)
        if settle is None:
            return None
        return self._enter(
            Waive(request, at_s, settle.held_at_s, settle.tenant, settle.amount_pusd, reason)
        )

    def recover(self, at_s: float) -> tuple[int, int]:
        """After a crash: void what was open, waive what was not confirmed. Returns how many of each."""
        voided = [self.void(hold.request, at_s, None, "crash") for hold in self.accounts.open_holds]
        waived = [self.waive(settle.request, at_s, "crash") for settle in self.accounts.unconfirmed]
        return len(voided), len(waived)

    def _enter(self, entry: Entry) -> int:
        self.accounts.apply(entry)
        return self._sink.append(entry)
