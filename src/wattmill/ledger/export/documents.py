"""Invoices and margins for programs: JSON and CSV.

In JSON an amount of pUSD is a string of its exact dollars (``amount_pusd`` → ``"amount_usd"``), a
price in µUSD likewise (``uusd_per_mtok`` → ``"usd_per_mtok"``), decimals are strings, minor units (cents;
``exponent`` says how many digits) are whole numbers, instants carry their offset. What is unknown is ``null``.
"""

import csv
import io
import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct

from wattmill.core.money import format_minor, pusd_to_usd
from wattmill.ledger.billing.documents import Document, Line
from wattmill.ledger.cost.attribution import Cost
from wattmill.ledger.cost.report import MarginReport
from wattmill.ledger.cost.request_report import RequestMargin
from wattmill.ledger.export.words import tax_text

NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
COLUMNS = (
    *("invoice", "kind", "status", "tenant", "month", "line", "text", "model", "pool", "plan"),
    *("plan_version", "meters", "band", "tokens", "quantity", "unit", "unit_price", "exact"),
    *("billed", "currency", "late"),
)
"""``line`` is the kind of a line; ``exact`` its amount before and ``billed`` after rounding."""


def invoice_json(document: Document) -> str:
    """The document as JSON; the schema's name changes when a field does."""
    return _json("wattmill.invoice/2", _in_its_currency(document))


def _in_its_currency(document: Document) -> Document:
    """The books call the unit of an amount of money USD, whatever they are in; who reads an invoice must not."""
    lines = (
        msgspec.structs.replace(line, unit=document.currency) if line.unit == "USD" else line
        for line in document.lines
    )
    return msgspec.structs.replace(document, lines=tuple(lines))


def margin_json(report: MarginReport) -> str:
    """The margin report as JSON; the schema's name changes when a field does."""
    return _json("wattmill.margin/2", report)


def request_margin_json(report: RequestMargin) -> str:
    """The margin of one request as JSON; the schema's name changes when a field does."""
    return _json("wattmill.request_margin/1", report)


def invoice_csv(document: Document) -> str:
    """A header, and a row for each line, draw of credit and tax, safe to open in a spreadsheet.

    ``billed`` adds up to the total.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for row in _rows(_in_its_currency(document)):
        writer.writerow(_cell(row.get(column, "")) for column in COLUMNS)
    return text.getvalue()


def _rows(document: Document) -> Iterator[dict[str, str]]:
    about = {
        "invoice": document.number,
        "kind": document.kind,
        "status": document.status,
        "tenant": document.tenant,
        "month": document.period.month,
        "currency": document.currency,
    }
    for line in document.lines:
        yield about | _line_row(line) | {"billed": plain_minor(line.amount_minor, document)}
    for draw in document.credit:
        billed = plain_minor(-draw.amount_minor, document)
        yield about | {"line": "prepaid", "text": f"Credit {draw.grant}", "billed": billed}
    for tax in document.taxes:
        billed = plain_minor(tax.amount_minor, document)
        yield about | {"line": "tax", "text": tax_text(tax), "billed": billed}


def _line_row(line: Line) -> dict[str, str]:
    unit_price, version = line.unit_price, line.plan_version
    return {
        "month": line.month,
        "line": line.kind,
        "text": line.text,
        "model": line.model or "",
        "pool": line.pool or "",
        "plan": line.plan or "",
        "plan_version": "" if version is None else str(version),
        "meters": " ".join(line.meters),
        "band": line.band or "",
        "tokens": str(line.tokens),
        "quantity": f"{line.quantity:f}",
        "unit": line.unit,
        "unit_price": "" if unit_price is None else f"{unit_price:f}",
        "exact": _usd(line.amount_pusd),
        "late": "yes" if line.is_late else "",
    }


def plain_minor(minor: int, document: Document) -> str:
    """An amount for programs: ``1234.50``, without thousands."""
    return format_minor(minor, document.currency).replace(",", "")


def _cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula: one that begins like it, and is no number, gets a quote mark."""
    if NUMBER.fullmatch(text):
        return text
    return "'" + text if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else text


def _json(schema: str, record: Struct) -> str:
    document = {"schema": schema, **_fields(record)}
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Struct):
        return _fields(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.isoformat() if isinstance(value, date) else value


def _fields(record: Struct) -> dict[str, Any]:
    fields = dict(_field(name, getattr(record, name)) for name in record.__struct_fields__)
    if isinstance(record, Cost):
        fields["total_usd"] = _usd(record.total_pusd)
    return fields


def _field(name: str, value: Any) -> tuple[str, Any]:
    if name.endswith("_pusd"):
        return name.removesuffix("_pusd") + "_usd", None if value is None else _usd(value)
    if name.endswith("uusd_per_mtok"):
        shown = name.replace("uusd_", "usd_")
        return shown, None if value is None else _price(value)
    return name, _plain(value)


def _usd(pusd: int) -> str:
    return f"{pusd_to_usd(pusd):f}"


def _price(uusd: int) -> str:
    return f"{Decimal(uusd).scaleb(-6):f}"
