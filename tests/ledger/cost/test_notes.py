"""What a report says about what it does not know."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from tests.ledger.cost.cost_books import CostBooks

from wattmill.core.records import Usage
from wattmill.core.terms import Card, Commitment, Flat, Package, Rate, Terms
from wattmill.ledger.cost.margin import report
from wattmill.ledger.cost.notes import terms_notes
from wattmill.tariff.period import PlanVersion

ONE = Decimal(1)


def terms(scheme: Any = Flat(ONE), free: Decimal = Decimal(0), **values: Any) -> Terms:  # noqa: B008
    return Terms((Card((Rate(("output_text",), scheme, free),)),), **values)


def said(books: CostBooks, *found: Terms, valid_from_us: int = 0) -> list[str]:
    versions = [PlanVersion(1, f"plan-{n}", valid_from_us, one) for n, one in enumerate(found)]
    return list(terms_notes(books.month(), versions))


def test_a_price_per_token_needs_no_remark(cost_books: CostBooks) -> None:
    assert said(cost_books, terms()) == []


@pytest.mark.parametrize(
    "one",
    [
        terms(Package(ONE, ONE)),
        terms(free=ONE),
        terms(fee=ONE),
        terms(minimum=ONE),
        terms(allowance=ONE),
        terms(commitment=Commitment(ONE)),
    ],
)
def test_terms_of_the_month_are_not_in_the_revenue_and_that_is_said(
    cost_books: CostBooks, one: Terms
) -> None:
    (note,) = said(cost_books, one)
    assert note.startswith("plan-0: revenue is what requests were charged")
    assert said(cost_books, one, valid_from_us=2**60) == []


def test_remarks_come_last(cost_books: CostBooks) -> None:
    cost_books.serve("2026-11-10", Usage(1), pool="attic")
    notes = report(cost_books.month(), "book", (), ["and that"]).notes
    assert notes[0].startswith("attic") and notes[-1] == "and that"
