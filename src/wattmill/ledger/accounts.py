"""What every tenant, key and reseller has spent this month and has reserved, as a fold over the entries.

The data plane asks it before each request, the books keep one beside the database, and recovery rebuilds it from a
snapshot and the journal: always by ``apply``, so the three cannot disagree.
"""

from collections.abc import Callable, Collection, Iterable
from copy import copy
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import Struct

from wattmill.core.errors import LedgerError
from wattmill.core.roster import Grant, Key, Tenant
from wattmill.ledger.credit import Credit, Drawn
from wattmill.ledger.entries import RUN_BITS, Deliver, Draw, Entry, Hold, Settle, Void, Waive
from wattmill.ledger.periods import Month, month_at

State = Literal["charged", "waived", "void"]
"""How a request ended. ``charged``: settled and its delivery confirmed. ``waived``: settled, its charge dropped.
``void``: never settled."""


class Finished(NamedTuple):
    """A request that is over: its last word on usage and money, and ``reason`` where it is not charged."""

    end: Settle | Void
    state: State
    ended_at_s: float
    reason: str | None = None


class Balance(Struct):
    """An account's money in its current month, in pUSD."""

    month: Month
    spent_pusd: int = 0
    held_pusd: int = 0


class Shortage(Struct, frozen=True):
    """Which account does not cover a hold, and what it still has. A budget begins anew at ``resets_at_s``."""

    account: str
    kind: Literal["budget", "key_budget", "credit"]
    remaining_pusd: int
    resets_at_s: float


class Share(Struct, array_like=True):
    """What one run of a gateway has charged: to parties and keys in their current month, and to grants."""

    spent: dict[str, int] = {}
    keys: dict[str, int] = {}
    drawn: dict[str, int] = {}


class AccountsState(Struct, array_like=True):
    """A snapshot of ``Accounts``, to be written down."""

    balances: dict[str, Balance] = {}
    open_holds: list[Hold] = []
    unconfirmed: list[Settle] = []
    keys: dict[str, Balance] = {}
    drawn: dict[str, int] = {}
    shares: dict[int, Share] = {}


def encode_state(state: AccountsState) -> bytes:
    """As JSON: the whole numbers of MessagePack end at 64 bits, which is 18 million of a currency; balances do not."""
    return msgspec.json.encode(state)


def decode_state(data: bytes) -> AccountsState:
    """Read it back; also MessagePack, as it was written once. ``msgspec.DecodeError`` when it is neither."""
    read = msgspec.json.decode if data.startswith(b"[") else msgspec.msgpack.decode
    return read(data, type=AccountsState)


