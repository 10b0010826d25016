"""Small books that a test can write in a line per request."""

import shutil
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from wattmill.catalog.factory import Factory, parse_factory
from wattmill.core.records import Price, Usage
from wattmill.ledger.accounts import Accounts
from wattmill.ledger.entries import Deliver, Entry, Hold, Settle, Void, Waive
from wattmill.ledger.registry import Registry
from wattmill.ledger.store import Store
from wattmill.tariff.rating import rate

FACTORY = """
[site]
name = "cellar"
power_usd_per_kwh = 0.09
pue = 1.30
colo_usd_per_kw_month = 120
timezone = "Europe/Berlin"

[seller]
name = "Millrace Compute GmbH"
address = ["Am Mühlbach 4", "10115 Berlin", "Germany"]
tax_id = "DE811907980"
email = "billing@millrace.example"
payment_terms_days = 14
bank = ["IBAN DE02 1203 0000 0000 2020 51", "BIC BYLADEM1001"]

[[pool]]
name = "l40s"
model = "llama-3.1-70b"
hardware = "4x L40S"
precision = "fp8"
engine = "vllm"
url = "http://10.0.0.5:8000/v1"
paid_usd = 72_000
resale_usd = 7_200
bought = 2026-06-01
idle_w = 400
busy_w = 1400

[[pool]]
name = "cloud"
model = "llama-3.1-70b"
url = "https://api.example.com/v1"
usd_per_mtok = { input = 0.59, cached_input = 0.10, output = 0.79 }

[[model]]
alias = "house-large"
route = ["l40s", "cloud"]

[[rate_plan]]
name = "msp-standard"
usd_per_mtok = { input = 0.40, cached_input = 0.0375, output = 1.60 }

[[tenant]]
name = "acme"
rate_plan = "msp-standard"
timezone = "America/New_York"
address = ["Acme Dental, Inc.", "1 Main Street", "Albany, NY 12207"]
tax_id = "14-1234567"
email = "accounts@acme.example"

[[tenant]]
name = "indus"
rate_plan = "msp-standard"
timezone = "Asia/Kolkata"

[[tenant]]
name = "bosch-gym"
rate_plan = "msp-standard"
"""


def instant(text: str, zone: str = "UTC") -> float:
    """Seconds since the epoch of a wall-clock time."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


class Books:
    """Books in a folder, with the entries that were made in them."""

    def __init__(self, directory: Path, text: str) -> None:
        self.store = Store(directory, write=True)
        self.registry = Registry(self.store)
        self.entries: list[Entry] = []
        self.accounts = Accounts()
        self._entered: set[tuple[int, type]] = set()
        self.text = text

    @staticmethod
    def at(text: str, zone: str = "UTC") -> float:
        """Seconds since the epoch of a wall-clock time."""
        return instant(text, zone)

    def reload(self, text: str, now_s: float) -> None:
        """Take over a factory file."""
        self.factory: Factory = parse_factory(text, "factory.toml")
        self.registry.load_factory(self.factory, text, now_s)
        self.prices: dict[int, Price] = {p.version: p for p in self.registry.prices()}

    def serve(
        self,
        at: str | float,
        usage: Usage,
        *,
        tenant: str = "acme",
        zone: str = "UTC",
        model: str = "house-large",
        pool: str | None = "l40s",
        price: int = 1,
        end: str = "deliver",
    ) -> int:
        """One request from its hold to its end: ``deliver``, ``waive``, ``void`` or ``pending``.

        Returns what its settlement says, in pUSD.
        """
        at_s = instant(at, zone) if isinstance(at, str) else at
        number = len(self.entries) + 1
        amount = 0 if end == "void" else rate(usage, self.prices[price])
        whose = (tenant, "k_1", model)
        self.entries.append(Hold(number, at_s, *whose, price, amount))
        if end == "void":
            self.entries.append(Void(number, at_s + 1, at_s, *whose, pool, "engine_failed", usage))
            return 0
        settle = (number, at_s + 1, at_s, *whose, pool or "l40s", price, usage, amount, "finished")
        self.entries.append(Settle(*settle))
        if end == "deliver":
            self.entries.append(Deliver(number, at_s + 2))
        if end == "waive":
            self.entries.append(Waive(number, at_s + 2, at_s, tenant, amount, "crash"))
        return amount

    def enter(
        self, entries: Iterable[Entry] | None = None, recorded_s: float | None = None
    ) -> None:
        """Carry the entries into the database, in whatever order they are; those that are there stay as they are."""
        new = []
        for entry in sorted(self.entries if entries is None else entries, key=_turn):
            name = entry.request, type(entry)
            if name not in self._entered:
                self._entered.add(name)
                new.append(entry)
        over = [finished for entry in new if (finished := self.accounts.finish(entry))]
        if recorded_s is None:
            recorded_s = max((finished.ended_at_s for finished in over), default=0.0)
        self.store.load(over, {}, self.accounts.state(), round(recorded_s * 1e6))


def _turn(entry: Entry) -> int:
    """A hold comes before its end, a settlement before its delivery."""
    return (Hold, Settle, Void, Deliver, Waive).index(type(entry))


NewBooks = Callable[..., Books]


@pytest.fixture(scope="session")
def new_books(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewBooks]:
    """Makes fresh books on a factory file (the one above) loaded at a time (the epoch)."""
    opened: list[Books] = []
    blank = tmp_path_factory.mktemp("blank")
    Store(blank, write=True).close()

    def make(text: str = FACTORY, loaded_s: float = 0.0) -> Books:
        directory = tmp_path_factory.mktemp("books")
        shutil.copytree(blank, directory, dirs_exist_ok=True)
        opened.append(Books(directory, text))
        opened[-1].reload(text, loaded_s)
        return opened[-1]

    yield make
    for books in opened:
        books.store.close()


@pytest.fixture
def books(new_books: NewBooks) -> Books:
    """Fresh books."""
    return new_books()
