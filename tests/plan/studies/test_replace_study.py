"""`wattmill replace`: what fits, what is done when, what it is worth, and what moves it."""

import json
from datetime import date
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.plan.studies.factories import POOL, factory, pool
from wattmill.cli import app
from wattmill.core.errors import PlanError
from wattmill.plan.studies.replace import words as say
from wattmill.plan.studies.replace.machines import cards_per_machine
from wattmill.plan.studies.replace.options import ReplaceOptions
from wattmill.plan.studies.replace.page import replace_page
from wattmill.plan.studies.replace.report import PoolReplacement, ReplaceReport
from wattmill.plan.studies.replace.study import study
from wattmill.plan.studies.replace.text import render

TODAY = date(2026, 11, 21)
NO_TIER = ReplaceOptions(lower_frac=0.0)
CERTAIN = """
[finance.rent]
volatility_frac_per_year = 0
scarcity_factor = 1
"""
RANDOM = "\n[finance.rent]\nvolatility_frac_per_year = 0.3\n"
SITE = """
[site]
power_usd_per_kwh = 0.1
pue = 1.25
colo_usd_per_kw_month = 160
"""
FINANCE = """
[finance]
horizon_months = 24
sells = "gpu_hours"
usd_per_hour = 1.2
utilisation_frac = 0.7
price_frac_per_year = -0.2
resale_frac_per_year = 0.7
selling_cost_frac = 0.05
"""
LOAN = """
[[loan]]
name = "bank"
share_frac = 0.8
rate_frac_per_year = 0.12
months = 48
"""
BETTER = """
[[candidate]]
name = "better"
hardware = "4x RTX-PRO-6000"
usd = 40_000
usd_per_hour = 2.0
kw = 1.7
available = 2027-03-01
"""
HERE = pool(bought="2025-05-01", paid_usd="48_000", life_months="48")


def of(*parts: str, options: ReplaceOptions = NO_TIER, here: str = HERE) -> ReplaceReport:
    return study(factory("".join(parts), here), TODAY, options)


@cache
def certain(*more: str) -> PoolReplacement:
    return of(SITE, FINANCE, CERTAIN, LOAN, BETTER, *more).pools[0]


@cache
def whole() -> ReplaceReport:
    return of(SITE, FINANCE, RANDOM, LOAN, BETTER, options=ReplaceOptions())


# --- what fits ------------------------------------------------------------------------------------


def test_the_slot_is_the_kilowatts_that_are_here() -> None:
    found = certain()
    old, new = found.units
    assert old.is_here and old.in_slot == 1 and old.unused_kw == pytest.approx(0, abs=1e-9)
    assert found.slot_kw == pytest.approx(old.kw)
    assert new.in_slot == int(found.slot_kw / 1.7)
    assert new.unused_kw == pytest.approx(found.slot_kw - new.in_slot * 1.7)


@pytest.mark.parametrize(
    ("cap", "said"), [("9", "leaves 5.2 kW beside"), ("1.25", "take 1.0 kW more")]
)
def test_the_cap_of_the_site_is_held_against_the_slots(cap: str, said: str) -> None:
    """Caps are at the meter, slots at the machines."""
    report = of(SITE + f"power_cap_kw = {cap}\n", FINANCE, CERTAIN, BETTER)
    assert any(said in note for note in report.notes), report.notes


def test_a_machine_is_a_system_of_the_catalog_where_one_divides_the_cards() -> None:
    assert cards_per_machine("H100-SXM", 784) == 8
    assert cards_per_machine("H100-SXM", 12) == 12
    assert cards_per_machine("RTX-4090", 12) == 4


def test_rent_and_running_costs_are_those_of_the_file() -> None:
    old, new = certain().units
    assert old.rent_usd_per_month == pytest.approx(1.2 * 730 * 4 * 0.7)
    assert new.rent_usd_per_month == pytest.approx(2.0 * 730 * 4 * 0.7)
    most = 1.7 * 730 * 0.1 * 1.25
    assert 0.5 * most < new.running_usd_per_month < most


def test_used_value_is_by_the_age_and_the_file() -> None:
    found = certain()
    assert found.age_months == 18
    assert found.units[0].usd == pytest.approx(48_000 * 0.7**1.5)
    assert found.worth[0].market_usd == pytest.approx(48_000 * 0.7**1.5 * 0.95)
    assert found.worth[12].market_usd == pytest.approx(48_000 * 0.7**2.5 * 0.95)


def test_without_a_loss_of_value_in_the_file_the_newest_used_price_counts() -> None:
    text = FINANCE.replace("resale_frac_per_year = 0.7\n", "")
    here = HERE.replace('"4x L40S"', '"8x H100-SXM"')
    report = of(SITE, text, CERTAIN, here=here)
    (worth,) = (s for s in report.inputs if s.name == "pool.box.worth_usd")
    assert "resale of H100-SXM" in worth.source
    assert worth.value == pytest.approx(report.pools[0].units[0].usd)


