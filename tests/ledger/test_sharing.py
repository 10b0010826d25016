"""Several gateways share budgets and credit exactly, whoever is killed between any two writes."""

import mmap
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from random import Random

import pytest
from msgspec.structs import replace

from wattmill.core.errors import LedgerBusy, LedgerError
from wattmill.core.records import Price, Usage
from wattmill.core.roster import Grant, Key, Roster, Tenant
from wattmill.ledger.accounts import Accounts, AccountsState
from wattmill.ledger.book import Book, Held, HoldRefused
from wattmill.ledger.entries import RUN_BITS, Deliver, Entry, Hold, Hop, Settle, Void, Waive
from wattmill.ledger.periods import month_at
from wattmill.ledger.sharing import Turn, begin_sharing
from wattmill.ledger.use_table import NO_USE, Use, UseTable

GATEWAYS = 3
NOW_S = datetime(2026, 11, 30, 22, tzinfo=UTC).timestamp()
UNIT = Price(1, "plan", 0.0, 1, 0, 0, 0, 0, 0, 0, 0)
TENANTS = {
    "acme": Tenant("acme", "plan", "UTC", budget_pusd=1000),
    "bolt": Tenant("bolt", "plan", "America/New_York", budget_pusd=700, parent="above"),
    "above": Tenant("above", "plan", "UTC", budget_pusd=900),
    "cash": Tenant("cash", "plan", "UTC", prepaid=True),
    "free": Tenant("free", "plan", "UTC"),
}
KEYS = {
    "a": Key("a", "", "acme"),
    "a2": Key("a2", "", "acme", budget_pusd=400),
    "b": Key("b", "", "bolt"),
    "c": Key("c", "", "cash"),
    "f": Key("f", "", "free"),
}
GRANTS = (
    Grant("g1", "cash", 300, 1, NOW_S, NOW_S + 9 * 3600),
    Grant("g2", "cash", 500, 1, NOW_S + 1800),
    Grant("g3", "cash", 200, 2, NOW_S),
)


def roster(**tenants: Tenant) -> Roster:
    parties = tuple({**TENANTS, **tenants}.values())
    return Roster(1, parties, tuple(KEYS.values()), (UNIT,), grants=GRANTS)


class Killed(BaseException):
    """SIGKILL: nothing of the process runs any more."""


class Memory(UseTable):
    """The table as one process sees it: it may be killed before and within any write, and interrupted at any read."""

    def __init__(self, memory: mmap.mmap) -> None:
        super().__init__(memory, GATEWAYS)
        self.writes_left: int | None = None
        self.meanwhile: list[Callable[[], None]] = []

    def _write_copy(self, place: int, use: tuple[int, int, int]) -> None:
        self._step()
        if self.writes_left == 0:
            self._memory[place : place + 17] = b"\xee" * 17
        self._step()
        super()._write_copy(place, use)
        self._step()

    def _step(self) -> None:
        if self.writes_left is not None:
            self.writes_left -= 1
            if self.writes_left < 0:
                raise Killed

    def read(self, row: int, cell: int) -> Use:
        if self.meanwhile:
            self.meanwhile.pop()()
        return super().read(row, cell)


class Free:
    """Everybody's turn: here one acts at a time."""

    def take(self) -> bool:
        return True

    def wait(self) -> None: ...

    def end(self) -> None: ...


@dataclass
class Journal:
    """What one run has written; ``durable`` entries of it are on disk for certain, what is behind may be."""

    number: int
    entries: list[Entry] = field(default_factory=list)
    durable: int = 0

    def append(self, entry: Entry) -> int:
        self.entries.append(entry)
        return len(self.entries)


@dataclass
class Gateway:
    """One that lives."""

    book: Book
    table: Memory
    journal: Journal
    roster: Roster
    requests: Iterator[int]


