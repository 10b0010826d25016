"""Payments are entered once, and no more goes back than came in."""

import pytest
from tests.ledger.billing.world import PUSD, World

from wattmill.core.errors import UsageError
from wattmill.ledger.billing import payments
from wattmill.ledger.billing.payments import Payment


def returned(world: World, euros: int, of: str | None = None) -> Payment:
    with world.store.transaction() as connection:
        return payments.give_back(
            connection,
            "acme",
            euros * PUSD,
            of=of,
            unallocated_pusd=world.account().unallocated_pusd,
            at_us=world.now_us,
            reference="",
            now_us=world.now_us,
        )


def billed(world: World) -> None:
    world.serve("2026-11-10 12:00", output=10_000)
    world.issue()


def test_a_payment_settles_its_invoice(world: World) -> None:
    billed(world)
    world.pay("4", "INV-00001")
    (item,) = world.account().items
    assert (item.open_pusd, world.balances()["receivable:acme"]) == (6 * PUSD, "6.00")
    world.pay("6")
    assert world.account().items == ()
    assert world.balances() == {"income:usage": "-10.00", "cash": "10.00"}


def test_the_same_bank_reference_is_entered_once(world: World) -> None:
    billed(world)
    world.pay("10", reference="4711")
    world.pay("10", reference="4711")
    assert world.balances()["cash"] == "10.00"
    with pytest.raises(UsageError, match="another payment"):
        world.pay("11", reference="4711")


def test_two_payments_without_a_reference_are_two(world: World) -> None:
    world.pay("5")
    world.pay("5")
    assert world.balances() == {"cash": "10.00", "receivable:acme": "-10.00"}


def test_a_payment_that_bounced_is_owed_again(world: World) -> None:
    billed(world)
    world.pay("10", "INV-00001")
    (paid,) = payments.payments(world.store)
    returned(world, 10, of=paid.payment)
    assert world.account().items[0].open_pusd == 10 * PUSD
    with pytest.raises(UsageError, match="more would go back"):
        returned(world, 1, of=paid.payment)


def test_what_was_paid_too_much_can_be_paid_back(world: World) -> None:
    billed(world)
    world.pay("12")
    with pytest.raises(UsageError, match="more would go back"):
        returned(world, 3)
    returned(world, 2)
    assert world.account().balance_pusd == 0
    assert world.balances() == {"income:usage": "-10.00", "cash": "10.00"}


def test_a_payment_that_is_not_there_cannot_bounce(world: World) -> None:
    with pytest.raises(UsageError, match="no payment 'PAY-00009'"):
        returned(world, 1, of="PAY-00009")


def test_a_debt_is_written_off_and_no_more_than_is_open(world: World) -> None:
    billed(world)
    what = {"document": "INV-00001", "reason": "insolvent", "now_us": world.now_us}
    with world.store.transaction() as connection:
        payments.write_off(connection, "acme", 10 * PUSD, open_pusd=10 * PUSD, **what)  # type: ignore[arg-type]
    assert world.account().items == ()
    assert world.balances() == {"income:usage": "-10.00", "bad_debt": "10.00"}
    with pytest.raises(UsageError, match="less than that is open"), world.store.transaction() as c:
        payments.write_off(c, "acme", 1, open_pusd=0, **what)  # type: ignore[arg-type]


def test_nothing_is_no_payment(world: World) -> None:
    with pytest.raises(UsageError, match="more than nothing"):
        world.pay("0")
