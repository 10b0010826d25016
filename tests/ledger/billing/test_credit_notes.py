"""What is taken back ends at zero, and the tax with it, however often it is done in parts."""

import random
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.ledger.billing.made import made_invoice, made_line

from wattmill.core.errors import UsageError
from wattmill.ledger.billing.credit_notes import credit_note
from wattmill.ledger.billing.documents import CreditDraw, Document
from wattmill.ledger.postings import legs_of_document

CENT = 10**10


def credited(
    invoice: Document,
    amounts: Mapping[int, int | None] | None = None,
    notes: tuple[Document, ...] = (),
) -> Document:
    return credit_note(
        invoice,
        notes,
        amounts,
        reason="billed twice",
        issued=date(2026, 12, 3),
        up_to_block=9,
        chain_hash="ff",
    )


@pytest.mark.parametrize(
    ("price", "rate", "credit", "net", "tax", "total"),
    [
        (200_00, "0.25", 193_33, 193_33, 48_33, 241_66),
        (160_00, "0.25", 154_67, 154_67, 38_67, 193_34),
        (29_99, "0.2333", 25_71, 25_71, 6_00, 31_71),
    ],
)
def test_a_part_of_a_line_with_its_tax(
    price: int, rate: str, credit: int, net: int, tax: int, total: int
) -> None:
    """Amounts that another billing system's own tests expect."""
    invoice = made_invoice(made_line(price * CENT), rate=rate)
    note = credited(invoice, {0: credit})
    assert (-note.net_minor, -note.tax_minor, -note.total_minor) == (net, tax, total)


def test_a_void_is_the_whole_invoice_the_other_way_round() -> None:
    draws = (CreditDraw("CR-00001", "bought", 5_00),)
    invoice = made_invoice(made_line(12_345 * CENT + 5), made_line(77), credit=draws)
    note = credited(invoice)
    assert note.cancels and note.credits == "INV-00001" and note.kind == "credit_note"
    assert note.total_minor == -invoice.total_minor
    assert note.exact_pusd == -invoice.exact_pusd
    assert [draw.amount_minor for draw in note.credit] == [-5_00]
    reverse = {leg.account: -leg.amount_pusd for leg in legs_of_document(note)}
    assert reverse == {leg.account: leg.amount_pusd for leg in legs_of_document(invoice)}


def test_what_was_credited_before_is_not_credited_again() -> None:
    invoice = made_invoice(made_line(10 * CENT), made_line(20 * CENT))
    first = credited(invoice, {1: 5})
    rest = credited(invoice, None, (first,))
    assert [line.amount_minor for line in rest.lines] == [-10, -15]
    assert first.total_minor + rest.total_minor == -invoice.total_minor


def test_credit_comes_back_only_when_what_was_to_be_paid_is_credited() -> None:
    draws = (CreditDraw("CR-00001", "promotional", 60_00), CreditDraw("CR-00002", "bought", 30_00))
    invoice = made_invoice(made_line(100_00 * CENT), credit=draws)
    first = credited(invoice, {0: 10_00})
    assert (first.credit, first.taxable_minor) == ((), -10_00)
    second = credited(invoice, {0: 40_00}, (first,))
    assert second.credit == (
        CreditDraw("CR-00002", "bought", -30_00),
        CreditDraw("CR-00001", "promotional", -10_00),
    )
    assert (second.taxable_minor, second.tax_minor) == (0, 0)


@pytest.mark.parametrize("amounts", [{0: 11}, {0: 0}, {0: -1}, {2: None}, {-1: None}])
def test_no_more_than_is_left_and_no_line_that_is_not_there(amounts: dict[int, int | None]) -> None:
    invoice = made_invoice(made_line(10 * CENT))
    with pytest.raises(UsageError):
        credited(invoice, amounts)


@pytest.mark.parametrize("fields", [{"status": "void"}, {"credits": "INV-00007"}])
def test_what_is_void_or_a_credit_note_is_not_credited(fields: dict[str, str]) -> None:
    invoice = msgspec.structs.replace(made_invoice(made_line(10 * CENT)), **fields)
    with pytest.raises(UsageError):
        credited(invoice)


amounts_pusd = st.lists(st.integers(-(10**13), 10**14), min_size=1, max_size=5)


@given(
    amounts_pusd,
    st.sampled_from(["0", "0.07", "0.19", "0.2333"]),
    st.integers(0, 100),
    st.integers(1, 6),
    st.randoms(use_true_random=False),
)
def test_parts_and_the_rest_are_the_whole(
    exact: list[int], rate: str, drawn_percent: int, times: int, chance: random.Random
) -> None:
    """However an invoice is taken back, in the end lines, credit, tax, total and postings are zero."""
    lines = [made_line(amount, key=str(place)) for place, amount in enumerate(exact)]
    net = sum(line.amount_minor for line in lines)
    drawn = max(0, net) * drawn_percent // 100
    draws = (CreditDraw("CR-00001", "bought", drawn),) if drawn else ()
    invoice = made_invoice(*lines, rate=rate, credit=draws)
    notes: list[Document] = []
    for _ in range(times):
        place = chance.randrange(len(lines))
        left = lines[place].amount_minor + sum(
            line.amount_minor for note in notes for line in note.lines if line.credits_line == place
        )
        if abs(left) > 1:
            part = chance.randrange(1, abs(left)) * (1 if left > 0 else -1)
            notes.append(credited(invoice, {place: part}, tuple(notes)))
    notes.append(credited(invoice, None, tuple(notes)))
    for figure in ("net_minor", "taxable_minor", "tax_minor", "total_minor", "exact_pusd"):
        assert getattr(invoice, figure) + sum(getattr(note, figure) for note in notes) == 0
    assert drawn + sum(note.credit_minor for note in notes) == 0
    sums: dict[str, int] = {}
    for document in (invoice, *notes):
        for leg in legs_of_document(document):
            sums[leg.account] = sums.get(leg.account, 0) + leg.amount_pusd
    assert not any(sums.values())


def test_tax_that_is_left_is_the_tax_on_what_is_left() -> None:
    invoice = made_invoice(made_line(9_99 * CENT))
    notes: tuple[Document, ...] = ()
    for _ in range(9):
        notes = (*notes, credited(invoice, {0: 1_00}, notes))
    left = invoice.tax_minor + sum(note.tax_minor for note in notes)
    assert left == round(Decimal("0.19") * 99)
