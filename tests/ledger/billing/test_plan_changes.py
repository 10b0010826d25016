"""A tenant that goes from one plan to another within a month: fees by the time on each, tokens by their price."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ledger.billing.world import World, flat, instant

from wattmill.ledger.billing import rerating
from wattmill.ledger.periods import month_named
from wattmill.ledger.records import PlanChanged


def with_fee(fee: str, each: str = "1") -> Any:
    """A price for every meter, and a fee a month."""
    terms = flat(**dict.fromkeys(("input_uncached", "output_text"), each))
    return msgspec.structs.replace(terms, fee=Decimal(fee))


@pytest.fixture
def served(world: World) -> World:
    """Thirty a month, or sixty with cheaper tokens; November has thirty days."""
    world.plan("standard", with_fee("30"))
    world.plan("pro", with_fee("60", "0.5"))
    world.tenant("acme")
    return world


def fees(world: World, month: str = "2026-11") -> int:
    """Minor units of all fees of a month."""
    return sum(line.amount_minor for line in world.draft(month=month).lines if line.kind == "fee")


def test_fees_are_by_the_days_on_each_plan_even_if_nothing_is_asked(served: World) -> None:
    served.change_plan("pro", "2026-11-11")
    assert fees(served) == 10_00 + 40_00


def test_the_first_request_does_not_decide_when_a_plan_began(served: World) -> None:
    served.serve("2026-11-02 12:00", output=1000)
    served.change_plan("pro", "2026-11-11")
    served.serve("2026-11-25 12:00", output=1000)
    found = served.draft()
    assert fees(served) == 10_00 + 40_00
    assert found.net_minor == 50_00 + 1_00 + 50


def test_what_was_held_under_the_old_plan_keeps_its_price_and_pays_no_fee_twice(
    served: World,
) -> None:
    late = served.serve("2026-11-11 00:00:00", output=1000, enter=False)
    served.change_plan("pro", "2026-11-11")
    served.enter([late])
    found = served.draft()
    assert fees(served) == 10_00 + 40_00
    assert found.net_minor == 50_00 + 1_00


def test_there_and_back(served: World) -> None:
    served.change_plan("pro", "2026-11-11")
    served.change_plan("standard", "2026-11-21")
    assert fees(served) == 10_00 + 20_00 + 10_00


def test_a_change_moves_no_month_before_it_and_all_after(served: World) -> None:
    served.change_plan("pro", "2026-12-01")
    assert fees(served) == 30_00
    served.now_s = instant("2027-01-02")
    assert fees(served, "2026-12") == 60_00


def test_books_older_than_the_record_go_by_the_first_request_of_each_plan(served: World) -> None:
    served.serve("2026-11-02 12:00", output=1000)
    served._tenants["acme"].plan = "pro"
    served.serve("2026-11-16 00:00", output=1000)
    assert fees(served) == 15_00 + 30_00


def test_the_same_plan_is_no_change(served: World) -> None:
    served.change_plan("standard", "2026-11-11")
    assert served.plan_changes("acme") == ()


DAYS = st.lists(st.integers(1, 120), max_size=6).map(sorted)


@settings(max_examples=60, deadline=None)
@given(DAYS, st.sampled_from(["2026-11", "2026-12", "2027-01"]))
def test_every_instant_of_a_month_has_one_plan(days: list[int], name: str) -> None:
    """The one of the last change before it."""
    start_us, day_us = round(instant("2026-10-20") * 1e6), 86_400 * 10**6
    changes, plan = [], "p0"
    for number, day in enumerate(days, 1):
        at_us = start_us + day * day_us
        changes.append(PlanChanged(tenant="a", was=plan, plan=f"p{number}", from_us=at_us))
        plan = f"p{number}"
    terms = rerating.Terms((), {}, plan, tuple(changes), "UTC", "EUR", "half_even")
    month = month_named(name, "UTC")
    found = rerating._plans(terms, [], rerating._period(month))
    for at_us in range(round(month.start_s * 1e6), round(month.end_s * 1e6), day_us):
        had = [one.plan for one in changes if one.from_us <= at_us]
        assert [plan for plan, from_us in found if from_us <= at_us][-1] == (had or ["p0"])[-1]
