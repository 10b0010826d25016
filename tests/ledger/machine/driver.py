"""The real book, journal, loader and store beside the reference: one does what the other says, and both are compared.

The gateway and the books have a folder each. A journal segment is in the folder of the books once it has *arrived*
there, which may be days after it was written.
"""

import os
import shutil
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event, select
from tests.ledger.machine.reference import Grant, Party, Place, Reference, Tokens, everything

from wattmill.core.clock import ManualClock
from wattmill.core.records import Price, Usage
from wattmill.core.roster import Grant as RosterGrant
from wattmill.core.roster import Key, Roster, Tenant
from wattmill.ledger import chain, schema
from wattmill.ledger import loader as loading
from wattmill.ledger.accounts import Accounts
from wattmill.ledger.billing import corrections, credit
from wattmill.ledger.book import Book, Held, HoldRefused
from wattmill.ledger.entries import RUN_BITS, Entry, Hop
from wattmill.ledger.journal import create_segment, encode_frame, segment_path
from wattmill.ledger.loader import Loader
from wattmill.ledger.periods import month_at, month_named
from wattmill.ledger.records import Correction
from wattmill.ledger.snapshot import JOURNAL, Snapshot, recover, write_snapshot
from wattmill.ledger.store import Store
from wattmill.ledger.usage import usage

START_S = 1_793_426_400.0
"""06:00 UTC on 31 October 2026: the month is about to end, in one zone after the other."""
PARTIES = {
    "acme": Party("America/New_York", budget=3_000),
    "shop": Party("Asia/Kolkata", parent="reseller"),
    "salon": Party("Pacific/Auckland", prepaid=True, parent="reseller"),
    "reseller": Party("Europe/Berlin", budget=2_500, prepaid=False, parent="broker"),
    "broker": Party("UTC", prepaid=True),
}
KEYS = {
    "k_acme": ("acme", 2_000),
    "k_web": ("acme", None),
    "k_shop": ("shop", 1_500),
    "k_salon": ("salon", None),
}
HOPS = 3
"""So many versions of prices are made at once: one for each hop of the longest way up."""


class Killed(BaseException):
    """The process is gone."""


