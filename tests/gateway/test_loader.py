"""From the journal into the database: each request exactly once, whatever happens on the way."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from wattmill.core.clock import ManualClock
from wattmill.core.errors import LedgerError
from wattmill.core.records import Price, Usage
from wattmill.core.roster import Grant, Key, Model, Pool, Roster, Tenant
from wattmill.ledger import chain, schema
from wattmill.ledger import loader as loading
from wattmill.ledger.accounts import Accounts
from wattmill.ledger.entries import Deliver, Draw, Entry, Hold, Hop, Settle, Void, Waive
from wattmill.ledger.journal import encode_frame, segment_path
from wattmill.ledger.loader import Loader
from wattmill.ledger.snapshot import (
    JOURNAL,
    Snapshot,
    read_snapshot,
    replay_journal,
    write_snapshot,
)
from wattmill.ledger.store import Store

NOON = datetime(2026, 11, 15, 12, tzinfo=UTC).timestamp()
AMOUNT = 1_000


def lives(count: int) -> list[Entry]:
    """Requests that end in each way in turn, interleaved: all holds first. Every third comes through a reseller."""
    holds: list[Entry] = []
    ends: list[Entry] = []
    for number in range(1, count + 1):
        who, at_s = (TENANTS[number % 2], "k_1", "house"), NOON + number
        held = (Hop("reseller", 2, AMOUNT),) if number % 3 == 0 else ()
        holds.append(Hold(number, at_s, *who, 1, 5 * AMOUNT, held))
        if number % 4 == 0:
            ends.append(Void(number, at_s + 1, at_s, *who, None, "client_gone"))
            continue
        usage, paid = (
            Usage(number, output_text=1),
            (Hop("reseller", 2, AMOUNT - 1),) if held else (),
        )
        charge = ("here", 1, usage, AMOUNT, "finished")
        rest = {"upline": paid, "absorbed_pusd": number, "draws": (Draw("CR-1", 7),)}
        ends.append(Settle(number, at_s + 1, at_s, *who, *charge, **rest))  # type: ignore[arg-type]
        if number % 4 == 1:
            ends.append(Deliver(number, at_s + 2))
        if number % 4 == 2:
            ends.append(Waive(number, at_s + 2, at_s, who[0], AMOUNT, "crash"))
    return holds + ends


TENANTS = ("acme", "globex")
LIVES = lives(40)


def journal(directory: Path, number: int, entries: list[Entry], frame_size: int = 3) -> None:
    """Append entries to a segment, a few in each frame."""
    path = segment_path(directory / JOURNAL, number)
    path.parent.mkdir(exist_ok=True)
    with path.open("ab") as file:
        for start in range(0, len(entries), frame_size):
            file.write(encode_frame(entries[start : start + frame_size]))


def journal_bytes(directory: Path) -> int:
    return sum(path.stat().st_size for path in (directory / JOURNAL).iterdir())


@contextmanager
def books(directory: Path) -> Iterator[tuple[Store, Loader]]:
    with Store(directory, write=True) as store:
        yield store, Loader(store, ManualClock(NOON))


def rows(store: Store) -> list[dict[str, object]]:
    """The requests, without their block."""
    with store.reading() as connection:
        found = connection.execute(select(schema.request).order_by(schema.request.c.id))
        return [dict(row._mapping) | {"block": None} for row in found]


def row_of(number: int) -> dict[str, object] | None:
    """The row that the request of ``lives`` must be; ``None`` for one that is not over."""
    at_us = round(NOON * 1e6) + number * 10**6
    row: dict[str, object] = dict.fromkeys(schema.request.columns.keys(), 0)
    row |= {"id": number, "block": None, "held_us": at_us, "ended_us": at_us + 2 * 10**6}
    row |= {"tenant": TENANTS[number % 2], "key": "k_1", "model": "house", "source": "engine"}
    if number % 4 == 0:
        ended = {"ended_us": at_us + 10**6, "state": "void", "reason": "client_gone"}
        return row | ended | {"price": None, "pool": None, "outcome": None}
    row |= {"price": 1, "pool": "here", "outcome": "finished", "reason": None}
    row |= {"input_uncached": number, "output_text": 1}
    row |= {"amount_pusd": AMOUNT, "absorbed_pusd": number}
    ends = {
        1: row | {"state": "charged"},
        2: row | {"state": "waived", "reason": "crash"},
    }
    return ends.get(number % 4)


def assert_holds_exactly(store: Store, loader: Loader, entries: list[Entry]) -> None:
    """Every request that is over, once, in an unbroken chain; the accounts of all entries."""
    expected = Accounts(by_run=True)
    for entry in entries:
        expected.apply(entry)
    numbers = sorted({entry.request for entry in entries})
    assert rows(store) == [row for number in numbers if (row := row_of(number))]
    assert loader.accounts.state() == expected.state() == store.accounts_state()
    with store.reading() as connection:
        assert list(chain.verify(connection)) == []
        resales = connection.execute(select(schema.resale).order_by(schema.resale.c.request))
        sold = [number for number in numbers if number % 3 == 0 and number % 4 in (1, 2)]
        assert [
            (row.request, row.hop, row.party, row.price, row.amount_pusd) for row in resales
        ] == [(number, 1, "reseller", 2, AMOUNT - 1) for number in sold]


def test_everything_is_carried_over_once(tmp_path: Path) -> None:
    journal(tmp_path, 1, LIVES)
    with books(tmp_path) as (store, loader):
        assert loader.catch_up() == len(LIVES)
        assert loader.catch_up() == 0
        assert_holds_exactly(store, loader, LIVES)


@settings(max_examples=6, deadline=None)
@given(
    cuts=st.lists(st.integers(0, len(LIVES)), min_size=1, max_size=4).map(sorted),
    frame_size=st.integers(1, 7),
    batch=st.integers(1, 30),
    reopen=st.booleans(),
)
def test_it_does_not_matter_how_it_is_split(
    cuts: list[int], frame_size: int, batch: int, reopen: bool
) -> None:
    """Into segments, frames, batches and runs of the process."""
    edges = [0, *cuts, len(LIVES)]
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "BATCH_ENTRIES", batch)
        directory = Path(folder)
        for number, (start, end) in enumerate(pairwise(edges), start=1):
            journal(directory, number, LIVES[start:end], frame_size)
            if reopen:
                with books(directory) as (_, loader):
                    loader.load_some()
        with books(directory) as (store, loader):
            loader.catch_up()
            assert_holds_exactly(store, loader, LIVES)


@pytest.mark.parametrize("lost", range(1, 60, 7))
def test_a_frame_that_is_still_being_written_is_read_when_it_is_whole(
    tmp_path: Path, lost: int
) -> None:
    journal(tmp_path, 1, LIVES)
    path = segment_path(tmp_path / JOURNAL, 1)
    whole = path.read_bytes()
    path.write_bytes(whole[:-lost])
    with books(tmp_path) as (store, loader):
        assert loader.catch_up() < len(LIVES)
        path.write_bytes(whole)
        loader.catch_up()
        assert_holds_exactly(store, loader, LIVES)


def test_only_what_is_over_is_in_the_database(tmp_path: Path) -> None:
    """A hold and a settlement whose delivery is open are in the accounts until they end."""
    journal(tmp_path, 1, LIVES)
    with books(tmp_path) as (store, loader):
        loader.catch_up()
        waiting = [number for number in range(1, 41) if number % 4 == 3]
        assert [settle.request for settle in store.accounts_state().unconfirmed] == waiting
        journal(tmp_path, 2, [Deliver(number, NOON + 90) for number in waiting])
        loader.catch_up()
        assert len(rows(store)) == 40
        assert store.accounts_state().unconfirmed == []


def test_what_comes_in_together_is_one_block_and_nothing_is_none(tmp_path: Path) -> None:
    with books(tmp_path) as (store, loader):
        journal(tmp_path, 1, LIVES[:40])
        loader.catch_up()
        with store.reading() as connection:
            assert chain.tail(connection).number == 0
        journal(tmp_path, 1, LIVES[40:])
        loader.catch_up()
        with store.reading() as connection:
            (block,) = connection.execute(select(schema.block)).all()
        assert (block.kind, block.rows, block.recorded_us) == ("requests", 30, round(NOON * 1e6))


def test_time_in_the_chain_does_not_run_backwards(tmp_path: Path) -> None:
    """Whatever the machine's clock does between two runs."""
    with Store(tmp_path, write=True) as store:
        for number, now_s in enumerate((NOON, NOON - 3600, NOON + 1), start=1):
            who = ("acme", "k_1", "house")
            hold = Hold(number, NOON, *who, 1, AMOUNT)
            void = Void(number, NOON, NOON, *who, None, "x")
            journal(tmp_path, number, [hold, void])
            Loader(store, ManualClock(now_s)).catch_up()
        with store.reading() as connection:
            times = [row.recorded_us / 1e6 for row in connection.execute(select(schema.block))]
            assert list(chain.verify(connection)) == []
    assert times == [NOON, NOON, NOON + 1]


