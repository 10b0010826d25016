"""Holds the books against what the clients saw and against the journal, in plain Python.

``differences`` knows nothing of the code that keeps the books: it reads rows and files, adds, and hashes.
"""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tests.crash.audit_chain import chain_faults
from tests.crash.load import Answer
from tests.support.factory import Factory
from wattmill.core.records import METERS
from wattmill.ledger import entries as ledger
from wattmill.ledger.accounts import AccountsState, Balance
from wattmill.ledger.journal import read_frames, segment_numbers, segment_path
from wattmill.ledger.store import Store

Row = Mapping[str, Any]
Leg = tuple[str, float, int]
"""Who is charged, when the request was held (seconds), and what (pUSD)."""
ENDS = {
    ("hold", "settle", "deliver"): "charged",
    ("hold", "settle", "waive"): "waived",
    ("hold", "void"): "void",
}
"""The lives that are over, and how their row says it."""
OPEN = (("hold",), ("hold", "settle"))
"""The lives that may still go on: no row yet."""


@dataclass
class Evidence:
    """Everything that must agree."""

    rows: Sequence[Row]
    """The table ``request``."""
    resales: Sequence[Row]
    """The table ``resale``."""
    records: Sequence[Row]
    """The table ``record``."""
    blocks: Sequence[Row]
    """The table ``block``, in order."""
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
class Life:
    """What the journal says of one request."""

    entries: dict[str, Any] = field(default_factory=dict)
    again: list[str] = field(default_factory=list)

    def add(self, entry: ledger.Entry) -> None:
        kind = type(entry).__name__.lower()
        if kind in self.entries:
            self.again.append(kind)
        self.entries[kind] = entry

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(self.entries)


def differences(evidence: Evidence) -> list[str]:
    """Everything that does not agree, in words; empty when all is well."""
    lives: dict[int, Life] = defaultdict(Life)
    for entry in evidence.journal:
        lives[entry.request].add(entry)
    rows = {row["id"]: row for row in evidence.rows}
    return [
        *_lives(lives),
        *_plans(lives, evidence.prices),
        *_rows(lives, evidence.rows),
        *_resales(lives, evidence.resales),
        *_open(lives, evidence.accounts),
        *_amounts(evidence.rows, evidence.resales, evidence.prices),
        *_answers(rows, evidence.answers),
        *_charges(rows, evidence.answers),
        *_accounts(evidence),
        *_balances(evidence.rows, evidence.balances, evidence.timezones),
        *chain_faults(evidence.blocks, evidence.rows, evidence.resales, evidence.records),
    ]


# --- the journal and the table ----------------------------------------------------------------------------------------


def _lives(lives: Mapping[int, Life]) -> list[str]:
    found = []
    for request, life in lives.items():
        if life.kinds not in (*ENDS, *OPEN):
            found.append(f"{request:#x} lived {' '.join(life.kinds)}")
        found += [f"{request:#x}: {kind} is in the journal twice" for kind in life.again]
        hold, settle = life.entries.get("hold"), life.entries.get("settle")
        if hold and settle and _whose(hold) != _whose(settle):
            found.append(f"{request:#x} was held for one and settled for another")
    return found


def _whose(entry: ledger.Hold | ledger.Settle) -> tuple[object, ...]:
    return entry.tenant, entry.key, entry.model, [hop.party for hop in entry.upline]


def _plans(lives: Mapping[int, Life], prices: Mapping[int, Row]) -> list[str]:
    """Each pays by the rate plan of its hold."""
    return [
        f"{request:#x} was held under one plan and settled under another"
        for request, life in lives.items()
        if "settle" in life.entries
        and "hold" in life.entries
        and _plans_of(life.entries["hold"], prices) != _plans_of(life.entries["settle"], prices)
    ]


def _plans_of(entry: ledger.Hold | ledger.Settle, prices: Mapping[int, Row]) -> list[str]:
    return [prices[number]["plan"] for number in (entry.price, *(h.price for h in entry.upline))]


def _rows(lives: Mapping[int, Life], rows: Sequence[Row]) -> list[str]:
    """Every life that is over is one row that says what the journal says, and there is no other row."""
    found = []
    for request, times in Counter(row["id"] for row in rows).items():
        if times > 1:
            found.append(f"{request:#x} is in the database {times} times")
        if lives[request].kinds not in ENDS:
            what = " ".join(lives[request].kinds) or "nothing"
            found.append(f"{request:#x} is in the database, the journal has {what}")
    kept = {row["id"]: row for row in rows}
    for request, life in lives.items():
        if life.kinds not in ENDS:
            continue
        row, words = kept.get(request), _words(life)
        if row is None:
            found.append(f"{request:#x} is over in the journal and not in the database")
        elif wrong := [name for name, value in words.items() if row[name] != value]:
            found.append(f"{request:#x} differs from the journal in {', '.join(wrong)}")
    return found