@dataclass
class Factory:
    """Gateways, their journals, and the books that follow them."""

    now_s: float = NOW_S
    roster: Roster = field(default_factory=roster)
    memory: mmap.mmap = field(default_factory=lambda: mmap.mmap(-1, 2**17))
    living: dict[int, Gateway] = field(default_factory=dict)
    journals: dict[int, Journal] = field(default_factory=dict)
    loaded: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    books: Accounts = field(default_factory=lambda: Accounts(by_run=True))
    state: AccountsState = field(default_factory=AccountsState)
    positions: dict[int, int] = field(default_factory=dict)
    unrecovered: bool = False

    # --- its processes -----------------------------------------------------------------------------------------------

    def begin(self, number: int, writes: int | None = None) -> None:
        """Start a gateway; it may be killed after some writes."""
        living = {other: gateway.journal.number for other, gateway in self.living.items()}
        known = Accounts(self.state, by_run=True)
        known.set_parties(self.roster.tenants, self.roster.keys, self.roster.grants)
        for run in sorted(self.journals):
            journal = self.journals[run]
            readable = journal.durable if run in living.values() else len(journal.entries)
            for entry in journal.entries[self.positions.get(run, 0) : readable]:
                known.apply(entry)
        run = len(self.journals) + 1
        journal = self.journals[run] = Journal(run)
        table = Memory(self.memory)
        table.writes_left = writes
        try:
            book, _, _ = begin_sharing(
                table, Free(), number, known=known, living=living,
                journal=journal, roster=self.roster, at_s=self.now_s,
            )  # fmt: skip
        except Killed:
            journal.entries = []
            self.unrecovered = True
            return
        table.writes_left = None
        journal.durable = len(journal.entries)
        requests = iter(range(run << RUN_BITS, (run + 1) << RUN_BITS))
        self.living[number] = Gateway(book, table, journal, self.roster, requests)
        self.unrecovered = self.unrecovered and len(self.living) < GATEWAYS

    def kill(self, number: int, kept: int) -> None:
        """What was not synced may be on disk, as far as ``kept`` says."""
        journal = self.living.pop(number).journal
        journal.entries = journal.entries[: journal.durable + kept]
        journal.durable = len(journal.entries)
        self.unrecovered = True

    def load(self) -> None:
        """The books read what is durable, in the order of the segments, and write a snapshot."""
        self.books.set_parties(self.roster.tenants)
        for run in sorted(self.journals):
            journal = self.journals[run]
            for entry in journal.entries[self.loaded[run] : journal.durable]:
                self.books.apply(entry)
            self.loaded[run] = journal.durable
        living = {gateway.journal.number for gateway in self.living.values()}
        self.books.forget_shares(living)
        self.state, self.positions = self.books.state(), dict(self.loaded)

    # --- the truth, added up anew ------------------------------------------------------------------------------------

    def ends(self) -> Iterator[tuple[Hold, Settle | None]]:
        """Requests that count: open or charged in a gateway that lives, delivered in one that does not."""
        for run, journal in self.journals.items():
            lives = any(run == gateway.journal.number for gateway in self.living.values())
            holds = {e.request: e for e in journal.entries if isinstance(e, Hold)}
            settles = {e.request: e for e in journal.entries if isinstance(e, Settle)}
            gone = {e.request for e in journal.entries if isinstance(e, Void | Waive)}
            delivered = {e.request for e in journal.entries if isinstance(e, Deliver)}
            for request, hold in holds.items():
                if request in delivered or (lives and request not in gone):
                    yield hold, settles.get(request)

    def used_pusd(self, account: str, month: str) -> int:
        """What is held on an account, and what was charged to it in a month of its calendar."""
        total = 0
        for hold, settle in self.ends():
            held = {hold.tenant: hold.amount_pusd, hold.key: hold.amount_pusd}
            held |= {hop.party: hop.amount_pusd for hop in hold.upline}
            if account not in held:
                continue
            if settle is None:
                total += held[account]
            elif self.month(account, hold.at_s) == month:
                charged = {settle.tenant: settle.amount_pusd, settle.key: settle.amount_pusd}
                charged |= {hop.party: hop.amount_pusd for hop in settle.upline}
                total += charged[account]
        return total

    @staticmethod
    def month(account: str, at_s: float) -> str:
        tenant = KEYS[account].tenant if account in KEYS else account
        return month_at(at_s, TENANTS[tenant].timezone).name

    def drawn_pusd(self) -> dict[str, int]:
        drawn: dict[str, int] = defaultdict(int)
        for _, settle in self.ends():
            for draw in settle.draws if settle else ():
                drawn[draw.grant] += draw.amount_pusd
        return drawn

    def credit_pusd(self, at_s: float) -> int:
        """What no request may draw or has drawn of the credit that is alive."""
        drawn = self.drawn_pusd()
        held = sum(h.amount_pusd for h, s in self.ends() if s is None and h.tenant == "cash")
        alive = (g for g in GRANTS if g.is_alive(at_s))
        return sum(g.amount_pusd - drawn[g.id] for g in alive) - held

    def left_pusd(self, hold: Hold, limits: Roster, *, is_held: bool = False) -> list[int]:
        """What each limit on a request's way up leaves beyond the request."""
        budgets: dict[str, int | None] = {key.id: key.budget_pusd for key in limits.keys}
        budgets |= {tenant.name: tenant.budget_pusd for tenant in limits.tenants}
        asked = {hold.tenant: hold.amount_pusd, hold.key: hold.amount_pusd}
        asked |= {hop.party: hop.amount_pusd for hop in hold.upline}
        left = [
            budget
            - self.used_pusd(account, self.month(account, hold.at_s))
            - amount * (not is_held)
            for account, amount in asked.items()
            if (budget := budgets.get(account)) is not None
        ]
        if hold.tenant == "cash":
            left.append(self.credit_pusd(hold.at_s) - hold.amount_pusd * (not is_held))
        return left


