"""The book that the data plane writes: hold, settle, void, deliver, waive.

Each call changes the accounts at once (the hold is *accepted*) and appends to the journal (soon it is *durable*). The
book rates, so that a quantity and its price are never apart; it does no I/O of its own.
"""

from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from wattmill.core.records import NO_USAGE, Price, Usage
from wattmill.core.roster import Roster
from wattmill.ledger.accounts import Accounts, Shortage
from wattmill.ledger.entries import (
    MAX_AMOUNT_PUSD,
    Deliver,
    Entry,
    Hold,
    Hop,
    Settle,
    Void,
    Waive,
)
from wattmill.tariff.rating import PriceBook, rate


class EntrySink(Protocol):
    """Where entries go. ``append`` returns the entry's place in line; it is durable once that place is reached."""

    def append(self, entry: Entry) -> int: ...


class Held(Struct, frozen=True, gc=False):
    """The hold is accepted; it is durable when the sink has reached ``place``."""

    place: int


class HoldRefused(Struct, frozen=True, gc=False):
    """A budget or the credit on the request's way up does not cover the hold."""

    shortage: Shortage

    @property
    def words(self) -> tuple[int, float, str, str]:
        """What is left, when the budget begins anew, whose it is, and what kind of limit."""
        short = self.shortage
        return short.remaining_pusd, short.resets_at_s, short.account, short.kind


class Book:
    """Accounts and journal moved together."""

    def __init__(self, accounts: Accounts, sink: EntrySink, roster: Roster) -> None:
        self.accounts = accounts
        self._sink = sink
        self._prices: dict[int, Price] = {}
        self.set_roster(roster)

    def set_roster(self, roster: Roster) -> None:
        """Take over limits and prices. A version of a price never changes, so old ones are kept for open holds."""
        self.accounts.set_parties(roster.tenants, roster.keys, roster.grants)
        self._prices.update({price.version: price for price in roster.prices})
        self._price_book = PriceBook(self._prices.values())

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
        upline: tuple[Hop, ...] = (),
    ) -> Held | HoldRefused:
        """Reserve an amount on the whole way up, or say which account does not cover it."""
        entry = Hold(request, at_s, tenant, key, model, price, amount_pusd, upline)
        shortage = self.accounts.shortage(entry) or self._beyond_any_entry(entry)
        if shortage is not None:
            return HoldRefused(shortage)
        self.accounts.apply(entry)
        return Held(self._sink.append(entry))

    def _beyond_any_entry(self, hold: Hold) -> Shortage | None:
        most_pusd = hold.amount_pusd
        for hop in hold.upline:
            most_pusd = max(most_pusd, hop.amount_pusd)
        if most_pusd <= MAX_AMOUNT_PUSD:
            return None
        month = self.accounts.balance(hold.tenant, hold.at_s).month
        return Shortage(hold.tenant, "budget", MAX_AMOUNT_PUSD, month.end_s)

    def settle(
        self, request: int, at_s: float, pool: str, usage: Usage, outcome: str
    ) -> int | None:
        """Charge the usage at the price of the hold, for the pool that served. ``None`` when it has already ended."""
        hold = self.accounts.held(request)
        if hold is None:
            return None
        price = self._price_book.settled(self._prices[hold.price], hold.model, pool, hold.at_s)
        rated_pusd = rate(usage, price)
        amount_pusd = self.accounts.chargeable_pusd(
            hold.tenant, hold.at_s, at_s, hold.amount_pusd, rated_pusd
        )
        entry = Settle(
            request,
            at_s,
            hold.at_s,
            hold.tenant,
            hold.key,
            hold.model,
            pool,
            price.version,
            usage,
            amount_pusd,
            outcome,
            self._upline(hold, at_s, pool, usage) if hold.upline else (),
            rated_pusd - amount_pusd,
        )
        if self.accounts.knows_credit:
            entry = replace(entry, draws=self.accounts.draws(entry))
        return self._enter(entry)

    def _upline(self, hold: Hold, at_s: float, pool: str, usage: Usage) -> tuple[Hop, ...]:
        """What each reseller pays for the usage, at its own price."""
        hops = []
        for hop in hold.upline:
            held = self._prices[hop.price]
            price = self._price_book.settled(held, hold.model, pool, hold.at_s)
            rated_pusd = rate(usage, price)
            amount_pusd = self.accounts.chargeable_pusd(
                hop.party, hold.at_s, at_s, hop.amount_pusd, rated_pusd
            )
            hops.append(Hop(hop.party, price.version, amount_pusd))
        return tuple(hops)

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
