"""The auditor of the crash tests can find what it looks for: each kind of damage, done on purpose."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from tests.crash.audit import KINDS, Evidence, Row, differences
from tests.crash.load import Answer
from tests.support.client import Seen
from wattmill.core.records import METERS, Usage
from wattmill.ledger import schema
from wattmill.ledger.accounts import Accounts, AccountsState
from wattmill.ledger.entries import Deliver, Entry, Hold, Settle, Void, Waive
from wattmill.ledger.store import entry_columns

NOON_S = 1_794_916_800.0
WHOLE, STREAMED, WAIVED, VOIDED = 1, 2, 3, 4
PRICE: Row = dict.fromkeys(METERS, 0) | {"version": 1, "input_uncached": 400, "output_text": 1600}
USAGE = Usage(input_uncached=10, output_text=5)
COST = 10 * 400 + 5 * 1600


def hold(request: int) -> Hold:
    return Hold(request, NOON_S, "acme", "k_1", "house-small", 1, 1_000_000)


def settle(request: int, outcome: str = "finished") -> Settle:
    whose = (NOON_S, "acme", "k_1", "house-small")
    return Settle(request, NOON_S + 1, *whose, "here", 1, USAGE, COST, outcome)


JOURNAL: list[Entry] = [
    *[hold(request) for request in (WHOLE, STREAMED, WAIVED, VOIDED)],
    settle(WHOLE),
    settle(STREAMED, "client_gone"),
    settle(WAIVED),
    Void(VOIDED, NOON_S + 1, NOON_S, "acme", "k_1", "house-small", "here", "engine_failed"),
    Deliver(WHOLE, NOON_S + 2),
    Deliver(STREAMED, NOON_S + 2),
    Waive(WAIVED, NOON_S + 2, NOON_S, "acme", COST, "crash"),
]
"""One answer that came whole, a stream that its client left, an answer that was waived, one that failed."""


def seen(request: int, **what: object) -> Seen:
    return Seen(200, {"x-request-id": f"wm-{request:x}"}, **what)  # type: ignore[arg-type]


ANSWERS = [
    Answer(
        "acme",
        False,
        seen(WHOLE, complete=True, body=b'{"usage":{"prompt_tokens":10,"completion_tokens":5}}'),
    ),
    Answer("acme", True, seen(STREAMED, left=True, chunks=[{"choices": [{"text": "a"}]}])),
    Answer("acme", False, seen(WAIVED, broken="reset")),
]


@pytest.fixture
def sound() -> Evidence:
    """Everything agrees."""
    accounts = Accounts()
    for entry in JOURNAL:
        accounts.apply(entry)
    empty = dict.fromkeys(column.name for column in schema.entry.columns)
    rows = [empty | entry_columns(entry) for entry in JOURNAL]
    return Evidence(
        rows=sorted(rows, key=lambda row: (row["request"], row["kind"])),
        prices={1: PRICE},
        journal=JOURNAL,
        accounts=accounts.state(),
        balances=[{"tenant": "acme", "month": "2026-11", "spent_pusd": 2 * COST, "held_pusd": 0}],
        timezones={"acme": "UTC"},
        answers=ANSWERS,
    )


def test_sound_books_show_no_difference(sound: Evidence) -> None:
    assert differences(sound) == []


def without(evidence: Evidence, request: int, *kinds: str) -> Evidence:
    """Rows are lost from the database."""
    rows = [r for r in evidence.rows if r["request"] != request or KINDS[r["kind"]] not in kinds]
    return replace(evidence, rows=rows)


def changed(evidence: Evidence, request: int, kind: str, **values: object) -> Evidence:
    """A row says something else."""
    rows = [
        {**row, **values} if (row["request"], KINDS[row["kind"]]) == (request, kind) else row
        for row in evidence.rows
    ]
    return replace(evidence, rows=rows)


DAMAGE: dict[str, tuple[Callable[[Evidence], Evidence], str]] = {
    "the settlement of a whole answer is lost": (
        lambda e: without(e, WHOLE, "settle", "deliver"),
        "was seen complete and is not settled",
    ),
    "all of a request is lost": (
        lambda e: without(e, WHOLE, "hold", "settle", "deliver"),
        "was seen complete and is not settled",
    ),
    "an entry is lost between journal and database": (
        lambda e: without(e, WAIVED, "waive"),
        "0x3: waive is in the journal and not in the database",
    ),
    "an entry is lost from the journal": (
        lambda e: replace(e, journal=e.journal[:-1]),
        "0x3: waive is in the database and not in the journal",
    ),
    "an entry is journalled twice": (
        lambda e: replace(e, journal=[*e.journal, settle(WHOLE)]),
        "0x1: settle is in the journal 2 times",
    ),
    "a voided request is settled too": (
        lambda e: replace(e, rows=[*e.rows, {**e.rows[1], "request": VOIDED}]),
        "0x4 lived hold void settle",
    ),
    "a hold never ended": (
        lambda e: without(e, VOIDED, "void"),
        "0x4 lived hold",
    ),
    "a settlement is neither delivered nor waived": (
        lambda e: without(e, STREAMED, "deliver"),
        "0x2 lived hold settle",
    ),
    "tokens differ from what the client was told": (
        lambda e: changed(e, WHOLE, "settle", output_text=6, amount_pusd=COST + 1600),
        "0x1: the client was told (10, 0, 5), settled is (10, 0, 6) (engine)",
    ),
    "the tokens were only estimated": (
        lambda e: changed(e, WHOLE, "settle", usage_source="estimated"),
        "settled is (10, 0, 5) (estimated)",
    ),
    "an amount is no product of tokens and prices": (
        lambda e: changed(e, WHOLE, "settle", amount_pusd=COST + 1),
        f"0x1 is charged {COST + 1}, its tokens cost {COST}",
    ),
    "less is waived than was charged": (
        lambda e: changed(e, WAIVED, "waive", amount_pusd=-1),
        f"0x3: -1 is waived of {COST}",
    ),
    "a whole answer is not charged": (
        lambda e: replace(e, rows=waived_as_left(e.rows)),
        "0x1 was seen complete and is waived: client_gone",
    ),
    "another tenant pays": (
        lambda e: changed(e, WHOLE, "settle", tenant="globex"),
        "0x1 of acme is settled for globex",
    ),
    "an answer is charged that nobody has": (
        lambda e: replace(e, answers=e.answers[:1]),
        "0x2 is charged and no client has its answer",
    ),
    "two answers have one number": (
        lambda e: replace(e, answers=[*e.answers, e.answers[0]]),
        "2 answers say that they are wm-1",
    ),
    "an account forgot a charge": (
        lambda e: replace(e, accounts=after(e.journal, spent_pusd=COST)),
        f"the account of acme says {COST} spent and 0 held",
    ),
    "something is still held": (
        lambda e: replace(e, accounts=after(e.journal, held_pusd=7)),
        "and 7 held",
    ),
    "an account still waits for the end of a request": (
        lambda e: replace(e, accounts=after([hold(5)])),
        "0x5 is still held",
    ),
    "the command says something else": (
        lambda e: replace(e, balances=[{**e.balances[0], "spent_pusd": 3 * COST}]),
        f"budgets list says {3 * COST} spent and 0 held for acme",
    ),
}


def waived_as_left(rows: Sequence[Row]) -> list[Row]:
    """The first request is waived as if its client had left."""
    waive = next(row for row in rows if KINDS[row["kind"]] == "waive")
    moved = [row for row in rows if (row["request"], KINDS[row["kind"]]) != (WHOLE, "deliver")]
    return [*moved, {**waive, "request": WHOLE, "note": "client_gone"}]


def after(entries: Sequence[Entry], **wrong: int) -> AccountsState:
    """Accounts after some entries, with something wrong in them."""
    accounts = Accounts()
    for entry in entries:
        accounts.apply(entry)
    state = accounts.state()
    for name, value in wrong.items():
        setattr(state.balances["acme"], name, value)
    return state


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_found(sound: Evidence, damage: str) -> None:
    hurt, expected = DAMAGE[damage]
    assert expected in "\n".join(differences(hurt(sound)))
