"""The snapshot: what a gateway needs to start when no database answers.

The books write it whenever the roster changes and when journal segments are retired. A gateway reads it, replays the
journal from its positions on, and knows every key, price and balance.
"""

import os
from pathlib import Path

import msgspec
from msgspec import Struct

from wattmill.core.errors import LedgerError
from wattmill.core.roster import Roster
from wattmill.ledger.accounts import Accounts, AccountsState
from wattmill.ledger.journal import read_frames, segment_numbers, segment_path, sync

SNAPSHOT = "snapshot"
JOURNAL = "journal"


class Snapshot(Struct, frozen=True, array_like=True):
    """The roster, and the accounts after the journal was read up to ``positions`` (segment → byte offset).

    ``block`` and ``hash`` are the end of the chain by then: from here a chain that lost its end is known.
    """

    roster: Roster
    state: AccountsState
    positions: dict[int, int]
    block: int = 0
    hash: bytes = b""


def write_snapshot(directory: Path, snapshot: Snapshot) -> None:
    """Replace the snapshot as one step that survives a power loss."""
    temporary = directory / (SNAPSHOT + ".new")
    with temporary.open("wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(msgspec.json.encode(snapshot))
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(directory / SNAPSHOT)
    sync(directory)


def read_snapshot(directory: Path) -> Snapshot:
    """Read it back; ``LedgerError`` when there is none or it is damaged."""
    path = directory / SNAPSHOT
    try:
        return _decode(path.read_bytes())
    except FileNotFoundError:
        raise LedgerError(
            f"there is no snapshot in {directory}", hint="start with: wattmill up FACTORY.toml"
        ) from None
    except msgspec.DecodeError as error:
        raise LedgerError(
            f"the snapshot cannot be read: {error}",
            place=str(path),
            hint="delete it; it is written anew from the database",
        ) from None


def _decode(data: bytes) -> Snapshot:
    """JSON, because balances are not limited to 64 bits; MessagePack is how older snapshots were written."""
    read = msgspec.json.decode if data.startswith(b"[") else msgspec.msgpack.decode
    return read(data, type=Snapshot)


def recover(directory: Path, *, by_run: bool = False) -> tuple[Snapshot, Accounts]:
    """The snapshot, and the accounts after everything durable; ``by_run``: they know which run caused what.

    The books may write a newer snapshot meanwhile, and delete segments that it makes needless: then once more.
    """
    while True:
        snapshot = read_snapshot(directory)
        try:
            accounts = replay_journal(directory, snapshot, by_run=by_run)
        except FileNotFoundError:
            continue
        if read_snapshot(directory).positions == snapshot.positions:
            return snapshot, accounts


def replay_journal(directory: Path, snapshot: Snapshot, *, by_run: bool = False) -> Accounts:
    """The accounts after everything that is durable."""
    accounts = Accounts(snapshot.state, by_run=by_run)
    roster = snapshot.roster
    accounts.set_parties(roster.tenants, roster.keys, roster.grants)
    journal = directory / JOURNAL
    for number in segment_numbers(journal):
        start = snapshot.positions.get(number, 0)
        for entries, _ in read_frames(segment_path(journal, number), start):
            for entry in entries:
                accounts.apply(entry)
    return accounts