class Play:
    """One run of a factory under a list of deeds. A hold is accepted if and only if every limit covers it; as long as a
    dead gateway has not begun again, only if."""

    def __init__(self) -> None:
        self.factory = Factory()
        self.answers: Counter[str] = Counter()
        for number in range(GATEWAYS):
            self.factory.begin(number)

    def do(self, what: str, number: int, which: int, amount: int, writes: int | None) -> None:
        """One deed of a gateway; after some writes to the table it is killed."""
        gateway = self.factory.living.get(number)
        if what in ("load", "pass_time", "change_budget", "power_fails"):
            getattr(self, what)(number, amount)
        elif what == "begin":
            if gateway is None:
                self.factory.begin(number, writes)
        elif gateway is not None:
            getattr(self, what)(number, gateway, which, amount, writes)

    def act(self, number: int, deed: Callable[[], object], writes: int | None) -> object:
        """Something that a gateway does, and may not survive."""
        table = self.factory.living[number].table
        table.writes_left = writes
        try:
            return deed()
        except Killed:
            self.answers["killed"] += 1
            self.factory.kill(number, kept=10**6)
            return None
        finally:
            table.writes_left = None

    # --- what gateways do --------------------------------------------------------------------------------------------

    def hold(
        self, number: int, gateway: Gateway, which: int, amount: int, writes: int | None
    ) -> None:
        factory = self.factory
        key = sorted(KEYS)[which % len(KEYS)]
        tenant = KEYS[key].tenant
        upline = (Hop("above", 1, amount // 2),) if tenant == "bolt" else ()
        request = next(gateway.requests)
        asked = Hold(request, factory.now_s, tenant, key, "m", 1, amount, upline)
        before = factory.left_pusd(asked, gateway.roster)
        if which % 2 and tenant != "cash":  # credit is settled in turn, so not meanwhile
            gateway.table.meanwhile = [partial(self.settle_another, number, which)] * 3
        who = {"tenant": tenant, "key": key, "model": "m", "price": 1}
        answer = self.act(
            number,
            lambda: gateway.book.hold(
                request,
                factory.now_s,
                amount_pusd=amount,
                upline=upline,
                **who,  # type: ignore[arg-type]
            ),
            writes,
        )
        gateway.table.meanwhile = []
        if answer is None:
            return
        self.answers[type(answer).__name__] += 1
        if isinstance(answer, Held):
            after = factory.left_pusd(asked, gateway.roster, is_held=True)
            assert min(after, default=0) >= 0, "more is used than the limit allows"
        elif not factory.unrecovered:
            assert min(before, default=0) < 0, "it was covered and is refused"

    def settle_another(self, number: int, which: int) -> None:
        """While one gateway adds up, another's request ends."""
        for other, gateway in self.factory.living.items():
            holds = [h for h in gateway.book.accounts.open_holds if h.tenant != "cash"]
            if other != number and holds:
                hold = holds[which % len(holds)]
                tokens = min(40, hold.amount_pusd, *(hop.amount_pusd for hop in hold.upline))
                gateway.book.settle(hold.request, self.factory.now_s, "p", Usage(tokens), "ok")
                self.answers["meanwhile"] += 1
                return

    def settle(
        self, number: int, gateway: Gateway, which: int, amount: int, writes: int | None
    ) -> None:
        """For less than was held; with prepaid credit also for more."""
        if not (holds := gateway.book.accounts.open_holds):
            return
        hold = holds[which % len(holds)]
        if hold.tenant != "cash":
            amount = min([amount, hold.amount_pusd, *(hop.amount_pusd for hop in hold.upline)])
        now_s, usage = self.factory.now_s, Usage(amount)
        self.act(number, lambda: gateway.book.settle(hold.request, now_s, "p", usage, "ok"), writes)
        drawn = self.factory.drawn_pusd()
        assert all(0 <= drawn[grant.id] <= grant.amount_pusd for grant in GRANTS)

    def void(
        self, number: int, gateway: Gateway, which: int, _amount: int, writes: int | None
    ) -> None:
        if holds := gateway.book.accounts.open_holds:
            request, now_s = holds[which % len(holds)].request, self.factory.now_s
            self.act(number, lambda: gateway.book.void(request, now_s, None, "x"), writes)

    def waive(
        self, number: int, gateway: Gateway, which: int, _amount: int, writes: int | None
    ) -> None:
        if settles := gateway.book.accounts.unconfirmed:
            request, now_s = settles[which % len(settles)].request, self.factory.now_s
            self.act(number, lambda: gateway.book.waive(request, now_s, "x"), writes)

    def deliver(self, _number: int, gateway: Gateway, which: int, *_: object) -> None:
        """A client is given the end once its settlement is durable."""
        durable = gateway.journal.entries[: gateway.journal.durable]
        settles = [s for s in gateway.book.accounts.unconfirmed if s in durable]
        if settles:
            gateway.book.deliver(settles[which % len(settles)].request, self.factory.now_s)

    def sync(self, _number: int, gateway: Gateway, which: int, *_: object) -> None:
        journal = gateway.journal
        journal.durable += (len(journal.entries) - journal.durable) * which // 99

    def die(self, number: int, _gateway: Gateway, which: int, *_: object) -> None:
        self.factory.kill(number, which % 4)

    # --- what happens to them ----------------------------------------------------------------------------------------

    def load(self, *_: object) -> None:
        self.factory.load()

    def pass_time(self, _number: int, amount: int) -> None:
        self.factory.now_s += amount * 60

    def change_budget(self, number: int, amount: int) -> None:
        """The others hear of it when they begin anew."""
        changed = Tenant("acme", "plan", "UTC", budget_pusd=4 * amount)
        self.factory.roster = roster(acme=changed)
        if gateway := self.factory.living.get(number):
            gateway.roster = self.factory.roster
            gateway.book.set_roster(gateway.roster)

    def power_fails(self, *_: object) -> None:
        """All die, and the memory with them."""
        factory = self.factory
        for number in list(factory.living):
            factory.kill(number, 0)
        factory.memory = mmap.mmap(-1, 2**17)
        for number in range(GATEWAYS):
            factory.begin(number)

    def end(self) -> None:
        """The books come to what is true."""
        factory = self.factory
        for number in list(factory.living):
            factory.kill(number, 10**6)
        factory.begin(0)
        factory.living[0].journal.durable = len(factory.living[0].journal.entries)
        factory.load()
        assert not factory.books.open_holds and not factory.books.unconfirmed
        for account in TENANTS:
            month = factory.month(account, factory.now_s)
            spent = factory.books.balance(account, factory.now_s).spent_pusd
            assert spent == factory.used_pusd(account, month)
        drawn = factory.books.state().drawn
        assert {grant: amount for grant, amount in drawn.items() if amount} == factory.drawn_pusd()


DEEDS = {
    "hold": 40,
    "settle": 18,
    "deliver": 14,
    "sync": 14,
    "void": 4,
    "waive": 3,
    "begin": 6,
    "die": 1.5,
    "load": 3,
    "change_budget": 1,
    "pass_time": 0.7,
    "power_fails": 0.2,
}
"""How often what is tried."""
SEEDS = int(os.environ.get("WATTMILL_SHARING_SEEDS", "30"))
DEEDS_EACH = 500


def played(seed: int) -> Play:
    draw = Random(seed)
    play = Play()
    for what in draw.choices(list(DEEDS), list(DEEDS.values()), k=DEEDS_EACH):
        deadly, most = (0.5, 60) if what == "begin" else (0.1, 15)
        writes = draw.randrange(most) if draw.random() < deadly else None
        play.do(what, draw.randrange(GATEWAYS), draw.randrange(100), draw.randrange(300), writes)
    play.end()
    return play


@pytest.mark.parametrize("seed", range(SEEDS))
def test_limits_hold_to_the_last_pusd_whoever_dies_when(seed: int) -> None:
    """A failing run is its seed; each deed is held against the limits in `Play`."""
    assert played(seed).answers.total() > 0


def test_enough_is_tried() -> None:
    """Holds of both kinds, deaths in the middle of writing, and ends while another adds up."""
    tried = played(0).answers + played(1).answers
    for name in ("Held", "HoldRefused", "killed", "meanwhile"):
        assert tried[name] >= 10, f"{name}: {tried[name]} times"


# --- cases ------------------------------------------------------------------------------------------------------------


def journalled(number: int, draw: Random) -> list[Entry]:
    """What a gateway that was alone has written."""
    play = Play()
    for other in range(1, GATEWAYS):
        play.factory.kill(other, 0)
    for what in draw.choices(["hold", "settle", "void", "waive", "sync", "deliver"], k=60):
        play.do(what, 0, draw.randrange(100), draw.randrange(100), None)
    entries = play.factory.journals[1].entries
    shift = (number - 1) << RUN_BITS
    for at, entry in enumerate(entries):
        number = entry.request + shift
        entries[at] = replace(entry, request=number)
    return entries


@pytest.mark.parametrize("seed", range(20))
def test_accounts_without_a_run_are_those_of_the_others(seed: int) -> None:
    """In whatever order the entries of several runs are read, as long as each run's are in its own."""
    draw = Random(seed)
    runs = {number: journalled(number, draw) for number in (1, 2, 3)}
    order = [number for number, entries in runs.items() for _ in entries]
    draw.shuffle(order)
    all_, others = Accounts(by_run=True), Accounts()
    unread = {number: iter(entries) for number, entries in runs.items()}
    for number in order:
        entry = next(unread[number])
        all_.apply(entry)
        if number != 2:
            others.apply(entry)
    assert worth(all_.without({2})) == worth(others)
    assert worth(Accounts(all_.state(), by_run=True).without({2})) == worth(others)


def worth(accounts: Accounts) -> tuple[object, ...]:
    """The state, but for accounts with nothing in them and the order of what is open."""
    state = accounts.state()
    balances = {
        name: (balance.month.name, balance.spent_pusd, balance.held_pusd)
        for name, balance in {**state.balances, **state.keys}.items()
        if balance.spent_pusd or balance.held_pusd
    }
    drawn = {grant: amount for grant, amount in state.drawn.items() if amount}
    held = {hold.request for hold in state.open_holds}
    unconfirmed = {settle.request for settle in state.unconfirmed}
    return balances, drawn, held, unconfirmed


def two(turn: Turn | None = None) -> tuple[Book, Book, list[Journal]]:
    memory, limits = mmap.mmap(-1, 2**17), roster()
    journals = [Journal(1), Journal(2)]
    books = [
        begin_sharing(
            Memory(memory),
            turn or Free(),
            number,
            known=Accounts(by_run=True),
            living={0: 1} if number else {},
            journal=journal,
            roster=limits,
            at_s=NOW_S,
        ).book
        for number, journal in enumerate(journals)
    ]
    return books[0], books[1], journals


def ask(book: Book, request: int, amount: int, key: str = "a", at_s: float = NOW_S) -> object:
    tenant = KEYS[key].tenant
    return book.hold(request, at_s, tenant=tenant, key=key, model="m", price=1, amount_pusd=amount)


def test_what_one_has_spent_and_holds_the_other_cannot() -> None:
    one, other, _ = two()
    assert isinstance(ask(one, 1 << RUN_BITS, 600), Held)
    refused = ask(other, 2 << RUN_BITS, 401)
    assert isinstance(refused, HoldRefused)
    assert refused.shortage.remaining_pusd == 400
    one.settle(1 << RUN_BITS, NOW_S, "p", Usage(100), "ok")
    assert isinstance(ask(other, 3 << RUN_BITS, 900), Held)


def test_a_month_ends_for_all_at_once() -> None:
    """One gateway looked at its clock just before midnight and has its turn just after another began the new month and
    forgot what it had spent in the old one: the hold is of the new month, too."""
    one, other, journals = two()
    midnight_s = NOW_S + 2 * 3600
    ask(one, 1, 1000)
    one.settle(1, NOW_S, "p", Usage(1000), "ok")
    ask(one, 2, 1, at_s=midnight_s)
    assert isinstance(ask(other, 3, 999, at_s=midnight_s - 0.001), Held)
    entry = journals[1].entries[-1]
    assert entry.at_s == midnight_s


class Hanging(Free):
    """Another has its turn and does not end it."""

    hangs = False

    def take(self) -> bool:
        return not self.hangs

    def wait(self) -> None:
        assert not self.hangs, "this would hang, too"


def test_a_gateway_that_hangs_in_its_turn_stops_only_new_holds_with_a_limit() -> None:
    turn = Hanging()
    one, _, journals = two(turn)
    ask(one, 1, 100)
    turn.hangs = True
    with pytest.raises(LedgerBusy):
        ask(one, 2, 100)
    assert one.settle(1, NOW_S, "p", Usage(7), "ok")
    assert isinstance(ask(one, 3, 100, "f"), Held)
    turn.hangs = False
    assert isinstance(ask(one, 4, 993), Held)
    assert [entry.request for entry in journals[0].entries] == [1, 1, 3, 4]


def test_there_is_an_end_to_what_can_be_shared() -> None:
    table = UseTable(mmap.mmap(-1, 4096 + 1536), 3)
    rows = [table.row(f"party {number}") for number in range(3)]
    with pytest.raises(LedgerError, match="3 tenants, keys and grants"):
        table.row("party 3")
    assert [table.row(f"party {number}") for number in range(3)] == rows


def test_a_row_is_the_same_for_all_who_look() -> None:
    memory = mmap.mmap(-1, 2**16)
    one, other = UseTable(memory, 2), UseTable(memory, 2)
    for number in range(20):
        table = (one, other)[number % 2]
        table.write(table.row(f"party {number}"), number % 2, Use(number, -(2**100), 2**100))
    for number in range(20):
        table = (other, one)[number % 2]
        row = table.row(f"party {number}")
        assert table.read(row, number % 2) == Use(number, -(2**100), 2**100)
        assert table.read(row, 1 - number % 2) == NO_USE
