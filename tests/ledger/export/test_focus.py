"""FOCUS rows: they add up to the invoice, multiply out exactly, and give the answers of the public examples."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.documents import Paper, rich_paper

from wattmill.ledger.billing.documents import CreditDraw, Document
from wattmill.ledger.export.focus import COLUMNS, focus_csv, focus_rows

Row = dict[str, str]


def total(rows: Iterable[Row], column: str) -> Decimal:
    return sum((Decimal(row[column]) for row in rows), Decimal(0))


def payable(document: Document) -> Decimal:
    return Decimal(document.total_minor).scaleb(-document.exponent)


def usage(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if row["ChargeCategory"] == "Usage"]


# --- the vectors of the FOCUS examples (CC-BY-4.0, numbers only) -------------------------------------


def test_vector_prompt_caching_comes_to_33_90() -> None:
    paper = Paper(model="solora-reasoning-pro")
    paper.tokens("input_uncached", 500_000, "3.00")
    paper.tokens("cache_write", 2_000_000, "3.75")
    paper.tokens("input_cached", 8_000_000, "0.30")
    paper.tokens("output_text", 1_500_000, "15.00")
    rows = focus_rows(paper.made())
    assert [row["BilledCost"] for row in rows] == ["1.5", "7.5", "2.4", "22.5"]
    assert total(rows, "BilledCost") == Decimal("33.90")
    assert [row["ConsumedQuantity"] for row in rows] == ["500000", "2000000", "8000000", "1500000"]
    assert [row["PricingQuantity"] for row in rows] == ["0.5", "2", "8", "1.5"]
    assert {(row["ConsumedUnit"], row["PricingUnit"]) for row in rows} == {
        ("Tokens", "1000000 Tokens")
    }
    meters = [
        "Input Tokens",
        "Cache Write Input Tokens",
        "Cache Read Input Tokens",
        "Output Tokens",
    ]
    assert [row["SkuMeter"] for row in rows] == meters
    details = [json.loads(row["SkuPriceDetails"]) for row in rows]
    assert [d.get("TokenCacheAction") for d in details] == ["Uncached", "Write", "Read", None]
    assert [d["TokenDirection"] for d in details] == ["Input", "Input", "Input", "Output"]
    assert {d["ModelId"] for d in details} == {"solora-reasoning-pro"}


def test_vector_multi_model_rows() -> None:
    paper = Paper(model="atlas-5.5", month="2025-05")
    paper.tokens("input_uncached", 10_000_000, "5")
    paper.tokens("output_text", 2_000_000, "25")
    paper.model = "atlas-5.4-mini"
    paper.tokens("input_uncached", 3_000_000, "0.75")
    paper.tokens("output_text", 500_000, "4.5")
    rows = focus_rows(paper.made())
    costs = [(row["x_ModelId"], Decimal(row["BilledCost"])) for row in rows]
    assert costs == [
        ("atlas-5.5", Decimal(50)),
        ("atlas-5.5", Decimal(50)),
        ("atlas-5.4-mini", Decimal("2.25")),
        ("atlas-5.4-mini", Decimal("2.25")),
    ]
    assert len({row["SkuPriceId"] for row in rows}) == 4


def test_vector_virtual_currency_615_effective_1230_list_0_billed() -> None:
    """Usage that was paid before, with credit bought at half of the list price."""
    paper = Paper(credit=(CreditDraw("G1", "bought", 61_500),))
    for amount in ("245", "10", "360"):
        paper.tokens("output_text", 1_000_000, amount)
    rows = focus_rows(paper.made(), lambda line: 2 * (line.unit_price or Decimal(0)))
    assert [row["EffectiveCost"] for row in rows] == ["245", "10", "360"]
    assert [row["BilledCost"] for row in rows] == ["0", "0", "0"]
    assert total(rows, "EffectiveCost") == 615
    assert total(rows, "ListCost") == 1230
    assert total(rows, "BilledCost") == 0


def test_vector_late_usage_is_a_correction_of_a_closed_period() -> None:
    paper = Paper(month="2025-06", timezone="UTC", model="gpu-hours")
    paper.tokens(
        "output_text",
        1_000_000_000,
        "1.5",
        month="2025-05",
        is_late=True,
        text="Late-arriving usage",
    )
    (row,) = focus_rows(paper.made(), lambda line: Decimal(2))
    assert row["ChargeClass"] == "Correction" and row["ChargeCategory"] == "Usage"
    assert (row["BilledCost"], row["EffectiveCost"], row["ContractedCost"]) == ("1500",) * 3
    assert (row["ListCost"], row["ListUnitPrice"]) == ("2000", "2")
    assert row["BillingPeriodStart"] == "2025-06-01T00:00:00Z"
    assert row["BillingPeriodEnd"] == "2025-07-01T00:00:00Z"
    assert row["ChargePeriodStart"] == "2025-05-01T00:00:00Z"
    assert row["ChargePeriodEnd"] == "2025-06-01T00:00:00Z"


# --- what holds for every document ------------------------------------------------------------------


lines = st.lists(
    st.tuples(
        st.sampled_from(["input_uncached", "input_cached", "output_text"]),
        st.integers(-(10**12), 10**15),
        st.decimals("0.000001", "9999", places=6),
    ),
    max_size=12,
)


@given(
    lines=lines,
    currency=st.sampled_from(["USD", "JPY", "KWD"]),
    bought=st.integers(0, 10**9),
    given_=st.integers(0, 10**6),
    tax_rate=st.sampled_from([None, "0", "0.19", "0.081"]),
)
def test_billed_cost_of_an_invoice_is_what_it_asks_for(
    lines: list[tuple[str, int, Decimal]],
    currency: str,
    bought: int,
    given_: int,
    tax_rate: str | None,
) -> None:
    paper = Paper(currency=currency, tax_rate=tax_rate)
    for meter, tokens, price in lines:
        paper.tokens(meter, tokens, str(price))
    positive = sum(line.amount_minor for line in paper.lines if line.amount_minor > 0)
    drawn = min(bought, positive)
    paper.credit = (CreditDraw("G1", "bought", drawn), CreditDraw("G2", "promotional", given_))
    made = paper.made()
    rows = focus_rows(made)
    assert total(rows, "BilledCost") == payable(made)
    assert {row["InvoiceId"] for row in rows} == {made.number}
    full = Decimal(sum(line.amount_minor for line in paper.lines)).scaleb(-made.exponent)
    assert total(usage(rows), "EffectiveCost") == full
    billed_usage = total(usage(rows), "BilledCost")
    assert billed_usage == full - Decimal(drawn).scaleb(-made.exponent)


@given(lines=lines)
def test_quantity_times_price_is_the_cost_exactly(lines: list[tuple[str, int, Decimal]]) -> None:
    paper = Paper()
    for meter, tokens, price in lines:
        paper.tokens(meter, tokens, str(price))
    for row, line in zip(focus_rows(paper.made()), paper.lines, strict=True):
        tokens_price = round(Decimal(row["PricingQuantity"]) * 10**6) * round(
            Decimal(row["ContractedUnitPrice"]) * 10**6
        )
        assert round(Decimal(row["ContractedCost"]) * 10**12) == tokens_price == line.amount_pusd
        assert int(row["ConsumedQuantity"]) == line.tokens
        product = float(row["PricingQuantity"]) * float(row["ContractedUnitPrice"])
        assert product == pytest.approx(float(row["ContractedCost"]), rel=3e-16)


def test_an_invoice_with_everything_adds_up() -> None:
    made = rich_paper().made()
    rows = focus_rows(made)
    assert total(rows, "BilledCost") == payable(made)
    assert [row["ChargeCategory"] for row in rows] == [
        *["Usage"] * 6,
        *("Purchase", "Purchase", "Credit", "Usage", "Tax"),
    ]
    assert [row["ChargeFrequency"] for row in rows][6:8] == ["Recurring", "Recurring"]
    assert [row["ChargeClass"] for row in rows if row["ChargeClass"]] == ["Correction"]


def test_buying_credit_costs_nothing_until_it_is_used() -> None:
    paper = Paper().add("credit", "500", "USD", "1", text="Prepaid credit")
    (row,) = focus_rows(paper.made())
    assert (row["ChargeCategory"], row["BilledCost"], row["EffectiveCost"]) == (
        "Purchase",
        "500",
        "0",
    )


def test_a_drawn_commitment_is_taken_off_what_was_used() -> None:
    paper = Paper()
    paper.tokens("output_text", 1_000_000, "70").tokens("input_uncached", 1_000_000, "30")
    paper.add("drawdown", "-60", "USD", "1")
    rows = focus_rows(paper.made())
    assert [(row["BilledCost"], row["EffectiveCost"]) for row in rows] == [
        ("28", "70"),
        ("12", "30"),
    ]


def test_a_credit_note_is_a_correction_throughout() -> None:
    paper = Paper(tax_rate="0.19", credit=(CreditDraw("G1", "bought", -50),))
    paper.tokens("output_text", -1_000_000, "1.60")
    made = paper.made(kind="credit_note", number="CN-00001", credits="INV-00042")
    rows = focus_rows(made)
    assert total(rows, "BilledCost") == payable(made) < 0
    assert {row["ChargeClass"] for row in rows} == {"Correction"}


def test_months_are_those_of_the_tenants_clock() -> None:
    (row,) = focus_rows(Paper(timezone="Asia/Kolkata").tokens("output_text", 1, "1").made())
    assert row["ChargePeriodStart"] == "2026-10-31T18:30:00Z"
    assert row["BillingPeriodEnd"] == "2026-11-30T18:30:00Z"


def test_the_file_has_every_column_in_every_row() -> None:
    text = focus_csv([rich_paper().made(), Paper().tokens("output_text", 1, "1").made()])
    table = list(csv.reader(io.StringIO(text)))
    assert tuple(table[0]) == COLUMNS and len(set(COLUMNS)) == len(COLUMNS)
    assert {len(row) for row in table} == {len(COLUMNS)} and len(table) == 13


def test_names_of_others_stay_in_their_cell() -> None:
    name = 'a"b,c\nd'
    (row,) = csv.DictReader(
        io.StringIO(focus_csv([Paper(model=name).tokens("output_text", 1, "1").made()]))
    )
    assert row["x_ModelId"] == name and json.loads(row["SkuPriceDetails"])["ModelId"] == name


# --- the FOCUS project's own validator ----------------------------------------------------------------

VALIDATOR = shutil.which("focus-validator")
FAULTS_OF_THE_VALIDATOR = {
    "BillingCurrency_IsCurrencyCode",  # looks for a list of currencies that its wheel lacks
    "InvoiceIssuer_Required",  # FOCUS 1.0 calls it InvoiceIssuerName
    "Provider_Required",  # ProviderName
    "Publisher_Required",  # PublisherName
    "ResourceID_Required",  # ResourceId
    "SkuPriceId_Nullable",  # asks for ChargeType, which FOCUS 1.0 does not have
}
"""What release 1.0.0, which knows FOCUS 1.0, says of any file with the columns of the specification."""


@pytest.mark.skipif(
    VALIDATOR is None, reason="runs with focus-validator on the PATH; it needs NumPy 1"
)
def test_the_validator_of_the_focus_project_has_no_other_complaint(tmp_path: Path) -> None:
    """Install it apart: ``focus-validator==1.0.0 'multimethod<1.11'``, and put it on the PATH."""
    assert VALIDATOR
    path = tmp_path / "focus.csv"
    path.write_text(focus_csv([rich_paper().made(), _credited()]))
    command = [VALIDATOR, "--data-file", str(path), "--validate-version", "1.0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    failed = set(re.findall(r"^(\w+) failed:$", done.stdout, re.M))
    assert "Errors encountered" in done.stdout and failed == FAULTS_OF_THE_VALIDATOR, done.stdout


def _credited() -> Document:
    paper = Paper(tax_rate="0.19").tokens("output_text", -1_000_000, "1.60")
    return paper.made(kind="credit_note", number="CN-00001", credits="INV-00042")


def test_rows_are_text_alone() -> None:
    """So that nothing on the way turns money into a float."""
    values: list[Any] = [value for row in focus_rows(rich_paper().made()) for value in row.values()]
    assert all(isinstance(value, str) for value in values)
    assert msgspec.json.encode(values)
