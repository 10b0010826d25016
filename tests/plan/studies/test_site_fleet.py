"""The best fleet of a site: within its cap, from candidates in whole machines, with shadow prices."""

import itertools

import pytest

from tests.plan.studies.factories import PLAN
from tests.plan.studies.halls import POOL, seen
from wattmill.core.errors import PlanError
from wattmill.plan.studies.site.fleet import Limits
from wattmill.plan.studies.site.report import Fleet

SITE = """
[site]
power_cap_kw = 300
power_usd_per_kwh = 0.1
pue = 1.2
rack_kw = 40

[finance]
utilisation_frac = 0.5
"""
GIVEN = """
[[candidate]]
name = "fast"
hardware = "8x H200"
usd = 300_000
kw = 10.0
tok_per_s = 20_000
most = 5

[[candidate]]
name = "slow"
hardware = "8x L40S"
usd = 60_000
kw = 4.0
tok_per_s = 3_000
"""
"""Two machines all of whose figures are in the file."""

TOKENS = Limits("tokens")


def fleet(more: str, limits: Limits = TOKENS) -> Fleet:
    found = seen(SITE + PLAN + more, POOL, mix=limits).fleet
    assert found is not None
    return found


def test_the_fleet_is_the_best_of_all_that_fit() -> None:
    """Against every number of machines of both kinds."""
    mix = fleet(GIVEN).mix
    per_month = [tok_per_s * 0.5 * 730 * 3600 / 1e6 for tok_per_s in (20_000, 3_000)]
    best = max(
        fast * per_month[0] + slow * per_month[1]
        for fast, slow in itertools.product(range(6), range(100))
        if fast * 12 + slow * 4.8 <= 300
    )
    assert mix.value == pytest.approx(best)
    assert {each.name: each.count for each in mix.chosen} == {"fast": 5, "slow": 50}
    assert mix.used["kw"] <= 300


def test_capital_and_racks_bound_it_too() -> None:
    assert fleet(GIVEN, Limits("tokens", capital_usd=600_000)).mix.used["capital_usd"] <= 600_000
    assert fleet(GIVEN, Limits("tokens", racks=1)).mix.used["racks"] <= 1


def test_one_more_kw_brings_what_the_points_say() -> None:
    found = fleet(GIVEN)
    kw = next(shadow for shadow in found.mix.shadows if shadow.what == "kw")
    assert kw.relaxed == pytest.approx(3_000 * 0.5 * 730 * 3600 / 1e6 / 4.8)
    slopes = [point.per_kw for point in found.points]
    assert slopes == sorted(slopes, reverse=True), "less and less"
    values = [point.value for point in found.points]
    assert values == sorted(values)
    at_cap = next(point for point in found.points if point.kw == 300)
    assert at_cap.value == pytest.approx(found.mix.value)


def test_margin_needs_a_price_that_pays() -> None:
    found = fleet(GIVEN, Limits("margin"))
    assert found.usd_per_mtok == pytest.approx(1.6 + 0.4 * 1000 / 300)
    assert found.mix.value > 0
    dear = GIVEN.replace("usd = 300_000", "usd = 30_000_000").replace("60_000", "60_000_000")
    lost = fleet(dear, Limits("margin"))
    assert lost.mix.chosen == ()
    assert lost.least_usd_per_mtok > lost.usd_per_mtok


def test_demand_is_the_most_that_is_sold_and_what_least_cost_promises() -> None:
    demand = (
        "[demand]\ninput_mtok_per_month = 9000\noutput_mtok_per_month = 5000\npeak_to_mean = 4\n"
    )
    sold = fleet(demand + GIVEN, Limits("margin")).mix
    assert sold.mtok_per_month["llama-3.1-70b"] == pytest.approx(5000)
    cheap = fleet(demand + GIVEN, Limits("cost")).mix
    assert cheap.mtok_per_month["llama-3.1-70b"] >= 5000 - 1e-6
    assert cheap.cost_usd_per_month <= sold.cost_usd_per_month + 1e-6
    with pytest.raises(PlanError, match="least cost of what"):
        fleet(GIVEN, Limits("cost"))


def test_a_candidate_of_the_catalog_comes_in_whole_machines() -> None:
    more = '\n[[candidate]]\nname = "hgx"\nhardware = "8x H200"\nusd = 290_000\n'
    found = fleet(more)
    assert found.types > 1
    (one,) = found.mix.chosen
    assert one.name.startswith("hgx: ")
    assert one.capital_usd / one.count == pytest.approx(290_000)
    figures = fleet(more + "kw = 9.0\ntok_per_s = 15_000\nmost = 3\n").mix.chosen[0]
    assert figures.count == 3
    assert figures.kw == pytest.approx(3 * 9.0 * 1.2)


def test_an_slo_that_nothing_meets_is_refused() -> None:
    more = '[demand]\ntpot_ms = 0.1\n[[candidate]]\nname = "x"\nhardware = "8x H200"\n'
    with pytest.raises(PlanError, match="within the SLO"):
        fleet(more)


def test_without_a_limit_there_is_no_best() -> None:
    for capital in (None, 1e300):
        with pytest.raises(PlanError, match="nothing bounds the fleet"):
            seen(PLAN + GIVEN, POOL, mix=Limits("tokens", capital_usd=capital))
    bounded = seen(PLAN + GIVEN, POOL, mix=Limits("tokens", capital_usd=200_000)).fleet
    assert bounded is not None
    assert bounded.points == ()
