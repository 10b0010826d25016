"""From a factory file to a project, with the source of each number."""

from datetime import date

import pytest

from tests.plan.studies.factories import CLOUD, LETS, PLAN, TODAY, factory, pool
from wattmill.core.errors import PlanError
from wattmill.finance.leasing import lease_costs, lease_deposit
from wattmill.finance.statement import statement
from wattmill.plan.studies.inputs import StudyInputs, study_inputs
from wattmill.plan.studies.sourced import Sourced


def inputs(more: str = PLAN, **keys: str) -> StudyInputs:
    return study_inputs(factory(more, pool(**keys)), TODAY)


def source(found: StudyInputs, name: str) -> Sourced:
    return next(each for each in found.sources if each.name == name)


def test_each_number_says_where_it_is_from() -> None:
    found = inputs(LETS)
    assert source(found, "finance.usd_per_hour").source == "factory file [finance] usd_per_hour"
    assert source(found, "loan.bank.months").source == "factory file [[loan]] bank, months"
    assert source(found, "pool.box.paid_usd").source == "factory file [[pool]] box, paid_usd"
    assert source(found, "site.pue").source == "default"
    assert source(found, "loan.bank.usd") == Sourced(
        "loan.bank.usd", 43_200.0, "USD", "computed by its share of purchases"
    )
    kinds = ("factory file", "catalog: ", "computed by ", "default")
    assert all(each.source.startswith(kinds) for each in found.sources)
    assert all(each.unit for each in found.sources)


def test_a_price_of_the_catalog_is_dated() -> None:
    text = pool().replace("paid_usd = 72_000\n", "")
    found = study_inputs(factory(PLAN, text), TODAY)
    paid = source(found, "pool.box.paid_usd")
    assert paid.value == 32_000.0
    assert paid.source.startswith("catalog: new of L40S, ")
    assert paid.source.endswith("2025-06; cards alone")
    assert any("paid_usd is not given" in note for note in found.notes)


# --- months ---------------------------------------------------------------------------------------


def test_month_0_is_said_or_the_first_purchase_or_today() -> None:
    assert inputs().timeline.start == TODAY
    assert inputs(bought="2026-06-01").timeline.start == date(2026, 6, 1)
    said = inputs("[finance]\nstarts = 2027-01-15\n" + PLAN, bought="2026-06-01")
    assert said.timeline.start == date(2027, 1, 15)
    assert [said.timeline.label(month) for month in (0, 11, 12)] == [
        "2027-01",
        "2027-12",
        "2028-01",
    ]


def test_what_was_bought_before_enters_at_its_market_value() -> None:
    text = "[finance]\nstarts = 2027-06-01\nresale_frac_per_year = 0.64\n"
    box = inputs(text + PLAN, bought="2025-12-01").project.assets[0]
    assert box.paid_usd == pytest.approx(72_000 * 0.64**1.5)
    assert (box.bought_month, box.life_months) == (0, 36 - 18)


def test_what_is_bought_later_comes_later() -> None:
    more = "[finance]\nstarts = 2026-11-01\n" + PLAN
    assert inputs(more, bought="2027-05-20").project.assets[0].bought_month == 6
    with pytest.raises(PlanError, match="bought after the study ends"):
        inputs(more, bought="2035-01-01")


def test_machines_are_dark_until_there_is_power() -> None:
    lit = inputs("[site]\nenergised = 2027-05-01\n" + PLAN).project.assets[0]
    assert (lit.bought_month, lit.first_month) == (0, 6)
    step = '[[site.lead_time]]\nname = "{}"\nmonths = {}\nafter = {}\n'
    more = PLAN + step.format("transformer", 7, []) + step.format("hall", 3, ["transformer"])
    assert inputs(more).project.assets[0].first_month == 10


def test_power_that_may_never_come_is_refused() -> None:
    more = '[[site.lead_time]]\nname = "queue"\nmonths = 3\ndone_frac = 0.4\n' + PLAN
    with pytest.raises(PlanError, match="less than half") as caught:
        inputs(more)
    assert "energised" in caught.value.hint


# --- what is sold ---------------------------------------------------------------------------------


def prices(found: StudyInputs) -> dict[str, float]:
    return {sale.name: sale.price.usd for sale in found.project.assets[0].sales}


