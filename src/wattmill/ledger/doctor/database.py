"""The database itself: is it whole, does it refuse changes, is its chain unbroken?"""

from collections.abc import Iterator

from sqlalchemy import inspect

from wattmill.core.errors import LedgerError
from wattmill.ledger import chain, tables
from wattmill.ledger.chain import Fault
from wattmill.ledger.doctor.case import Case
from wattmill.ledger.snapshot import read_snapshot


def faults(case: Case) -> Iterator[Fault]:
    yield from _missing_tables(case)
    if case.store.dialect == "sqlite":
        yield from _damaged_pages(case)
        yield from _missing_triggers(case)


def _missing_tables(case: Case) -> Iterator[Fault]:
    there = set(inspect(case.connection).get_table_names())
    for table in sorted(tables.metadata.tables.keys() - there):
        yield Fault(table, "this table is missing")


def _damaged_pages(case: Case) -> Iterator[Fault]:
    for (line,) in case.connection.exec_driver_sql("PRAGMA integrity_check(20)"):
        if line != "ok":
            yield Fault("database file", line)


def _missing_triggers(case: Case) -> Iterator[Fault]:
    """One that is there and says something else, as that anything may go, is as good as none."""
    found = case.connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE type = 'trigger'")
    there = {text for (text,) in found}
    for table in tables.APPEND_ONLY:
        for verb in ("update", "delete"):
            if tables.sqlite_trigger(table, verb) not in there:
                yield Fault(table, f"nothing stops an {verb} of its rows: a trigger is missing")


def chain_faults(case: Case) -> Iterator[Fault]:
    yield from chain.verify(case.connection)
    yield from _cut_off(case)


def _cut_off(case: Case) -> Iterator[Fault]:
    """A chain that lost its end is sound in itself; the snapshot beside the database remembers where it was."""
    try:
        snapshot = read_snapshot(case.store.directory)
    except LedgerError:
        return  # the check of the files says so
    if not snapshot.block:
        return
    found = chain.hash_of(case.connection, snapshot.block)
    place = f"block {snapshot.block}"
    if found is None:
        yield Fault(place, "the books had it once: the end of the chain is cut off")
    elif found != snapshot.hash:
        yield Fault(place, "the chain was written anew: its hash is not the one it had")
