"""Numbers of documents: one unbroken series for each kind and each who sends.

The site's invoices are ``INV-00001``, ``INV-00002``, …, its credit notes ``CN-00001``; those of a
reseller have its name in front (``mesa/INV-00001``). A number exists only in the transaction that
stores its document, so nothing that fails, and no ``kill -9``, leaves a gap.
"""

from typing import Any

from sqlalchemy import Connection, func, select

from wattmill.core.errors import UsageError
from wattmill.ledger import schema
from wattmill.ledger.billing.documents import DocumentKind

_PREFIXES: dict[DocumentKind, str] = {"invoice": "INV", "credit_note": "CN"}


def series_of(kind: DocumentKind, issuer: str | None) -> str:
    """The series that a document of this kind and sender is numbered in."""
    return _PREFIXES[kind] if issuer is None else f"{issuer}/{_PREFIXES[kind]}"


def next_number(connection: Connection, series: str) -> int:
    """The number after the last of the series. Call it in the transaction that uses it.

    The primary key of ``document`` refuses it to anybody who was slower.
    """
    table = schema.document.c
    last = connection.execute(select(func.max(table.number)).where(table.series == series)).scalar()
    return (last or 0) + 1


def written(series: str, number: int) -> str:
    """``INV-00042``."""
    return f"{series}-{number:05d}"


def parsed(text: str) -> tuple[str, int]:
    """The series and number in ``INV-00042`` or ``INV-42``; ``UsageError`` for anything else."""
    series, _, digits = text.strip().rpartition("-")
    if not series or not (digits.isascii() and digits.isdigit()):
        raise UsageError(
            f"{text!r} is not the number of a document", hint="write it as INV-00042 or CN-00003"
        )
    return series, int(digits)


def gaps(rows: list[Any]) -> list[str]:
    """Numbers that are missing, given rows of (series, number) in order: there must be none."""
    missing, last = [], ("", 0)
    for series, number in rows:
        before = last[1] if series == last[0] else 0
        missing += [written(series, absent) for absent in range(before + 1, number)]
        last = (series, number)
    return missing