def test_a_request_that_is_in_the_books_already_is_refused_whole(tmp_path: Path) -> None:
    """A journal that does not belong to the database would charge it twice."""
    journal(tmp_path, 1, LIVES)
    with books(tmp_path) as (store, loader):
        loader.catch_up()
        before, positions = rows(store), store.positions()
        journal(tmp_path, 2, LIVES)
        with pytest.raises(LedgerError, match="already") as refused:
            loader.catch_up()
        assert "backup" in refused.value.hint
        assert (rows(store), store.positions()) == (before, positions)
        assert loader.positions == positions


def test_a_database_that_refuses_once_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal(tmp_path, 1, LIVES)
    with books(tmp_path) as (store, loader):
        with monkeypatch.context() as patch:
            patch.setattr(store, "load", lambda *_: (_ for _ in ()).throw(OSError("disk is full")))
            for _ in range(3):
                with pytest.raises(OSError, match="full"):
                    loader.load_some()
        assert loader.positions == {}
        loader.catch_up()
        assert_holds_exactly(store, loader, LIVES)


KILLED = """
import os, sys
from pathlib import Path
from wattmill.core.clock import ManualClock
from wattmill.ledger.loader import Loader
from wattmill.ledger.store import Store
import wattmill.ledger.loader as loading
loading.BATCH_ENTRIES = 10
store = Store(Path(sys.argv[1]), write=True)
loader = Loader(store, ManualClock(1.0))
left, when = int(sys.argv[2]), sys.argv[3]
load = store.load
def load_or_die(*words):
    global left
    left -= 1
    if left == 0 and when == "before":
        os._exit(9)
    load(*words)
    if left == 0:
        os._exit(9)
store.load = load_or_die
loader.catch_up()
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_process_that_dies_while_it_loads_loses_nothing(tmp_path: Path, when: str) -> None:
    journal(tmp_path, 1, LIVES)
    died = [sys.executable, "-c", KILLED, str(tmp_path), "7", when]
    assert subprocess.run(died, env=dict(os.environ)).returncode == 9
    with books(tmp_path) as (store, loader):
        assert 0 < sum(loader.positions.values()) < journal_bytes(tmp_path)
        loader.catch_up()
        assert_holds_exactly(store, loader, LIVES)


def test_the_accounts_keep_the_months_of_a_tenant_s_own_zone(tmp_path: Path) -> None:
    """Late on the last evening of October in Chicago it is November in Greenwich."""
    evening = datetime(2026, 11, 1, 3, tzinfo=UTC).timestamp()
    journal(tmp_path, 1, [Hold(1, evening, "initech", "k_1", "house", 1, AMOUNT)])
    with books(tmp_path) as (_, loader):
        loader.accounts.set_parties((Tenant("initech", "standard", "America/Chicago"),))
        loader.catch_up()
        assert loader.accounts.balance("initech", evening).month.name == "2026-10"


# --- segments and the snapshot ---------------------------------------------------------------------

ROSTER = Roster(
    5,
    (
        Tenant("acme", "standard", "UTC", 10**12, 60, 2, "reseller", True),
        Tenant("globex", "standard", "Asia/Kolkata"),
    ),
    (Key("k_1", "ab" * 32, "acme", None, 3, 10**9),),
    (Price(1, "standard", 0.0, 1, 2, 3, 4, 5, 6, 7, 8),),
    (Model("house", ("here",), 512),),
    (Pool("here", "http://127.0.0.1:1/v1", "vllm", "m", "KEY", 1.5, 2.5, 8, 64, 4096, 3, 4),),
    (Grant("CR-1", "acme", 10**6, 1, NOON, None), Grant("CR-2", "acme", 1, 2, NOON, NOON + 1)),
)


def test_a_segment_goes_once_it_is_loaded_and_no_longer_written(tmp_path: Path) -> None:
    third = len(LIVES) // 3
    for number in range(3):
        journal(tmp_path, number + 1, LIVES[number * third : (number + 1) * third])
    with books(tmp_path) as (_, loader):
        assert loader.retire_segments() == []
        loader.catch_up()
        assert loader.retire_segments() == [1, 2]
        assert loader.retire_segments() == []


def test_a_segment_that_a_crash_left_torn_goes_too(tmp_path: Path) -> None:
    journal(tmp_path, 1, LIVES[:9])
    with segment_path(tmp_path / JOURNAL, 1).open("ab") as file:
        file.write(encode_frame(LIVES[9:12])[:-1])
    journal(tmp_path, 2, LIVES[12:20])
    with books(tmp_path) as (_, loader):
        loader.catch_up()
        assert loader.retire_segments() == [1]


def test_a_snapshot_comes_back_as_it_was_written(tmp_path: Path) -> None:
    accounts = Accounts()
    for entry in LIVES:
        accounts.apply(entry)
    snapshot = Snapshot(ROSTER, accounts.state(), {1: 100, 2**33: 7})
    write_snapshot(tmp_path, snapshot)
    assert read_snapshot(tmp_path) == snapshot
    assert (tmp_path / "snapshot").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("loaded", range(0, len(LIVES), 9))
def test_a_snapshot_and_the_journal_behind_it_give_the_accounts(
    tmp_path: Path, loaded: int
) -> None:
    journal(tmp_path, 1, LIVES[:loaded], 1)
    with books(tmp_path) as (_, loader):
        loader.catch_up()
        snapshot = Snapshot(ROSTER, loader.accounts.state(), loader.positions)
    journal(tmp_path, 1, LIVES[loaded:-5], 1)
    journal(tmp_path, 2, LIVES[-5:], 1)
    write_snapshot(tmp_path, snapshot)
    expected = Accounts()
    for entry in LIVES:
        expected.apply(entry)
    replayed = replay_journal(tmp_path, read_snapshot(tmp_path)).state()
    assert replayed.open_holds == expected.state().open_holds
    assert replayed.unconfirmed == expected.state().unconfirmed
    for kept, known in (
        (replayed.balances, expected.state().balances),
        (replayed.keys, expected.state().keys),
    ):
        money = {name: (b.spent_pusd, b.held_pusd) for name, b in kept.items()}
        assert money == {name: (b.spent_pusd, b.held_pusd) for name, b in known.items()}
    assert replayed.drawn == expected.state().drawn


def test_without_a_snapshot_the_way_to_one_is_said(tmp_path: Path) -> None:
    with pytest.raises(LedgerError) as refused:
        read_snapshot(tmp_path)
    assert "wattmill up" in refused.value.hint


def test_a_damaged_snapshot_is_an_error_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "snapshot").write_bytes(b"\xc1 no snapshot")
    with pytest.raises(LedgerError) as refused:
        read_snapshot(tmp_path)
    assert refused.value.place == str(tmp_path / "snapshot")
    assert "delete it" in refused.value.hint