def _words(life: Life) -> dict[str, Any]:
    """A life as the row that the table must hold."""
    end = life.entries.get("settle") or life.entries["void"]
    last = list(life.entries.values())[-1]
    row = {name: getattr(end, name) for name in ("tenant", "key", "model", "pool")}
    row |= dict(zip(METERS, end.usage.meters, strict=True)) | {"source": end.usage.source}
    row |= {"held_us": round(end.held_at_s * 1e6), "ended_us": round(last.at_s * 1e6)}
    row |= {"state": ENDS[life.kinds], "reason": getattr(last, "reason", None)}
    if isinstance(end, ledger.Settle):
        names = ("price", "outcome", "amount_pusd", "absorbed_pusd")
        return row | {name: getattr(end, name) for name in names}
    return row | {"price": None, "outcome": None, "amount_pusd": 0, "absorbed_pusd": 0}


def _resales(lives: Mapping[int, Life], resales: Sequence[Row]) -> list[str]:
    written = [
        (request, number, hop.party, hop.price, hop.amount_pusd)
        for request, life in lives.items()
        if life.kinds in ENDS and "settle" in life.entries
        for number, hop in enumerate(life.entries["settle"].upline, start=1)
    ]
    names = ("request", "hop", "party", "price", "amount_pusd")
    kept = [tuple(row[name] for name in names) for row in resales]
    differing = sorted({one[0] for one in set(written) ^ set(kept)})
    return [f"{request:#x}: its resale differs from the journal" for request in differing]


def _open(lives: Mapping[int, Life], accounts: AccountsState) -> list[str]:
    """What has not ended in the journal is open in the accounts, and nothing else is."""
    held = {hold.request for hold in accounts.open_holds}
    waiting = {settle.request for settle in accounts.unconfirmed}
    found = []
    for kinds, name, known in (
        (("hold",), "held", held),
        (("hold", "settle"), "waiting for its delivery", waiting),
    ):
        journalled = {request for request, life in lives.items() if life.kinds == kinds}
        found += [
            f"{request:#x} is {name} and the accounts forgot" for request in journalled - known
        ]
        found += [f"{request:#x} is still {name} in the accounts" for request in known - journalled]
    return found


def _amounts(rows: Iterable[Row], resales: Iterable[Row], prices: Mapping[int, Row]) -> list[str]:
    """An amount is tokens times price, but for what prepaid credit did not cover."""
    found = []
    settled = {row["id"]: row for row in rows if row["state"] != "void"}
    for request, row in settled.items():
        cost = _cost(row, prices[row["price"]])
        if row["amount_pusd"] + row["absorbed_pusd"] != cost or row["absorbed_pusd"] < 0:
            found.append(f"{request:#x} is charged {row['amount_pusd']}, its tokens cost {cost}")
    for resale in resales:
        sold = settled.get(resale["request"])
        if sold is None:
            found.append(f"{resale['request']:#x} is resold and not sold")
        elif not 0 <= resale["amount_pusd"] <= _cost(sold, prices[resale["price"]]):
            found.append(f"{resale['request']:#x}: {resale['party']} pays more than it cost")
    return found