def test_tokens_are_sold_at_the_rate_plan() -> None:
    assert prices(inputs()) == {"input_mtok": 0.40, "output_mtok": 1.60}
    cached = inputs("[demand]\ncached_frac = 0.5\n" + PLAN)
    assert prices(cached) == {"input_mtok": 0.40, "cached_mtok": 0.04, "output_mtok": 1.60}
    amounts = {sale.name: sale.per_unit_month for sale in cached.project.assets[0].sales}
    assert amounts["cached_mtok"] == amounts["input_mtok"]
    assert amounts["input_mtok"] == pytest.approx(amounts["output_mtok"] * 1000 / 300 / 2)


def test_a_plan_with_tiers_is_passed_over_for_one_with_prices() -> None:
    tiers = PLAN.replace("output = 1.60", "output = { package_mtok = 1, package_usd = 2 }")
    both = tiers.replace("standard", "tiers") + PLAN.replace("1.60", "2.50")
    assert prices(inputs(both))["output_mtok"] == 2.5


def test_without_a_plan_tokens_have_the_price_of_an_api() -> None:
    assert prices(inputs(CLOUD)) == {"input_mtok": 3.0, "output_mtok": 9.0}
    found = inputs("")
    assert source(found, "price.output").source.startswith("catalog: API, ")


def test_one_price_for_all_tokens_goes_before_plans() -> None:
    found = inputs("[finance]\nusd_per_mtok = 0.9\n" + PLAN)
    assert set(prices(found).values()) == {0.9}


def test_cards_are_let_at_the_median_of_rents() -> None:
    found = inputs('[finance]\nsells = "gpu_hours"\n')
    (sale,) = found.project.assets[0].sales
    assert (sale.name, sale.per_unit_month) == ("gpu_hours", 730.0)
    rent = source(found, "rent.L40S.usd_per_hour")
    assert rent.source.startswith("catalog: median of ")
    assert sale.price.usd == rent.value


def test_demand_says_the_load_and_peaks_cost_some_of_it() -> None:
    asked = "[demand]\ninput_mtok_per_month = 300\noutput_mtok_per_month = {}\npeak_to_mean = {}\n"
    even = inputs(asked.format(100, 1) + PLAN)
    capacity = even.machines[0].full_tok_per_s * 730 * 3600 / 1e6
    assert even.project.assets[0].load.frac == pytest.approx(100 / capacity)
    peaky = inputs(asked.format(400, 6) + PLAN).project.assets[0].load.frac
    assert peaky < 400 / capacity
    assert inputs(asked.format(1e6, 3) + PLAN).project.assets[0].load.frac <= 1


# --- what it costs --------------------------------------------------------------------------------


def test_power_by_contract() -> None:
    head = (
        "[site]\npower_usd_per_kwh = 0.1\n[finance]\nstarts = 2026-11-01\n[site.power_contract]\n"
    )
    ppa = inputs(
        head + 'kind = "ppa"\nusd_per_kwh = 0.06\nuntil = 2028-11-01\nshare_frac = 0.8\n' + PLAN
    )
    power = ppa.project.power
    assert power is not None
    assert power.locked is not None
    assert (power.locked.usd, power.locked_frac, power.locked_months) == (0.06, 0.8, 24)
    assert power.price.usd == 0.1
    spot = inputs(head + 'kind = "spot"\nescalation_frac_per_year = 0.03\n' + PLAN).project.power
    assert spot is not None
    assert (spot.locked, spot.price.usd, spot.price.growth_frac_per_year) == (None, 0.1, 0.03)
    peak = inputs(head + "peak_frac = 0.25\npeak_usd_per_kwh = 0.3\n" + PLAN).project.power
    assert peak is not None
    assert peak.locked is not None
    assert peak.locked.usd == pytest.approx(0.25 * 0.3 + 0.75 * 0.1)


def test_a_lease_is_paid_by_the_month_and_goes_back() -> None:
    lease = '[[lease]]\nname = "let"\npool = "box"\nusd_per_month = 100\nmonths = 24\ndeposit_usd = 50\n'
    back = inputs(lease + PLAN).project
    assert back.assets[0].paid_usd == 0
    assert back.assets[0].sold_month == 24
    (let,) = back.leases
    assert lease_costs(let).tolist() == [0.0, *[100.0] * 24]
    assert lease_deposit(let).tolist() == [*[50.0] * 24, 0.0]
    kept = inputs(lease + "buyout_usd = 7\nescalation_frac_per_year = 0.1\n" + PLAN).project
    assert kept.assets[0].sold_month is None
    assert lease_costs(kept.leases[0]) == pytest.approx([0, *[100] * 12, *[110] * 12])


