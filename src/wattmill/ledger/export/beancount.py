"""The general ledger as a Beancount file (beancount.github.io), so that an accountant can check us with another tool.

Every posting of the books is in it, to the pUSD: a transaction for each block that posts, dated by the day on which it
took effect, with the block's number as metadata, and after them a balance assertion for every account. Written only:
nothing here imports Beancount.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct
from sqlalchemy import Connection, Select, select

from wattmill.core.money import pusd_to_usd
from wattmill.ledger import schema
from wattmill.ledger.billing.numbering import written
from wattmill.ledger.records import (
    CreditExpired,
    DebtWrittenOff,
    DocumentIssued,
    PaymentReceived,
    PaymentReturned,
    Record,
    decode_record,
)
from wattmill.ledger.store import Store

ROOTS = {
    "receivable": "Assets:Receivable",
    "cash": "Assets:Cash",
    "prepaid": "Liabilities:Prepaid",
    "tax": "Liabilities:Tax",
    "income": "Income",
    "bad_debt": "Expenses:BadDebt",
}
"""Where the accounts of the books stand in Beancount's five types; what is not here is ``Equity``."""

SIMPLE = re.compile(r"[a-z][a-z0-9-]*")


class Entry(Struct, frozen=True):
    """One transaction: all postings of a block."""

    block: int
    day: date
    payee: str
    narration: str
    about: dict[str, str]
    legs: tuple[tuple[str, int], ...]


def beancount_account(account: str) -> str:
    """``Assets:Receivable:Acme`` for ``receivable:acme``.

    Names with other characters than Beancount allows get a hash behind them, so that no two become one.
    """
    root, *rest = account.split(":")
    return ":".join((ROOTS.get(root, f"Equity:{_component(root)}"), *map(_component, rest)))


def _component(name: str) -> str:
    if SIMPLE.fullmatch(name):
        return name[0].upper() + name[1:]
    clean = re.sub(r"[^A-Za-z0-9-]+", "-", name).strip("-")
    if clean == name and re.fullmatch(r"[A-Z][A-Z0-9]*|[0-9][a-z0-9-]*", name):
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"X{clean}-{digest}"


def beancount_lines(store: Store, *, title: str, currency: str, timezone: str) -> Iterator[str]:
    """The file, line by line, of one consistent view of the books; memory does not grow with them."""
    zone = ZoneInfo(timezone)
    with store.reading() as connection:
        posting = schema.posting.c
        names = sorted(connection.execute(select(posting.account).distinct()).scalars())
        rows = connection.execute(_postings().execution_options(yield_per=1000))
        yield from _text(_entries(rows, zone), names, _first_day(connection, zone), title, currency)


def _text(
    entries: Iterable[Entry], names: list[str], first: date, title: str, currency: str
) -> Iterator[str]:
    yield f'option "title" {_quoted(title)}'
    yield f'option "operating_currency" "{currency}"'
    yield ""
    for name in names:
        yield f"{first} open {beancount_account(name)} {currency}"
        yield f"  books: {_quoted(name)}"
    balances: dict[str, int] = dict.fromkeys(names, 0)
    last = first
    for entry in entries:
        yield ""
        yield from _transaction(entry, currency)
        last = max(last, entry.day)
        for name, amount_pusd in entry.legs:
            balances[name] += amount_pusd
    yield ""
    for name, balance in balances.items():
        amount = f"{_amount(balance)} ~ 0 {currency}"
        yield f"{last + timedelta(days=1)} balance {beancount_account(name)} {amount}"


def _transaction(entry: Entry, currency: str) -> Iterator[str]:
    yield f"{entry.day} * {_quoted(entry.payee)} {_quoted(entry.narration)}"
    for key, value in {"block": str(entry.block), **entry.about}.items():
        yield f"  {key}: {_quoted(value)}"
    for name, amount_pusd in entry.legs:
        yield f"  {beancount_account(name)}  {_amount(amount_pusd)} {currency}"


# --- the books ------------------------------------------------------------------------------------


def _postings() -> Select[Any]:
    block, posting, record = schema.block, schema.posting, schema.record
    joint = posting.join(block, block.c.number == posting.c.block).join(
        record, record.c.block == posting.c.block
    )
    columns = (
        block.c.number,
        block.c.recorded_us,
        record.c.body,
        posting.c.account,
        posting.c.amount,
    )
    return select(*columns).select_from(joint).order_by(posting.c.block, posting.c.leg)


def _entries(rows: Iterable[Any], zone: ZoneInfo) -> Iterator[Entry]:
    """Rows of one block are one transaction."""
    block, legs = None, []
    for row in rows:
        if block is not None and row[0] != block[0]:
            yield _entry(block, legs, zone)
            legs = []
        block = row
        legs.append((row[3], int(row[4])))
    if block is not None:
        yield _entry(block, legs, zone)


def _entry(row: Any, legs: list[tuple[str, int]], zone: ZoneInfo) -> Entry:
    number, recorded_us, body, *_ = row
    record = decode_record(body)
    at_us, payee, narration, about = _told(record, recorded_us)
    return Entry(number, _day(at_us, zone), payee, narration, about, tuple(legs))


def _told(record: Record, recorded_us: int) -> tuple[int, str, str, dict[str, str]]:
    """When it took effect, with whom, what it is, and what else is known."""
    match record:
        case DocumentIssued(tenant=tenant, issued_us=at_us, month=month):
            number = written(record.series, record.number)
            kind = "Invoice" if record.kind == "invoice" else "Credit note"
            about = {"document": number, "month": month, "sha256": record.body_sha256}
            return at_us, tenant, f"{kind} {number} for {month}", about
        case PaymentReceived(tenant=tenant, received_us=at_us, payment=name):
            about = _filled(payment=name, reference=record.reference, document=record.document)
            return at_us, tenant, f"Payment {name}", about
        case PaymentReturned(tenant=tenant, returned_us=at_us, payment=name):
            about = _filled(payment=name, reference=record.reference, returns=record.returns)
            return at_us, tenant, f"Payment returned {name}", about
        case DebtWrittenOff(tenant=tenant, written_off_us=at_us, payment=name):
            about = _filled(payment=name, document=record.document)
            return at_us, tenant, f"Written off: {record.reason}", about
        case CreditExpired(tenant=tenant, grant=grant):
            return recorded_us, tenant, f"Credit {grant} expired", {"grant": grant}
        case _:
            kind = str(record.__struct_config__.tag)
            return recorded_us, str(getattr(record, "tenant", "")), kind.replace("_", " "), {}


def _filled(**values: str | None) -> dict[str, str]:
    return {key: value for key, value in values.items() if value}


def _first_day(connection: Connection, zone: ZoneInfo) -> date:
    """A day before everything: payments may be dated before they were entered."""
    rows = connection.execute(_postings().execution_options(yield_per=1000))
    days = (entry.day for entry in _entries(rows, zone))
    return min(days, default=date(1970, 1, 1))


def _day(at_us: int, zone: ZoneInfo) -> date:
    return datetime.fromtimestamp(at_us / 1e6, zone).date()


# --- values ---------------------------------------------------------------------------------------


def _amount(pusd: int) -> str:
    whole, _, fraction = f"{pusd_to_usd(pusd):f}".partition(".")
    return f"{whole}.{fraction.rstrip('0').ljust(2, '0')}"


def _quoted(text: str) -> str:
    """A string of Beancount: quotes and backslashes are escaped, and it stays on its line."""
    one_line = "".join(char if char.isprintable() else " " for char in text)
    return '"' + one_line.replace("\\", "\\\\").replace('"', '\\"') + '"'
