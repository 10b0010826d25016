"""The auditor of the crash tests can find what it looks for: each kind of damage, done on purpose."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from msgspec.structs import replace as replace_struct

from tests.crash.audit import Evidence, Row, differences
from tests.crash.load import Answer
from tests.support.client import Seen
from wattmill.core.records import METERS, Usage
from wattmill.ledger import chain
from wattmill.ledger.accounts import Accounts, AccountsState
from wattmill.ledger.entries import Deliver, Entry, Hold, Hop, Settle, Void, Waive
from wattmill.ledger.rows import REQUEST_FIELDS, RESALE_FIELDS, rows_of

NOON_S = 1_794_916_800.0
WHOLE, STREAMED, WAIVED, VOIDED = 1, 2, 3, 4
HELD, WAITING = 5, 6
PRICE: Row = dict.fromkeys(METERS, 0) | {
    "plan": "standard",
    "input_uncached": 400,
    "output_text": 1600,
}
USAGE = Usage(input_uncached=10, output_text=5)
COST = 10 * 400 + 5 * 1600
ABOVE = (Hop("reseller", 1, COST),)


def hold(request: int) -> Hold:
    above = (Hop("reseller", 1, 1_000_000),)
    return Hold(request, NOON_S, "acme", "k_1", "house-small", 1, 1_000_000, above)


def settle(request: int, outcome: str = "finished", absorbed: int = 0) -> Settle:
    whose = (NOON_S, "acme", "k_1", "house-small")
    charge = (request, NOON_S + 1, *whose, "here", 1, USAGE, COST - absorbed, outcome)
    return Settle(*charge, upline=ABOVE, absorbed_pusd=absorbed)


JOURNAL: list[Entry] = [
    *[hold(request) for request in (WHOLE, STREAMED, WAIVED, VOIDED, HELD, WAITING)],
    settle(WHOLE),
    settle(STREAMED, "client_gone", absorbed=500),
    settle(WAIVED),
    settle(WAITING),
    Void(VOIDED, NOON_S + 1, NOON_S, "acme", "k_1", "house-small", "here", "engine_failed"),
    Deliver(WHOLE, NOON_S + 2),
    Deliver(STREAMED, NOON_S + 2),
    Waive(WAIVED, NOON_S + 2, NOON_S, "acme", COST, "crash"),
]
"""One answer that came whole, a stream that its client left (and that credit did not cover), an answer that was waived,
one that failed; two are not over."""


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


CHARGED = 2 * COST - 500


@pytest.fixture
def sound() -> Evidence:
    """Everything agrees."""
    accounts = Accounts()
    over = [finished for entry in JOURNAL if (finished := accounts.finish(entry))]
    blocks = [over[:3], over[3:]]
    rows, resales, heads, last = [], [], [], chain.GENESIS
    for number, block in enumerate(blocks, start=1):
        requests, upper = rows_of(block)
        rows += [_row(REQUEST_FIELDS, number, line) for line in requests]
        resales += [_row(RESALE_FIELDS, number, line) for line in upper]
        digest = chain.digest_of_requests(requests, upper)
        last = chain.block_hash(last, number, 7, "requests", digest)
        heads.append(_head(number, "requests", digest, last))
    digest = chain.digest_of_record(b"a record")
    heads.append(_head(3, "record", digest, chain.block_hash(last, 3, 7, "record", digest)))
    return Evidence(
        rows=rows,
        resales=resales,
        records=[{"block": 3, "kind": "correction", "body": b"a record"}],
        blocks=heads,
        prices={1: PRICE, 2: {**PRICE, "plan": "dear"}},
        journal=JOURNAL,
        accounts=accounts.state(),
        balances=[{"tenant": "acme", "month": "2026-11", "spent_pusd": CHARGED, "held_pusd": 0}],
        timezones={"acme": "UTC"},
        answers=ANSWERS,
    )


def _row(fields: Sequence[str], block: int, line: Sequence[object]) -> Row:
    names = [name for name in fields if name != "block"]
    return {"block": block} | dict(zip(names, line, strict=True))


def _head(number: int, kind: str, digest: bytes, last: bytes) -> Row:
    return {"number": number, "recorded_us": 7, "kind": kind, "digest": digest, "hash": last}


def test_sound_books_show_no_difference(sound: Evidence) -> None:
    assert differences(sound) == []


def without(evidence: Evidence, request: int) -> Evidence:
    """A row is lost from the database."""
    return replace(evidence, rows=[row for row in evidence.rows if row["id"] != request])


def changed(evidence: Evidence, request: int, **values: object) -> Evidence:
    """A row says something else."""
    rows = [{**row, **values} if row["id"] == request else row for row in evidence.rows]
    return replace(evidence, rows=rows)


def journalled(evidence: Evidence, *more: Entry) -> Evidence:
    return replace(evidence, journal=[*evidence.journal, *more])


def rehashed(evidence: Evidence, number: int, **values: object) -> Evidence:
    """A block says something else."""
    blocks = [{**row, **values} if row["number"] == number else row for row in evidence.blocks]
    return replace(evidence, blocks=blocks)


DAMAGE: dict[str, tuple[Callable[[Evidence], Evidence], str]] = {
    "all of a request is lost": (
        lambda e: without(e, WHOLE),
        "was seen complete and is not settled",
    ),
    "a request is lost between journal and database": (
        lambda e: without(e, WAIVED),
        "0x3 is over in the journal and not in the database",
    ),
    "an entry is lost from the journal": (
        lambda e: replace(e, journal=e.journal[:-1]),
        "0x3 is in the database, the journal has hold settle",
    ),
    "a row that nobody journalled": (
        lambda e: replace(e, rows=[*e.rows, {**e.rows[0], "id": 99}]),
        "0x63 is in the database, the journal has nothing",
    ),
    "a row is there twice": (
        lambda e: replace(e, rows=[*e.rows, e.rows[0]]),
        "0x1 is in the database 2 times",
    ),
    "an entry is journalled twice": (
        lambda e: journalled(e, settle(WHOLE)),
        "0x1: settle is in the journal twice",
    ),
    "a voided request is settled too": (
        lambda e: journalled(e, settle(VOIDED)),
        "0x4 lived hold void settle",
    ),
    "a settlement without a hold": (
        lambda e: journalled(e, settle(9)),
        "0x9 lived settle",
    ),
    "it is settled for another than it was held for": (
        lambda e: replace(e, journal=[replace_struct(e.journal[0], tenant="g"), *e.journal[1:]]),
        "0x1 was held for one and settled for another",
    ),
    "it is settled by another plan than it was held under": (
        lambda e: replace(e, journal=[replace_struct(e.journal[0], price=2), *e.journal[1:]]),
        "0x1 was held under one plan and settled under another",
    ),
    "an open hold is over in the database": (
        lambda e: replace(e, rows=[*e.rows, {**e.rows[0], "id": HELD}]),
        "0x5 is in the database, the journal has hold",
    ),
    "the accounts forgot a hold": (
        lambda e: replace(e, accounts=after(without_request(e.journal, HELD))),
        "0x5 is held and the accounts forgot",
    ),
    "the accounts forgot that a delivery is open": (
        lambda e: replace(e, accounts=after(without_request(e.journal, WAITING))),
        "0x6 is waiting for its delivery and the accounts forgot",
    ),
    "an account still waits for the end of a request": (
        lambda e: replace(e, accounts=after([hold(8)])),
        "0x8 is still held in the accounts",
    ),
    "tokens differ from what the client was told": (
        lambda e: changed(e, WHOLE, output_text=6, amount_pusd=COST + 1600),
        "0x1: the client was told (10, 0, 5), settled is (10, 0, 6) (engine)",
    ),
    "the tokens were only estimated": (
        lambda e: changed(e, WHOLE, source="estimated"),
        "settled is (10, 0, 5) (estimated)",
    ),
    "an amount is no product of tokens and prices": (
        lambda e: changed(e, WHOLE, amount_pusd=COST + 1),
        f"0x1 is charged {COST + 1}, its tokens cost {COST}",
    ),
    "what was absorbed is forgotten": (
        lambda e: changed(e, STREAMED, absorbed_pusd=0),
        f"0x2 is charged {COST - 500}, its tokens cost {COST}",
    ),
    "less is waived than was charged": (
        lambda e: changed(e, WAIVED, amount_pusd=1),
        "0x3 differs from the journal in amount_pusd",
    ),
    "a reseller pays more": (
        lambda e: replace(e, resales=[{**e.resales[0], "amount_pusd": COST + 1}, *e.resales[1:]]),
        "0x1: reseller pays more than it cost",
    ),
    "a resale is lost": (
        lambda e: replace(e, resales=e.resales[1:]),
        "0x1: its resale differs from the journal",
    ),
    "a whole answer is not charged": (
        lambda e: changed(e, WHOLE, state="waived", reason="client_gone"),
        "0x1 was seen complete and is waived: client_gone",
    ),
    "another tenant pays": (
        lambda e: changed(e, WHOLE, tenant="globex"),
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
        f"the account of acme says {COST} spent",
    ),
    "something is still held": (
        lambda e: replace(e, accounts=after(e.journal, held_pusd=7)),
        "and 7 held",
    ),
    "the account of a key forgot a charge": (
        lambda e: replace(e, accounts=after(e.journal, "k_1", spent_pusd=0)),
        "the account of k_1 says 0 spent",
    ),
    "the account of a reseller forgot a charge": (
        lambda e: replace(e, accounts=after(e.journal, "reseller", spent_pusd=0)),
        "the account of reseller says 0 spent",
    ),
    "the command says something else": (
        lambda e: replace(e, balances=[{**e.balances[0], "spent_pusd": 3 * COST}]),
        f"budgets list says {3 * COST} spent and 0 held for acme",
    ),
    "a row was changed behind the chain": (
        lambda e: changed(e, WAIVED, reason="another"),
        "the rows of block 2 are not those that were hashed",
    ),
    "a resale was changed behind the chain": (
        lambda e: replace(e, resales=[{**e.resales[0], "party": "x"}, *e.resales[1:]]),
        "the rows of block 1 are not those that were hashed",
    ),
    "a record was changed": (
        lambda e: replace(e, records=[{**e.records[0], "body": b"another"}]),
        "the rows of block 3 are not those that were hashed",
    ),
    "a record was slipped in": (
        lambda e: replace(e, records=[*e.records, {**e.records[0], "block": 1}]),
        "block 1 has what a block of requests does not have",
    ),
    "a block was recorded at another time": (
        lambda e: rehashed(e, 2, recorded_us=8),
        "the hash of block 2 does not follow from the one before",
    ),
    "a block got a new hash": (
        lambda e: rehashed(e, 1, hash=bytes(32)),
        "the hash of block 2 does not follow from the one before",
    ),
    "a block in the middle is gone": (
        lambda e: replace(e, blocks=[e.blocks[0], e.blocks[2]]),
        "block 3 comes where 2 should be",
    ),
    "the last block is gone and its record is not": (
        lambda e: replace(e, blocks=e.blocks[:2]),
        "rows are in block 3, which is not there",
    ),
}


def without_request(entries: Sequence[Entry], request: int) -> list[Entry]:
    return [entry for entry in entries if entry.request != request]


def after(entries: Sequence[Entry], account: str = "acme", **wrong: int) -> AccountsState:
    """Accounts after some entries, with something wrong in them."""
    accounts = Accounts()
    for entry in entries:
        accounts.apply(entry)
    state = accounts.state()
    for name, value in wrong.items():
        setattr((state.balances | state.keys)[account], name, value)
    return state


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_found(sound: Evidence, damage: str) -> None:
    hurt, expected = DAMAGE[damage]
    assert expected in "\n".join(differences(hurt(sound)))
