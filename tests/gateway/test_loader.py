"""From the journal into the database: each entry exactly once, whatever happens on the way."""

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
from sqlalchemy import text

from wattmill.core.errors import LedgerError
from wattmill.core.records import Price, Usage
from wattmill.core.roster import Key, Model, Pool, Roster, Tenant
from wattmill.ledger import loader as loading
from wattmill.ledger import schema
from wattmill.ledger.accounts import Accounts
from wattmill.ledger.entries import Deliver, Entry, Hold, Settle, Void, Waive
from wattmill.ledger.journal import encode_frame, segment_path
from wattmill.ledger.loader import Loader
from wattmill.ledger.snapshot import (
    JOURNAL,
    Snapshot,
    read_snapshot,
    replay_journal,
    write_snapshot,
)
from wattmill.ledger.store import Store, entry_columns

NOON = datetime(2026, 11, 15, 12, tzinfo=UTC).timestamp()
AMOUNT = 1_000


def lives(count: int) -> list[Entry]:
    """Requests that end in each way in turn, interleaved: all holds first."""
    holds: list[Entry] = []
    ends: list[Entry] = []
    for number in range(1, count + 1):
        who = (("acme", "globex")[number % 2], "k_1", "house")
        at_s = NOON + number
        holds.append(Hold(number, at_s, *who, 1, 5 * AMOUNT))
        if number % 4 == 0:
            ends.append(Void(number, at_s + 1, at_s, *who, None, "client_gone"))
            continue
        usage = Usage(number, output_text=1)
        ends.append(Settle(number, at_s + 1, at_s, *who, "here", 1, usage, AMOUNT, "finished"))
        if number % 4 == 1:
            ends.append(Deliver(number, at_s + 2))
        if number % 4 == 2:
            ends.append(Waive(number, at_s + 2, at_s, who[0], AMOUNT, "crash"))
    return holds + ends


LIVES = lives(40)


def journal(directory: Path, number: int, entries: list[Entry], frame_size: int = 3) -> None:
    """Append entries to a segment, a few in each frame."""
    path = segment_path(directory / JOURNAL, number)
    path.parent.mkdir(exist_ok=True)
    with path.open("ab") as file:
        for start in range(0, len(entries), frame_size):
            file.write(encode_frame(entries[start : start + frame_size]))


@contextmanager
def books(directory: Path) -> Iterator[tuple[Store, Loader]]:
    with Store(directory, write=True) as store:
        yield store, Loader(store)


def rows(store: Store) -> list[tuple[object, ...]]:
    with store.reading() as connection:
        found = connection.execute(text("SELECT * FROM entry ORDER BY request, kind"))
        return [tuple(row) for row in found]


def row_of(entry: Entry) -> tuple[object, ...]:
    empty = dict.fromkeys(column.name for column in schema.entry.columns)
    return tuple((empty | entry_columns(entry)).values())


def assert_holds_exactly(store: Store, loader: Loader, entries: list[Entry]) -> None:
    expected = Accounts()
    for entry in entries:
        expected.apply(entry)
    assert rows(store) == sorted(row_of(entry) for entry in entries)
    assert loader.accounts.state() == expected.state() == store.accounts_state()


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
from wattmill.ledger.loader import Loader
from wattmill.ledger.store import Store
import wattmill.ledger.loader as loading
loading.BATCH_ENTRIES = 10
store = Store(Path(sys.argv[1]), write=True)
loader = Loader(store)
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
    died = [sys.executable, "-c", KILLED, str(tmp_path), "3", when]
    assert subprocess.run(died, env=dict(os.environ)).returncode == 9
    with books(tmp_path) as (store, loader):
        assert 0 < len(rows(store)) < len(LIVES)
        loader.catch_up()
        assert_holds_exactly(store, loader, LIVES)


def test_the_accounts_keep_the_months_of_a_tenant_s_own_zone(tmp_path: Path) -> None:
    """Late on the last evening of October in Chicago it is November in Greenwich."""
    evening = datetime(2026, 11, 1, 3, tzinfo=UTC).timestamp()
    journal(tmp_path, 1, [Hold(1, evening, "initech", "k_1", "house", 1, AMOUNT)])
    with books(tmp_path) as (_, loader):
        loader.accounts.set_tenants((Tenant("initech", "standard", "America/Chicago"),))
        loader.catch_up()
        assert loader.accounts.balance("initech", evening).month.name == "2026-10"


# --- segments and the snapshot ---------------------------------------------------------------------

ROSTER = Roster(
    5,
    (
        Tenant("acme", "standard", "UTC", 10**12, 60, 2),
        Tenant("globex", "standard", "Asia/Kolkata"),
    ),
    (Key("k_1", "ab" * 32, "acme", None, 3),),
    (Price(1, "standard", 0.0, 1, 2, 3, 4, 5, 6, 7, 8),),
    (Model("house", ("here",), 512),),
    (Pool("here", "http://127.0.0.1:1/v1", "vllm", "m", "KEY", 1.5, 2.5, 8, 64, 4096, 3, 4),),
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
    spent = {name: balance.spent_pusd for name, balance in replayed.balances.items()}
    assert spent == {name: b.spent_pusd for name, b in expected.state().balances.items()}


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
