"""What closes a month is rounded together with what it closes, so that sums that were agreed are met to the cent."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.ledger.billing.world import World, flat

from wattmill.core.records import METERS
from wattmill.core.terms import Card, Commitment, Flat, Rate, Terms

EACH_ROUNDED_UP = "0.335"
"""With 1 Mtok of each meter every line is half a cent more than its exact amount."""


def agreed_on(price: str, **agreed: Any) -> Terms:
    """A line for each meter."""
    return Terms((Card(tuple(Rate((meter,), Flat(Decimal(price))) for meter in METERS)),), **agreed)


def test_a_minimum_is_met_to_the_cent(world: World) -> None:
    world.plan("least", agreed_on(EACH_ROUNDED_UP, minimum=Decimal(75)))
    world.tenant("acme", "least")
    world.serve("2026-11-10 12:00", 1_000, input=1_000)
    made = world.draft()
    assert [line.amount_minor for line in made.lines] == [34, 34, 74_32]
    assert [line.amount_pusd for line in made.lines][-1] == 74_330_000_000_000
    assert (made.net_minor, made.exact_pusd) == (75_00, 75 * 10**12)


def test_a_maximum_is_kept_to_the_cent(world: World) -> None:
    world.plan("most", agreed_on(EACH_ROUNDED_UP, maximum=Decimal("0.5")))
    world.tenant("acme", "most")
    world.serve("2026-11-10 12:00", 1_000, input=1_000)
    assert world.draft().net_minor == 50


def test_a_fee_is_rounded_by_itself(world: World) -> None:
    world.plan("fee", agreed_on(EACH_ROUNDED_UP, minimum=Decimal(75), fee=Decimal("9.99")))
    world.tenant("acme", "fee")
    world.serve("2026-11-10 12:00", 1_000, input=1_000)
    assert world.draft().net_minor == 75_00 + 9_99


@pytest.mark.parametrize(("mtok", "net"), [(1_000, 120_00), (200_000, 134_00 + 2_80), (0, 120_00)])
def test_a_commitment_is_paid_to_the_cent(world: World, mtok: int, net: int) -> None:
    """Below it the commitment; above it the usage, and a fifth more for what is beyond."""
    promised = Commitment(Decimal(120), overage=Decimal("1.2"))
    world.plan("promised", agreed_on(EACH_ROUNDED_UP, commitment=promised))
    world.tenant("acme", "promised")
    world.serve("2026-11-10 12:00", mtok, input=mtok)
    assert world.draft().net_minor == net


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
@given(
    served=st.lists(
        st.tuples(st.integers(0, 5_000), st.integers(0, 5_000)), min_size=1, max_size=4
    ),
    late=st.integers(0, 3),
)
def test_a_minimum_is_met_by_all_documents_of_a_month_together(
    tmp_path_factory: pytest.TempPathFactory, served: list[tuple[int, int]], late: int
) -> None:
    """Whatever is known when, and late usage that it still covers costs nothing."""
    world = World(Path(tmp_path_factory.mktemp("closing")))
    world.plan("least", agreed_on("0.3351", minimum=Decimal(40)))
    world.tenant("acme", "least")
    for input_, output in served[late:]:
        world.serve("2026-10-10 12:00", input_, input=output)
    first = world.issued(month="2026-10").net_minor
    for input_, output in served[:late]:
        world.serve("2026-10-11 12:00", input_, input=output)
    second = world.draft(month="2026-11")
    rest = sum(line.amount_minor for line in second.lines if line.month == "2026-10")
    assert (first, rest) == (40_00, 0)
    world.store.close()


def test_what_is_not_charged_leaves_what_credit_paid_for(world: World) -> None:
    world.plan("standard", agreed_on(EACH_ROUNDED_UP))
    world.tenant("acme")
    world.serve("2026-11-10 12:00", 1_000, input=1_000, absorbed_pusd=170_000_000_000)
    assert world.draft().net_minor == 50


def test_the_flat_plan_has_nothing_that_closes(world: World) -> None:
    world.plan("standard", flat(output_text="0.335", input_uncached="0.335"))
    world.tenant("acme")
    world.serve("2026-11-10 12:00", 1_000, input=1_000)
    assert [line.amount_minor for line in world.draft().lines] == [34, 34]
