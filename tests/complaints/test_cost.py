"""What owners of machines met with the cost of a token: none, a wrong one, or one by the wrong unit."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.ledger.cost.conftest import NewCostBooks
from tests.ledger.cost.cost_books import (
    FACTORY,
    HOUR_OF_DECODE,
    CostBooks,
    assert_whole,
    instant_us,
)
from wattmill.core.records import Usage
from wattmill.ledger.cost.attribution import Cost
from wattmill.ledger.cost.report import MarginReport

HOUR_US = 3600 * 10**6
PUSD = Decimal(10) ** 12


def serve_hours(books: CostBooks, count: int, tenant: str = "acme", day: int = 1) -> None:
    """So many hours of the whole pool from the beginning of a day of November on."""
    first_us = instant_us(f"2026-11-{day:02d} 00:00")
    for hour in range(count):
        books.serve(first_us + hour * HOUR_US, HOUR_OF_DECODE, tenant=tenant)


def views(found: MarginReport) -> dict[str, int]:
    """µUSD per Mtok of each view."""
    return {view.name: view.uusd_per_mtok or 0 for view in found.views}


def test_electricity_alone_is_shown_beside_the_whole_cost_and_far_below_it(
    cost_books: CostBooks,
) -> None:
    """HomeLab PR #686, home-ops #9920: kWh of a plug over tokens gave $0.013 per Mtok, and no machine."""
    serve_hours(cost_books, 24)
    found = cost_books.report()
    per_mtok = views(found)
    assert list(per_mtok) == ["zero", "electricity", "loaded"]
    assert 0 < per_mtok["electricity"] * 10 < per_mtok["loaded"]
    wear = sum((one.cost for one in found.pools), Cost()).amortisation_pusd
    assert wear > 0.5 * found.views[2].cost_pusd


def test_a_machine_at_zero_is_shown_beside_what_it_costs_at_low_duty(
    cost_books: CostBooks,
) -> None:
    """vigil #990, archestra #6906: own machines at $0 came out cheapest, when at low duty they were the dearest."""
    cost_books.serve("2026-11-10 12:00", HOUR_OF_DECODE)
    idle = views(cost_books.report())
    serve_hours(cost_books, 700)
    busy = views(cost_books.report())
    cloud_uusd = 790_000
    assert idle["zero"] == busy["zero"] == 0
    assert busy["loaded"] * 50 < idle["loaded"]
    assert busy["electricity"] < cloud_uusd < idle["loaded"]


def test_own_machines_have_a_cost_without_a_price_by_the_token(cost_books: CostBooks) -> None:
    """litellm #2895, opencost #3160, #2901: a price of machines by time could not be given, or was passed over."""
    serve_hours(cost_books, 1)
    (l40s, cloud) = cost_books.report().pools
    assert (l40s.own_hardware, cloud.own_hardware) == (True, False)
    assert l40s.amortisation_pusd and l40s.energy_pusd and l40s.charges_pusd == 0


def test_a_month_is_not_taken_for_an_hour(cost_books: CostBooks) -> None:
    """opencost #3781: a price by the hour was divided by 730 as if it were by the month."""
    found = cost_books.report()
    (wear,) = {pool.amortisation_pusd for pool in found.pools if pool.own_hardware}
    assert abs(Decimal(wear or 0) / PUSD - Decimal(64_800) * 30 / 1096) < 1
    peak_kw = Decimal(4 * (350 + 150)) / 1000
    assert Decimal(found.overhead.space_pusd) / PUSD == pytest.approx(peak_kw * 120)
    assert [day.hours for day in found.days] == [24] * 30
    assert sum(day.cost.total_pusd for day in found.days) == found.cost.total_pusd


def test_a_cost_that_nobody_told_is_unknown_and_said_to_be(new_cost_books: NewCostBooks) -> None:
    """archestra PR #6906: what was not known became $50 in one place and $0 in another."""
    books = new_cost_books(FACTORY.replace("paid_usd = 72_000\nresale_usd = 7_200\n", ""))
    serve_hours(books, 1)
    found = books.report()
    assert found.pools[0].amortisation_pusd is None
    assert not found.views[2].complete
    assert any("l40s" in note for note in found.notes)


def test_each_tenant_has_its_part_of_the_machines_and_the_parts_are_the_whole(
    cost_books: CostBooks,
) -> None:
    """litellm #26021, LLMKube #25, llm-d PR #2391: what each tenant had of one's own GPUs could not be told."""
    serve_hours(cost_books, 3)
    serve_hours(cost_books, 1, "indus", day=2)
    cost_books.serve("2026-11-03 12:00", Usage(10**6), tenant="bosch-gym", pool="cloud")
    found = cost_books.report()
    assert_whole(found)
    acme, gym, indus = found.tenants
    assert acme.attributed.energy_pusd == 3 * indus.attributed.energy_pusd > 0
    assert gym.attributed == Cost(charges_pusd=590_000_000_000)


def test_what_was_done_for_nobody_is_a_cost_of_its_own(cost_books: CostBooks) -> None:
    """vllm #54947: an engine worked on for clients that had left, and its owner could see it nowhere."""
    cost_books.serve("2026-11-10 12:00", HOUR_OF_DECODE, state="void")
    found = cost_books.report()
    assert_whole(found)
    assert (found.revenue_pusd, found.tenants[0].attributed) == (0, Cost())
    assert found.unbilled.energy_pusd > 0