def _cost(row: Row, price: Row) -> int:
    """Tokens times price; half a pUSD and more is one."""
    amount = sum(row[meter] * price[meter] for meter in METERS)
    denominator = dict(price).get("denominator", 1)
    return int((2 * amount + denominator) // (2 * denominator))


# --- what clients saw -------------------------------------------------------------------------------------------------


def _answers(rows: Mapping[int, Row], answers: Iterable[Answer]) -> list[str]:
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
        row = rows.get(number)
        if row is None or row["state"] == "void":
            found.append(f"{number:#x} was seen complete and is not settled")
        elif _tokens(row) != answer.seen.tokens or row["source"] != "engine":
            told = f"{number:#x}: the client was told {answer.seen.tokens}"
            found.append(f"{told}, settled is {_tokens(row)} ({row['source']})")
        elif row["tenant"] != answer.tenant:
            found.append(f"{number:#x} of {answer.tenant} is settled for {row['tenant']}")
        elif row["state"] == "waived" and row["reason"] != "crash":
            found.append(f"{number:#x} was seen complete and is waived: {row['reason']}")
    return found


def _tokens(row: Row) -> tuple[int, int, int]:
    return row["input_uncached"], row["input_cached"], row["output_text"]


def _charges(rows: Mapping[int, Row], answers: Iterable[Answer]) -> list[str]:
    """Nothing is charged but whole answers and streams of which the client received something."""
    received = {
        answer.seen.request
        for answer in answers
        if answer.seen.ok or (answer.stream and answer.seen.pieces)
    }
    return [
        f"{request:#x} is charged and no client has its answer"
        for request, row in rows.items()
        if row["state"] == "charged" and request not in received
    ]


# --- sums -------------------------------------------------------------------------------------------------------------


def _accounts(evidence: Evidence) -> list[str]:
    """The accounts are the sum of the rows and of what is open: of tenants, of resellers and of keys."""
    state = evidence.accounts
    parties = [leg for row in evidence.rows for leg in _legs(row, evidence.resales)]
    parties += [leg for settle in state.unconfirmed for leg in _open_legs(settle, settle.held_at_s)]
    keys = [(row["key"], row["held_us"] / 1e6, row["amount_pusd"]) for row in _charged(evidence)]
    keys += [(settle.key, settle.held_at_s, settle.amount_pusd) for settle in state.unconfirmed]
    held = [leg for hold in state.open_holds for leg in _open_legs(hold, hold.at_s)]
    held_by_key = [(hold.key, hold.at_s, hold.amount_pusd) for hold in state.open_holds]
    return [
        *_sums(state.balances, parties, held),
        *_sums(state.keys, keys, held_by_key),
    ]


def _charged(evidence: Evidence) -> Iterator[Row]:
    return (row for row in evidence.rows if row["state"] == "charged")


def _legs(row: Row, resales: Iterable[Row]) -> list[Leg]:
    """Who is charged what for a request that is over."""
    if row["state"] != "charged":
        return []
    held_s = row["held_us"] / 1e6
    above = [
        (resale["party"], held_s, resale["amount_pusd"])
        for resale in resales
        if resale["request"] == row["id"]
    ]
    return [(row["tenant"], held_s, row["amount_pusd"]), *above]


def _open_legs(entry: ledger.Hold | ledger.Settle, held_s: float) -> list[Leg]:
    above = [(hop.party, held_s, hop.amount_pusd) for hop in entry.upline]
    return [(entry.tenant, held_s, entry.amount_pusd), *above]


def _sums(
    balances: Mapping[str, Balance], charges: Sequence[Leg], holds: Sequence[Leg]
) -> list[str]:
    found = []
    for name, balance in balances.items():
        start_s = balance.month.start_s
        spent = sum(leg[2] for leg in charges if leg[0] == name and leg[1] >= start_s)
        held = sum(leg[2] for leg in holds if leg[0] == name)
        if (balance.spent_pusd, balance.held_pusd) != (spent, held):
            kept = f"{balance.spent_pusd} spent and {balance.held_pusd} held"
            found.append(f"the account of {name} says {kept}, its rows say {spent} and {held}")
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
            found.append(f"budgets list says {said} for {tenant}, its rows say {spent} and 0")
    return found


def _spent(rows: Iterable[Row], tenant: str, start_s: float, end_s: float) -> int:
    return sum(
        row["amount_pusd"]
        for row in rows
        if row["state"] == "charged"
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
        return journalled(self._kept)


def journalled(journal: Path) -> list[ledger.Entry]:
    """Every whole entry of every segment of a folder."""
    return [
        entry
        for number in segment_numbers(journal)
        for entries, _ in read_frames(segment_path(journal, number))
        for entry in entries
    ]


def gather(factory: Factory, journal: JournalKeeper, answers: Sequence[Answer]) -> Evidence:
    """The evidence that a stopped factory leaves."""
    balances = factory.run("budgets", "list", "--json")
    with factory.books() as books:
        return gathered(books, factory.data, journal.entries, balances, answers)


def gathered(
    books: sqlite3.Connection,
    data: Path,
    journal: Sequence[ledger.Entry],
    balances: Sequence[Row] = (),
    answers: Sequence[Answer] = (),
) -> Evidence:
    """The evidence in a database whose rows come by name, and in the accounts beside it."""
    with Store(data, write=False) as store:
        accounts = store.accounts_state()
    return Evidence(
        rows=books.execute("SELECT * FROM request").fetchall(),
        resales=books.execute("SELECT * FROM resale").fetchall(),
        records=books.execute("SELECT * FROM record").fetchall(),
        blocks=books.execute("SELECT * FROM block ORDER BY number").fetchall(),
        prices={row["version"]: row for row in books.execute("SELECT * FROM price")},
        journal=journal,
        accounts=accounts,
        balances=balances,
        timezones=dict(books.execute("SELECT name, timezone FROM tenant").fetchall()),
        answers=answers,
    )
