"""Prepaid credit: in which order it is used, for what, and what becomes of the rest."""

import pytest
from tests.ledger.billing.world import GERMAN_VAT, World, instant

from wattmill.core.errors import LedgerError, UsageError
from wattmill.ledger.billing import archive, credit
from wattmill.ledger.billing.documents import CreditDraw


def test_credit_is_taken_off_before_tax(world: World) -> None:
    world.tenant("acme", tax=GERMAN_VAT)
    world.grant("3")
    world.serve("2026-11-10 12:00", output=10_000)
    made = world.issued()
    assert (made.net_minor, made.credit_minor, made.taxable_minor) == (10_00, 3_00, 7_00)
    assert (made.tax_minor, made.total_minor) == (1_33, 8_33)
    assert world.left() == {"CR-00001": "0.00"}
    assert world.balances() == {
        "receivable:acme": "8.33",
        "income:usage": "-10.00",
        "income:promotion": "3.00",
        "tax:DE": "-1.33",
    }


def test_bought_credit_is_invoiced_and_taxed_when_it_is_bought(world: World) -> None:
    world.tenant("acme", tax=GERMAN_VAT)
    granted = world.grant("100", gift=False)
    assert granted.document == "INV-00001"
    bought = archive.document(world.store, "INV-00001")
    assert (bought.net_minor, bought.tax_minor, bought.total_minor) == (100_00, 19_00, 119_00)
    world.serve("2026-11-10 12:00", output=10_000)
    made = world.issued()
    assert (made.number, made.total_minor) == ("INV-00002", 0)
    assert world.left() == {granted.grant: "90.00"}
    assert world.balances() == {
        "receivable:acme": "119.00",
        "prepaid:acme": "-90.00",
        "tax:DE": "-19.00",
        "income:usage": "-10.00",
    }


def test_the_liability_is_what_is_left_of_bought_credit(world: World) -> None:
    world.grant("20", gift=False)
    world.grant("7")
    world.serve("2026-11-10 12:00", output=10_000)
    made = world.issued()
    assert world.balances()["prepaid:acme"] == "-10.00"
    assert made.credit[0].source == "bought"


def test_priority_comes_first_then_what_expires_sooner(world: World) -> None:
    world.grant("5", priority=1, expires="2027-01-01")
    world.grant("5")
    world.grant("5", expires="2027-06-01")
    world.serve("2026-11-10 12:00", output=8_000)
    made = world.issued()
    assert [(draw.grant, draw.amount_minor) for draw in made.credit] == [
        ("CR-00003", 5_00),
        ("CR-00002", 3_00),
    ]


def test_a_grant_pays_only_for_what_was_used_before_it_expired(world: World) -> None:
    world.now_s = instant("2026-11-01")
    world.grant("50", expires="2026-11-15")
    world.serve("2026-11-14 23:59", output=4_000)
    world.serve("2026-11-15 00:00", output=6_000)
    world.now_s = instant("2026-12-01")
    made = world.issued()
    assert (made.credit_minor, made.total_minor) == (4_00, 6_00)
    assert world.left() == {"CR-00001": "0.00"}


def test_what_expires_unused_is_income_if_it_was_bought(world: World) -> None:
    world.now_s = instant("2026-11-01")
    world.grant("50", expires="2026-11-15", gift=False)
    world.grant("20", expires="2026-11-20")
    world.serve("2026-11-10 12:00", output=4_000)
    world.now_s = instant("2026-12-01")
    world.issue()
    assert set(world.left().values()) == {"0.00"}
    assert world.balances() == {
        "receivable:acme": "50.00",
        "income:usage": "-4.00",
        "income:breakage": "-46.00",
    }


def test_credit_expires_in_a_month_without_usage_too(world: World) -> None:
    world.now_s = instant("2026-11-01")
    world.grant("50", expires="2026-11-15")
    world.now_s = instant("2026-12-01")
    assert world.issue().outcome == "nothing"
    assert world.left() == {"CR-00001": "0.00"}


def test_a_void_invoice_gives_its_credit_back_and_the_next_one_draws_again(world: World) -> None:
    world.now_s = instant("2026-11-01")
    world.grant("3", gift=False, expires="2026-11-15")
    world.serve("2026-11-10 12:00", output=10_000)
    world.now_s = instant("2026-12-01")
    first = world.issued()
    note = world.void(first.number)
    assert note.credit == (CreditDraw(first.credit[0].grant, "bought", -3_00),)
    assert set(world.left().values()) == {"3.00"}
    assert world.issued().credit_minor == 3_00
    assert world.balances()["receivable:acme"] == "10.00"


def test_a_purchase_is_cancelled_while_nothing_of_it_is_used(world: World) -> None:
    world.grant("30", gift=False)
    world.void("INV-00001")
    assert set(world.left().values()) == {"0.00"}
    assert world.balances() == {}


def test_a_purchase_that_was_used_is_not_cancelled(world: World) -> None:
    world.grant("30", gift=False)
    world.serve("2026-11-10 12:00", output=10_000)
    world.issue()
    with pytest.raises(UsageError, match="less is left"):
        world.void("INV-00001")
    world.credited("INV-00001", {0: 20_00})
    assert set(world.left().values()) == {"0.00"}
    assert world.balances() == {"receivable:acme": "10.00", "income:usage": "-10.00"}


def test_usage_beyond_credit_that_was_not_charged_is_not_billed(world: World) -> None:
    """The gateway stopped at zero; what the last answer came to beyond it is ours."""
    world.now_s = instant("2026-11-01")
    world.grant("1", gift=False)
    world.serve("2026-11-10 12:00", output=1_250, absorbed_pusd=250_000_000_000)
    world.now_s = instant("2026-12-01")
    made = world.issued()
    assert [(line.kind, line.amount_minor) for line in made.lines] == [
        ("usage", 1_25),
        ("absorbed", -25),
    ]
    assert (made.net_minor, made.total_minor) == (1_00, 0)


def test_credit_of_others_is_not_touched(world: World) -> None:
    world.tenant("indus")
    world.grant("5", tenant="indus")
    world.serve("2026-11-10 12:00", output=1_000)
    assert world.issued().credit == ()
    assert world.left("indus") == {"CR-00001": "5.00"}


@pytest.mark.parametrize("amount", ["0", "-5"])
def test_credit_is_more_than_nothing(world: World, amount: str) -> None:
    with pytest.raises(UsageError, match="more than nothing"):
        world.grant(amount)


def test_credit_that_would_have_expired_already_is_refused(world: World) -> None:
    with pytest.raises(UsageError, match="expired already"):
        world.grant("5", expires="2026-11-30")


def test_credit_is_sold_in_what_can_be_paid(world: World) -> None:
    with pytest.raises(UsageError, match="2 decimals"):
        world.grant("5.005", gift=False)


def test_a_resellers_client_buys_from_its_reseller(world: World) -> None:
    world.tenant("mesa")
    world.tenant("acme", parent="mesa")
    with pytest.raises(UsageError, match="buys from mesa"):
        world.grant("5", gift=False)


def test_no_grant_is_drawn_below_zero(world: World) -> None:
    granted = world.grant("5")
    with pytest.raises(LedgerError, match="cannot be drawn"), world.store.transaction() as c:
        credit.enter_draws(c, 99, (CreditDraw(granted.grant, "promotional", 5_01),), 10**10)
