"""What leaves the house: the same figures in every form, and nobody's text is more than text."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from pypdf import PdfReader
from rich.console import Console, RenderableType

from wattmill.core.records import Usage
from wattmill.ledger.export import (
    invoice_csv,
    invoice_json,
    invoice_pdf,
    invoice_screen,
    words,
)
from wattmill.ledger.export.pdf import invoice_pictures
from wattmill.ledger.invoice import Invoice, invoice

if TYPE_CHECKING:
    from tests.ledger.conftest import Books

HOSTILE = ['#import "x"', "*bold* _it_ $x$ `raw`", "<script>alert(1)</script>", "[red]#[/red] @a"]


def bill(books: Books, tenant: str = "acme", issued: date = date(2026, 12, 1)) -> Invoice:
    books.enter()
    return invoice(books.store, books.registry, tenant, "2026-11", issued=issued)


@pytest.fixture
def billed(books: Books) -> Invoice:
    """Four lines, and one request of each kind that is not charged."""
    books.serve("2026-11-10 12:00", Usage(1_234_567_890, 200_000_000, 0, 345_678_901, 9))
    books.serve("2026-11-10 12:01", Usage(30_000, source="counted"), end="waive")
    books.serve("2026-11-10 12:02", Usage(30_000), end="pending")
    books.serve("2026-11-10 12:03", Usage(30_000), end="void")
    return bill(books)


def shown(screen: RenderableType, width: int = 80) -> str:
    file = io.StringIO()
    Console(file=file, width=width, force_terminal=True, color_system=None).print(screen)
    return file.getvalue()


def pdf_text(made: Invoice) -> list[str]:
    """The words of each page; typst marks where a long name may break with a soft space."""
    pages = PdfReader(io.BytesIO(invoice_pdf(made))).pages
    return [page.extract_text().replace("\u200b", "") for page in pages]


# --- JSON and CSV ---------------------------------------------------------------------------------


def test_json_carries_exact_money_and_cents(billed: Invoice) -> None:
    document = json.loads(invoice_json(billed))
    assert document["schema"] == "wattmill.invoice/1"
    assert document["total_cents"] == sum(line["amount_cents"] for line in document["lines"])
    for line in document["lines"]:
        exact = Decimal(line["quantity"]) * Decimal(line["usd_per_mtok"]) / 10**6
        assert Decimal(line["amount_usd"]) == exact
    assert Decimal(document["exact_usd"]) == sum(
        Decimal(line["amount_usd"]) for line in document["lines"]
    )
    assert document["waived"] == {"requests": 1, "tokens": 30_000, "amount_usd": "0.012000000000"}
    assert document["period"]["end"] == "2026-12-01T00:00:00-05:00"
    assert (document["issued"], document["due"]) == ("2026-12-01", "2026-12-15")


def test_json_holds_no_float(billed: Invoice) -> None:
    def refuse(text: str) -> None:
        raise AssertionError(f"{text} is a float")

    json.loads(invoice_json(billed), parse_float=refuse)


def test_csv_has_a_row_for_each_line(billed: Invoice) -> None:
    rows = list(csv.DictReader(io.StringIO(invoice_csv(billed))))
    assert [row["meter"] for row in rows] == [line.meter for line in billed.lines]
    assert rows[0] == {
        "invoice": "acme-2026-11",
        "status": "draft",
        "tenant": "acme",
        "month": "2026-11",
        "model": "house-large",
        "plan": "msp-standard",
        "price_version": "1",
        "meter": "input_uncached",
        "quantity": "1234567890",
        "usd_per_mtok": "0.400000",
        "amount_usd": "493.827156000000",
        "billed_usd": "493.83",
    }
    assert sum(Decimal(row["billed_usd"]) for row in rows) * 100 == billed.total_cents


@pytest.mark.parametrize(
    "name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", '=cmd|"/c calc"!A1']
)
def test_no_cell_of_the_csv_is_a_formula(books: Books, name: str) -> None:
    books.serve("2026-11-10 12:00", Usage(1), model=name)
    (row,) = csv.DictReader(io.StringIO(invoice_csv(bill(books)), newline=""))
    assert row["model"] == "'" + name


def test_csv_of_nothing_is_its_header(books: Books) -> None:
    assert invoice_csv(bill(books)).count("\n") == 1


# --- terminal -------------------------------------------------------------------------------------


def test_the_screen_shows_every_figure(billed: Invoice) -> None:
    screen = shown(invoice_screen(billed))
    for figure in ("1,234,567,890", "0.4000", "0.0375", "493.83", "1,054.42", "15 December 2026"):
        assert figure in screen
    assert "Not charged: 1 request (0.012 USD) whose delivery was never confirmed." in screen
    assert "Ended without a charge: 1 request." in screen


@pytest.mark.parametrize("width", [20, 40, 60, 80, 200])
def test_a_narrow_screen_loses_no_digit(billed: Invoice, width: int) -> None:
    assert "…" not in shown(invoice_screen(billed), width)


def test_the_screen_of_an_empty_month_says_so(books: Books) -> None:
    screen = shown(invoice_screen(bill(books)))
    assert "No usage is charged for this month." in screen
    assert "0.00" in screen


def test_a_preview_says_that_it_is_one(books: Books) -> None:
    screen = shown(invoice_screen(bill(books, issued=date(2026, 11, 7))))
    assert "this is a preview" in screen


@pytest.mark.parametrize("name", HOSTILE)
def test_markup_in_names_is_shown_as_it_is(books: Books, name: str) -> None:
    books.serve("2026-11-10 12:00", Usage(1), model=name)
    assert name in shown(invoice_screen(bill(books)), width=200)


def test_names_cannot_steer_the_terminal(books: Books) -> None:
    books.serve("2026-11-10 12:00", Usage(1), model="\x1b[2Jgone\x07\nnext")
    assert "\ufffd[2Jgone\ufffd\ufffdnext" in shown(invoice_screen(bill(books)))


# --- PDF ------------------------------------------------------------------------------------------


def test_the_pdf_is_one_page_that_says_it_all(billed: Invoice) -> None:
    (page,) = pdf_text(billed)
    for text in (
        *("Millrace Compute GmbH", "Am Mühlbach 4", "Tax ID DE811907980"),
        *("acme", "Acme Dental, Inc.", "Tax ID 14-1234567"),
        *("Invoice", "Draft", "acme-2026-11", "1 to 30 November 2026", "America/New_York"),
        *("Issued", "1 December 2026", "Due", "15 December 2026"),
        *("house-large", "msp-standard v1", "Input tokens, cached", "1,234,567,890", "0.0375"),
        *("493.83", "USD 1,054.42", "Payable within 14 days", "IBAN DE02 1203 0000 0000 2020 51"),
        *("Not charged: 1 request (0.012 USD)", "Page 1 of 1"),
    ):
        assert text in page


def test_the_pdf_is_a_pdf_and_the_same_each_time(billed: Invoice) -> None:
    once = invoice_pdf(billed)
    assert once.startswith(b"%PDF-")
    assert once == invoice_pdf(billed)


def test_the_pdf_of_an_empty_month_says_so(books: Books) -> None:
    (page,) = pdf_text(bill(books))
    assert "No usage is charged for this month." in page
    assert "USD 0.00" in page


def test_a_long_invoice_breaks_over_pages_under_repeated_headings(books: Books) -> None:
    for number in range(50):
        books.serve("2026-11-10 12:00", Usage(1, 1, 0, 1, 1), model=f"model-{number:02d}")
    made = bill(books)
    pages = pdf_text(made)
    assert len(made.lines) == 200 and len(pages) > 4
    assert all("USD PER MILLION" in page for page in pages)
    assert pages[-1].rstrip().endswith(f"Page {len(pages)} of {len(pages)}")
    assert sum(page.count("Output tokens, reasoning") for page in pages) == 50
    assert "Total" in pages[-1] and "Total" not in "".join(pages[:-1])


@pytest.mark.parametrize("name", HOSTILE)
def test_nobodys_text_is_markup_in_the_pdf(books: Books, name: str) -> None:
    books.registry.create_tenant(name, "msp-standard")
    books.serve("2026-11-10 12:00", Usage(1), tenant=name, model=name)
    (page,) = pdf_text(bill(books, name))
    assert page.count(name) >= 3


def test_long_names_stay_on_the_page(books: Books) -> None:
    long = "-".join(["quite", "a", "long", "name"] * 12)
    books.registry.create_tenant(long, "msp-standard")
    books.serve("2026-11-10 12:00", Usage(1), tenant=long, model=long)
    (page,) = pdf_text(bill(books, long))
    assert page.replace("\n", "").count(long) >= 3


def test_pictures_of_the_pages(billed: Invoice) -> None:
    (picture,) = invoice_pictures(billed)
    assert picture.startswith(b"\x89PNG")


# --- words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pusd", "text"),
    [
        (0, "0.00"),
        (1, "0.000000000001"),
        (12_000_000_000, "0.012"),
        (1_500_000_000_000, "1.50"),
        (1_234_567_000_000_000_000, "1,234,567.00"),
    ],
)
def test_exact_amounts_keep_every_digit(pusd: int, text: str) -> None:
    assert words.exact_usd(pusd) == text


def test_rich_and_typst_are_loaded_only_when_needed() -> None:
    code = (
        "import sys, wattmill.ledger.export, wattmill.ledger.margin;"
        "sys.exit(any(name in sys.modules for name in ('rich', 'typst')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
