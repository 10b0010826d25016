"""The files beside the database: the journal behind what was loaded, and the snapshot."""

from collections.abc import Iterator

from wattmill.core.errors import JournalError, LedgerError
from wattmill.ledger.chain import Fault
from wattmill.ledger.doctor.case import Case
from wattmill.ledger.journal import read_frames, segment_numbers, segment_path
from wattmill.ledger.snapshot import JOURNAL, SNAPSHOT, Snapshot, read_snapshot


def faults(case: Case) -> Iterator[Fault]:
    yield from _journal(case)
    if (case.store.directory / SNAPSHOT).exists():
        yield from _snapshot(case)


def _journal(case: Case) -> Iterator[Fault]:
    """Frames before the position are in the books, frames behind it will be: damage in either is told."""
    folder = case.store.directory / JOURNAL
    positions = case.store.positions()
    for number in segment_numbers(folder):
        path = segment_path(folder, number)
        try:
            ends = {0, *(end for _, end in read_frames(path))}
        except JournalError as error:
            yield Fault(path.name, str(error))
            continue
        if positions.get(number, 0) not in ends:
            at = positions[number]
            yield Fault(path.name, f"the books read it up to byte {at}, where no frame ends")


def _snapshot(case: Case) -> Iterator[Fault]:
    try:
        snapshot = read_snapshot(case.store.directory)
    except LedgerError as error:
        yield Fault(SNAPSHOT, str(error))
        return
    yield from _ahead(case, snapshot)
    known = case.prices
    for price in snapshot.roster.prices:
        if known.get(price.version) != price:
            what = f"its price version {price.version} is not the one in the books"
            yield Fault(SNAPSHOT, what)


def _ahead(case: Case, snapshot: Snapshot) -> Iterator[Fault]:
    positions = case.store.positions()
    for segment, offset in snapshot.positions.items():
        if offset > positions.get(segment, 0):
            what = f"it knows segment {segment} up to byte {offset}, the books only to"
            yield Fault(SNAPSHOT, f"{what} {positions.get(segment, 0)}")
