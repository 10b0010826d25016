"""Accounts that several gateways share: each knows its own requests and reads in a table what the others use.

A hold on an account with a limit is accepted in turn: one gateway at a time adds up what all use and writes down its
own. Everything else only makes use smaller, or is for work that was done, and needs no turn; but a settlement that
draws on credit does, because it asks what others have left of it. So budget and credit are exact at every moment, and
nobody waits for an answer: not of the books, and not of a gateway that may hang.

When a gateway dies, what it used stays in the table until one that begins has read its journal. What of it is durable
is never more than that, because a use is in the table before its entry is in the journal.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from wattmill.core.errors import LedgerBusy
from wattmill.core.records import Usage
from wattmill.core.roster import Grant, Key, Roster, Tenant
from wattmill.ledger.accounts import Accounts, AccountsState, Balance
from wattmill.ledger.book import Book, EntrySink, Held, HoldRefused
from wattmill.ledger.entries import Hold, Settle, Void, Waive
from wattmill.ledger.periods import Month
from wattmill.ledger.use_table import Use, UseTable

BUSY = "another gateway does not end its turn at the budgets"


class Turn(Protocol):
    """One gateway at a time; a gateway that dies has ended its turn."""

    def take(self) -> bool:
        """``False`` when it is another's for too long."""

    def wait(self) -> None:
        """Take it, however long that needs."""

    def end(self) -> None: ...


class SharedAccounts(Accounts):
    """The accounts of one gateway's own requests; limits hold against what all use."""

    def __init__(self, table: UseTable, gateway: int) -> None:
        super().__init__()
        self._table = table
        self._gateway = gateway
        self._drawn_by_all = _DrawnByAll(self)

    def set_parties(
        self, tenants: Iterable[Tenant], keys: Iterable[Key] = (), grants: Iterable[Grant] = ()
    ) -> None:
        tenants, keys, grants = tuple(tenants), tuple(keys), tuple(grants)
        super().set_parties(tenants, keys, grants)
        for name in (*map(_party, (tenant.name for tenant in tenants)), *map(_grant, grants)):
            self._table.row(name)
        for key in keys:
            self._table.row(_key(key.id))

    def asks_credit(self, hold: Hold) -> bool:
        """Whether anybody on the way up has credit to draw on, or is prepaid and must not draw more."""
        parties = (hold.tenant, *(hop.party for hop in hold.upline))
        return any(party in self._credits or self._is_prepaid(party) for party in parties)

    def drawn_by_others(self, grant: str) -> int:
        """What other gateways and past runs drew from a grant."""
        row = self._table.row(f"grant {grant}")
        return sum(use.spent_pusd for use in self._table.others(row, self._gateway))

    def _used(
        self, balances: dict[str, Balance], account: str, tenant: str, at_s: float
    ) -> Balance:
        own = self._current(balances, account, tenant, at_s)
        name = _party(account) if balances is self._balances else _key(account)
        month = _count(own.month)
        spent_pusd, held_pusd = own.spent_pusd, own.held_pusd
        for use in self._table.others(self._table.row(name), self._gateway):
            held_pusd += use.held_pusd
            if use.month >= month:
                spent_pusd += use.spent_pusd
        return Balance(own.month, spent_pusd, held_pusd)

    # --- folding: what was used is written down ----------------------------------------------------------------------

    def _hold(self, hold: Hold) -> bool:
        if not super()._hold(hold):
            return False
        self._write(hold)
        return True

    def _void(self, void: Void) -> bool:
        hold = self._open.get(void.request)
        if hold is None or not super()._void(void):
            return False
        self._write(hold)
        return True

    def _settle(self, settle: Settle) -> bool:
        if not super()._settle(settle):
            return False
        self._write_draws(settle)
        self._write(settle)
        return True

    def _waive(self, waive: Waive) -> bool:
        settle = self._unconfirmed.get(waive.request)
        if settle is None or not super()._waive(waive):
            return False
        self._write(settle)
        self._write_draws(settle)
        return True

    def _write(self, entry: Hold | Settle) -> None:
        self._write_balance(_key(entry.key), self._keys[entry.key])
        self._write_balance(_party(entry.tenant), self._balances[entry.tenant])
        for hop in entry.upline:
            self._write_balance(_party(hop.party), self._balances[hop.party])

    def _write_balance(self, name: str, balance: Balance) -> None:
        use = _count(balance.month), balance.spent_pusd, balance.held_pusd
        self._table.write(self._table.row(name), self._gateway, use)

    def _write_draws(self, settle: Settle) -> None:
        for draw in settle.draws:
            row = self._table.row(f"grant {draw.grant}")
            self._table.write(row, self._gateway, Use(0, self._drawn[draw.grant], 0))


