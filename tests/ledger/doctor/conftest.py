"""Sound books that have seen everything, to plant damage in."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from wattmill.core.clock import ManualClock
from wattmill.core.records import Usage
from wattmill.core.roster import Roster
from wattmill.ledger.accounts import Accounts
from wattmill.ledger.billing import issuing
from wattmill.ledger.book import Book, Held
from wattmill.ledger.entries import Entry, Hop
from wattmill.ledger.journal import encode_frame, segment_path
from wattmill.ledger.loader import Loader
from wattmill.ledger.snapshot import JOURNAL
from wattmill.ledger.store import Store
from wattmill.web.books import Books

FACTORY = """
[site]
name = "cellar"
power_usd_per_kwh = 0.09

[seller]
name = "Millrace Compute"

[[pool]]
name = "l40s"
model = "llama-3.1-70b"
hardware = "4x L40S"
url = "http://127.0.0.1:9/v1"

[[model]]
alias = "house"
route = ["l40s"]

[[rate_plan]]
name = "standard"
usd_per_mtok = { input = 0.40, cached_input = 0.04, output = 1.60 }

[[rate_plan]]
name = "wholesale"
usd_per_mtok = { input = 0.20, cached_input = 0.02, output = 0.80 }

[[tenant]]
name = "acme"
rate_plan = "standard"

[[tenant]]
name = "mesa"
rate_plan = "wholesale"
"""
DECEMBER_S = datetime(2026, 12, 3, 12, tzinfo=UTC).timestamp()
NOVEMBER_S = datetime(2026, 11, 3, 12, tzinfo=UTC).timestamp()
FIRST = 1 << 40


class JournalSink:
    """One frame an entry, in one segment."""

    def __init__(self, data: Path) -> None:
        self._path = segment_path(data / JOURNAL, 1)
        self._path.parent.mkdir(exist_ok=True)
        self._places = 0

    def append(self, entry: Entry) -> int:
        with self._path.open("ab") as file:
            file.write(encode_frame([entry]))
        self._places += 1
        return self._places


class Gateway:
    """Books are written by a real ``Book``, a few minutes between requests."""

    def __init__(self, data: Path, roster: Roster, keys: dict[str, str]) -> None:
        self._book = Book(Accounts(), JournalSink(data), roster)
        self._prices = {price.plan: price.version for price in roster.prices}
        self._keys = keys
        self._next = FIRST
        self.now_s = NOVEMBER_S

    def hold(self, tenant: str = "acme", upline: tuple[str, ...] = ()) -> int:
        self._next, self.now_s = self._next + 1, self.now_s + 400
        hops = tuple(Hop(party, self._prices["wholesale"], 10**9) for party in upline)
        answer = self._book.hold(
            self._next,
            self.now_s,
            tenant=tenant,
            key=self._keys[tenant],
            model="house",
            price=self._prices["standard" if tenant == "acme" else "wholesale"],
            amount_pusd=2 * 10**9,
            upline=hops,
        )
        assert isinstance(answer, Held)
        return self._next

    def settle(self, request: int, usage: Usage) -> int:
        self._book.settle(request, self.now_s + 1, "l40s", usage, "finished")
        return request

    def serve(self, usage: Usage, tenant: str = "acme", upline: tuple[str, ...] = ()) -> int:
        request = self.settle(self.hold(tenant, upline), usage)
        self._book.deliver(request, self.now_s + 2)
        return request

    def waive(self, request: int) -> None:
        self._book.waive(request, self.now_s + 2, "crash")

    def void(self, request: int) -> None:
        self._book.void(request, self.now_s + 1, None, "engine_failed")


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with requests of every end, some of a reseller's client, and some still open."""
    data = tmp_path_factory.mktemp("sound")
    books = Books(data)
    books.load_factory("factory.toml", FACTORY)
    keys = {name: books.create_key(name).id for name in ("acme", "mesa")}
    gateway = Gateway(data, books.registry.roster((), (), 1), keys)
    for number in range(1, 9):
        gateway.serve(Usage(1000 * number, 100, 0, 200))
        gateway.serve(Usage(500 * number, output_text=10), tenant="mesa")
    books.catch_up()
    gateway.serve(Usage(700, output_text=70), upline=("mesa",))
    gateway.waive(gateway.settle(gateway.hold(), Usage(5, output_text=5)))
    gateway.void(gateway.hold())
    books.publish()
    gateway.serve(Usage(900, output_text=90))
    gateway.settle(gateway.hold("mesa"), Usage(11, output_text=7))
    gateway.hold()
    books.catch_up()
    for tenant in ("acme", "mesa"):
        assert issuing.issue(books.store, books.registry, tenant, "2026-11", DECEMBER_S).document
    books.add_payment("acme", 10**10, None, "wire 1", "INV-00001")
    books.grant_credit("acme", 5 * 10**12, gift=True)
    first = FIRST + 1
    books.correct_request(first, {"output_text": -10}, "counted twice")
    books.publish()
    books.store.close()
    return data


@pytest.fixture
def data(sound: Path, tmp_path: Path) -> Path:
    """A copy of them to spoil."""
    return shutil.copytree(sound, tmp_path / "books")


@pytest.fixture
def store(data: Path) -> Iterator[Store]:
    """The spoilt copy, opened to write."""
    with Store(data, write=True) as store:
        yield store


def load_on(store: Store) -> None:
    """Carry what is left of the journal into the database."""
    Loader(store, ManualClock(NOVEMBER_S)).catch_up()
