"""The checks in their order, and how they are run: one consistent view of the books, every check to its end."""

from collections.abc import Callable, Iterator
from itertools import islice

from msgspec import Struct
from sqlalchemy.exc import DatabaseError

from wattmill.core.errors import WattmillError
from wattmill.ledger.chain import Fault
from wattmill.ledger.doctor import (
    accounts,
    database,
    engines,
    files,
    ledgers,
    records,
    requests,
    retired,
    sums,
)
from wattmill.ledger.doctor.case import Case
from wattmill.ledger.store import Store

MOST_FAULTS = 20
"""How many faults of a check are named; the rest is counted."""

Check = Callable[[Case], Iterator[Fault]]
CHECKS: tuple[tuple[str, str, Check], ...] = (
    ("database", "the file is sound, and nothing in it can be changed", database.faults),
    (
        "chain",
        "every block follows from the one before it and holds what it was written with",
        database.chain_faults,
    ),
    ("requests", "what each was charged is its tokens at its price", requests.faults),
    (
        "resales",
        "resellers are charged for the same tokens at their own price",
        requests.resale_faults,
    ),
    ("sums", "the sums by quarter of an hour are those of the requests", sums.faults),
    (
        "retired",
        "what is kept of retired details is what was recorded, and invoices have it",
        retired.faults,
    ),
    (
        "records",
        "the tables of corrections, payments, credit and documents say what was recorded",
        records.faults,
    ),
    ("postings", "every posting balances and follows from its record", ledgers.faults),
    (
        "accounts",
        "spent, held and drawn are what requests and open holds add up to",
        accounts.faults,
    ),
    (
        "engines",
        "every token that an engine counted is in the books or has a name",
        engines.faults,
    ),
    ("journal", "everything that is durable is in the books or waits to be", files.faults),
)


class Result(Struct, frozen=True):
    """A check: what holds when it found nothing, and what it found."""

    name: str
    proves: str
    faults: tuple[Fault, ...]
    more: int = 0

    @property
    def is_sound(self) -> bool:
        return not self.faults


def examine(store: Store) -> list[Result]:
    """Run every check on one view of the books. Nothing is written."""
    with store.reading() as connection:
        case = Case(store, connection)
        return [_result(case, name, proves, check) for name, proves, check in CHECKS]


def _result(case: Case, name: str, proves: str, check: Check) -> Result:
    found = _guarded(check(case))
    faults = tuple(islice(found, MOST_FAULTS))
    return Result(name, proves, faults, sum(1 for _ in found))


def _guarded(faults: Iterator[Fault]) -> Iterator[Fault]:
    """A check that cannot go on is a finding, not the end of the examination."""
    try:
        yield from faults
    except WattmillError as error:
        yield Fault(error.place or "here", str(error))
    except DatabaseError as error:
        yield Fault("database", f"it cannot be read: {error.orig}")
    except Exception as error:  # damage takes every form, and the other checks must still be made
        yield Fault("here", f"what is there cannot be examined: {type(error).__name__}: {error}")
