"""Holds the books against what the clients saw and against the journal, in plain Python.

``differences`` knows nothing of the code that keeps the books: it reads rows and files, and adds.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tests.crash.load import Answer
from tests.support.factory import Factory
from wattmill.core.records import METERS
from wattmill.ledger import entries as ledger
from wattmill.ledger.accounts import AccountsState
from wattmill.ledger.journal import read_frames, segment_numbers, segment_path
from wattmill.ledger.store import Store

Row = Mapping[str, Any]
KINDS = {1: "hold", 2: "settle", 3: "void", 4: "deliver", 5: "waive"}
LIVES = (
    ("hold", "settle", "deliver"),
    ("hold", "settle", "waive"),
    ("hold", "void"),
)
"""Every life that a request may have had."""


@dataclass
class Evidence:
    """Everything that must agree."""

    rows: Sequence[Row]
    """The table ``entry``."""
    prices: Mapping[int, Row]
    """The table ``price``, by version."""
    journal: Sequence[ledger.Entry]
    """Every entry of every segment, in order."""
    accounts: AccountsState
    """As the database keeps it."""
    balances: Sequence[Row]
    """What ``wattmill budgets list --json`` says."""
    timezones: Mapping[str, str]
    answers: Sequence[Answer]
    """What the clients saw."""


@dataclass
class Request:
    """What the books say of one request."""

    entries: dict[str, Row] = field(default_factory=dict)

    @property
    def is_charged(self) -> bool:
        return "deliver" in self.entries


def differences(evidence: Evidence) -> list[str]:
    """Everything that does not agree, in words; empty when all is well."""
    requests = _requests(evidence.rows)
    return [
        *_lives(requests),
        *_amounts(requests, evidence.prices),
        *_answers(requests, evidence.answers),
        *_charges(requests, evidence.answers),
        *_journal(evidence.rows, evidence.journal),
        *_accounts(evidence.rows, evidence.accounts),
        *_balances(evidence.rows, evidence.balances, evidence.timezones),
    ]


def _requests(rows: Iterable[Row]) -> dict[int, Request]:
    requests: dict[int, Request] = defaultdict(Request)
    for row in rows:
        requests[row["request"]].entries[KINDS[row["kind"]]] = row
    return requests


def _lives(requests: Mapping[int, Request]) -> list[str]:
    return [
        f"{request:#x} lived {' '.join(record.entries)}"
        for request, record in requests.items()
        if tuple(record.entries) not in LIVES
    ]


def _amounts(requests: Mapping[int, Request], prices: Mapping[int, Row]) -> list[str]:
    found = []
    for request, record in requests.items():
        settle = record.entries.get("settle")
        if settle is None:
            continue
        price = prices[settle["price"]]
        amount = sum(settle[meter] * price[meter] for meter in METERS)
        if settle["amount_pusd"] != amount:
            found.append(
                f"{request:#x} is charged {settle['amount_pusd']}, its tokens cost {amount}"
            )
        waive = record.entries.get("waive")
        if waive is not None and waive["amount_pusd"] != -amount:
            found.append(f"{request:#x}: {waive['amount_pusd']} is waived of {amount}")
        hold = record.entries.get("hold")
        if hold is not None and any(
            hold[n] != settle[n] for n in ("tenant", "key", "model", "price")
        ):
            found.append(f"{request:#x} was held for one and settled for another")
    return found


def _answers(requests: Mapping[int, Request], answers: Iterable[Answer]) -> list[str]:
    """Every answer that a client saw complete is settled, once, with the counts that it was told, and charged unless
    a crash came before its delivery was confirmed."""
    found = []
    complete = [answer for answer in answers if answer.seen.ok]
    for name, times in Counter(answer.seen.headers["x-request-id"] for answer in complete).items():
        if times > 1:
            found.append(f"{times} answers say that they are {name}")
    for answer in complete:
        number = answer.seen.request
        assert number is not None, "an answer without x-request-id"
        settle = requests[number].entries.get("settle") if number in requests else None
        if settle is None:
            found.append(f"{number:#x} was seen complete and is not settled")
        elif _tokens(settle) != answer.seen.tokens or settle["usage_source"] != "engine":
            told = f"{number:#x}: the client was told {answer.seen.tokens}"
            found.append(f"{told}, settled is {_tokens(settle)} ({settle['usage_source']})")
        elif settle["tenant"] != answer.tenant:
            found.append(f"{number:#x} of {answer.tenant} is settled for {settle['tenant']}")
        elif (waive := requests[number].entries.get("waive")) and waive["note"] != "crash":
            found.append(f"{number:#x} was seen complete and is waived: {waive['note']}")
    return found


def _tokens(settle: Row) -> tuple[int, int, int]:
    return settle["input_uncached"], settle["input_cached"], settle["output_text"]


def _charges(requests: Mapping[int, Request], answers: Iterable[Answer]) -> list[str]:
    """Nothing is charged but whole answers and streams of which the client received something."""
    received = {
        answer.seen.request
        for answer in answers
        if answer.seen.ok or (answer.stream and answer.seen.pieces)
    }
    return [
        f"{request:#x} is charged and no client has its answer"
        for request, record in requests.items()
        if record.is_charged and request not in received
    ]


def _journal(rows: Sequence[Row], journal: Sequence[ledger.Entry]) -> list[str]:
    """Every journalled entry is in the database as it was written, and nothing else is."""
    written = [_plain(entry) for entry in journal]
    kept = {(row["request"], KINDS[row["kind"]]): row for row in rows}
    found = []
    for name, times in Counter((row["request"], row["kind"]) for row in written).items():
        if times > 1:
            found.append(f"{name[0]:#x}: {name[1]} is in the journal {times} times")
    for row in written:
        name = (row["request"], row["kind"])
        if name not in kept:
            found.append(f"{name[0]:#x}: {name[1]} is in the journal and not in the database")
            continue
        wrong = [key for key, value in row.items() if key != "kind" and kept[name][key] != value]
        if wrong:
            found.append(f"{name[0]:#x}: {name[1]} differs from the journal in {', '.join(wrong)}")
    names = {(row["request"], row["kind"]) for row in written}
    for name in kept.keys() - names:
        found.append(f"{name[0]:#x}: {name[1]} is in the database and not in the journal")
    return found


def _plain(entry: ledger.Entry) -> dict[str, Any]:
    """An entry of the journal as the columns that the table must hold."""
    row: dict[str, Any] = {"request": entry.request, "at_us": round(entry.at_s * 1e6)}
    if isinstance(entry, ledger.Settle | ledger.Void):
        row |= dict(zip(METERS, entry.usage.meters, strict=True))
        row |= {"usage_source": entry.usage.source, "pool": entry.pool, "key": entry.key}
    match entry:
        case ledger.Hold():
            row |= {"kind": "hold", "tenant": entry.tenant, "amount_pusd": entry.amount_pusd}
            row |= {"key": entry.key, "model": entry.model, "price": entry.price}
        case ledger.Settle():
            row |= {"kind": "settle", "tenant": entry.tenant, "amount_pusd": entry.amount_pusd}
            row |= {"held_us": round(entry.held_at_s * 1e6), "note": entry.outcome}
            row |= {"model": entry.model, "price": entry.price}
        case ledger.Void():
            row |= {"kind": "void", "tenant": entry.tenant, "amount_pusd": 0, "note": entry.reason}
        case ledger.Deliver():
            row |= {"kind": "deliver", "amount_pusd": 0}
        case ledger.Waive():
            row |= {"kind": "waive", "tenant": entry.tenant, "amount_pusd": -entry.amount_pusd}
    return row


def _accounts(rows: Sequence[Row], accounts: AccountsState) -> list[str]:
    """The accounts beside the entries are the sum of the entries, and nothing is open."""
    found = [f"{hold.request:#x} is still held" for hold in accounts.open_holds]
    found += [f"{settle.request:#x} waits for its delivery" for settle in accounts.unconfirmed]
    for tenant, balance in accounts.balances.items():
        spent = _spent(rows, tenant, balance.month.start_s, float("inf"))
        if (balance.spent_pusd, balance.held_pusd) != (spent, 0):
            kept = f"{balance.spent_pusd} spent and {balance.held_pusd} held"
            found.append(f"the account of {tenant} says {kept}, its entries say {spent} and 0")
    return found


def _balances(
    rows: Sequence[Row], balances: Sequence[Row], timezones: Mapping[str, str]
) -> list[str]:
    found = []
    for balance in balances:
        tenant = balance["tenant"]
        zone = ZoneInfo(timezones.get(tenant, "UTC"))
        start = datetime.strptime(balance["month"], "%Y-%m").replace(tzinfo=zone)
        end = start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
        spent = _spent(rows, tenant, start.timestamp(), end.timestamp())
        if (balance["spent_pusd"], balance["held_pusd"]) != (spent, 0):
            said = f"{balance['spent_pusd']} spent and {balance['held_pusd']} held"
            found.append(f"budgets list says {said} for {tenant}, its entries say {spent} and 0")
    return found


def _spent(rows: Iterable[Row], tenant: str, start_s: float, end_s: float) -> int:
    return sum(
        row["amount_pusd"]
        for row in rows
        if KINDS[row["kind"]] in ("settle", "waive")
        and row["tenant"] == tenant
        and start_s <= row["held_us"] / 1e6 < end_s
    )


# --- gathering ------------------------------------------------------------------------------------------------------


class JournalKeeper:
    """Keeps a second link to every segment: the books delete what they have loaded."""

    def __init__(self, data: Path) -> None:
        self._journal = data / "journal"
        self._kept = data.parent / "journal"
        self._kept.mkdir()
        self.look()

    def look(self) -> None:
        """Call it after every start of a gateway: each starts a segment of its own."""
        for number in segment_numbers(self._journal):
            if not segment_path(self._kept, number).exists():
                segment_path(self._kept, number).hardlink_to(segment_path(self._journal, number))

    @property
    def entries(self) -> list[ledger.Entry]:
        return [
            entry
            for number in segment_numbers(self._kept)
            for entries, _ in read_frames(segment_path(self._kept, number))
            for entry in entries
        ]


def gather(factory: Factory, journal: JournalKeeper, answers: Sequence[Answer]) -> Evidence:
    """The evidence that a stopped factory leaves."""
    balances = factory.run("budgets", "list", "--json")
    with factory.books() as books:
        rows = books.execute("SELECT * FROM entry ORDER BY request, kind").fetchall()
        prices = {row["version"]: row for row in books.execute("SELECT * FROM price")}
        timezones = dict(books.execute("SELECT name, timezone FROM tenant").fetchall())
    with Store(factory.data, write=False) as store:
        accounts = store.accounts_state()
    return Evidence(rows, prices, journal.entries, accounts, balances, timezones, answers)