# --- what is done ---------------------------------------------------------------------------------


def test_a_better_machine_comes_when_it_can_be_had() -> None:
    found = certain()
    assert found.do_today == "keep"
    assert (found.action, found.month) == ("swap to better", 4)
    assert found.best.value_usd > found.best.never_usd
    assert found.best.value_usd > found.without_new_usd


def test_what_waiting_is_worth() -> None:
    found = certain()
    acting = max(usd for name, usd in found.best.today.items() if name != "keep")
    assert found.best.waiting_usd == pytest.approx(found.best.today["keep"] - acting)
    assert found.best.value_usd == pytest.approx(max(found.best.today.values()))


def test_a_dear_machine_stays_away() -> None:
    found = of(SITE, FINANCE, CERTAIN, BETTER.replace("40_000", "400_000")).pools[0]
    assert not any(step.action.startswith("swap") for step in found.best.plan)
    assert found.best.value_usd == pytest.approx(found.without_new_usd)
    assert next(say.sentences(whole(), found)).endswith("new machines add nothing")


def test_they_pay_from_the_rent_that_is_told() -> None:
    factor = certain().swaps_from_factor
    assert factor is not None and factor < 1
    for by, comes in ((factor - 0.02, False), (factor + 0.02, True)):
        text = BETTER.replace("usd_per_hour = 2.0", f"usd_per_hour = {2.0 * by}")
        plan = of(SITE, FINANCE, CERTAIN, LOAN, text).pools[0].best.plan
        assert any(step.action == "swap to better" for step in plan) is comes


def test_a_lower_tier_is_taken_once_it_pays_more() -> None:
    tier = ReplaceOptions(lower_frac=0.8, lower_drift_frac_per_year=0.0)
    found = of(SITE, FINANCE, CERTAIN, options=tier).pools[0]
    assert found.action == "redeploy" and found.month is not None
    rent = [0.8**-1 * 0.8 ** (month / 12) for month in range(24)]
    assert rent[found.month + 1] < 1 < rent[found.month - 1]


def test_machines_that_earn_less_than_they_lose_are_sold_today() -> None:
    poor = FINANCE.replace("usd_per_hour = 1.2", "usd_per_hour = 0.2")
    found = of(SITE, poor, CERTAIN).pools[0]
    assert (found.do_today, found.action, found.month) == ("sell", "sell", 0)
    assert found.best.waiting_usd == 0
    assert "waiting is worth nothing: sell today" in list(say.sentences(whole(), found))


def test_dearer_new_machines_never_help() -> None:
    values = []
    for usd in (30_000, 40_000, 60_000):
        text = BETTER.replace("40_000", str(usd))
        values.append(of(SITE, FINANCE, CERTAIN, text).pools[0].best.value_usd)
    assert all(a >= b - 1e-6 for a, b in pairwise(values))


# --- books, lenders, switching off, dark ----------------------------------------------------------


def test_books_are_a_straight_line_from_the_day_of_purchase() -> None:
    worth = certain().worth
    assert worth[0].book_usd == pytest.approx(48_000 * (1 - 18 / 48))
    assert worth[24].book_usd == pytest.approx(48_000 * (1 - 42 / 48))


def test_the_loan_runs_since_the_purchase() -> None:
    rate, lent = 0.01, 0.8 * 48_000
    payment = lent * rate / (1 - (1 + rate) ** -48)
    for month in (0, 6, 24):
        left = payment * (1 - (1 + rate) ** -(48 - 18 - month)) / rate
        assert certain().worth[month].owed_usd == pytest.approx(left)


def test_what_is_to_pay_at_the_move() -> None:
    at = certain().at_move
    assert at.month == 4
    assert at.left_usd == pytest.approx(at.market_usd - at.owed_usd)
    count = certain().units[1].in_slot
    assert at.needed_usd == pytest.approx(count * 40_000 * 1.02, rel=0.1)
    assert at.to_pay_usd == pytest.approx(at.needed_usd - at.left_usd)


def test_a_loan_that_hangs_on_cash_flows_is_said_to_be_left_out() -> None:
    loan = LOAN.replace("share_frac = 0.8", 'kind = "sculpted"\ndscr = 1.3')
    report = of(SITE, FINANCE, CERTAIN, loan)
    assert any("bank: not counted" in note for note in report.notes)
    assert not any(w.owed_usd for w in report.pools[0].worth)