class _DrawnByAll:
    """What all have drawn from each grant."""

    def __init__(self, accounts: SharedAccounts) -> None:
        self._accounts = accounts

    def get(self, grant: str, _otherwise: int, /) -> int:
        return self._accounts.drawn_pusd(grant) + self._accounts.drawn_by_others(grant)


class SharedBook(Book):
    """The book of one of several gateways."""

    accounts: SharedAccounts

    def __init__(
        self, accounts: SharedAccounts, sink: EntrySink, roster: Roster, table: UseTable, turn: Turn
    ) -> None:
        self._table = table
        self._turn = turn
        super().__init__(accounts, sink, roster)

    def hold(
        self, request: int, at_s: float, *, tenant: str, key: str, **more: Any
    ) -> Held | HoldRefused:
        """As ``Book.hold``; ``LedgerBusy`` while another gateway hangs in its turn."""
        if not self.accounts.is_limited(tenant, key):
            return super().hold(request, at_s, tenant=tenant, key=key, **more)
        if not self._turn.take():
            raise LedgerBusy(BUSY)
        try:
            at_s = self._table.not_before(at_s)
            return super().hold(request, at_s, tenant=tenant, key=key, **more)
        finally:
            self._turn.end()

    def settle(
        self, request: int, at_s: float, pool: str, usage: Usage, outcome: str
    ) -> int | None:
        """As ``Book.settle``."""
        hold = self.accounts.held(request)
        if hold is None or not self.accounts.asks_credit(hold):
            return super().settle(request, at_s, pool, usage, outcome)
        self._turn.wait()
        try:
            return super().settle(request, self._table.not_before(at_s), pool, usage, outcome)
        finally:
            self._turn.end()


class Journal(EntrySink, Protocol):
    """A journal; the number of its first segment is that of the run which writes it."""

    @property
    def number(self) -> int: ...


class Begun(NamedTuple):
    """A gateway that may serve, and how much of the past it had to end."""

    book: Book
    voided: int
    waived: int


def begin_sharing(
    table: UseTable,
    turn: Turn,
    gateway: int,
    *,
    known: Accounts,
    living: Mapping[int, int],
    journal: Journal,
    roster: Roster,
    at_s: float,
) -> Begun:
    """Let a gateway begin: it ends what the dead left open, and what runs that are over used becomes the past.

    ``known`` are the accounts after everything durable, ``living`` the runs of the gateways that were alive before that
    was read. One gateway begins at a time, and the next not before what this one writes is durable.
    """
    past = Book(known.without(living.values()), journal, roster)
    voided, waived = past.recover(at_s)
    dead = set(range(table.gateways)) - set(living) | {gateway}
    turn.wait()
    try:
        _enter_past(table, past.accounts.state(), dead)
        table.set_run(gateway, journal.number)
    finally:
        turn.end()
    own = SharedAccounts(table, gateway)
    return Begun(SharedBook(own, journal, roster, table=table, turn=turn), voided, waived)


def _enter_past(table: UseTable, past: AccountsState, dead: Iterable[int]) -> None:
    """In place of what dead gateways wrote. Killed anywhere in it the table says too much, never too little, until the
    next gateway begins."""
    for name, use in _uses(past):
        table.write(table.row(name), table.past, use)
    for gateway in dead:
        table.set_run(gateway, 0)
        table.clear(gateway)


def _uses(past: AccountsState) -> Iterator[tuple[str, Use]]:
    assert not past.open_holds and not past.unconfirmed, "runs that are over have nothing open"
    for account, balance in past.balances.items():
        yield _party(account), Use(_count(balance.month), balance.spent_pusd, 0)
    for key, balance in past.keys.items():
        yield _key(key), Use(_count(balance.month), balance.spent_pusd, 0)
    for grant, drawn_pusd in past.drawn.items():
        yield f"grant {grant}", Use(0, drawn_pusd, 0)


def _party(name: str) -> str:
    return f"party {name}"


def _key(key: str) -> str:
    return f"key {key}"


def _grant(grant: Grant) -> str:
    return f"grant {grant.id}"


def _count(month: Month) -> int:
    return _count_of(month.name)


@lru_cache(maxsize=64)
def _count_of(name: str) -> int:
    """Months since the year 0: the same for one month of all calendars."""
    return int(name[:4]) * 12 + int(name[5:])
