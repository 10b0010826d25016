"""What leaves the house: the same figures in every form, and nobody's text is more than text."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from pypdf import PdfReader
from rich.console import Console, RenderableType
from tests.support.documents import Paper, rich_paper

from wattmill.ledger.billing.documents import Document, Facts, Tally
from wattmill.ledger.export import (
    invoice_csv,
    invoice_json,
    invoice_pdf,
    invoice_screen,
    words,
)

HOSTILE = ['#import "x"', "*bold* _it_ $x$ `raw`", "<script>alert(1)</script>", "[red]#[/red] @a"]
FACTS = Facts(
    charged=Tally(7, 1000, 0),
    waived=Tally(1, 30_000, 12_000_000_000),
    pending=Tally(1, 30_000, 12_000_000_000),
    voided=Tally(1, 30_000, 0),
    sources={"engine": Tally(6, 900, 0), "counted": Tally(1, 100, 0)},
)


@pytest.fixture
def billed() -> Document:
    """Everything that an invoice can have."""
    return rich_paper().made(facts=FACTS)


def one_line(model: str = "house-large", **changed: Any) -> Document:
    paper = Paper(model=model)
    return paper.tokens("input_uncached", 1_000_000, "0.40").made(**changed)


def shown(screen: RenderableType, width: int = 80) -> str:
    file = io.StringIO()
    Console(file=file, width=width, force_terminal=True, color_system=None).print(screen)
    return file.getvalue()


@pytest.mark.parametrize("currency", ["USD", "EUR", "JPY"])
def test_an_amount_of_money_has_the_currency_of_its_document_as_its_unit(currency: str) -> None:
    made = Paper(currency=currency).add("credit", "500", "USD", "1", text="Prepaid credit").made()
    (row,) = csv.DictReader(io.StringIO(invoice_csv(made)))
    (line,) = json.loads(invoice_json(made))["lines"]
    assert row["unit"] == line["unit"] == currency


def pdf_text(made: Document, open_minor: int | None = None) -> list[str]:
    """The words of each page; typst marks where a long name may break with a soft space."""
    pages = PdfReader(io.BytesIO(invoice_pdf(made, open_minor))).pages
    return [page.extract_text().replace("\u200b", "") for page in pages]


def csv_rows(made: Document) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(invoice_csv(made), newline="")))


# --- JSON and CSV ---------------------------------------------------------------------------------


def test_json_carries_exact_money_and_minor_units(billed: Document) -> None:
    document = json.loads(invoice_json(billed))
    assert document["schema"] == "wattmill.invoice/2"
    net = sum(line["amount_minor"] for line in document["lines"])
    credit = sum(draw["amount_minor"] for draw in document["credit"])
    tax = sum(line["amount_minor"] for line in document["taxes"])
    assert document["total_minor"] == net - credit + tax == 115_798
    for line in document["lines"]:
        exact = Decimal(line["quantity"]) * Decimal(line["unit_price"])
        assert Decimal(line["amount_usd"]) == exact
    assert document["facts"]["waived"]["amount_usd"] == "0.012000000000"
    assert document["period"]["end"] == "2026-12-01T00:00:00-05:00"
    assert (document["issued"], document["due"]) == ("2026-12-01", "2026-12-15")
    assert document["taxes"][0]["rate"] == "0.19"


def test_json_holds_no_float(billed: Document) -> None:
    floats: list[str] = []
    json.loads(invoice_json(billed), parse_float=floats.append)
    assert floats == []


def test_csv_has_a_row_for_each_line_and_adds_up_to_the_total(billed: Document) -> None:
    rows = csv_rows(billed)
    assert [row["line"] for row in rows][-2:] == ["prepaid", "tax"]
    assert len(rows) == len(billed.lines) + 2
    assert rows[0] == {
        "invoice": "INV-00042",
        "kind": "invoice",
        "status": "final",
        "tenant": "acme",
        "month": "2026-11",
        "line": "usage",
        "text": "Input tokens, up to 1,000 Mtok",
        "model": "house-large",
        "pool": "",
        "plan": "msp-standard",
        "plan_version": "1",
        "meters": "input_uncached",
        "band": "",
        "tokens": "1000000000",
        "quantity": "1000.000000",
        "unit": "Mtok",
        "unit_price": "0.40",
        "exact": "400.000000000000",
        "billed": "400.00",
        "currency": "EUR",
        "late": "",
    }
    assert sum(Decimal(row["billed"]) for row in rows) * 100 == billed.total_minor
    assert sum(int(row["tokens"] or 0) for row in rows) == sum(line.tokens for line in billed.lines)


@pytest.mark.parametrize(
    ("currency", "billed"), [("JPY", "12346"), ("USD", "12345.68"), ("KWD", "12345.679")]
)
def test_csv_has_the_places_of_the_currency(currency: str, billed: str) -> None:
    paper = Paper(currency=currency)
    paper.tokens("input_uncached", 12_345_678_900, "1")
    assert csv_rows(paper.made())[0]["billed"] == billed


@pytest.mark.parametrize(
    "name", ["=1+1", "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", '=cmd|"/c calc"!A1']
)
def test_no_cell_of_the_csv_is_a_formula(name: str) -> None:
    (row,) = csv_rows(one_line(name))
    assert row["model"] == "'" + name


def test_a_negative_number_in_the_csv_is_a_number(billed: Document) -> None:
    late = csv_rows(billed)[9]
    assert (late["tokens"], late["billed"], late["late"]) == ("-1500000", "-2.40", "yes")


def test_csv_of_nothing_is_its_header() -> None:
    assert invoice_csv(Paper().made()).count("\n") == 1


# --- terminal -------------------------------------------------------------------------------------


def test_the_screen_shows_every_figure(billed: Document) -> None:
    screen = shown(invoice_screen(billed), 140)
    for figure in ("1,000,000,000", "0.4000", "0.0375", "553.09", "1,157.98", "15 December 2026"):
        assert figure in screen
    assert "Net" in screen and "−250.00" in screen and "Tax DE, 19 % of 973.09" in screen
    assert "late: October 2026" in screen
    assert "Not charged: 1 request (0.012) whose delivery was never confirmed." in screen
    assert "Ended without a charge: 1 request." in screen


@pytest.mark.parametrize("width", [30, 40, 60, 80, 200])
def test_a_narrow_screen_loses_no_digit(billed: Document, width: int) -> None:
    assert "…" not in shown(invoice_screen(billed), width)


def test_the_screen_of_an_empty_month_says_so() -> None:
    screen = shown(invoice_screen(Paper().made()))
    assert "No usage is charged for this month." in screen
    assert "0.00" in screen


def test_a_preview_says_that_it_is_one() -> None:
    preview = one_line(status="draft", number="acme-2026-11", issued=date(2026, 11, 7))
    assert "this is a preview" in shown(invoice_screen(preview))
    draft = one_line(status="draft", number="acme-2026-11")
    assert "no demand for payment" in shown(invoice_screen(draft), 200)


@pytest.mark.parametrize("name", HOSTILE)
def test_markup_in_names_is_shown_as_it_is(name: str) -> None:
    assert name in shown(invoice_screen(one_line(name)), width=200)


def test_names_cannot_steer_the_terminal() -> None:
    screen = shown(invoice_screen(one_line("\x1b[2Jgone\x07\nnext")))
    assert "\ufffd[2Jgone\ufffd\ufffdnext" in screen


def test_tokens_that_are_counted_over_all_models_are_no_fees() -> None:
    paper = Paper().tokens(
        "output_text", 1_000_000, "2", model=None, text="All tokens, up to 10 Mtok"
    )
    paper.add("fee", 1, "month", "49", text="Monthly fee")
    headings = [heading for (heading, _), _ in words.by_model(paper.made().lines)]
    assert headings == ["All models", "Fees and adjustments"]


# --- PDF ------------------------------------------------------------------------------------------


def test_the_pdf_is_one_page_that_says_it_all(billed: Document) -> None:
    (page,) = pdf_text(billed)
    for text in (
        *("Millrace Compute GmbH", "Am Mühlbach 4", "Tax ID DE811907980"),
        *("acme", "Acme Dental, Inc.", "Tax ID 14-1234567"),
        *("Invoice", "INV-00042", "1 to 30 November 2026", "America/New_York"),
        *("Issued", "1 December 2026", "Due", "15 December 2026"),
        *("house-large", "msp-standard v1", "Input tokens, cached", "1,000,000,000", "0.0375"),
        *("3 packages", "12.5 seats × months", "Free allowance", "late: October 2026"),
        *("Net", "Paid from prepaid credit", "−250.00", "Tax DE, 19 % of 973.09", "184.89"),
        *("EUR 1,157.98", "Payable within 14 days", "IBAN DE02 1203 0000 0000 2020 51"),
        *("Not charged: 1 request (0.012)", "Books up to block 1234", "0123456789abcdef" * 4),
        "Page 1 of 1",
    ):
        assert text in page, text
    assert "Draft" not in page


@pytest.mark.parametrize(("status", "word"), [("draft", "Draft"), ("void", "Cancelled")])
def test_the_pdf_says_when_it_is_not_to_be_paid(status: str, word: str) -> None:
    assert word in pdf_text(one_line(status=status))[0]


def test_a_credit_note_says_what_it_credits_and_why() -> None:
    paper = Paper(tax_rate="0.19")
    paper.tokens("output_text", -2_000_000, "1.60")
    (page,) = pdf_text(
        paper.made(kind="credit_note", number="CN-00003", credits="INV-00042", reason="Too much")
    )
    for text in (
        *("Credit note", "CN-00003", "Credits", "INV-00042", "Reason: Too much.", "USD −3.81"),
        "This amount for invoice INV-00042 is credited to your account.",
    ):
        assert text in page
    assert "Due" not in page and "IBAN" not in page


def test_reverse_charge_is_said_where_the_law_wants_it() -> None:
    note = "Reverse charge: the recipient owes the tax."
    paper = Paper(tax_rate="0", tax_note=note)
    (page,) = pdf_text(paper.tokens("output_text", 1_000_000, "1.60").made())
    assert note in page and "Tax DE, 0 % of 1.60" in page


@pytest.mark.parametrize(
    ("open_minor", "said"),
    [
        (0, "Paid. Nothing is open."),
        (15, "0.25 USD are paid; 0.15 USD are open, due by 15 December 2026."),
        (40, "Payable within 14 days"),
        (None, "Payable within 14 days"),
    ],
)
def test_what_is_paid_is_said_when_it_is_known(open_minor: int | None, said: str) -> None:
    assert said in pdf_text(one_line(), open_minor)[0]


def test_the_pdf_is_a_pdf_and_the_same_each_time(billed: Document) -> None:
    once = invoice_pdf(billed)
    assert once.startswith(b"%PDF-")
    assert once == invoice_pdf(billed)


def test_the_pdf_of_an_empty_month_says_so() -> None:
    (page,) = pdf_text(Paper().made())
    assert "No usage is charged for this month." in page
    assert "USD 0.00" in page and "Nothing is to be paid." in page


def test_a_long_invoice_breaks_over_pages_under_repeated_headings() -> None:
    paper = Paper()
    for number in range(50):
        paper.model = f"model-{number:02d}"
        for meter in ("input_uncached", "input_cached", "output_text", "output_reasoning"):
            paper.tokens(meter, 1_000_000, "1")
    pages = pdf_text(paper.made())
    assert len(paper.lines) == 200 and len(pages) > 4
    assert all("UNIT PRICE" in page for page in pages)
    assert pages[-1].rstrip().endswith(f"Page {len(pages)} of {len(pages)}")
    assert sum(page.count("Output tokens, reasoning") for page in pages) == 50
    assert "Total" in pages[-1] and "Total" not in "".join(pages[:-1])


@pytest.mark.parametrize("name", HOSTILE)
def test_nobodys_text_is_markup_in_the_pdf(name: str) -> None:
    paper = Paper(model=name)
    paper.tokens("input_uncached", 1_000_000, "1", text=name)
    (page,) = pdf_text(paper.made(tenant=name, number=name, notes=(name,)))
    assert page.count(name) >= 5


def test_long_names_stay_on_the_page() -> None:
    long = "-".join(["quite", "a", "long", "name"] * 12)
    (page,) = pdf_text(one_line(long, tenant=long, number=long))
    assert page.replace("\n", "").count(long) >= 3


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


@pytest.mark.parametrize(
    ("share", "text"), [("0.19", "19"), ("0.081", "8.1"), ("0.2", "20"), ("0", "0"), ("1", "100")]
)
def test_percents_have_no_digit_too_many(share: str, text: str) -> None:
    assert words.percent(Decimal(share)) == text


def test_rich_and_typst_are_loaded_only_when_needed() -> None:
    code = (
        "import sys, wattmill.ledger.export;"
        "sys.exit(any(name in sys.modules for name in ('rich', 'typst')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
