"""What a loss of power may leave on the disk, and what it may not."""

import os
from pathlib import Path

import pytest

from wattmill.core.clock import ManualClock
from wattmill.core.errors import JournalError
from wattmill.core.roster import Roster
from wattmill.ledger import snapshot as snapshots
from wattmill.ledger.accounts import Accounts, AccountsState
from wattmill.ledger.entries import Entry, Hold, Void
from wattmill.ledger.journal import encode_frame, read_frames, segment_path
from wattmill.ledger.loader import Loader
from wattmill.ledger.snapshot import JOURNAL, Snapshot, recover, write_snapshot
from wattmill.ledger.store import Store

NOON_S = 1_794_916_800.0


def hold(request: int) -> Hold:
    return Hold(request, NOON_S, "acme", "k_1", "house-small", 1, 1_000)


def void(request: int) -> Void:
    who = ("acme", "k_1", "house-small")
    return Void(request, NOON_S + 1, NOON_S, *who, "here", "client_gone")


def write_segment(data: Path, number: int, *frames: list[Entry]) -> Path:
    path = segment_path(data / JOURNAL, number)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"".join(map(encode_frame, frames)))
    return path


@pytest.mark.parametrize("zeros", [1, 7, 8, 9, 4096])
def test_zeros_behind_the_last_frame_are_its_end(tmp_path: Path, zeros: int) -> None:
    """A file system may have made room for a frame that never came."""
    path = write_segment(tmp_path, 1, [hold(1)])
    with path.open("ab") as file:
        file.write(bytes(zeros))
    assert [entries for entries, _ in read_frames(path)] == [[hold(1)]]


@pytest.mark.parametrize("zeros", [0, 1, 7, 4096])
@pytest.mark.parametrize("torn", [1, 8, 9, 30, -1])
def test_a_torn_frame_is_the_end_whatever_zeros_are_behind_it(
    tmp_path: Path, torn: int, zeros: int
) -> None:
    """They may reach beyond where it would have ended."""
    path = write_segment(tmp_path, 1, [hold(1)])
    with path.open("ab") as file:
        file.write(encode_frame([hold(2)])[:torn] + bytes(zeros))
    assert [entries for entries, _ in read_frames(path)] == [[hold(1)]]


def test_damage_before_something_durable_is_an_error(tmp_path: Path) -> None:
    path = write_segment(tmp_path, 1, [hold(1)], [hold(2)])
    whole = path.read_bytes()
    path.write_bytes(whole[:20] + bytes([whole[20] ^ 1]) + whole[21:])
    with pytest.raises(JournalError, match="damaged"):
        list(read_frames(path))


def test_an_entry_is_on_disk_in_the_journal_before_it_is_in_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[str] = []
    real_sync, real_load = os.fsync, Store.load

    def fsync(descriptor: int) -> None:
        happened.append(Path(f"/proc/self/fd/{descriptor}").resolve().name)
        real_sync(descriptor)

    def load(store: Store, *arguments: object) -> None:
        happened.append("database")
        real_load(store, *arguments)  # type: ignore[arg-type]

    write_segment(tmp_path, 1, [hold(1)])
    write_segment(tmp_path, 2, [hold(2)])
    with Store(tmp_path, write=True) as store:
        loader = Loader(store, ManualClock(NOON_S))
        monkeypatch.setattr(os, "fsync", fsync)
        monkeypatch.setattr(Store, "load", load)
        assert loader.catch_up() == 2
    assert happened == ["0000000001.journal", "0000000002.journal", "database"]


def test_segments_that_go_while_a_gateway_recovers_are_not_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The books write a newer snapshot and delete a segment just after the old snapshot was read."""
    first = write_segment(tmp_path, 1, [hold(1), hold(2)])
    write_segment(tmp_path, 2, [void(1)])
    write_snapshot(tmp_path, Snapshot(Roster(1), AccountsState(), {}))
    after_first = Accounts()
    after_first.apply(hold(1))
    after_first.apply(hold(2))
    newer = Snapshot(Roster(2), after_first.state(), {1: first.stat().st_size})

    def read(data: Path) -> Snapshot:
        found = real_read(data)
        if first.exists():
            write_snapshot(data, newer)
            first.unlink()
        return found

    real_read = snapshots.read_snapshot
    monkeypatch.setattr(snapshots, "read_snapshot", read)
    snapshot, accounts = recover(tmp_path)
    assert snapshot.roster.version == 2
    assert accounts.open_holds == [hold(2)]