def test_running_costs_eat_the_rent_first_with_the_space() -> None:
    off, old = certain().switch_off, certain().units[0]
    assert off.month is not None and off.with_space_month is not None
    assert off.with_space_month < off.month
    for month, below in ((off.month - 1, False), (off.month, True)):
        rent = old.rent_usd_per_month * 0.8 ** (month / 12)
        assert (rent < old.running_usd_per_month) is below


def test_dark_machines_cost_more_each_month() -> None:
    dark = certain().dark
    assert [d.months for d in dark] == [1, 3, 6, 12]
    assert all(a.total_usd < b.total_usd for a, b in pairwise(dark))
    for d in dark:
        assert d.total_usd == pytest.approx(d.interest_usd + d.lost_value_usd + d.space_usd)
    assert dark[0].space_usd == pytest.approx(160 * certain().slot_kw)


# --- what moves it --------------------------------------------------------------------------------


def test_later_machines_move_the_month_and_cost_value() -> None:
    (later,) = (m for m in certain().moved if m.name == "new ones to be had")
    assert later.month_at_low == 0
    assert later.month_at_high in (10, None)
    assert later.usd_at_low > certain().best.value_usd > later.usd_at_high


def test_each_knob_moves_value_as_it_must() -> None:
    by_name = {m.name: m for m in certain().moved}
    base = certain().best.value_usd
    for name in ("rents of all", "drift of rents, a year", "rents of new ones"):
        assert by_name[name].usd_at_low < base < by_name[name].usd_at_high, name
    for name in ("running costs", "price of new ones", "cost of capital, a year"):
        assert by_name[name].usd_at_low > base > by_name[name].usd_at_high, name
    swings = [m.swing_usd for m in certain().moved]
    assert swings == sorted(swings, reverse=True)


def test_swings_are_a_knob_only_where_rents_swing() -> None:
    assert "swings of rents" not in {m.name for m in certain().moved}
    assert "swings of rents" in {m.name for m in whole().pools[0].moved}


# --- random rents ---------------------------------------------------------------------------------


def test_a_choice_is_worth_more_where_rents_swing() -> None:
    (swings,) = (m for m in whole().pools[0].moved if m.name == "swings of rents")
    assert swings.usd_at_low < whole().pools[0].best.value_usd < swings.usd_at_high


def test_the_boundary_covers_every_month_and_rent() -> None:
    found = whole().pools[0]
    for month in range(24):
        rows = say.bands(found, month)
        assert rows and all(a.high == b.low for a, b in pairwise(rows))
    assert say.band_line(found, 0).endswith((" above", "at any rent"))


def test_percentiles_start_at_the_rent_of_today_and_widen() -> None:
    found = whole().pools[0]
    assert found.price_low[0] == found.price_by_month[0] == found.price_high[0] == 1.2
    widths = [high / low for low, high in zip(found.price_low, found.price_high, strict=True)]
    assert widths[1] < widths[6] < widths[12]


def test_prices_of_machines_follow_rents_by_correlation_and_swing() -> None:
    (follows,) = (s for s in whole().inputs if s.name == "machines.follow_rents")
    assert follows.value == pytest.approx(0.6 * 0.25 / 0.3)


def test_a_start_needs_the_price_it_is_compared_with() -> None:
    text = FINANCE.replace("usd_per_hour = 1.2\n", "") + RANDOM + "start = 1.0\n"
    with pytest.raises(PlanError, match="prices of one card"):
        of(SITE, text)


def test_a_low_start_comes_back_to_the_price() -> None:
    found = of(SITE, FINANCE, RANDOM + "start = 0.6\n").pools[0]
    assert found.price_by_month[0] == pytest.approx(0.6)
    assert found.price_by_month[9] > 0.6


# --- what is left out -----------------------------------------------------------------------------


def test_what_cannot_be_had_in_number_is_left_out() -> None:
    few = BETTER.replace("kw = 1.7", "kw = 0.5\nmost = 1")
    report = of(SITE, FINANCE, CERTAIN, few)
    assert len(report.pools[0].units) == 1
    assert any("better: left out" in note for note in report.notes)


def test_what_is_too_large_is_left_out() -> None:
    report = of(SITE, FINANCE, CERTAIN, BETTER.replace("kw = 1.7", "kw = 28"))
    assert any("one takes 28 kW" in note for note in report.notes)


def test_a_factory_without_machines_of_its_own_cannot_be_studied() -> None:
    lease = '\n[[lease]]\nname = "l"\npool = "box"\nusd_per_month = 900\nmonths = 36\n'
    with pytest.raises(PlanError, match="leased"):
        of(SITE, FINANCE, lease)


