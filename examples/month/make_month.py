"""Two months of a house's books, played by a clock that is moved by hand: the same bytes every time.

    python examples/month/make_month.py month-data

Everything goes the way of real traffic: holds, settlements and deliveries through the book into a journal, from there
into the database once a day. On 16 October prices change. Two crashes leave answers whose delivery nobody confirmed.
A second gateway loses its network on 29 October; its journal arrives after October was invoiced.
"""

import argparse
import os
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from msgspec import Struct
from sqlalchemy import func, insert, select

from wattmill.catalog.factory import parse_factory
from wattmill.core.clock import ManualClock
from wattmill.core.money import PUSD_PER_USD
from wattmill.core.records import Usage, UsageSource
from wattmill.core.roster import Roster
from wattmill.ledger import schema
from wattmill.ledger.accounts import Accounts
from wattmill.ledger.billing import archive, buying, corrections, issuing, payments
from wattmill.ledger.billing.parties import parties_of
from wattmill.ledger.billing.prepaid import live_grants
from wattmill.ledger.book import Book, Held
from wattmill.ledger.chain import tail
from wattmill.ledger.entries import RUN_BITS, Entry, Hop
from wattmill.ledger.journal import create_segment, encode_frame, segment_path
from wattmill.ledger.loader import Loader
from wattmill.ledger.registry import Registry
from wattmill.ledger.snapshot import JOURNAL, Snapshot, write_snapshot
from wattmill.ledger.store import Store
from wattmill.tariff.rating import PriceBook
from wattmill.web.pools import roster_models, roster_pools

FACTORY = Path(__file__).with_name("factory.toml")
BERLIN = ZoneInfo("Europe/Berlin")
NEW_PRICES = (
    ('name = "standard"\n', 'name = "standard"\nvalid_from = 2026-10-16\n'),
    ("output = 9.60 }", "output = 8.40 }"),
    ('name = "business"\n', 'name = "business"\nvalid_from = 2026-10-16\n'),
    ("input = 2.20, cached_input = 0.22", "input = 2.00, cached_input = 0.20"),
    ("eur_per_mtok = 8.80", "eur_per_mtok = 8.00"),
    ('name = "wholesale"\n', 'name = "wholesale"\nvalid_from = 2026-10-16\n'),
    ("output = 6.40 }", "output = 5.80 }"),
)
"""What is edited in the factory file on 15 October: in force from the 16th on."""

DAILY = {
    "acme": 52,
    "boulange": 28,
    "cascade": 44,
    "deccan": 8,
    "edelweiss": 24,
    "fanny": 12,
    "mesa": 6,
    "mesa-lab": 24,
    "mesa-shop": 20,
    "kestrel": 8,
    "lotus": 16,
    "lotus-clinic": 10,
}
"""Requests a day in October; in November a third of it."""

SHAPES = {
    "house-large": (18, (8_000, 40_000), (300, 2_500)),
    "house-code": (42, (40_000, 120_000), (800, 6_000)),
    "house-small": (22, (1_000, 12_000), (50, 700)),
    "house-reason": (18, (4_000, 20_000), (200, 1_500)),
}
"""How often a model is asked for, tokens of a prompt, tokens of an answer."""

MAX_PROMPT, MAX_ANSWER = 120_000, 16_000
"""What is held for."""


