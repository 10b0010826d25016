"""Cost goes to who caused it, and every part of it is somebody's."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattmill.catalog.factory import Pool, Site
from wattmill.catalog.hardware import accelerator
from wattmill.core import roster
from wattmill.core.errors import UsageError
from wattmill.core.records import Usage
from wattmill.ledger.attribution import Cost, Work, attribute, busy_us
from wattmill.ledger.hardware import (
    HardwareCost,
    amortisation_pusd,
    colo_pusd,
    draw,
    hardware_cost,
)
from wattmill.physics.efficiency import DECODE_POWER_FRAC, HOST_IDLE_FRAC

STEADY = settings(derandomize=True, deadline=None, max_examples=200)
HOUR_US = 3600 * 10**6
DAY_US = 24 * HOUR_US
SITE = Site(power_usd_per_kwh=0.09, pue=1.3, colo_usd_per_kw_month=120.0)


def spec(**values: Any) -> Pool:
    return Pool(**{"name": "l40s", "model": "llama-3.1-70b", **values})


def served(prefill_tok_s: float = 1000.0, decode_tok_s: float = 100.0) -> roster.Pool:
    return roster.Pool("l40s", "", "vllm", "m", None, prefill_tok_s, decode_tok_s, 8)


def midnight_us(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**6


# --- time of the pool -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("usage", "seconds"),
    [
        (Usage(input_uncached=1000), 1.0),
        (Usage(output_text=100), 1.0),
        (Usage(input_cached=10**6), 0.0),
        (Usage(500, 10**6, 500, 60, 40), 2.0),
        (Usage(audio_in=1000, image_in=1000, audio_out=100), 3.0),
        (Usage(1), 0.001),
    ],
)
def test_a_request_takes_the_time_of_its_prefill_and_its_decode(
    usage: Usage, seconds: float
) -> None:
    assert busy_us(usage.meters, served()) == round(seconds * 10**6)


@pytest.mark.parametrize("rates", [(0.0, 100.0), (100.0, 0.0), (float("nan"), 100.0)])
def test_a_pool_without_rates_is_refused(rates: tuple[float, float]) -> None:
    with pytest.raises(UsageError, match="has no rates"):
        busy_us(Usage(1).meters, served(*rates))


# --- whose cost it is -----------------------------------------------------------------------------


def test_an_hour_of_which_a_tenth_was_used() -> None:
    """1,000 pUSD of wear, 500 of idle watts, 300 of work: 6 min of acme's, 3 of nobody's."""
    cost = HardwareCost(HOUR_US, 1_000, 500, 300)
    parts = attribute(cost, {"acme": Work(HOUR_US // 10, 7)}, Work(HOUR_US // 20))
    assert parts.tenants == {"acme": Cost(50 + 200, 100, 0, 7)}
    assert parts.unbilled == Cost(25 + 100, 50)
    assert parts.idle == Cost(425, 850)


def test_of_two_tenants_the_one_with_long_answers_causes_more() -> None:
    """The same number of tokens: decoding costs ten times the time of prefilling here."""
    tenants = {
        "reader": Work(busy_us(Usage(1000, 0, 0, 100).meters, served())),
        "writer": Work(busy_us(Usage(100, 0, 0, 1000).meters, served())),
    }
    parts = attribute(HardwareCost(HOUR_US, 10**12, 10**12, 10**12), tenants, Work()).tenants
    assert parts["writer"].total_pusd * 200 == pytest.approx(parts["reader"].total_pusd * 1010)


def test_more_work_than_time_leaves_nothing_idle_and_scales_everybody() -> None:
    cost = HardwareCost(HOUR_US, 900, 600, 300)
    tenants = {"acme": Work(2 * HOUR_US), "indus": Work(HOUR_US)}
    parts = attribute(cost, tenants, Work())
    assert parts.tenants == {"acme": Cost(600, 600), "indus": Cost(300, 300)}
    assert parts.idle == Cost()


costs = st.builds(
    HardwareCost,
    st.integers(1, 31 * DAY_US),
    *(st.none() | st.integers(0, 10**18) for _ in range(3)),
)
works = st.builds(Work, st.integers(0, 31 * DAY_US), st.integers(0, 10**15))


@STEADY
@given(costs, st.dictionaries(st.text(max_size=3), works, max_size=5), works)
def test_the_parts_are_the_cost(
    cost: HardwareCost, tenants: dict[str, Work], unbilled: Work
) -> None:
    if unbilled.busy_us + sum(work.busy_us for work in tenants.values()) == 0:
        cost = msgspec.structs.replace(cost, working_pusd=0)  # nobody worked: nothing above idle
    parts = attribute(cost, tenants, unbilled)
    whole = sum([*parts.tenants.values(), parts.unbilled], parts.idle)
    assert whole == Cost(
        (cost.standing_pusd or 0) + (cost.working_pusd or 0),
        cost.amortisation_pusd or 0,
        0,
        unbilled.charges_pusd + sum(work.charges_pusd for work in tenants.values()),
    )


@STEADY
@given(costs, st.permutations(["a", "b", "c", "d"]), st.lists(works, min_size=4, max_size=4))
def test_the_order_of_tenants_does_not_matter(
    cost: HardwareCost, order: list[str], done: list[Work]
) -> None:
    by_name = dict(zip("abcd", done, strict=True))
    shuffled = {name: by_name[name] for name in order}
    if any(work.busy_us for work in done):
        assert attribute(cost, shuffled, Work()) == attribute(cost, by_name, Work())


@STEADY
@given(
    st.builds(Cost, *(st.integers(-(10**15), 10**18) for _ in range(4))),
    st.lists(st.integers(1, 10**9), min_size=1, max_size=6),
)
def test_a_cost_splits_into_costs_that_add_up(cost: Cost, weights: list[int]) -> None:
    assert sum(cost.split(weights), Cost()) == cost


# --- wear -----------------------------------------------------------------------------------------

BOUGHT = {"paid_usd": 72_000.0, "resale_usd": 7_200.0, "bought": date(2026, 6, 1)}


def test_wear_is_a_straight_line_over_the_life() -> None:
    """64,800 USD over the 1,096 days from June 2026 to June 2029."""
    month = midnight_us("2026-11-01"), midnight_us("2026-12-01")
    expected = Decimal(64_800) * 30 / 1096
    found = amortisation_pusd(spec(**BOUGHT), "UTC", *month)
    assert found is not None
    assert abs(Decimal(found).scaleb(-12) - expected) < Decimal("1e-11")


@STEADY
@given(st.lists(st.integers(-10, 1200), min_size=0, max_size=8))
def test_the_wear_of_all_times_is_what_the_pool_lost(days: list[int]) -> None:
    begin, over = midnight_us("2026-06-01"), midnight_us("2029-07-01")
    cuts = sorted([begin - 30 * DAY_US, *(begin + day * DAY_US + 1 for day in days), over])
    cuts = [cut for cut in cuts if cut <= over]
    pieces = [amortisation_pusd(spec(**BOUGHT), "UTC", *cut) or 0 for cut in pairwise(cuts)]
    assert sum(pieces) == 64_800 * 10**12


@pytest.mark.parametrize("span", [("2026-05-01", "2026-06-01"), ("2029-06-01", "2029-07-01")])
def test_nothing_wears_before_it_is_bought_or_after_its_life(span: tuple[str, str]) -> None:
    assert amortisation_pusd(spec(**BOUGHT), "UTC", *map(midnight_us, span)) == 0


def test_wear_without_a_price_is_unknown_and_without_a_date_within_its_life() -> None:
    month = midnight_us("2026-11-01"), midnight_us("2026-11-01") + 730 * HOUR_US
    assert amortisation_pusd(spec(), "UTC", *month) is None
    undated = spec(paid_usd=36_000.0, life_months=36)
    assert amortisation_pusd(undated, "UTC", *month) == 1000 * 10**12


def test_a_life_from_the_end_of_a_month_ends_at_the_end_of_a_month() -> None:
    pool = spec(paid_usd=29.0, bought=date(2024, 1, 31), life_months=1)
    span = midnight_us("2024-01-31"), midnight_us("2024-02-29")
    assert amortisation_pusd(pool, "UTC", *span) == 29 * 10**12


# --- power and space ------------------------------------------------------------------------------


def test_watts_come_from_the_file_and_else_from_the_data_sheet() -> None:
    sheet = draw(spec(hardware="4x L40S"))
    assert sheet is not None
    card = accelerator("L40S")
    assert sheet.idle_w == pytest.approx(4 * (card.idle_w + HOST_IDLE_FRAC * card.host_w))
    assert sheet.busy_w == pytest.approx(4 * (DECODE_POWER_FRAC * card.tdp_w + card.host_w))
    assert sheet.peak_w == 4 * (card.tdp_w + card.host_w)
    told = draw(spec(hardware="4x L40S", idle_w=400.0))
    assert told is not None and (told.idle_w, told.busy_w) == (400.0, sheet.busy_w)
    assert draw(spec(idle_w=10.0, busy_w=90.0)) is not None
    assert draw(spec(idle_w=10.0)) is draw(spec()) is draw(spec(hardware="a toaster")) is None


def test_electricity_is_idle_watts_always_and_the_rest_while_busy() -> None:
    """10 h at 400 W and 2 h at 1,000 W more are 4 + 2 kWh, at 9 cents."""
    pool = spec(idle_w=400.0, busy_w=1400.0)
    cost = hardware_cost(pool, SITE, 0, 10 * HOUR_US, 2 * HOUR_US)
    assert (cost.standing_pusd, cost.working_pusd) == (360_000_000_000, 180_000_000_000)
    assert cost.energy_pusd == 540_000_000_000


def test_no_more_electricity_is_drawn_than_there_are_hours() -> None:
    pool = spec(idle_w=400.0, busy_w=1400.0)
    full = hardware_cost(pool, SITE, 0, 10 * HOUR_US, 10 * HOUR_US)
    assert hardware_cost(pool, SITE, 0, 10 * HOUR_US, 99 * HOUR_US) == full


def test_machines_cost_from_the_day_they_were_bought() -> None:
    pool = spec(idle_w=400.0, busy_w=1400.0, **BOUGHT)
    start = midnight_us("2026-05-31")
    cost = hardware_cost(pool, SITE, start, start + 2 * DAY_US, 0)
    assert cost.service_us == DAY_US
    assert cost.standing_pusd == 864_000_000_000


def test_unknown_watts_are_unknown_cost() -> None:
    cost = hardware_cost(spec(paid_usd=1.0), SITE, 0, HOUR_US, 0)
    assert (cost.standing_pusd, cost.working_pusd, cost.energy_pusd) == (None, None, None)
    assert cost.amortisation_pusd is not None


def test_space_is_let_by_the_peak_kilowatt_with_cooling() -> None:
    """2 kW × 1.3 × 120 USD for half a month."""
    watts = [found for found in [draw(spec(idle_w=1.0, busy_w=2000.0))] if found]
    assert colo_pusd(SITE, watts, 15 * DAY_US, 30 * DAY_US) == 156 * 10**12
    assert colo_pusd(SITE, [], DAY_US, 30 * DAY_US) == 0
