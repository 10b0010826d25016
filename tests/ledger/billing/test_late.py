"""What becomes known after a month was invoiced comes with the next invoice, as a difference.

However the requests, corrections and invoices of a month come about, its documents together say what one
invoice would have said, had everything been known.
"""

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.ledger.billing.world import GERMAN_VAT, World, flat, instant, tiered

from wattmill.ledger.billing import archive
from wattmill.ledger.billing.corrections import correct_request
from wattmill.ledger.billing.documents import Document


def late(document: Document) -> list[tuple[str, int, int]]:
    """The late lines: month, tokens, minor units."""
    return [(line.month, line.tokens, line.amount_minor) for line in document.lines if line.is_late]


def test_a_late_request_is_on_the_next_invoice(world: World) -> None:
    world.serve("2026-10-10 12:00", output=1_000)
    world.issue(month="2026-10")
    world.serve("2026-10-31 23:59", output=500)
    world.serve("2026-11-10 12:00", output=2_000)
    made = world.issued()
    assert late(made) == [("2026-10", 500_000, 50)]
    assert (made.net_minor, [part.month for part in made.coverage]) == (
        2_50,
        ["2026-10", "2026-11"],
    )
    assert world.draft(month="2026-12").lines == ()


def test_the_invoice_that_was_sent_stays_as_it_was(world: World) -> None:
    world.serve("2026-10-10 12:00", output=1_000)
    sent = world.issued(month="2026-10")
    world.serve("2026-10-11 12:00", output=500)
    assert world.issue(month="2026-10").document == sent
    assert archive.document(world.store, sent.number) == sent


def test_nothing_late_makes_no_line(world: World) -> None:
    world.serve("2026-10-10 12:00", output=1_000)
    world.issue(month="2026-10")
    world.serve("2026-11-10 12:00", output=2_000)
    assert late(world.issued()) == []


def test_late_usage_is_rated_where_the_month_had_come_to(world: World) -> None:
    """9 Mtok at 2.00, then 3 more: one at 2.00 and two at 1.00, not three at 2.00."""
    world.plan("tiers", tiered("2", "1"))
    world.tenant("acme", "tiers")
    world.serve("2026-10-10 12:00", output=9_000)
    assert world.issued(month="2026-10").net_minor == 18_00
    world.serve("2026-10-11 12:00", output=3_000)
    world.serve("2026-11-10 12:00", output=1_000)
    made = world.issued()
    assert late(made) == [("2026-10", 1_000_000, 2_00), ("2026-10", 2_000_000, 2_00)]
    assert made.net_minor == 6_00


def test_late_usage_that_a_minimum_covers_costs_nothing(world: World) -> None:
    world.plan("least", tiered("1", "1", minimum=10))
    world.tenant("acme", "least")
    world.serve("2026-10-10 12:00", output=4_000)
    world.issue(month="2026-10")
    world.serve("2026-10-11 12:00", output=5_000)
    world.serve("2026-11-10 12:00", output=10_000)
    made = world.issued()
    assert [amount for _, _, amount in late(made)] == [5_00, -5_00]
    assert made.net_minor == 10_00


def test_a_correction_of_an_invoiced_month_comes_back_on_the_next(world: World) -> None:
    served = world.serve("2026-10-10 12:00", output=1_000)
    world.issue(month="2026-10")
    correct(world, served.end.request, {"output_text": -400_000})
    world.serve("2026-11-10 12:00", output=1_000)
    made = world.issued()
    assert late(made) == [("2026-10", -400_000, -40)]
    assert made.net_minor == 60


def test_more_back_than_used_is_a_credit_note(world: World) -> None:
    world.tenant("acme", tax=GERMAN_VAT)
    served = world.serve("2026-10-10 12:00", output=1_000)
    world.issue(month="2026-10")
    correct(world, served.end.request, None)
    made = world.issued()
    assert (made.kind, made.number, made.total_minor) == ("credit_note", "CN-00001", -1_19)
    assert (made.credits, [part.month for part in made.coverage]) == (None, ["2026-10", "2026-11"])
    assert world.account().balance_pusd == 0
    assert world.issue().outcome == "already"


def correct(world: World, request: int, meters: dict[str, int] | None) -> None:
    with world.store.transaction() as connection:
        correct_request(
            connection,
            world,  # type: ignore[arg-type]
            request,
            meters,
            reason="counted twice",
            now_us=world.now_us,
        )


