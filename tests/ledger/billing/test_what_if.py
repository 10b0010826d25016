"""A recorded month under another plan: what it would have brought, and nothing is touched."""

from decimal import Decimal

import pytest
from msgspec.structs import replace
from sqlalchemy import func, select
from tests.ledger.billing.world import World, flat, tiered

from wattmill.core.errors import UsageError
from wattmill.core.records import METERS, Band
from wattmill.core.terms import Card, Flat, Rate
from wattmill.ledger import schema
from wattmill.ledger.billing.what_if import what_if


def under(world: World, plan: str, tenant: str | None = None) -> dict[str, tuple[int, int]]:
    found = what_if(world.store, world, plan, "2026-11", tenant)  # type: ignore[arg-type]
    return {one.tenant: (one.now_minor, one.difference_minor) for one in found}


def test_the_difference_for_each_tenant(world: World) -> None:
    world.tenant("indus")
    world.tenant("quiet")
    world.plan("new", flat(output_text="1.50", input_uncached="0.80"))
    world.serve("2026-11-10 12:00", output=2_000, input=1_000)
    world.serve("2026-11-10 12:00", input=5_000, tenant="indus")
    assert under(world, "new") == {"acme": (3_00, 80), "indus": (5_00, -1_00)}
    assert under(world, "new", "acme") == {"acme": (3_00, 80)}


def test_tiers_and_minimum_of_the_other_plan_count(world: World) -> None:
    world.plan("new", tiered("0.5", "0.1", minimum=20))
    world.serve("2026-11-10 12:00", output=12_000)
    assert under(world, "new") == {"acme": (12_00, 8_00)}


def test_the_same_plan_makes_no_difference(world: World) -> None:
    world.serve("2026-11-10 12:00", output=12_345, input=678)
    assert under(world, "standard")["acme"][1] == 0


def test_the_version_that_holds_at_the_end_of_the_month_is_taken(world: World) -> None:
    world.plan("new", flat(output_text="2"))
    world.plan("new", flat(output_text="3"), valid_from="2026-11-20")
    world.plan("new", flat(output_text="9"), valid_from="2026-12-01")
    world.serve("2026-11-10 12:00", output=1_000)
    assert under(world, "new") == {"acme": (1_00, 2_00)}


@pytest.mark.parametrize("opens", ["22:00", "21:50"], ids=["by quarters", "by minutes"])
def test_tokens_are_in_the_bands_of_the_other_plan(world: World, opens: str) -> None:
    """2 Mtok by day at 1.00, 1 at night at half of that, on the clock of the plan."""
    minutes = int(opens[:2]) * 60 + int(opens[3:])
    nights = tuple(
        part
        for day in range(7)
        for part in ((day * 1440, day * 1440 + 360), (day * 1440 + minutes, (day + 1) * 1440))
    )
    night = Band("night", "Europe/Berlin", nights)
    cheap = (Card((Rate(METERS, Flat(Decimal("0.5"))),), band="night"),)
    terms = flat(output_text="1")
    world.plan("new", replace(terms, cards=(*terms.cards, *cheap), bands=(night,)))
    world.serve("2026-11-10 12:00", output=1_000)
    world.serve("2026-11-10 20:49", output=1_000)
    world.serve("2026-11-10 21:00", output=1_000)
    assert under(world, "new") == {"acme": (3_00, -50)}


def test_nothing_is_touched(world: World) -> None:
    world.plan("new", flat(output_text="2"))
    world.serve("2026-11-10 12:00", output=1_000)
    world.issue()
    before = blocks(world)
    under(world, "new")
    assert blocks(world) == before


def blocks(world: World) -> int:
    with world.store.reading() as connection:
        return connection.execute(select(func.count()).select_from(schema.block)).scalar_one()


def test_a_plan_that_is_not_there_is_told_the_nearest(world: World) -> None:
    with pytest.raises(UsageError, match="no rate plan 'standart'") as caught:
        under(world, "standart")
    assert "'standard'" in caught.value.hint
