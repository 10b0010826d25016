"""What is owed is the balance of the receivable account, and each invoice knows its age."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.ledger.billing.made import made_invoice, made_line
from tests.ledger.billing.test_credit_notes import credited

from wattmill.ledger.billing.documents import Document
from wattmill.ledger.billing.open_items import Account, account
from wattmill.ledger.billing.payments import Payment, PaymentKind
from wattmill.ledger.postings import legs_of_document, legs_of_record
from wattmill.ledger.records import DebtWrittenOff, PaymentReceived, PaymentReturned, Record

CENT = 10**10
TODAY = date(2027, 1, 10)


def owed(number: int, cents: int, issued: date = date(2026, 12, 1)) -> Document:
    line = made_line(cents * CENT, key=str(number))
    return made_invoice(line, rate="0", number=f"INV-{number:05d}", issued=issued)


def paid(cents: int, document: str | None = None, kind: PaymentKind = "received") -> Payment:
    return Payment("PAY-1", kind, "acme", cents * CENT, 0, "", document, None)


def stands(documents: list[Document], payments: list[Payment]) -> Account:
    return account("acme", documents, payments, TODAY)


def cents(found: Account) -> dict[str, int]:
    return {item.document: item.open_pusd // CENT for item in found.items}


def test_a_payment_without_a_name_pays_the_oldest_first() -> None:
    invoices = [owed(1, 10_00, date(2026, 12, 20)), owed(2, 5_00, date(2026, 12, 1))]
    found = stands(invoices, [paid(6_00)])
    assert (cents(found), found.unallocated_pusd) == ({"INV-00001": 9_00}, 0)


def test_a_payment_pays_the_invoice_that_it_names() -> None:
    found = stands([owed(1, 10_00), owed(2, 5_00)], [paid(3_00, "INV-00002")])
    assert cents(found) == {"INV-00001": 10_00, "INV-00002": 2_00}


def test_what_is_paid_too_much_pays_the_next_invoice() -> None:
    first = stands([owed(1, 10_00)], [paid(12_00, "INV-00001")])
    assert (first.items, first.unallocated_pusd) == ((), 2_00 * CENT)
    assert first.balance_pusd == -2_00 * CENT
    then = stands([owed(1, 10_00), owed(2, 5_00)], [paid(12_00, "INV-00001")])
    assert (cents(then), then.unallocated_pusd) == ({"INV-00002": 3_00}, 0)


def test_a_payment_that_bounced_opens_its_invoice_again() -> None:
    payments = [paid(10_00, "INV-00001"), paid(10_00, "INV-00001", "returned")]
    assert cents(stands([owed(1, 10_00)], payments)) == {"INV-00001": 10_00}


def test_a_credit_note_on_a_paid_invoice_is_money_of_the_tenant() -> None:
    invoice = owed(1, 10_00)
    found = stands([invoice, credited(invoice, {0: 4_00})], [paid(10_00)])
    assert (found.items, found.unallocated_pusd) == ((), 4_00 * CENT)


def test_a_void_invoice_is_not_owed() -> None:
    invoice = owed(1, 10_00)
    assert stands([invoice, credited(invoice)], []) == Account("acme", (), 0)


def test_a_debt_that_is_written_off_is_no_longer_open() -> None:
    payments = [paid(7_00, "INV-00001"), paid(3_00, "INV-00001", "written_off")]
    assert stands([owed(1, 10_00)], payments).items == ()


def test_what_a_resellers_client_owes_is_not_owed_to_this_site() -> None:
    line = made_line(10_00 * CENT)
    statement = made_invoice(line, issuer="mesa", number="mesa/INV-00001")
    assert stands([statement], []).items == ()


@pytest.mark.parametrize("days", [-3, 0, 1, 30, 700])
def test_an_invoice_ages_from_the_day_after_it_was_due(days: int) -> None:
    invoice = owed(1, 1_00, TODAY - timedelta(days=14 + days))
    (item,) = stands([invoice], []).items
    assert item.overdue_days == max(0, days)


numbers = st.integers(1, 4)
moves = st.one_of(
    st.tuples(st.just("received"), st.integers(1, 2000), st.one_of(st.none(), numbers)),
    st.tuples(st.just("returned"), st.integers(1, 2000), st.one_of(st.none(), numbers)),
    st.tuples(st.just("written_off"), st.integers(1, 2000), numbers),
    st.tuples(st.just("credited"), st.integers(1, 100), numbers),
)


@given(st.lists(st.integers(1, 3000), min_size=4, max_size=4), st.lists(moves, max_size=12))
def test_what_is_open_is_the_balance_of_the_receivable_account(
    totals: list[int], done: list[tuple[str, int, int | None]]
) -> None:
    documents = [owed(number, total) for number, total in enumerate(totals, start=1)]
    payments, legs = [], [leg for one in documents for leg in legs_of_document(one)]
    for kind, amount, number in done:
        name = None if number is None else f"INV-{number:05d}"
        if kind == "credited":
            assert number is not None
            invoice = documents[number - 1]
            notes = tuple(one for one in documents if one.credits == name)
            left = invoice.net_minor + sum(note.net_minor for note in notes)
            if left > 1:
                documents.append(credited(invoice, {0: min(amount, left - 1)}, notes))
                legs += legs_of_document(documents[-1])
            continue
        payments.append(paid(amount, name, kind))  # type: ignore[arg-type]
        legs += legs_of_record(recorded(kind, amount * CENT))
    balance = sum(leg.amount_pusd for leg in legs if leg.account == "receivable:acme")
    found = stands(documents, payments)
    assert found.balance_pusd == balance
    assert all(item.open_pusd > 0 for item in found.items)
    assert not (found.items and found.unallocated_pusd > 0)


def recorded(kind: str, amount_pusd: int) -> Record:
    """What such a payment is in the books."""
    said: Any = {"payment": "PAY-1", "tenant": "acme", "amount_pusd": amount_pusd}
    if kind == "received":
        return PaymentReceived(**said, received_us=0)
    if kind == "returned":
        return PaymentReturned(**said, returned_us=0)
    return DebtWrittenOff(**said, written_off_us=0, document="INV-00001", reason="gone")