class Driver:
    """Everything that runs, in a folder, and the reference beside it."""

    def __init__(self, folder: Path, blank: Path) -> None:
        self.ref = Reference(dict(PARTIES), KEYS)
        self.clock = ManualClock(START_S)
        self._gateway, self._books = folder / "gateway", folder / "books"
        shutil.copytree(blank, self._books)
        (self._books / JOURNAL).mkdir()
        self._frames: dict[int, dict[int, int]] = {}
        """Of each segment: the end of each whole frame in bytes, and how many entries there are up to it."""
        self._needs: dict[int, set[int]] = {}
        """Which segments must have arrived before one: it ends requests that began there."""
        self._came: set[int] = set()
        """Segments that have arrived at the books."""
        self._corrections: list[tuple[str, float, Tokens, int]] = []
        self._look = 0
        self._pins: list[tuple[int, dict[Any, Any]]] = []
        self._snapshot_version = 0
        self.open_store()
        self.add_prices(10, 30, 1)
        self.grant("broker", 900, 1, 86_400.0)
        self.grant("salon", 600, 1, None)
        self._start_gateway()

    # --- the books ---

    def open_store(self) -> None:
        """As after a crash of their process: everything that is known comes from the disk."""
        self.store = Store(self._books, write=True)
        self.loader = Loader(self.store, self.clock)
        self.loader.accounts.set_parties(self._roster().tenants)

    def close_store(self) -> None:
        self.store.close()

    def load(self, batch: int) -> None:
        loading.BATCH_ENTRIES = batch
        self.loader.load_some()

    def load_and_die(self, statement: int, batch: int) -> None:
        """The process of the books is killed as the database is about to be told something."""
        loading.BATCH_ENTRIES = batch
        left = statement

        def execute(*_: object) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise Killed

        engine = self.store._engine
        event.listen(engine, "before_cursor_execute", execute)
        try:
            self.loader.load_some()
        except Killed:
            pass
        finally:
            event.remove(engine, "before_cursor_execute", execute)
        self.close_store()
        self.open_store()

    def publish(self) -> None:
        """A new snapshot; what the gateway no longer needs of the journal is deleted."""
        self._write_snapshot()
        for number in self.loader.retire_segments():
            segment_path(self._gateway / JOURNAL, number).unlink()
        self.book.set_roster(self._roster())

    def _write_snapshot(self) -> None:
        self._snapshot_version += 1
        self._gateway.mkdir(exist_ok=True)
        accounts, positions = self.loader.accounts, self.loader.positions
        write_snapshot(self._gateway, Snapshot(self._roster(), accounts.state(), positions))

    def arrive(self, which: int) -> None:
        """A segment comes to the books."""
        if waiting := self.waiting:
            number = waiting[which % len(waiting)]
            source = segment_path(self._gateway / JOURNAL, number)
            segment_path(self._books / JOURNAL, number).hardlink_to(source)
            self._came.add(number)

    @property
    def waiting(self) -> list[int]:
        """Segments that may arrive next."""
        here = self._came
        return [n for n in self._frames if n not in here and self._needs[n] <= here]

    @property
    def loaded_charges(self) -> list[int]:
        return self.ref.in_state("charged", view=self.has_loaded)

    @property
    def has_uncommitted(self) -> bool:
        return bool(self._entries)

    @property
    def has_time_left(self) -> bool:
        """Before the last month that is looked at ends."""
        return self.clock.now_s() < START_S + 100 * 86_400

    def wait_until_month_ends(self, party: str, seconds: float) -> None:
        """Until so long after the end of the month where somebody lives."""
        month = month_at(self.clock.now_s(), self.ref.parties[party].zone)
        self.clock.set(month.end_s + seconds)

    # --- roster ---

    def add_prices(self, into: int, out: int, per: int) -> None:
        """From now on a token costs something else, on each hop a little less."""
        for hop in range(HOPS):
            self.ref.prices.append((max(into - hop, 0), max(out - 2 * hop, 0), per))
        self._in_force()

    def grant(self, party: str, amount: int, priority: int, lasts_s: float | None) -> None:
        now_s = self.clock.now_s()
        expires_us = None if lasts_s is None else round((now_s + lasts_s) * 1e6)
        with self.store.transaction() as connection:
            row = credit.grant(
                connection,
                party,
                amount,
                priority=priority,
                expires_us=expires_us,
                source="bought",
                reference="",
                document=None,
                now_us=round(now_s * 1e6),
            )
        end = float("inf") if row.expires_us is None else row.expires_us / 1e6
        start = row.granted_us / 1e6
        self.ref.grants.append(Grant(row.grant, party, amount, priority, start, end))
        self._in_force()

    def _in_force(self) -> None:
        self._write_snapshot()
        if hasattr(self, "book"):
            self.book.set_roster(self._roster())

    def _roster(self) -> Roster:
        tenants = [
            Tenant(name, "plan", party.zone, party.budget, None, None, party.parent, party.prepaid)
            for name, party in self.ref.parties.items()
        ]
        keys = [Key(k, k, tenant, None, None, budget) for k, (tenant, budget) in KEYS.items()]
        prices = [
            Price(version, f"plan-{version}", 0.0, into, 0, 0, out, 0, 0, 0, 0, denominator=per)
            for version, (into, out, per) in enumerate(self.ref.prices, start=1)
        ]
        grants = [
            RosterGrant(
                g.name,
                g.party,
                g.amount,
                g.priority,
                g.start,
                None if g.end == float("inf") else g.end,
            )
            for g in self.ref.grants
        ]
        return Roster(
            self._snapshot_version, tuple(tenants), tuple(keys), tuple(prices), grants=tuple(grants)
        )

    # --- the gateway ---

    def _start_gateway(self) -> None:
        snapshot, accounts = recover(self._gateway)
        at_least = max([*snapshot.positions, *self._frames], default=0) + 1
        self._segment, self._descriptor = create_segment(self._gateway / JOURNAL, at_least)
        self._frames[self._segment] = {}
        self._entries: list[Entry] = []
        self._durable = self._count = 0
        self.book = Book(accounts, self, snapshot.roster)
        self._check_book()
        held, settled = self.ref.in_state("held"), self.ref.in_state("settled")
        self._needs[self._segment] = {
            segment
            for number in (*held, *settled)
            for segment, _ in self.ref.requests[number].places.values()
        }
        assert self.book.recover(self.clock.now_s()) == (len(held), len(settled))
        assert not self.ref.in_state("held", "settled")

    def append(self, entry: Entry) -> int:
        """The journal of the book: written, but not before ``commit`` on disk."""
        place = self._segment, self._durable + len(self._entries)
        self.ref.written(entry.request, type(entry).__name__.lower(), place)
        self._entries.append(entry)
        return place[1] + 1

    def commit(self) -> None:
        """A group becomes durable."""
        if self._entries:
            os.write(self._descriptor, encode_frame(self._entries))
            self._durable += len(self._entries)
            self._entries = []
            self._frames[self._segment][os.fstat(self._descriptor).st_size] = self._durable

    def crash(self, torn_frac: float, zeros: int) -> None:
        """The gateway's machine dies while a group is being written; then it starts again."""
        if self._entries:
            frame = encode_frame(self._entries)
            left = frame[: round(torn_frac * len(frame))] + bytes(zeros)
            if left.startswith(frame):  # a frame may end in the zero that the disk left there
                os.write(self._descriptor, frame)
                self._durable += len(self._entries)
                self._frames[self._segment][os.fstat(self._descriptor).st_size] = self._durable
                left = left[len(frame) :]
            os.write(self._descriptor, left)
        self.ref.forget(self._segment, self._durable)
        os.close(self._descriptor)
        self._start_gateway()

    def hold(self, key: str, tokens: Tokens) -> None:
        now_s, version = self.clock.now_s(), len(self.ref.prices) - HOPS + 1
        way = self.ref.way_up(KEYS[key][0])
        bounds = [self.ref.cost(tokens, version + hop, up=True) for hop in range(len(way))]
        held = dict(zip(way, bounds, strict=True))
        refuses = self.ref.refuses(key, held, now_s)
        self._count += 1
        number = (self._segment << RUN_BITS) + self._count
        if refuses is None:
            self.ref.hold(number, key, version, held, now_s)
        answer = self.book.hold(
            number,
            now_s,
            tenant=way[0],
            key=key,
            model="house",
            price=version,
            amount_pusd=bounds[0],
            upline=tuple(Hop(n, version + hop, held[n]) for hop, n in enumerate(way) if hop),
        )
        assert isinstance(answer, Held | HoldRefused)
        said = answer.shortage.account if isinstance(answer, HoldRefused) else None
        assert said == refuses

    def serve(self, key: str, held: Tokens, used: Tokens) -> None:
        """A whole request, unless it is refused."""
        self.hold(key, held)
        if (newest := (self._segment << RUN_BITS) + self._count) in self.ref.requests:
            self.settle(self.ref.in_state("held").index(newest), used)
            self.end("deliver", list(self.ref.requests).index(newest))

    def settle(self, which: int, tokens: Tokens) -> None:
        if held := self.ref.in_state("held"):
            number = held[which % len(held)]
            self.ref.settle(number, tokens, self.clock.now_s())
            usage = Usage(tokens[0], output_text=tokens[1])
            assert self.book.settle(number, self.clock.now_s(), "here", usage, "finished")

    def end(self, how: str, which: int) -> None:
        """``void``, ``deliver`` or ``waive``; what has ended already stays as it is."""
        numbers = list(self.ref.requests)
        if not numbers:
            return
        number, now_s, book = numbers[which % len(numbers)], self.clock.now_s(), self.book
        ended = number in self.ref.in_state("held" if how == "void" else "settled")
        if how == "void":
            place = book.void(number, now_s, None, "client_gone")
        elif how == "deliver":
            place = book.deliver(number, now_s)
        else:
            place = book.waive(number, now_s, "client_gone")
        assert (place is not None) is ended

    # --- corrections and closing ---

    def correct(self, which: int, tokens: Tokens) -> None:
        """Tokens that were counted too much, or too little, of a request that is charged."""
        charged = self.loaded_charges
        request = self.ref.requests[charged[which % len(charged)]]
        into, out, _ = self.ref.prices[request.price - 1]
        amount = tokens[0] * into + tokens[1] * out
        record = Correction(
            tenant=request.tenant,
            held_us=round(request.held_at * 1e6),
            model="house",
            pool=None,
            price=request.price,
            meters=(tokens[0], 0, 0, tokens[1], 0, 0, 0, 0),
            amount_pusd=amount,
            request=None,
            reason="counted wrongly",
        )
        with self.store.transaction() as connection:
            corrections.enter(connection, record, round(self.clock.now_s() * 1e6))
        self._corrections.append((request.tenant, request.held_at, tokens, amount))

    def close_books(self) -> None:
        """Pin what the books say now, as an invoice does: that must not change, whatever comes later."""
        with self.store.reading() as connection:
            last = chain.tail(connection).number
        self._pins.append((last, self.ref.usage(self.has_loaded, self._corrections)))

    # --- comparing ---

    def has_loaded(self, place: Place) -> bool:
        """Whether the books have read what was written there."""
        segment, number = place
        position = self.loader.positions.get(segment, 0)
        return number < self._frames[segment].get(position, 0)

    def check(self) -> None:
        """What the gateway believes."""
        self._check_book()

    def _check_book(self) -> None:
        self._check_accounts(self.book.accounts, everything)
        now_s = self.clock.now_s()
        for party in self.ref.parties:
            if any(grant.party == party for grant in self.ref.grants):
                left = sum(left for _, left in self.ref.credit(party, now_s, now_s))
                assert self.book.accounts.credit_pusd(party, now_s) == left

    def _check_accounts(self, accounts: Accounts, view: Any) -> None:
        now_s, ref = self.clock.now_s(), self.ref
        for party in ref.parties:
            balance = accounts.balance(party, now_s)
            expected = ref.spent(party, now_s, view), ref.held(party, view)
            assert (balance.spent_pusd, balance.held_pusd) == expected, party
        for key, (tenant, _) in KEYS.items():
            balance = accounts.key_balance(key, tenant, now_s)
            assert (balance.spent_pusd, balance.held_pusd) == ref.key_money(key, now_s, view), key
        assert sorted(h.request for h in accounts.open_holds) == sorted(
            ref.in_state("held", view=view)
        )
        unconfirmed = sorted(settle.request for settle in accounts.unconfirmed)
        assert unconfirmed == sorted(ref.in_state("settled", view=view))
        for grant in ref.grants:
            drawn = accounts.drawn_pusd(grant.name)
            assert drawn == grant.amount - ref.left(grant, view)
            assert 0 <= drawn <= grant.amount

    def check_books(self, *, thorough: bool = False) -> None:
        """What the books believe and what is in the database; and that the chain is unbroken.

        ``thorough``: usage of every tenant and month, also as it was when they were closed; otherwise of one in turn.
        """
        self._check_accounts(self.loader.accounts, self.has_loaded)
        self._check_accounts(Accounts(self.store.accounts_state()), self.has_loaded)
        with self.store.reading() as connection:
            assert not list(chain.verify(connection))
            self._check_rows(connection)
        expected = self.ref.usage(self.has_loaded, self._corrections)
        names = sorted({(tenant, when) for tenant, when, _ in expected})
        self._look = self._look + 1
        self._check_usage(
            expected, names if thorough else names[self._look % (len(names) or 1) :][:1]
        )
        for block, pinned in self._pins if thorough else ():
            self._check_usage(pinned, names, block)

    def _check_rows(self, connection: Connection) -> None:
        row, hop = schema.request.c, schema.resale.c
        wanted = select(row.id, row.state, row.amount_pusd, row.absorbed_pusd)
        found = {number: tuple(rest) for number, *rest in connection.execute(wanted)}
        resold = select(hop.request, hop.party, hop.amount_pusd)
        above = {(number, party): amount for number, party, amount in connection.execute(resold)}
        over = self.ref.in_state("charged", "waived", "void", view=self.has_loaded)
        assert set(found) == set(over)
        for number in over:
            request = self.ref.requests[number]
            state, tenant = request.state(self.has_loaded), request.tenant
            amount = request.charged.get(tenant, 0)
            assert found[number] == (state, amount, request.rated.get(tenant, 0) - amount)
            for party, charged in list(request.charged.items())[1:]:
                assert above.pop((number, party)) == charged
        assert not above

    def _check_usage(
        self, expected: dict[Any, Any], names: list[tuple[str, str]], up_to_block: int | None = None
    ) -> None:
        for tenant, name in names:
            when = month_named(name, self.ref.parties[tenant].zone)
            sums: dict[str, list[int]] = {}
            for group in usage(self.store, when.start_s, when.end_s, tenant, up_to_block):
                tokens = (group.meters[0], group.meters[3])
                values = (group.requests, *tokens, group.amount_pusd, group.absorbed_pusd)
                before = sums.get(group.state, [0] * 5)
                sums[group.state] = [a + b for a, b in zip(before, values, strict=True)]
            for state in ("charged", "waived", "void"):
                nothing = [0] * 5
                assert sums.get(state, nothing) == expected.get((tenant, name, state), nothing)
