"""Invoices and margins for programs: JSON and CSV.

In JSON an amount of pUSD is a string of its exact dollars (``amount_pusd`` → ``"amount_usd"``), a
price in µUSD likewise (``uusd_per_mtok`` → ``"usd_per_mtok"``), cents are whole numbers, instants
carry their offset. What is unknown is ``null``.
"""

import csv
import io
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct

from wattmill.core.money import pusd_to_usd
from wattmill.ledger.attribution import Cost
from wattmill.ledger.invoice import Invoice, InvoiceLine
from wattmill.ledger.margin import MarginReport

COLUMNS = (
    "invoice",
    "status",
    "tenant",
    "month",
    "model",
    "plan",
    "price_version",
    "meter",
    "quantity",
    "usd_per_mtok",
    "amount_usd",
    "billed_usd",
)


def invoice_json(invoice: Invoice) -> str:
    """The invoice as JSON; the schema's name changes when a field does."""
    return _json("wattmill.invoice/1", invoice)


def margin_json(report: MarginReport) -> str:
    """The margin report as JSON; the schema's name changes when a field does."""
    return _json("wattmill.margin/1", report)


def invoice_csv(invoice: Invoice) -> str:
    """A header and one row for each line, safe to open in a spreadsheet."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows(_row(invoice, line) for line in invoice.lines)
    return text.getvalue()


def _row(invoice: Invoice, line: InvoiceLine) -> list[str | int]:
    words = (invoice.number, invoice.status, invoice.tenant, invoice.period.month, line.model)
    return [
        *(_cell(word) for word in words),
        _cell(line.plan),
        line.price_version,
        line.meter,
        line.quantity,
        _price(line.uusd_per_mtok),
        _usd(line.amount_pusd),
        f"{line.amount_cents // 100}.{line.amount_cents % 100:02d}",
    ]


def _cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula: one that begins like it gets a quote mark."""
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
    return value.isoformat() if isinstance(value, date) else value


def _fields(record: Struct) -> dict[str, Any]:
    fields = dict(_field(name, getattr(record, name)) for name in record.__struct_fields__)
    if isinstance(record, Cost):
        fields["total_usd"] = _usd(record.total_pusd)
    return fields


def _field(name: str, value: Any) -> tuple[str, Any]:
    if name.endswith("_pusd"):
        return name.removesuffix("_pusd") + "_usd", None if value is None else _usd(value)
    if name == "uusd_per_mtok":
        return "usd_per_mtok", None if value is None else _price(value)
    return name, _plain(value)


def _usd(pusd: int) -> str:
    return f"{pusd_to_usd(pusd):f}"


def _price(uusd: int) -> str:
    return f"{Decimal(uusd).scaleb(-6):f}"