def test_a_void_invoice_is_billed_again_with_all_that_is_known(world: World) -> None:
    world.serve("2026-10-10 12:00", output=1_000)
    first = world.issued(month="2026-10")
    world.serve("2026-10-11 12:00", output=500)
    world.serve("2026-11-10 12:00", output=2_000)
    second = world.issued()
    world.void(first.number)
    third = world.issued(month="2026-10")
    assert (second.net_minor, third.net_minor) == (2_50, 1_00)
    assert archive.document(world.store, first.number).status == "void"
    assert world.balances() == {"receivable:acme": "3.50", "income:usage": "-3.50"}


def test_a_courtesy_is_not_taken_back_by_the_next_invoice(world: World) -> None:
    world.serve("2026-10-10 12:00", output=1_000)
    made = world.issued(month="2026-10")
    world.credited(made.number, {0: 30})
    world.serve("2026-10-11 12:00", output=500)
    assert world.issued().net_minor == 50
    assert world.balances()["receivable:acme"] == "1.20"


def test_a_late_month_has_the_tax_of_its_month(world: World) -> None:
    world.tenant("acme", tax=GERMAN_VAT)
    world.serve("2026-10-10 12:00", output=1_000)
    world.issue(month="2026-10")
    world.serve("2026-10-11 12:00", output=1_000)
    world.serve("2026-11-10 12:00", output=1_000)
    (tax,) = world.issued().taxes
    assert (tax.months, tax.base_minor, tax.amount_minor) == (("2026-10", "2026-11"), 2_00, 38)


def test_an_invoice_can_be_recomputed_for_ever(world: World) -> None:
    """It says up to which block of the chain it knew the books, and that block's hash."""
    world.serve("2026-10-10 12:00", output=1_000)
    made = world.issued(month="2026-10")
    world.serve("2026-10-11 12:00", output=1_000)
    from wattmill.ledger.usage import usage

    span = instant("2026-10-01"), instant("2026-11-01")
    then = usage(world.store, *span, tenant="acme", up_to_block=made.up_to_block)
    assert sum(group.tokens for group in then) == sum(line.tokens for line in made.lines)
    assert len(bytes.fromhex(made.chain_hash)) == 32


requests = st.lists(
    st.tuples(st.integers(1, 28), st.integers(1, 9_000), st.integers(0, 9_000)),
    min_size=1,
    max_size=10,
)


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(requests, st.sampled_from(["flat", "tiers", "least"]), st.randoms(use_true_random=False))
def test_the_documents_of_a_month_add_up_to_one_that_knows_it_all(
    tmp_path_factory: pytest.TempPathFactory,
    served: list[tuple[int, int, int]],
    plan: str,
    chance: random.Random,
) -> None:
    bit_by_bit = of_all_plans(tmp_path_factory.mktemp("books"), plan)
    at_once = of_all_plans(tmp_path_factory.mktemp("books"), plan)
    month = 9
    for day, output, input in served:
        request = bit_by_bit.serve(f"2026-08-{day:02d} 12:00", output, input=input).end.request
        at_once.serve(f"2026-08-{day:02d} 12:00", output, input=input)
        if chance.random() < 0.3:
            cut = {"output_text": -chance.randint(0, output * 1000), "input_uncached": 1}
            correct(bit_by_bit, request, cut)
            correct(at_once, request, cut)
        if chance.random() < 0.5 and month < 12:
            bit_by_bit.issue(month="2026-08")
            bit_by_bit.issue(month=f"2026-{month:02d}")
            month += 1
        if chance.random() < 0.2:
            standing = archive.documents(bit_by_bit.store, "acme", "2026-08")
            for one in standing:
                if one.status == "final" and one.credits is None:
                    bit_by_bit.void(one.number)
    bit_by_bit.now_s = at_once.now_s = instant("2027-02-01")
    bit_by_bit.issue(month="2026-08")
    bit_by_bit.issue(month="2026-12")
    whole = at_once.issued(month="2026-08")
    documents = archive.documents(bit_by_bit.store)
    lines = [line for one in documents for line in one.lines if line.month == "2026-08"]
    assert sum(line.amount_minor for line in lines) == whole.net_minor
    assert sum(line.amount_pusd for line in lines) == whole.exact_pusd
    assert sum(line.tokens for line in lines) == sum(line.tokens for line in whole.lines)
    bit_by_bit.store.close()
    at_once.store.close()


def of_all_plans(directory: Path, plan: str) -> World:
    """At prices that leave a rest to round."""
    made = World(directory)
    made.plan("flat", flat(output_text="1.237", input_uncached="0.333"))
    made.plan("tiers", tiered("2.017", "1.003"))
    made.plan("least", tiered("2.017", "1.003", minimum=15))
    made.tenant("acme", plan)
    return made
