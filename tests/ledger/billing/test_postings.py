"""Every document, payment and credit posts legs that add up to zero, on the accounts they belong to."""

from typing import Any

import msgspec
import pytest
from tests.ledger.billing.made import made_invoice, made_line

from wattmill.core.errors import LedgerError
from wattmill.ledger.billing.documents import CreditDraw
from wattmill.ledger.postings import Leg, balanced, legs_of_document, legs_of_record
from wattmill.ledger.records import (
    CreditExpired,
    CreditGranted,
    DebtWrittenOff,
    PaymentReceived,
    PaymentReturned,
)

CENT = 10**10
EUR = 100 * CENT


def test_an_invoice_debits_what_is_owed_and_credits_what_was_earned() -> None:
    invoice = made_invoice(
        made_line(10 * EUR + 4 * 10**9),
        made_line(3 * EUR, kind="minimum"),
        credit=(CreditDraw("a", "bought", 2_00), CreditDraw("b", "promotional", 1_00)),
    )
    assert {leg.account: leg.amount_pusd for leg in legs_of_document(invoice)} == {
        "receivable:acme": 11_90 * CENT,
        "prepaid:acme": 2_00 * CENT,
        "income:promotion": 1_00 * CENT,
        "income:usage": -(10 * EUR + 4 * 10**9),
        "income:rounding": 4 * 10**9,
        "income:fees": -3 * EUR,
        "tax:DE": -1_90 * CENT,
    }


def test_credit_that_is_sold_is_owed_until_it_is_used() -> None:
    invoice = made_invoice(made_line(100 * EUR, kind="credit"))
    assert legs_of_document(invoice) == (
        Leg("receivable:acme", 119 * EUR),
        Leg("prepaid:acme", -100 * EUR),
        Leg("tax:DE", -19 * EUR),
    )


def test_a_resellers_statement_is_not_in_the_books_of_the_site() -> None:
    assert legs_of_document(made_invoice(made_line(EUR), issuer="mesa")) == ()


@pytest.mark.parametrize("figure", ["total_minor", "credit", "taxes", "lines"])
def test_a_document_whose_figures_do_not_add_up_is_refused(figure: str) -> None:
    draws = (CreditDraw("a", "bought", 1),)
    invoice = made_invoice(made_line(EUR), credit=draws)
    value = invoice.total_minor + 1 if figure == "total_minor" else ()
    with pytest.raises(LedgerError, match="do not balance"):
        legs_of_document(msgspec.structs.replace(invoice, **{figure: value}))


def test_money_and_its_way_back() -> None:
    who: Any = {"payment": "PAY-1", "tenant": "acme", "amount_pusd": 5}
    received = legs_of_record(PaymentReceived(**who, received_us=0))
    assert received == (Leg("cash", 5), Leg("receivable:acme", -5))
    returned = legs_of_record(PaymentReturned(**who, returned_us=0))
    assert returned == (Leg("cash", -5), Leg("receivable:acme", 5))
    lost = legs_of_record(DebtWrittenOff(**who, written_off_us=0, document="INV-1", reason="gone"))
    assert lost == (Leg("bad_debt", 5), Leg("receivable:acme", -5))


def test_only_bought_credit_that_expires_is_income() -> None:
    bought = CreditExpired(grant="a", tenant="acme", amount_pusd=7, source="bought")
    assert legs_of_record(bought) == (Leg("prepaid:acme", 7), Leg("income:breakage", -7))
    given = msgspec.structs.replace(bought, source="promotional")
    assert legs_of_record(given) == ()


def test_a_grant_alone_posts_nothing() -> None:
    grant = CreditGranted(
        grant="a",
        tenant="acme",
        amount_pusd=7,
        priority=0,
        granted_us=0,
        expires_us=None,
        source="promotional",
    )
    assert legs_of_record(grant) == ()


def test_legs_are_one_for_each_account_and_none_of_zero() -> None:
    legs = (Leg("a", 1), Leg("b", -3), Leg("a", 2), Leg("c", 0))
    assert balanced(legs, "here") == (Leg("a", 3), Leg("b", -3))