@pytest.mark.parametrize(
    ("worth", "shares"),
    [("resale_frac_per_year = 0.6", [1, 0.6]), ("resale_curve = [0.8, 0.5, 0.3]", [1, 0.6])],
)
def test_what_is_bought_out_is_owned_and_worth_its_price(worth: str, shares: list[float]) -> None:
    lease = '[[lease]]\nname = "let"\npool = "box"\nusd_per_month = 100\nmonths = 24\n'
    head = f"[finance]\nhorizon_months = 60\n{worth}\n"
    s = statement(inputs(head + lease + "buyout_usd = 900\n" + PLAN).project)
    assert s.capex_usd[24] == s.book_value_usd[24] == 900
    assert s.market_value_usd[[24, 36]] == pytest.approx([900 * share for share in shares])
    assert s.resale_usd[60] > 0 == s.book_value_usd[60]


def test_a_lease_starts_when_its_machines_come() -> None:
    lease = '[[lease]]\nname = "let"\npool = "box"\nusd_per_month = 100\nmonths = 24\n'
    starts = "[finance]\nstarts = 2027-01-01\n"
    project = inputs(starts + lease + PLAN, bought="2027-05-01").project
    assert project.leases[0].start_month == project.assets[0].bought_month == 4
    assert project.assets[0].sold_month == project.leases[0].end_month


def test_building_and_other_purchases_are_assets() -> None:
    more = "[site]\npue = 1.25\nfacility_usd_per_mw = 10e6\n"
    more += '[[capex]]\nname = "racks"\nusd = 1000\nresale_usd = 250\nlife_months = 24\n'
    box, racks, building = inputs(more + PLAN).project.assets
    assert racks.paid_usd == 1000.0
    assert racks.resale_frac_per_year == pytest.approx(0.5)
    assert box.peak_kw_per_unit is not None
    it_mw = box.units * box.peak_kw_per_unit / 1e3
    assert building.paid_usd == pytest.approx(10e6 * it_mw)


def test_machines_without_a_price_and_clouds_are_told() -> None:
    found = inputs(PLAN + CLOUD)
    assert found.notes == ("cloud: somebody else runs it, so it is not in this study",)
    text = (
        pool(hardware='"1x cpu"')
        .replace("paid_usd = 72_000\n", "")
        .replace('"vllm"', '"llama.cpp"')
    )
    with pytest.raises(PlanError, match="no pool of this factory can be studied") as caught:
        study_inputs(factory(PLAN, text.replace("llama-3.1-70b", "llama-3.2-1b")), TODAY)
    assert "paid_usd" in caught.value.hint


def test_a_loan_is_as_large_as_its_dscr_allows() -> None:
    loan = '[[loan]]\nname = "fund"\nrate_frac_per_year = 0.1\nmonths = 36\nkind = "sculpted"\n'
    lets = LETS.partition("[[loan]]")[0].replace("tax_frac = 0.2", "tax_frac = 0")
    project = inputs(f"{lets}{loan}dscr = 1.5\n").project
    fund = statement(project)
    cover = fund.cfads_usd[1:37] / fund.service_usd[1:37]
    assert cover == pytest.approx(1.5)
    capped = statement(inputs(f"{lets}{loan}dscr = 1.5\nmax_share_frac = 0.2\n").project)
    assert capped.draw_usd[0] == pytest.approx(0.2 * 72_000)
    assert capped.draw_usd[0] < fund.draw_usd[0]


# --- what may happen ------------------------------------------------------------------------------


def test_only_prices_that_the_project_has_are_random() -> None:
    assert set(inputs().processes) == {"token_price", "power", "resale"}
    lets = inputs(LETS)
    assert set(lets.processes) == {"rent", "power", "resale"}
    assert lets.correlation == {"rent:resale": 0.6}
    assert lets.processes["rent"].anchor_frac_per_year == -0.2
    locked = '[site.power_contract]\nkind = "ppa"\nusd_per_kwh = 0.06\n'
    assert "power" not in inputs(PLAN + locked).processes


def test_the_file_goes_before_defaults() -> None:
    more = (
        LETS
        + "[finance.rent]\nscarcity_factor = 3\n[finance.resale]\nvolatility_frac_per_year = 0\n"
    )
    found = inputs(more + '[finance.correlation]\n"rent:power" = 0.2\n')
    assert found.processes["rent"].scarcity_factor == 3.0
    assert found.processes["rent"].half_life_months == 12
    assert "resale" not in found.processes, "without volatility it is certain"
    assert found.correlation == {"rent:power": 0.2}
    assert source(found, "finance.rent.scarcity_factor").source.startswith("factory file")
    assert source(found, "finance.rent.half_life_months").source.startswith("default: ")