def test_a_candidate_without_a_rent_is_refused_by_name() -> None:
    text = BETTER.replace("usd_per_hour = 2.0\n", "").replace("4x RTX-PRO-6000", "8x Gaudi-3")
    with pytest.raises(PlanError) as refused:
        of(SITE, FINANCE, CERTAIN, text)
    assert "better" in (refused.value.hint or "")


def test_tokens_are_sold_by_what_each_machine_can_make() -> None:
    tokens = FINANCE.replace('"gpu_hours"', '"tokens"').replace("usd_per_hour", "usd_per_mtok")
    text = BETTER.replace("usd_per_hour = 2.0", "tok_per_s = 9000")
    report = of(SITE, tokens, "[finance.token_price]\nvolatility_frac_per_year = 0\n"
                "scarcity_factor = 1\n", text)  # fmt: skip
    old, new = report.pools[0].units
    assert old.usd_per_card_hour is None
    made = 9000 * 730 * 3600 / 1e6 * 0.7
    assert new.rent_usd_per_month == pytest.approx(made * 1.2 * (1 + 1000 / 300), rel=0.01)


# --- what people see ------------------------------------------------------------------------------


def test_every_input_has_a_source() -> None:
    for each in whole().inputs:
        head = each.source.split()[0].rstrip(":")
        assert head in ("factory", "catalog", "computed", "default", "option"), each


def test_options_are_said_to_be_options() -> None:
    report = of(SITE, FINANCE, CERTAIN, BETTER, options=ReplaceOptions(0.0, None, 3, 0.1, 60))
    said = {s.name: s.value for s in report.inputs if s.source.startswith("option")}
    assert said["install.months"] == 3 and said["install.frac"] == 0.1
    assert said["machines.last_months"] == 60


def test_the_page_has_every_section_and_reads_nothing_from_outside() -> None:
    text = replace_page(whole())
    for title in ("What to do today", "What to do later", "Books, market and lenders", "Inputs"):
        assert f"{title}</h2>" in text
    assert "<script src" not in text and "swap to better" in text
    assert render(whole(), with_inputs=True) is not None


def test_the_command_prints_json_and_writes_a_page(tmp_path: Path) -> None:
    path, page = tmp_path / "factory.toml", tmp_path / "page.html"
    path.write_text("".join((SITE, FINANCE, CERTAIN, BETTER, "\n", HERE)))
    ran = CliRunner().invoke(app, ["replace", str(path), "--lower", "0", "--json"])
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.stdout)["pools"][0]["action"] == "swap to better"
    ran = CliRunner().invoke(app, ["replace", str(path), "--html", str(page), "--inputs"])
    assert ran.exit_code == 0 and "swap to better" in ran.stdout
    assert page.stat().st_size > 1e6


def test_machines_that_are_not_dated_are_taken_as_new() -> None:
    report = of(SITE, FINANCE, CERTAIN, here=POOL)
    assert report.pools[0].age_months == 0
    assert any("bought is not given" in note for note in report.notes)


def test_pools_share_the_loan_by_what_was_paid() -> None:
    other = HERE.partition("[[model]]")[0].replace('"box"', '"twin"').replace("48_000", "16_000")
    report = of(SITE, FINANCE, CERTAIN, LOAN, other)
    first, second = sorted(report.pools, key=lambda pool: pool.pool)
    assert first.pool == "box" and first.worth[0].owed_usd == pytest.approx(
        3 * second.worth[0].owed_usd
    )


def test_prices_of_the_catalog_are_dollars_in_any_currency() -> None:
    text = BETTER.replace("usd = 40_000\n", "").replace("usd_per_hour", "eur_per_hour")
    money = FINANCE.replace("usd_", "eur_")
    here = HERE.replace("paid_usd", "paid_eur")
    site = '[site]\ncurrency = "EUR"\n'
    report = of(site, money, CERTAIN, text, here=here)
    assert any("are USD, not EUR: candidate.better.usd" in note for note in report.notes)


def test_scarcity_beside_hardly_any_volatility_is_refused() -> None:
    text = "\n[finance.rent]\nvolatility_frac_per_year = 1e-9\n"
    with pytest.raises(PlanError, match=r"too little beside scarcity") as raised:
        of(SITE, FINANCE, text, BETTER)
    assert "scarcity_factor = 1" in (raised.value.hint or "")


def test_machines_that_were_a_gift_have_figures() -> None:
    report = of(SITE, FINANCE, CERTAIN, LOAN, here=pool(bought="2025-05-01", paid_usd="0"))
    for each in report.pools[0].worth:
        assert (each.book_usd, each.owed_usd) == (0, 0)


def test_levels_of_rent_are_told_as_such() -> None:
    (start,) = (s for s in whole().inputs if s.name == "finance.rent.start")
    assert (start.value, start.unit) == (1.0, "of what is expected")