class Accounts:
    """Holds, balances, credit, and settlements that wait for their delivery.

    ``by_run``: also what of it each run of a gateway has caused, so that ``without`` can leave runs out.
    """

    def __init__(self, state: AccountsState | None = None, *, by_run: bool = False) -> None:
        state = state or AccountsState()
        self._balances = _copied(state.balances)
        self._keys = _copied(state.keys)
        self._drawn = dict(state.drawn)
        self._drawn_by_all: Drawn = self._drawn
        self._shares = _copied_shares(state.shares) if by_run else None
        self._open = {hold.request: hold for hold in state.open_holds}
        self._unconfirmed = {settle.request: settle for settle in state.unconfirmed}
        self._tenants: dict[str, Tenant] = {}
        self._key_budgets: dict[str, int] = {}
        self._credits: dict[str, Credit] = {}
        self._limited: frozenset[str] = frozenset()
        self._folds: dict[type, Callable[[Any], bool]] = {
            Hold: self._hold,
            Settle: self._settle,
            Deliver: self._deliver,
            Void: self._void,
            Waive: self._waive,
        }
        self._open_missing_keys()

    def _open_missing_keys(self) -> None:
        """Snapshots of old have no balances of keys: an open request needs one."""
        waiting: list[Hold | Settle] = [*self._open.values(), *self._unconfirmed.values()]
        for entry in waiting:
            if entry.key not in self._keys:
                self._keys[entry.key] = Balance(self._balances[entry.tenant].month)

    def set_parties(
        self, tenants: Iterable[Tenant], keys: Iterable[Key] = (), grants: Iterable[Grant] = ()
    ) -> None:
        """Take over time zones, budgets and credit; balances stay."""
        self._tenants = {tenant.name: tenant for tenant in tenants}
        self._key_budgets = {key.id: key.budget_pusd for key in keys if key.budget_pusd is not None}
        of_tenant: dict[str, list[Grant]] = {}
        for grant in grants:
            of_tenant.setdefault(grant.tenant, []).append(grant)
        drawn = self._drawn_by_all
        self._credits = {name: Credit(given, drawn) for name, given in of_tenant.items()}
        self._limited = frozenset(name for name in self._tenants if self._is_limited(name))

    def state(self) -> AccountsState:
        """A snapshot that a new ``Accounts`` can start from."""
        return AccountsState(
            _copied(self._balances),
            list(self._open.values()),
            list(self._unconfirmed.values()),
            _copied(self._keys),
            dict(self._drawn),
            _copied_shares(self._shares or {}),
        )

    def copy(self) -> "Accounts":
        """The same accounts, to go on from without changing these."""
        other = Accounts(self.state(), by_run=self._shares is not None)
        other._tenants, other._key_budgets = self._tenants, self._key_budgets
        other._limited = self._limited
        other._credits = {
            name: credit.with_drawn(other._drawn) for name, credit in self._credits.items()
        }
        return other

    def without(self, runs: Collection[int]) -> "Accounts":
        """The same accounts as if some runs of gateways had never been."""
        assert self._shares is not None, "these accounts do not know their runs"
        other = self.copy()
        for request in [request for request in other._open if request >> RUN_BITS in runs]:
            other._release(request)
        for request in [number for number in other._unconfirmed if number >> RUN_BITS in runs]:
            del other._unconfirmed[request]
        for share in (self._shares[run] for run in runs if run in self._shares):
            for account, amount_pusd in share.spent.items():
                other._balances[account].spent_pusd -= amount_pusd
            for key, amount_pusd in share.keys.items():
                other._keys[key].spent_pusd -= amount_pusd
            for grant, amount_pusd in share.drawn.items():
                other._drawn[grant] -= amount_pusd
        other.forget_shares(())
        return other

    def forget_shares(self, living: Collection[int]) -> None:
        """Only runs that may still live need be told apart."""
        if self._shares is not None:
            self._shares = {run: share for run, share in self._shares.items() if run in living}

    # --- asking ------------------------------------------------------------------------------------------------------

    @property
    def open_holds(self) -> list[Hold]:
        """Requests that have not ended, oldest first."""
        return list(self._open.values())

    @property
    def unconfirmed(self) -> list[Settle]:
        """Settlements whose delivery is neither confirmed nor waived, oldest first."""
        return list(self._unconfirmed.values())

    def held(self, request: int) -> Hold | None:
        """The open hold of a request."""
        return self._open.get(request)

    def unconfirmed_settle(self, request: int) -> Settle | None:
        """The settlement of a request whose delivery is open."""
        return self._unconfirmed.get(request)

    def balance(self, party: str, at_s: float) -> Balance:
        """A tenant's or reseller's balance in the month of an instant; a new month starts with nothing spent."""
        return self._current(self._balances, party, party, at_s)

    def key_balance(self, key: str, tenant: str, at_s: float) -> Balance:
        """The same of one key, in its tenant's calendar."""
        return self._current(self._keys, key, tenant, at_s)

    def credit_pusd(self, tenant: str, at_s: float) -> int | None:
        """What is left of a tenant's credit, open holds not taken off; ``None`` when it never had any."""
        credit = self._credits.get(tenant)
        return None if credit is None else credit.available_pusd(at_s)

    def drawn_pusd(self, grant: str) -> int:
        """What was drawn from a grant."""
        return self._drawn.get(grant, 0)

    def remaining_pusd(self, tenant: str, at_s: float) -> int | None:
        """What a tenant's own budget still allows, holds counted as spent; ``None`` without a budget."""
        found = self._tenants.get(tenant)
        if found is None or found.budget_pusd is None:
            return None
        balance = self._used(self._balances, tenant, tenant, at_s)
        return found.budget_pusd - balance.spent_pusd - balance.held_pusd

    def is_limited(self, tenant: str, key: str) -> bool:
        """Whether a budget or credit on the way up may refuse a hold."""
        return tenant in self._limited or key in self._key_budgets

    def shortage(self, hold: Hold) -> Shortage | None:
        """The first account on a request's way up that does not cover its hold; ``None`` when all do."""
        if not self.is_limited(hold.tenant, hold.key):
            return None
        at_s = hold.at_s
        short = self._key_shortage(hold) or self._party_shortage(
            hold.tenant, hold.amount_pusd, at_s
        )
        if short is not None or not hold.upline:
            return short
        above = (self._party_shortage(hop.party, hop.amount_pusd, at_s) for hop in hold.upline)
        return next(filter(None, above), None)

    def chargeable_pusd(
        self, party: str, held_at_s: float, at_s: float, held_pusd: int, rated_pusd: int
    ) -> int:
        """What of a rated usage may be charged to a party: all of it, or as far as a prepaid one's credit goes.

        Beyond its own hold only credit that no other hold counts on.
        """
        if not self._is_prepaid(party):
            return rated_pusd
        credit = self._credits.get(party)
        usable_pusd = 0 if credit is None else credit.usable_pusd(held_at_s, at_s)
        beyond_pusd = max(0, self._credit_left_pusd(party, at_s))
        return min(rated_pusd, held_pusd + beyond_pusd, usable_pusd)

    def draws(self, settle: Settle) -> tuple[Draw, ...]:
        """The credit that a settlement uses up on the whole way up."""
        return tuple(
            draw
            for party, amount_pusd in _legs(settle)
            if (credit := self._credits.get(party))
            for draw in credit.draws(amount_pusd, settle.held_at_s, settle.at_s)
        )

    @property
    def knows_credit(self) -> bool:
        """Whether anybody has a grant."""
        return bool(self._credits)

    # --- folding -----------------------------------------------------------------------------------------------------

    def apply(self, entry: Entry) -> bool:
        """Fold one entry in. ``False``, and nothing changes, when the request had already ended that way or another."""
        fold = self._folds.get(type(entry))
        if fold is None:
            raise LedgerError(f"{entry!r} is no entry")
        return fold(entry)

    def finish(self, entry: Entry) -> Finished | None:
        """Fold one entry in, and give the request that is over with it, if one is."""
        kind = type(entry)
        if kind is Hold or kind is Settle:
            self._folds[kind](entry)
            return None
        settle = self._unconfirmed.get(entry.request)
        if not self.apply(entry):
            return None
        if settle is None:
            assert isinstance(entry, Void)
            return Finished(entry, "void", entry.at_s, entry.reason)
        if isinstance(entry, Waive):
            return Finished(settle, "waived", entry.at_s, entry.reason)
        return Finished(settle, "charged", entry.at_s)

    def _hold(self, hold: Hold) -> bool:
        if hold.request in self._open:
            return False
        self._open[hold.request] = hold
        at_s, tenant = hold.at_s, hold.tenant
        self._current(self._balances, tenant, tenant, at_s).held_pusd += hold.amount_pusd
        self._current(self._keys, hold.key, tenant, at_s).held_pusd += hold.amount_pusd
        for hop in hold.upline:
            self.balance(hop.party, at_s).held_pusd += hop.amount_pusd
        return True

    def _release(self, request: int) -> bool:
        hold = self._open.pop(request, None)
        if hold is None:
            return False
        self._balances[hold.tenant].held_pusd -= hold.amount_pusd
        self._keys[hold.key].held_pusd -= hold.amount_pusd
        for hop in hold.upline:
            self._balances[hop.party].held_pusd -= hop.amount_pusd
        return True

    def _settle(self, settle: Settle) -> bool:
        if not self._release(settle.request):
            return False
        self._charge(settle, 1)
        self._unconfirmed[settle.request] = settle
        return True

    def _deliver(self, deliver: Deliver) -> bool:
        return self._unconfirmed.pop(deliver.request, None) is not None

    def _void(self, void: Void) -> bool:
        return self._release(void.request)

    def _waive(self, waive: Waive) -> bool:
        settle = self._unconfirmed.pop(waive.request, None)
        if settle is None:
            return False
        self._charge(settle, -1)
        return True

    def _charge(self, settle: Settle, sign: int) -> None:
        """Charge the month of the hold on the way up, or take that back. A month that is over no longer counts against
        a budget; credit does not begin anew."""
        at_s, amount_pusd = settle.held_at_s, sign * settle.amount_pusd
        tenant, key = self._balances[settle.tenant], self._keys[settle.key]
        if at_s >= tenant.month.start_s:
            tenant.spent_pusd += amount_pusd
        if at_s >= key.month.start_s:
            key.spent_pusd += amount_pusd
        for hop in settle.upline:
            party = self._balances[hop.party]
            if at_s >= party.month.start_s:
                party.spent_pusd += sign * hop.amount_pusd
        for draw in settle.draws:
            self._drawn[draw.grant] = self._drawn.get(draw.grant, 0) + sign * draw.amount_pusd
        if self._shares is not None:
            self._share(self._shares, settle, sign)

    def _share(self, shares: dict[int, Share], settle: Settle, sign: int) -> None:
        """The same for the run that the request belongs to."""
        run, at_s = settle.request >> RUN_BITS, settle.held_at_s
        share = shares.get(run)
        if share is None:
            share = shares[run] = Share()
        if at_s >= self._keys[settle.key].month.start_s:
            _add(share.keys, settle.key, sign * settle.amount_pusd)
        for party, amount_pusd in _legs(settle):
            if at_s >= self._balances[party].month.start_s:
                _add(share.spent, party, sign * amount_pusd)
        for draw in settle.draws:
            _add(share.drawn, draw.grant, sign * draw.amount_pusd)

    # --- limits ------------------------------------------------------------------------------------------------------

    def _key_shortage(self, hold: Hold) -> Shortage | None:
        budget = self._key_budgets.get(hold.key)
        if budget is None:
            return None
        balance = self._used(self._keys, hold.key, hold.tenant, hold.at_s)
        return _shortage(hold.key, "key_budget", balance, budget, hold.amount_pusd)

    def _party_shortage(self, party: str, amount_pusd: int, at_s: float) -> Shortage | None:
        """Of a tenant, or of a reseller, which is asked for its own buying price."""
        tenant = self._tenants.get(party)
        if tenant is None or (tenant.budget_pusd is None and not tenant.prepaid):
            return None
        balance = self._used(self._balances, party, party, at_s)
        if tenant.budget_pusd is not None:
            short = _shortage(party, "budget", balance, tenant.budget_pusd, amount_pusd)
            if short is not None:
                return short
        if not tenant.prepaid:
            return None
        left = (self.credit_pusd(party, at_s) or 0) - balance.held_pusd
        return None if amount_pusd <= left else Shortage(party, "credit", left, balance.month.end_s)

    def _credit_left_pusd(self, tenant: str, at_s: float) -> int:
        """Credit less what open holds may still draw from it."""
        held_pusd = self._used(self._balances, tenant, tenant, at_s).held_pusd
        return (self.credit_pusd(tenant, at_s) or 0) - held_pusd

    def _used(
        self, balances: dict[str, Balance], account: str, tenant: str, at_s: float
    ) -> Balance:
        """What limits are held against."""
        return self._current(balances, account, tenant, at_s)

    def _is_prepaid(self, tenant: str) -> bool:
        found = self._tenants.get(tenant)
        return found is not None and found.prepaid

    def _is_limited(self, name: str) -> bool:
        """Whether it or anybody above it has a budget or is prepaid."""
        seen = set()
        tenant = self._tenants.get(name)
        while tenant is not None and tenant.name not in seen:
            if tenant.prepaid or tenant.budget_pusd is not None:
                return True
            seen.add(tenant.name)
            tenant = self._tenants.get(tenant.parent) if tenant.parent else None
        return False

    def _current(
        self, balances: dict[str, Balance], account: str, tenant: str, at_s: float
    ) -> Balance:
        balance = balances.get(account)
        if balance is None:
            balance = balances[account] = Balance(self._month(tenant, at_s))
        elif at_s >= balance.month.end_s:
            balance.month = self._month(tenant, at_s)
            balance.spent_pusd = 0
            for share in (self._shares or {}).values():
                (share.spent if balances is self._balances else share.keys).pop(account, None)
        return balance

    def _month(self, tenant: str, at_s: float) -> Month:
        found = self._tenants.get(tenant)
        return month_at(at_s, found.timezone if found else "UTC")


def _legs(entry: Hold | Settle) -> list[tuple[str, int]]:
    """Who pays for a request and what, from the tenant upwards."""
    upline = [(hop.party, hop.amount_pusd) for hop in entry.upline]
    return [(entry.tenant, entry.amount_pusd), *upline]


def _shortage(
    account: str,
    kind: Literal["budget", "key_budget"],
    balance: Balance,
    budget_pusd: int,
    amount_pusd: int,
) -> Shortage | None:
    remaining_pusd = budget_pusd - balance.spent_pusd - balance.held_pusd
    if amount_pusd <= remaining_pusd:
        return None
    return Shortage(account, kind, remaining_pusd, balance.month.end_s)


def _add(amounts: dict[str, int], name: str, amount_pusd: int) -> None:
    amounts[name] = amounts.get(name, 0) + amount_pusd


def _copied_shares(shares: dict[int, Share]) -> dict[int, Share]:
    return {
        run: Share(dict(share.spent), dict(share.keys), dict(share.drawn))
        for run, share in shares.items()
    }


def _copied(balances: dict[str, Balance]) -> dict[str, Balance]:
    """A snapshot must not move with the accounts it was taken from, nor with those that start from it."""
    return {account: copy(balance) for account, balance in balances.items()}