def at(text: str) -> float:
    """Seconds since the epoch of a wall-clock time in Hamburg."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp()


class Request(Struct, frozen=True, order=True):
    """What will be asked, and what will come of it."""

    at_s: float
    tenant: str
    model: str
    pool: int
    usage: Usage
    fate: str


class Segment:
    """A journal file of one gateway; what is appended is on disk after ``flush``."""

    def __init__(self, folder: Path, at_least: int = 1) -> None:
        self.number, self._file = create_segment(folder, at_least)
        self.path = segment_path(folder, self.number)
        self._waiting: list[Entry] = []
        self._place = 0

    def append(self, entry: Entry) -> int:
        self._waiting.append(entry)
        self._place += 1
        return self._place

    def flush(self) -> None:
        if self._waiting:
            os.write(self._file, encode_frame(self._waiting))
            os.fsync(self._file)
            self._waiting = []

    def close(self) -> None:
        self.flush()
        os.close(self._file)


class Gateway:
    """One run of a gateway: its book, its segment, its numbers."""

    def __init__(self, folder: Path, accounts: Accounts, roster: Roster, at_least: int = 1) -> None:
        self.segment = Segment(folder, at_least)
        self.book = Book(accounts, self.segment, roster)
        self.refused = 0
        self._count = 0
        self.take_over(roster)

    def take_over(self, roster: Roster) -> None:
        self.book.set_roster(roster)
        self._prices = PriceBook(roster.prices)
        self._tenants = {tenant.name: tenant for tenant in roster.tenants}
        self._models = {model.alias: model for model in roster.models}

    def serve(self, asked: Request) -> None:
        """From the hold to whatever its fate is: delivered, failed, or left open by a crash."""
        self._count += 1
        number = self.segment.number << RUN_BITS | self._count
        tenant, model = self._tenants[asked.tenant], self._models[asked.model]
        amount_pusd, price = self._most(tenant.plan, asked)
        held = self.book.hold(
            number,
            asked.at_s,
            tenant=asked.tenant,
            key=f"k_{asked.tenant}",
            model=asked.model,
            price=price,
            amount_pusd=amount_pusd,
            upline=tuple(self._upline(asked)),
        )
        if not isinstance(held, Held):
            self.refused += 1
            return
        pool = model.route[asked.pool % len(model.route)]
        if asked.fate == "failed":
            self.book.void(number, asked.at_s + 4, pool, "engine_failed", asked.usage)
        elif asked.fate != "open":
            self.book.settle(number, asked.at_s + 6, pool, asked.usage, "finished")
            if asked.fate == "delivered":
                self.book.deliver(number, asked.at_s + 6.5)

    def _most(self, plan: str, asked: Request) -> tuple[int, int]:
        quote = self._prices.quote(plan, self._models[asked.model], asked.at_s)
        assert quote is not None, (plan, asked)
        amount_pusd, price = quote.dearest(MAX_PROMPT, MAX_ANSWER)
        return amount_pusd, price.version

    def _upline(self, asked: Request) -> Iterator[Hop]:
        above = self._tenants[asked.tenant].parent
        while above is not None:
            amount_pusd, price = self._most(self._tenants[above].plan, asked)
            yield Hop(above, price, amount_pusd)
            above = self._tenants[above].parent


class House:
    """The books and the gateway that serves, on one clock."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.clock = ManualClock(at("2026-09-30 12:00"))
        self.store = Store(data, write=True)
        self.registry = Registry(self.store)
        self.loader = Loader(self.store, self.clock)
        self._version = 0
        self.load_factory(FACTORY.read_text())
        for row in self.registry.tenants():
            self._enter_key(row.name)
        self.roster = self.publish()
        self.gateway = Gateway(data / JOURNAL, self.loader.accounts.copy(), self.roster)

    @property
    def now_us(self) -> int:
        return round(self.clock.now_s() * 1e6)

    def load_factory(self, text: str) -> None:
        path = self.data / "factory.toml"
        path.write_text(text)
        self.registry.load_factory(parse_factory(text, str(path)), text, self.clock.now_s())

    def _enter_key(self, tenant: str) -> None:
        """A key with a number that is the same every time; nobody knows a text that has this hash."""
        row = {"id": f"k_{tenant}", "sha256": f"{tenant:0>64}", "tenant": tenant, "label": ""}
        with self.store.transaction() as connection:
            connection.execute(insert(schema.key).values(**row, created_us=self.now_us))

    def publish(self) -> Roster:
        """What is in force, also as the snapshot from which a gateway starts."""
        tenants = self.registry.every_tenant()
        accounts = self.loader.accounts
        accounts.set_parties(tenants)
        state = accounts.state()
        with self.store.reading() as connection:
            end = tail(connection)
            grants = live_grants(connection, state, {one.name: one for one in tenants})
        factory = self.registry.factory()
        self._version += 1
        what = roster_models(factory), roster_pools(factory, {})
        roster = self.registry.roster(*what, self._version, grants)
        positions = self.loader.positions
        write_snapshot(self.data, Snapshot(roster, state, positions, end.number, end.hash))
        return roster

    def change(self) -> None:
        """The gateway takes over what was changed."""
        self.roster = self.publish()
        self.gateway.take_over(self.roster)

    def day_is_over(self, now_s: float) -> None:
        """Everything durable goes into the database."""
        self.clock.set(now_s)
        self.gateway.segment.flush()
        self.loader.catch_up()

    def crash(self, now_s: float) -> tuple[int, int]:
        """The gateway is killed and another one starts: it drops the charge of what nobody confirmed."""
        refused = self.gateway.refused
        self.gateway.segment.close()
        self.loader.catch_up()
        self.change_gateway(now_s)
        self.gateway.refused = refused
        return self.gateway.book.recover(now_s)

    def change_gateway(self, now_s: float) -> None:
        self.clock.set(now_s)
        self.roster = self.publish()
        accounts = self.loader.accounts.copy()
        self.gateway = Gateway(self.data / JOURNAL, accounts, self.roster)


