"""A recorded month under another plan: what it would have brought, and nothing is touched."""

import pytest
from sqlalchemy import func, select
from tests.ledger.billing.world import World, flat, tiered

from wattmill.core.errors import UsageError
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
