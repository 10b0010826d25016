"""Requests and what resellers pay for them: amounts follow from tokens and prices, states from how they ended."""

from collections.abc import Iterator, Sequence
from functools import reduce
from operator import add
from typing import Any

from sqlalchemy import ColumnElement, and_, func, not_, or_, select

from wattmill.core.records import METERS, Usage
from wattmill.ledger import schema
from wattmill.ledger.chain import Fault
from wattmill.ledger.doctor.case import Case
from wattmill.ledger.retention.reading import retired_blocks
from wattmill.tariff.rating import rate

ROW = schema.request.c


def faults(case: Case) -> Iterator[Fault]:
    yield from _amounts(case)
    for what, wrong in _IMPOSSIBLE:
        for (request,) in case.connection.execute(select(ROW.id).where(wrong).limit(100)):
            yield Fault(f"request {request:#x}", what)
    yield from _strangers(case)


_NEGATIVE = or_(*(ROW[name] < 0 for name in (*METERS, "amount_pusd", "absorbed_pusd")))
_UNSETTLED = or_(ROW.price.is_not(None), ROW.outcome.is_not(None), ROW.amount_pusd != 0)
_IMPOSSIBLE: tuple[tuple[str, ColumnElement[bool]], ...] = (
    ("it has a negative figure", _NEGATIVE),
    ("it ended before it began", ROW.ended_us < ROW.held_us),
    ("its state is none of charged, waived, void", ROW.state.not_in(("charged", "waived", "void"))),
    ("it is void and has a price, an outcome or an amount", and_(ROW.state == "void", _UNSETTLED)),
    (
        "it was settled and has no price or outcome",
        and_(ROW.state != "void", or_(ROW.price.is_(None), ROW.outcome.is_(None))),
    ),
    (
        "it is charged and says why it is not, or the other way round",
        (ROW.state == "charged") == ROW.reason.is_not(None),
    ),
)


def _amounts(case: Case) -> Iterator[Fault]:
    """Whole prices in the database, finer ones (fractions of a pUSD, rounded) here."""
    price = schema.price.c
    expected = reduce(add, (ROW[meter] * price[meter] for meter in METERS))
    rated = ROW.amount_pusd + ROW.absorbed_pusd
    joined = schema.request.join(schema.price, ROW.price == price.version)
    whole = case.connection.execute(
        select(ROW.id, rated, expected)
        .select_from(joined)
        .where(price.denominator == 1, rated != expected)
    )
    for request, said, due in whole:
        yield _wrong_amount(request, said, due)
    fine = case.connection.execute(
        select(ROW.id, ROW.price, rated, *(ROW[meter] for meter in METERS))
        .select_from(joined)
        .where(price.denominator != 1)
        .execution_options(yield_per=5000)
    )
    for request, version, said, *meters in fine:
        due = rate(Usage(*meters), case.prices[version])
        if said != due:
            yield _wrong_amount(request, said, due)


def _wrong_amount(request: int, said: int, due: int) -> Fault:
    return Fault(f"request {request:#x}", f"it is charged {said} pUSD, its tokens cost {due}")


def _strangers(case: Case) -> Iterator[Fault]:
    """Prices, tenants and keys that nothing else knows."""
    known = (
        ("price version", ROW.price, schema.price.c.version),
        ("tenant", ROW.tenant, schema.tenant.c.name),
        ("key", ROW.key, schema.key.c.id),
    )
    for word, column, there in known:
        names = select(column).distinct().where(column.is_not(None))
        unknown = names.where(not_(column.in_(select(there))))
        for (name,) in case.connection.execute(unknown):
            yield Fault(f"{word} {name}", "requests name it and the books do not know it")


# --- resellers --------------------------------------------------------------------------------------------------------


def resale_faults(case: Case) -> Iterator[Fault]:
    hop = schema.resale.c
    joined = schema.resale.outerjoin(schema.request, hop.request == ROW.id)
    columns = (hop.block, hop.request, hop.hop, hop.price, hop.amount_pusd, ROW.id, ROW.state)
    rows = case.connection.execute(
        select(*columns, *(ROW[meter] for meter in METERS))
        .select_from(joined)
        .order_by(hop.request, hop.hop)
        .execution_options(yield_per=5000)
    )
    before = (0, 0)
    gone = retired_blocks(case.connection)
    for row in rows:
        if row.block not in gone:
            yield from _resale_row(case, row[1:], before)
        before = (row.request, row.hop)


def _resale_row(case: Case, row: Sequence[Any], before: tuple[int, int]) -> Iterator[Fault]:
    request, hop, version, said, there, state, *meters = row
    place = f"request {request:#x}, reseller {hop}"
    if there is None or state == "void":
        yield Fault(place, "it is paid for by a reseller and was never settled")
        return
    if hop != (before[1] + 1 if before[0] == request else 1):
        yield Fault(place, "the reseller in front of it is missing")
    if version not in case.prices:
        yield Fault(place, f"its price version {version} is not in the books")
    elif said > (due := rate(Usage(*meters), case.prices[version])):
        yield Fault(place, f"it is charged {said} pUSD, its tokens cost {due}")


def counted(case: Case) -> int:
    """How many requests there are."""
    return case.connection.execute(select(func.count()).select_from(schema.request)).scalar_one()