# --- traffic --------------------------------------------------------------------------------------


def traffic(dice: random.Random) -> list[Request]:
    """October whole, November a third of it, in the order of time."""
    found = []
    day = datetime(2026, 10, 1, tzinfo=BERLIN)
    while day < datetime(2026, 12, 1, tzinfo=BERLIN):
        for tenant, often in DAILY.items():
            many = often if day.month == 10 else max(1, often // 3)
            found += [_request(dice, tenant, day) for _ in range(many)]
        day += timedelta(days=1)
    return sorted(found)


def _request(dice: random.Random, tenant: str, day: datetime) -> Request:
    weights = [shape[0] for shape in SHAPES.values()]
    (model,) = dice.choices(list(SHAPES), weights)
    _, prompts, answers = SHAPES[model]
    prompt, answer = dice.randint(*prompts), dice.randint(*answers)
    cached = prompt * dice.choice((0, 0, 5, 7, 9)) // 10
    reasoning = answer * dice.randint(2, 7) // 10 if model == "house-reason" else 0
    source: UsageSource = "counted" if dice.randrange(40) == 0 else "engine"
    usage = Usage(prompt - cached, cached, 0, answer - reasoning, reasoning, source=source)
    fate = "failed" if dice.randrange(80) == 0 else "delivered"
    second = day.timestamp() + dice.randrange(24 * 3600 * 1000) / 1000
    return Request(second, tenant, model, int(dice.randrange(5) == 0), usage, fate)


# --- two months -----------------------------------------------------------------------------------


def play(data: Path) -> House:
    """October and November, to 1 December in the evening."""
    dice = random.Random(2026)
    house = House(data)
    _sell_credit(house, "60.00")
    requests = traffic(dice)
    cut_off = [one for one in requests if _is_cut_off(one)]
    asked = iter([one for one in requests if not _is_cut_off(one)])
    waiting = next(asked, None)
    for now_s, happens in _diary():
        while waiting is not None and waiting.at_s < now_s:
            house.gateway.serve(_with_fate(waiting))
            waiting = next(asked, None)
        house.day_is_over(now_s)
        if happens == "late":
            _bring_late(house, cut_off)
        elif happens is not None:
            EVENTS[happens](house)
    house.gateway.segment.close()
    house.loader.catch_up()
    house.publish()
    return house


CRASHES_S = (at("2026-10-08 14:00:00"), at("2026-10-22 03:00:00"))


def _diary() -> list[tuple[float, str | None]]:
    """The end of every day, and what happens."""
    ends = [
        (datetime(2026, 10, 2, tzinfo=BERLIN) + timedelta(days=n)).timestamp() for n in range(61)
    ]
    events = [
        (CRASHES_S[0], "crash"),
        (at("2026-10-15 18:00"), "prices"),
        (CRASHES_S[1], "crash"),
        (at("2026-11-02 09:00"), "issue"),
        (at("2026-11-05 11:00"), "late"),
        (at("2026-11-06 10:00"), "correct"),
        (at("2026-11-09 15:00"), "credit"),
        (at("2026-11-13 12:00"), "pay"),
        (at("2026-12-01 18:00"), "issue"),
    ]
    return sorted([*((end, None) for end in ends), *events], key=lambda one: one[0])


def _with_fate(asked: Request) -> Request:
    """In the last minutes before a crash answers are not confirmed, and in the last ones not finished."""
    for crash_s in CRASHES_S:
        left_s = crash_s - asked.at_s
        if 0 < left_s < 1800:
            fate = "open" if left_s < 900 else "unconfirmed"
            return Request(asked.at_s, asked.tenant, asked.model, asked.pool, asked.usage, fate)
    return asked


def _is_cut_off(asked: Request) -> bool:
    """Served by the second gateway, which nobody could reach from noon on 29 October until the night."""
    is_theirs = asked.tenant in ("acme", "cascade", "deccan", "mesa-lab", "lotus-clinic")
    return is_theirs and at("2026-10-29 12:00") <= asked.at_s < at("2026-10-30")


def _bring_late(house: House, cut_off: list[Request]) -> None:
    """The disk of the second gateway is found: its segment is put beside the others."""
    other = Gateway(house.data / "second", Accounts(), house.roster, at_least=1000)
    for asked in cut_off:
        other.serve(asked)
    other.segment.close()
    other.segment.path.rename(house.data / JOURNAL / other.segment.path.name)
    house.loader.catch_up()
    house.change()


def _crash(house: House) -> None:
    voided, waived = house.crash(house.clock.now_s())
    _say(house, f"a crash: {voided} requests ended, {waived} charges dropped")


def _change_prices(house: House) -> None:
    text = FACTORY.read_text()
    for old, new in NEW_PRICES:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    house.load_factory(text)
    house.change()
    _say(house, "new prices from 16 October on")


def _sell_credit(house: House, amount: str) -> None:
    with house.store.transaction() as connection:
        buying.sell(
            connection,
            parties_of(house.store, house.registry, "fanny"),
            int(Decimal(amount) * PUSD_PER_USD),
            priority=0,
            expires_us=None,
            reference="web shop",
            now_us=house.now_us,
        )
    house.change()


def _issue(house: House) -> None:
    issued = issuing.issue_all(house.store, house.registry, None, house.clock.now_s())
    outcomes = sorted(one.outcome for one in issued)
    _say(house, ", ".join(f"{outcomes.count(one)} {one}" for one in dict.fromkeys(outcomes)))
    assert "refused" not in outcomes, issued
    house.change()


def _correct(house: House) -> None:
    """Boulange was counted an answer twice."""
    row = schema.request.c
    with house.store.reading() as connection:
        found = connection.execute(
            schema.request.select()
            .where(row.tenant == "boulange", row.state == "charged", row.output_text > 4000)
            .order_by(row.id)
            .limit(1)
        ).one()
    with house.store.transaction() as connection:
        corrections.correct_request(
            connection,
            house.registry,
            found.id,
            {"output_text": -(found.output_text // 2)},
            reason="the answer was counted twice",
            now_us=house.now_us,
        )
    house.change()


def _credit(house: House) -> None:
    """Edelweiss gets 5.00 EUR of its largest line back, for an evening without answers."""
    invoice = archive.documents(house.store, "edelweiss", "2026-10")[0]
    amounts = [line.amount_minor for line in invoice.lines]
    issuing.credit_lines(
        house.store,
        invoice.number,
        {amounts.index(max(amounts)): 500},
        reason="no answers on the evening of 20 October",
        issued=datetime.fromtimestamp(house.clock.now_s(), BERLIN).date(),
        now_s=house.clock.now_s(),
    )


def _pay(house: House) -> None:
    """Acme and boulange pay in full, kestrel a part; what edelweiss owes is less what it was credited."""
    for tenant, percent in (("acme", 100), ("boulange", 100), ("kestrel", 60), ("fanny", 100)):
        for invoice in archive.documents(house.store, tenant):
            if invoice.total_minor > 0:
                _receive(house, tenant, invoice.number, invoice.total_minor * percent // 100)


def _receive(house: House, tenant: str, number: str, amount_minor: int) -> None:
    with house.store.transaction() as connection:
        payments.receive(
            connection,
            tenant,
            amount_minor * PUSD_PER_USD // 100,
            at_us=house.now_us,
            reference=f"SEPA {number}",
            document=number,
            now_us=house.now_us,
        )


def _say(house: House, what: str) -> None:
    print(f"{datetime.fromtimestamp(house.clock.now_s(), BERLIN):%Y-%m-%d %H:%M}  {what}")


EVENTS = {
    "crash": _crash,
    "prices": _change_prices,
    "issue": _issue,
    "correct": _correct,
    "credit": _credit,
    "pay": _pay,
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the books of two months into a new folder.")
    parser.add_argument("data", type=Path)
    data: Path = parser.parse_args().data
    data.mkdir(parents=True, mode=0o700)
    house = play(data)
    with house.store.reading() as connection:
        blocks = tail(connection).number
        requests = connection.execute(select(func.count()).select_from(schema.request)).scalar()
    house.store.close()
    print(f"{requests:,} requests and {blocks} blocks in {data}; {house.gateway.refused} refused")


if __name__ == "__main__":
    main()
