"""Invoices and margins as files and screens: terminal, JSON, CSV, PDF.

``rich`` and ``typst`` are imported where they are used: most commands need neither.
"""

from wattmill.ledger.export.documents import (
    invoice_csv,
    invoice_json,
    margin_json,
    request_margin_json,
)
from wattmill.ledger.export.margins import margin_csv, margin_screen
from wattmill.ledger.export.pdf import invoice_pdf
from wattmill.ledger.export.request_margin import request_screen
from wattmill.ledger.export.terminal import invoice_screen

__all__ = [
    "invoice_csv",
    "invoice_json",
    "invoice_pdf",
    "invoice_screen",
    "margin_csv",
    "margin_json",
    "margin_screen",
    "request_margin_json",
    "request_screen",
]
