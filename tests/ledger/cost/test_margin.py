"""The margin of a month: every part of the cost is somebody's, and the parts are the cost."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from tests.ledger.cost.conftest import NewCostBooks
from tests.ledger.cost.cost_books import (
    FACTORY,
    HOUR_OF_DECODE,
    HOUR_OF_PREFILL,
    CostBooks,
    assert_whole,
    instant_us,
)

from wattmill.core.errors import UsageError
from wattmill.core.records import METERS, Usage
from wattmill.ledger.accounts import AccountsState
from wattmill.ledger.cost.attribution import Cost
from wattmill.ledger.cost.margin import report
from wattmill.ledger.cost.meter_files import Reading
from wattmill.ledger.cost.readings import record_readings
from wattmill.ledger.cost.report import MarginReport, TenantMargin
from wattmill.ledger.cost.site_month import read_month
from wattmill.ledger.entries import Settle

KWH = Decimal("0.09")
HOUR_US = 3600 * 10**6


def tenant(found: MarginReport, name: str) -> TenantMargin:
    return next(one for one in found.tenants if one.tenant == name)


def usd(pusd: int) -> Decimal:
    return Decimal(pusd).scaleb(-12)


def serve_hours(books: CostBooks, count: int, usage: Usage, day: int, **values: str) -> None:
    """So many hours of the pool, one after the other from a day of November on."""
    first_us = instant_us(f"2026-11-{day:02d} 00:00")
    for hour in range(count):
        books.serve(first_us + hour * HOUR_US, usage, **values)  # type: ignore[arg-type]


# --- a month by hand ------------------------------------------------------------------------------


def test_a_month_by_hand(cost_books: CostBooks) -> None:
    """720 h of the l40s pool: 72 h for acme, 36 for indus, 18 for nobody; and a little cloud."""
    serve_hours(cost_books, 72, HOUR_OF_DECODE, 10)
    serve_hours(cost_books, 36, HOUR_OF_PREFILL, 14, tenant="indus")
    serve_hours(cost_books, 8, HOUR_OF_PREFILL, 16, state="void")
    serve_hours(cost_books, 10, HOUR_OF_PREFILL, 17, state="waived")
    cost_books.serve("2026-11-13 12:00", Usage(10**6, 0, 0, 10**5), tenant="indus", pool="cloud")
    found = cost_books.report()
    assert_whole(found)
    wear = Decimal(64_800) * 30 * 24 / (1096 * 24)
    acme, indus = tenant(found, "acme"), tenant(found, "indus")
    assert usd(acme.revenue_pusd) == 72 * 1250 * 3600 * Decimal("1.60") / 10**6
    assert usd(acme.attributed.energy_pusd) == 72 * Decimal("1.4") * KWH
    assert usd(indus.attributed.energy_pusd) == 36 * Decimal("1.4") * KWH
    assert usd(indus.attributed.charges_pusd) == Decimal("0.59") + Decimal("0.079")
    assert usd(found.unbilled.energy_pusd) == 18 * Decimal("1.4") * KWH
    assert usd(found.idle.energy_pusd) == (720 - 126) * Decimal("0.4") * KWH
    for cost, hours in ((acme.attributed, 72), (indus.attributed, 36), (found.unbilled, 18)):
        assert abs(usd(cost.amortisation_pusd) - wear * hours / 720) < Decimal("1e-9")
    draws = (720 * Decimal("0.4") + 126) * KWH
    assert usd(found.overhead.energy_pusd) == draws * Decimal("0.3")
    peak_kw = Decimal(4 * (350 + 150)) / 1000
    assert usd(found.overhead.space_pusd) == pytest.approx(peak_kw * 120)
    assert found.pools[0].busy_frac == pytest.approx(126 / 720)
    assert found.notes == ()


def test_a_quiet_hour_is_idle_and_a_full_one_is_not(cost_books: CostBooks) -> None:
    """Two hours of work in one hour leave nothing idle in it, and the next is idle all the same."""
    for _ in range(2):
        cost_books.serve("2026-11-10 12:00", HOUR_OF_DECODE)
    found = cost_books.report()
    assert_whole(found)
    assert usd(found.attributed.energy_pusd) == Decimal("1.4") * KWH
    assert usd(found.idle.energy_pusd) == 719 * Decimal("0.4") * KWH
    assert "work took 2.00 h" not in " ".join(found.notes)


def test_idleness_of_a_pool_is_borne_by_those_who_used_it(cost_books: CostBooks) -> None:
    serve_hours(cost_books, 3, HOUR_OF_DECODE, 10)
    serve_hours(cost_books, 1, HOUR_OF_DECODE, 11, tenant="indus")
    cost_books.serve("2026-11-10 12:00", Usage(10**9), tenant="bosch-gym", pool="cloud")
    found = cost_books.report()
    assert_whole(found)
    acme, indus, gym = (tenant(found, name) for name in ("acme", "indus", "bosch-gym"))
    assert abs(acme.idle_share.total_pusd - 3 * indus.idle_share.total_pusd) < 20
    assert gym.idle_share == Cost()
    assert gym.margin_pusd == gym.margin_before_idle_pusd == gym.revenue_pusd - 590 * 10**12


SECOND = FACTORY.replace("[[model]]", "[[pool]]\nname = 'h100'\n@\n[[model]]").replace(
    "@", 'model = "m"\npaid_usd = 1\nidle_w = 100\nbusy_w = 200\nurl = "http://x/v1"\n'
)


def test_a_pool_that_nobody_used_is_borne_by_all_who_used_machines(
    new_cost_books: NewCostBooks,
) -> None:
    books = new_cost_books(SECOND)
    serve_hours(books, 1, HOUR_OF_DECODE, 10)
    found = books.report()
    assert_whole(found)
    assert found.pools[2].idle.energy_pusd == round(720 * Decimal("0.1") * KWH * 10**12)
    assert tenant(found, "acme").idle_share == found.idle + found.overhead
    assert found.unshared == Cost()


def test_three_views_of_the_same_tokens(cost_books: CostBooks) -> None:
    cost_books.serve("2026-11-10 12:00", HOUR_OF_DECODE)
    cost_books.serve("2026-11-10 12:00", Usage(10**6), pool="cloud")
    zero, electricity, loaded = cost_books.report().views
    assert usd(zero.cost_pusd) == Decimal("0.59")
    assert zero.cost_pusd < electricity.cost_pusd < loaded.cost_pusd
    assert loaded.uusd_per_mtok == round(Decimal(loaded.cost_pusd) / (1250 * 3600 + 10**6))
    assert all(view.complete for view in (zero, electricity, loaded))


def test_prefix_hits_cost_no_prefill(cost_books: CostBooks) -> None:
    cost_books.serve("2026-11-10 12:00", Usage(8_000_000))
    cost_books.serve("2026-11-10 12:00", Usage(0, 8_000_000), tenant="indus")
    found = cost_books.report()
    assert tenant(found, "acme").attributed.energy_pusd > 0
    assert tenant(found, "indus").attributed == Cost()


def test_a_month_without_usage_is_all_idle_and_nobodys(cost_books: CostBooks) -> None:
    found = cost_books.report()
    assert_whole(found)
    assert found.attributed == found.unbilled == Cost()
    assert found.unshared == found.idle + found.overhead == found.cost
    assert all(view.uusd_per_mtok is None for view in found.views)
    assert [one.margin_pusd for one in found.tenants] == [0, 0, 0]


def test_what_is_not_confirmed_is_neither_revenue_nor_a_tenants_cost(
    cost_books: CostBooks,
) -> None:
    cost_books.serve("2026-11-10 12:00", HOUR_OF_DECODE, state="waived")
    cost_books.serve("2026-11-11 12:00", HOUR_OF_DECODE, state="void")
    held_s = instant_us("2026-11-12 12:00") / 1e6
    waiting = Settle(
        *(99, held_s + 9, held_s, "acme", "k_1", "house-large", "l40s", 1),
        *(HOUR_OF_DECODE, 7_200_000_000_000, "finished"),
    )
    cost_books.store.load([], {}, AccountsState(unconfirmed=[waiting]), 0)
    found = cost_books.report()
    assert_whole(found)
    assert (found.revenue_pusd, tenant(found, "acme").attributed) == (0, Cost())
    assert usd(found.unbilled.energy_pusd) == 3 * Decimal("1.4") * KWH


def test_what_a_cloud_charged_for_nothing_is_unbilled(cost_books: CostBooks) -> None:
    cost_books.serve("2026-11-10 12:00", Usage(1_000_000), pool="cloud", state="void")
    found = cost_books.report()
    assert_whole(found)
    assert found.unbilled == Cost(charges_pusd=590_000_000_000)


def test_a_correction_moves_revenue_and_not_the_work_that_was_done(cost_books: CostBooks) -> None:
    cost_books.serve("2026-11-10 12:00", HOUR_OF_DECODE)
    before = cost_books.report()
    meters = tuple(-1000 if meter == "output_text" else 0 for meter in METERS)
    cost_books.correct("2026-11-20 12:00", meters, -1_600_000_000)
    after = cost_books.report()
    assert_whole(after)
    assert before.revenue_pusd - after.revenue_pusd == 1_600_000_000
    assert after.cost == before.cost and after.attributed == before.attributed
    assert tenant(after, "acme").tokens == tenant(before, "acme").tokens - 1000
    assert (tenant(after, "acme").requests, after.days[19].revenue_pusd) == (1, -1_600_000_000)


def test_a_month_of_nothing_but_a_correction_has_no_price_per_token(cost_books: CostBooks) -> None:
    cost_books.correct("2026-11-20 12:00", (-5,) * len(METERS), -5)
    assert cost_books.report().views[2].uusd_per_mtok is None


# --- resale ---------------------------------------------------------------------------------------


def test_margin_at_each_hop_of_a_resale(cost_books: CostBooks) -> None:
    """Clients are charged 1.60 USD, their reseller pays 1.20 to a distributor, and that 1.00 to us."""
    usage = Usage(output_text=10**6)
    hops = (("reseller", 12 * 10**11), ("distributor", 10 * 10**11))
    charged = cost_books.serve("2026-11-10 12:00", usage, upline=hops)
    cost_books.serve("2026-11-10 12:00", usage, upline=hops, state="waived")
    cost_books.serve("2026-11-10 12:00", usage, tenant="indus", upline=hops[:1])
    found = cost_books.report()
    assert_whole(found)
    assert charged == 16 * 10**11
    distributor, reseller = found.resellers
    assert (distributor.sold_pusd, distributor.bought_pusd) == (12 * 10**11, 10 * 10**11)
    assert (reseller.requests, reseller.margin_pusd) == (2, 8 * 10**11)
    assert tenant(found, "acme").revenue_pusd == 10 * 10**11
    assert tenant(found, "indus").revenue_pusd == 12 * 10**11
    clients = 2 * charged
    kept = sum(one.margin_pusd for one in found.resellers)
    assert found.revenue_pusd + kept == clients
    assert found.days[9].revenue_pusd == found.revenue_pusd


def test_a_correction_of_a_resold_request_is_corrected_at_every_hop(cost_books: CostBooks) -> None:
    """A hundred tokens less, that the client had at 1.60 USD per million and its reseller at 1.00."""
    cost_books.price(1, 1_000_000)
    usage = Usage(output_text=10**6)
    cost_books.serve("2026-11-10 12:00", usage, upline=(("reseller", 10**12),))
    meters = tuple(-100 if meter == "output_text" else 0 for meter in METERS)
    cost_books.correct("2026-11-10 12:00", meters, -160_000_000, request=1)
    found = cost_books.report()
    assert_whole(found)
    (reseller,) = found.resellers
    assert reseller.sold_pusd == 16 * 10**11 - 160_000_000
    assert reseller.bought_pusd == found.revenue_pusd == 10**12 - 100_000_000
    assert reseller.requests == 1


# --- time -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("month", "hours"), [("2026-10", 745), ("2026-11", 720), ("2027-03", 743), ("2026-06", 720)]
)
def test_cost_accrues_for_the_hours_that_the_clocks_say(
    cost_books: CostBooks, month: str, hours: int
) -> None:
    found = cost_books.report(month)
    assert_whole(found)
    assert usd(found.cost.energy_pusd) == hours * Decimal("0.4") * KWH * Decimal("1.3")
    assert found.pools[0].service_s == hours * 3600
    assert sum(day.hours for day in found.days) == hours


def test_days_on_which_the_clocks_change_have_their_hours(cost_books: CostBooks) -> None:
    october = {day.day: day for day in cost_books.report("2026-10").days}
    assert october[date(2026, 10, 25)].hours == 25
    long, usual = october[date(2026, 10, 25)].idle, october[date(2026, 10, 24)].idle
    assert long.energy_pusd * 24 == usual.energy_pusd * 25
    march = {day.day: day.hours for day in cost_books.report("2027-03").days}
    assert march[date(2027, 3, 28)] == 23


def test_a_pool_bought_within_the_month_costs_from_then_on(new_cost_books: NewCostBooks) -> None:
    books = new_cost_books(FACTORY.replace("bought = 2026-06-01", "bought = 2026-11-21"))
    found = books.report()
    assert_whole(found)
    assert found.pools[0].service_s == 10 * 24 * 3600
    assert usd(found.idle.energy_pusd) == 240 * Decimal("0.4") * KWH
    assert usd(found.overhead.space_pusd) == pytest.approx(Decimal(2 * 120) / 3)
    wear = Decimal(64_800) * 10 / 1096
    assert usd(found.idle.amortisation_pusd) == pytest.approx(wear, abs=Decimal("1e-9"))
    assert [day.cost == Cost() for day in found.days[18:22]] == [True, True, False, False]


def test_a_request_over_midnight_is_paid_for_on_one_day_and_worked_on_two(
    cost_books: CostBooks,
) -> None:
    cost_books.serve("2026-11-10 23:30", HOUR_OF_DECODE, took_s=3600)
    found = cost_books.report()
    assert_whole(found)
    before, after = found.days[9], found.days[10]
    assert (before.revenue_pusd > 0, after.revenue_pusd) == (True, 0)
    assert before.attributed == after.attributed
    assert usd(before.attributed.energy_pusd) == Decimal("0.7") * KWH


def test_work_over_the_end_of_a_month_is_in_both_months_and_whole(cost_books: CostBooks) -> None:
    cost_books.serve("2026-10-31 23:45", HOUR_OF_DECODE, took_s=3600)
    october, november = cost_books.report("2026-10"), cost_books.report("2026-11")
    assert_whole(october)
    assert_whole(november)
    parts = [usd(one.attributed.energy_pusd) for one in (october, november)]
    assert parts == [Decimal("0.35") * KWH, Decimal("1.05") * KWH]
    assert (october.revenue_pusd > 0, november.revenue_pusd) == (True, 0)


def test_a_month_that_is_not_over_costs_its_elapsed_hours(cost_books: CostBooks) -> None:
    cost_books.serve("2026-11-01 00:30", HOUR_OF_DECODE)
    found = cost_books.report(until="2026-11-01 10:00")
    assert_whole(found)
    assert found.pools[0].service_s == 10 * 3600
    assert found.notes == ("the month is not over; cost is counted up to 2026-11-01 10:00 CET",)


def test_a_month_that_has_not_begun_has_no_margin(cost_books: CostBooks) -> None:
    with pytest.raises(UsageError, match="has not begun"):
        cost_books.report(until="2026-11-01")


def test_hours_before_the_books_begin_are_unknown_not_idle(new_cost_books: NewCostBooks) -> None:
    books = new_cost_books(begun_us=instant_us("2026-11-10 12:20"))
    books.serve("2026-11-10 12:21", HOUR_OF_DECODE)
    found = books.report(until="2026-11-10 22:20")
    assert_whole(found)
    assert found.pools[0].service_s == 10 * 3600
    assert "the books begin 2026-11-10 12:20 CET; cost before that is not counted" in found.notes


def test_requests_from_before_the_file_was_loaded_move_the_beginning(
    new_cost_books: NewCostBooks,
) -> None:
    books = new_cost_books(begun_us=instant_us("2026-12-24"))
    books.serve("2026-11-30 14:00", HOUR_OF_DECODE)
    found = books.report()
    assert_whole(found)
    assert found.pools[0].service_s == 10 * 3600


# --- schedules ------------------------------------------------------------------------------------


def test_both_schedules_stand_side_by_side(cost_books: CostBooks) -> None:
    serve_hours(cost_books, 72, HOUR_OF_DECODE, 10)
    month = cost_books.month()
    book, economic = report(month, "book"), report(month, "economic")
    assert_whole(book)
    assert_whole(economic)
    assert book.schedules == economic.schedules
    for found in (book, economic):
        (mine,) = (one for one in found.schedules if one.schedule == found.schedule)
        assert (mine.cost, mine.margin_pusd) == (found.cost, found.margin_pusd)
    assert book.cost.energy_pusd == economic.cost.energy_pusd
    assert book.cost.amortisation_pusd != economic.cost.amortisation_pusd
    assert "market value moves by" in economic.notes[-1]
    pool = economic.pools[0]
    assert pool.market_value_pusd != pool.book_value_pusd


def test_without_the_date_bought_the_market_value_is_unknown(new_cost_books: NewCostBooks) -> None:
    books = new_cost_books(FACTORY.replace("bought = 2026-06-01\n", ""))
    found = books.report(schedule="economic")
    assert_whole(found)
    assert [one.complete for one in found.schedules] == [True, False]
    assert found.pools[0].amortisation_pusd is None
    assert found.notes == ("l40s: its market value is unknown; give the date bought",)


# --- metered energy -------------------------------------------------------------------------------


def meter(books: CostBooks, *spans: tuple[str, str, float]) -> None:
    readings = [
        Reading(instant_us(start), instant_us(end), round(kwh * 10**6)) for start, end, kwh in spans
    ]
    with books.store.transaction() as connection:
        record_readings(connection, "l40s", readings, source="pdu.csv", recorded_us=1)


def test_measured_energy_replaces_the_model_where_it_was_measured(cost_books: CostBooks) -> None:
    """A day of the meter at 0.5 kW: 0.4 stand for its idle watts, what is above was caused by the
    one who worked, and by nobody in hours in which nobody did."""
    cost_books.serve("2026-11-10 12:00", HOUR_OF_DECODE)
    meter(cost_books, ("2026-11-10 00:00", "2026-11-11 00:00", 12.0))
    found = cost_books.report()
    assert_whole(found)
    assert usd(found.pools[0].energy_pusd or 0) == (12 + 696 * Decimal("0.4")) * KWH
    assert usd(found.attributed.energy_pusd) == Decimal("0.5") * KWH
    assert usd(found.days[9].idle.energy_pusd) == Decimal("11.5") * KWH
    assert usd(found.days[9].overhead.energy_pusd) == 12 * KWH * Decimal("0.3")
    assert found.pools[0].measured_frac == pytest.approx(1 / 30)
    assert found.notes == ("l40s: its energy is measured for 3.3 % of the time, else modelled",)


def test_an_hour_that_was_measured_in_part_is_modelled_for_the_rest(cost_books: CostBooks) -> None:
    meter(cost_books, ("2026-11-10 12:00", "2026-11-10 12:15", 0.2))
    found = cost_books.report()
    assert_whole(found)
    measured, modelled = Decimal("0.2"), (720 - Decimal("0.25")) * Decimal("0.4")
    assert usd(found.pools[0].energy_pusd or 0) == (measured + modelled) * KWH


def test_a_meter_makes_energy_known_that_no_model_knows(new_cost_books: NewCostBooks) -> None:
    text = FACTORY.replace("idle_w = 400\nbusy_w = 1400\n", "").replace(
        'hardware = "4x L40S"\n', ""
    )
    books = new_cost_books(text)
    books.serve("2026-11-10 12:00", Usage(8000 * 1800))
    meter(books, ("2026-11-01", "2026-12-01", 720.0))
    found = books.report()
    assert_whole(found)
    assert usd(found.pools[0].energy_pusd or 0) == 720 * KWH
    assert usd(found.attributed.energy_pusd) == Decimal("0.5") * KWH
    assert [view.complete for view in found.views] == [True, True, True]
    gap = new_cost_books(text)
    meter(gap, ("2026-11-01", "2026-11-30", 720.0))
    partly = gap.report()
    assert partly.pools[0].energy_pusd is None
    assert not partly.views[1].complete and partly.cost.energy_pusd > 0


# --- what is not known ----------------------------------------------------------------------------


def test_rates_that_are_too_slow_are_said_and_scaled(cost_books: CostBooks) -> None:
    for hour in range(10):
        for _ in range(3):
            cost_books.serve(f"2026-11-01 {hour:02d}:00", HOUR_OF_DECODE)
    found = cost_books.report(until="2026-11-01 10:00")
    assert_whole(found)
    assert found.idle == Cost()
    assert found.pools[0].busy_frac == 3.0
    assert usd(found.attributed.energy_pusd) == 14 * KWH
    assert "work took 30.00 h of the 10.00 h in service" in found.notes[1]


def test_unknown_costs_are_left_out_and_named(new_cost_books: NewCostBooks) -> None:
    text = FACTORY.replace("paid_usd = 72_000\nresale_usd = 7_200\n", "")
    text = text.replace("idle_w = 400\nbusy_w = 1400\n", "").replace('hardware = "4x L40S"\n', "")
    poor = new_cost_books(text)
    poor.serve("2026-11-10 12:00", HOUR_OF_DECODE)
    found = poor.report()
    assert_whole(found)
    assert found.cost == Cost()
    assert found.pools[0].energy_pusd is None and found.pools[0].amortisation_pusd is None
    assert [view.complete for view in found.views] == [True, False, False]
    assert found.notes == (
        "l40s: its wear is unknown; give paid_usd",
        "l40s: its power (and so its space) is unknown; give idle_w and busy_w",
    )


def test_a_price_of_power_that_nobody_gave_is_called_a_guess(new_cost_books: NewCostBooks) -> None:
    poor = new_cost_books(FACTORY.replace("power_usd_per_kwh = 0.09\n", ""))
    poor.serve("2026-11-10 12:00", HOUR_OF_DECODE)
    assert poor.report().notes == ("power at 0.12 USD/kWh is a guess; give power_usd_per_kwh",)


def test_a_pool_that_left_the_file_is_named(cost_books: CostBooks) -> None:
    cost_books.serve("2026-11-10 12:00", Usage(1_000_000), pool="attic")
    found = cost_books.report()
    assert_whole(found)
    assert found.revenue_pusd == 400_000_000_000
    assert found.notes == (
        "attic: it served 1,000,000 tokens and is not in the factory file; its cost is unknown",
    )


def test_own_machines_that_worked_need_their_rates(cost_books: CostBooks) -> None:
    def month() -> None:
        until_s = instant_us("2027-01-01") / 1e6
        read_month(cost_books.store, cost_books.factory, (), "2026-11", until_s=until_s, names=())

    month()
    cost_books.serve("2026-11-10 12:00", HOUR_OF_DECODE)
    with pytest.raises(UsageError, match="not in the roster"):
        month()
