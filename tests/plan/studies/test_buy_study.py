"""`wattmill buy`: the answer, what changes it, what may happen, where its numbers are from."""

import json
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from tests.plan.studies.choices import API, BOX, BUY, DEMAND, FINANCE, STEADY, choice, plain
from tests.plan.studies.factories import TODAY
from wattmill.catalog.factory import Factory
from wattmill.cli import app
from wattmill.core.errors import CatalogError, PlanError
from wattmill.plan.studies.buy.case import cheapest, present_costs
from wattmill.plan.studies.buy.inputs import buy_inputs
from wattmill.plan.studies.buy.knobs import TURNS, loaded
from wattmill.plan.studies.buy.option_reports import option_reports
from wattmill.plan.studies.buy.page import buy_page
from wattmill.plan.studies.buy.report import BuyReport
from wattmill.plan.studies.buy.risk import simulate
from wattmill.plan.studies.buy.study import study

RANDOM = "[finance.token_price]\nvolatility_frac_per_year = 0.4\n"
RENT = '[[offer]]\nname = "rented"\nkind = "rent"\nhardware = "4x L40S"\nprecision = "fp8"\nusd_per_hour = 0.8\n'


@pytest.fixture(scope="module")
def report() -> BuyReport:
    return study(choice(API, BUY, RENT, RANDOM), TODAY)


def by_name(factory: Factory) -> BuyReport:
    return study(factory, TODAY, paths=0)


# --- the answer -----------------------------------------------------------------------------------


def test_the_cheapest_is_the_one_that_costs_least(report: BuyReport) -> None:
    costs = sorted((option.cost_usd, option.name) for option in report.options)
    assert (report.cheapest, report.next) == (costs[0][1], costs[1][1])
    base = report.options[0]
    assert (base.name, report.reference) == ("api", "api")
    for option in report.options:
        assert option.saved_usd == pytest.approx(base.cost_usd - option.cost_usd)
        assert sum(part.served_frac for part in option.parts) == pytest.approx(1)


def test_payback_is_where_the_sums_cross(report: BuyReport) -> None:
    base, own = report.options[0].after_tax_flow_usd, report.by_name["own"]
    won = [b - a for a, b in zip(base, own.after_tax_flow_usd, strict=True)]
    sums = [sum(won[: t + 1]) for t in range(len(won))]
    months = own.payback_months
    if months is None:
        assert sums[-1] < 0
    else:
        assert sums[int(months)] < 0 <= sums[int(months) + 1]
    assert own.payback_against["api"] == months


def test_a_dear_api_is_paid_back_and_a_cheap_one_is_not() -> None:
    dear = API.replace("output = 4.0", "output = 60.0")
    cheap = API.replace("output = 4.0", "output = 0.4").replace("input = 1.0", "input = 0.3")
    bought = by_name(choice(dear, BUY))
    assert bought.cheapest == "own"
    assert "Take own" in bought.verdict[0] and "paid back after" in bought.verdict[0]
    own = bought.by_name["own"]
    assert own.payback_months is not None and own.break_even is not None
    rented = by_name(choice(cheap, BUY))
    assert rented.cheapest == "api"
    assert "Stay with api" in rented.verdict[0] and "never pays back" in rented.verdict[0]
    assert any("data that stays in the house" in line for line in rented.verdict)


def test_a_machine_that_is_idle_is_told_so() -> None:
    little = DEMAND.replace("= 300", "= 3").replace("= 100", "= 1")
    found = by_name(choice(API, BUY, demand=little))
    assert any("idle most of the time" in line for line in found.verdict)


def test_what_is_above_the_capacity_goes_to_the_api() -> None:
    much = DEMAND.replace("= 300", "= 3000").replace("= 100", "= 1000")
    own = by_name(choice(API, BUY, demand=much)).by_name["own"]
    assert 0 < own.last_served_frac < own.served_frac < 1
    assert own.by_line_usd["API"] > 0


def test_the_factorys_machines_serve_first_in_every_option() -> None:
    found = by_name(choice(BOX, API, BUY))
    assert found.options[0].name == "as-is"
    assert [option.name for option in found.options] == ["as-is", "own"], "as it is has this API"
    assert {option.parts[0].name for option in found.options} == {"box"}
    assert "machines" not in found.options[0].by_line_usd, "what was paid is paid"


# --- the load and the knobs -----------------------------------------------------------------------


def test_at_a_turn_two_options_cost_the_same(report: BuyReport) -> None:
    case = buy_inputs(choice(API, BUY, RENT, RANDOM), TODAY).case
    assert report.turns, "machines win at some load"
    for turn in report.turns:
        costs = present_costs(loaded(case, turn.factor))
        assert costs[turn.below] == pytest.approx(costs[turn.above], rel=1e-5)
        assert cheapest(present_costs(loaded(case, turn.factor * 0.999))) == turn.below
        assert cheapest(present_costs(loaded(case, turn.factor * 1.001))) == turn.above


def test_knobs_say_by_how_much_the_answer_is_ahead(report: BuyReport) -> None:
    swings = [knob.bar.swing for knob in report.knobs]
    assert swings == sorted(swings, reverse=True)
    for knob in report.knobs:
        ends = (knob.bar.at_low, knob.cheapest_at_low), (knob.bar.at_high, knob.cheapest_at_high)
        for ahead, winner in ends:
            assert ahead >= 0 or winner != report.cheapest


@pytest.mark.parametrize("name", TURNS)
def test_a_knob_that_is_not_turned_changes_nothing(name: str) -> None:
    low, high, unit, turned = TURNS[name]
    much = DEMAND.replace("= 300", "= 900").replace("= 100", "= 300")
    case = buy_inputs(choice(API, BUY, RENT, demand=much), TODAY).case
    neutral = 1.0 if unit == "×" else 0.0
    assert present_costs(turned(case, neutral)) == pytest.approx(present_costs(case))
    ends = [present_costs(turned(case, end)) for end in (low, high)]
    assert ends[0] != ends[1]


# --- what may happen ------------------------------------------------------------------------------


def test_the_same_seed_draws_the_same_futures(report: BuyReport) -> None:
    assert study(choice(API, BUY, RENT, RANDOM), TODAY) == report
    assert report.risk is not None
    assert sum(share.frac for share in report.risk.cheapest.values()) == pytest.approx(1)
    spread = report.risk.cost_usd["api"].percentiles
    assert spread["P5"] < spread["P50"] < spread["P95"]
    other = study(choice(API, BUY, RENT, RANDOM), TODAY, seed=9)
    assert other.risk != report.risk and other.options == report.options


def test_without_paths_there_is_no_simulation() -> None:
    assert by_name(choice(API, BUY)).risk is None
    with pytest.raises(PlanError, match="too few"):
        study(choice(API, BUY), TODAY, paths=3)


# --- what users wait ------------------------------------------------------------------------------


def in_time(limit: str) -> float:
    found = by_name(choice(API, BUY, demand=DEMAND + limit)).by_name["own"]
    part = next(part for part in found.parts if part.name == "own")
    assert part.in_time_output_mtok is not None
    return part.in_time_output_mtok


def test_less_is_served_in_time_the_less_users_wait() -> None:
    amounts = [in_time(limit) for limit in ("", "tpot_ms = 60", "tpot_ms = 45", "tpot_ms = 1")]
    assert amounts == sorted(amounts, reverse=True)
    assert amounts[0] > amounts[-1] == 0
    found = by_name(choice(API, BUY, demand=DEMAND + "tpot_ms = 1"))
    assert any("wait too long" in note for note in found.notes)
    assert found.by_name["own"].served_frac == 0


# --- what is refused ------------------------------------------------------------------------------


def test_a_choice_needs_a_demand_and_offers() -> None:
    with pytest.raises(PlanError, match="how much is asked for"):
        by_name(choice(API, BUY, demand=""))
    with pytest.raises(PlanError, match="nothing to choose"):
        by_name(choice())


def test_tokens_and_requests_must_agree() -> None:
    with pytest.raises(PlanError, match="do not add up") as error:
        by_name(choice(API, demand=DEMAND.replace("isl = 1500", "isl = 3000")))
    assert "isl = 1500" in (error.value.hint or "")
    short = "\n".join(line for line in DEMAND.splitlines() if not line.startswith("isl"))
    assert by_name(choice(API, BUY, demand=short)).demand.isl == 1500


def test_an_api_that_costs_nothing_stays_so_on_every_path() -> None:
    free = API.replace("input = 1.0, cached_input = 0.25, output = 4.0", "input = 0, output = 0")
    found = study(choice(free, BUY), TODAY, paths=40)
    assert found.by_name["api"].cost_usd == 0
    assert found.risk is not None
    assert found.risk.cheapest["api"].frac == 1


def test_loans_are_not_in_it_and_that_is_said() -> None:
    loan = '[[loan]]\nname = "bank"\nusd = 20_000\nrate_frac_per_year = 0.12\nmonths = 24\n'
    with_loan, without = (study(choice(API, BUY, more), TODAY, paths=0) for more in (loan, ""))
    assert with_loan.options == without.options
    assert any(note.startswith("bank: loans are left out") for note in with_loan.notes)
    assert not any("loans" in note for note in without.notes)


def test_an_unknown_api_gets_the_nearest_name() -> None:
    with pytest.raises(PlanError, match="no API") as error:
        by_name(choice('[[offer]]\nname = "x"\nkind = "api"\napi = "OpenAI/gpt-5.4-mimi"\n'))
    assert "gpt-5.4-mini" in (error.value.hint or "")
    with pytest.raises(CatalogError):
        by_name(choice(BUY.replace("L40S", "L40Z")))


# --- inputs ---------------------------------------------------------------------------------------

RICH = (
    """
[site]
power_usd_per_kwh = 0.2
pue = 1.3
colo_usd_per_kw_month = 100
"""
    + FINANCE
    + """
inflation_frac_per_year = 0.02
tax_frac = 0.25
bonus_frac = 0.1
selling_cost_frac = 0.05
maintenance_frac_per_year = 0.03
insurance_frac_per_year = 0.01
seed = 1

[finance.token_price]
volatility_frac_per_year = 0.3
"""
    + DEMAND
    + "ttft_ms = 3000\ntpot_ms = 60\n"
    + API
    + """setup_usd = 10
other_usd_per_month = 5
months = 6
"""
    + BUY
    + """setup_usd = 20
other_usd_per_month = 7
life_months = 30
kw = 1.9
available = 2027-01-01
model = "llama-3.1-70b"
engine = "vllm"

[[offer]]
name = "rented"
kind = "rent"
hardware = "4x L40S"
usd_per_hour = 0.8
precision = "fp8"
billed_frac = 0.5

[[offer]]
name = "leased"
kind = "lease"
hardware = "4x L40S"
precision = "fp8"
usd_per_month = 600
months = 20
deposit_usd = 100
buyout_usd = 3_000

[[offer]]
name = "named"
kind = "api"
api = "Groq/llama-3.3-70b-versatile"

[[offer]]
name = "both"
kind = "hybrid"
parts = ["own", "api"]
"""
)
TURNED = {
    "power_usd_per_kwh = 0.2": "power_usd_per_kwh = 0.3",
    "pue = 1.3": "pue = 1.4",
    "colo_usd_per_kw_month = 100": "colo_usd_per_kw_month = 110",
    "starts = 2026-11-01": "starts = 2026-10-01",
    "horizon_months = 36": "horizon_months = 37",
    "discount_frac_per_year = 0.1": "discount_frac_per_year = 0.11",
    "price_frac_per_year = -0.2": "price_frac_per_year = -0.1",
    "paths = 40": "paths = 60",
    "inflation_frac_per_year = 0.02": "inflation_frac_per_year = 0.03",
    "tax_frac = 0.25": "tax_frac = 0.26",
    "bonus_frac = 0.1": "bonus_frac = 0.2",
    "selling_cost_frac = 0.05": "selling_cost_frac = 0.06",
    "maintenance_frac_per_year = 0.03": "maintenance_frac_per_year = 0.04",
    "insurance_frac_per_year = 0.01": "insurance_frac_per_year = 0.02",
    "seed = 1": "seed = 2",
    "volatility_frac_per_year = 0.3": "volatility_frac_per_year = 0.4",
    "input_mtok_per_month = 300": "input_mtok_per_month = 301",
    "output_mtok_per_month = 100": "output_mtok_per_month = 101",
    "cached_frac = 0.25": "cached_frac = 0.3",
    "peak_to_mean = 3.0": "peak_to_mean = 3.5",
    "growth_frac_per_year = 0.2": "growth_frac_per_year = 0.3",
    "isl = 1500": "isl = 1510",
    "osl = 500": "osl = 505",
    "ttft_ms = 3000": "ttft_ms = 300",
    "tpot_ms = 60": "tpot_ms = 50",
    "{ input = 1.0": "{ input = 1.1",
    "cached_input = 0.25": "cached_input = 0.3",
    "output = 4.0": "output = 4.1",
    "setup_usd = 10": "setup_usd = 11",
    "other_usd_per_month = 5": "other_usd_per_month = 6",
    "months = 6": "months = 7",
    "usd = 40_000": "usd = 41_000",
    "resale_usd = 8_000": "resale_usd = 8_100",
    "life_months = 30": "life_months = 31",
    "kw = 1.9": "kw = 2.0",
    "available = 2027-01-01": "available = 2027-02-01",
    'model = "llama-3.1-70b"\nengine': 'model = "llama-3.1-8b"\nengine',
    'precision = "fp8"': 'precision = "int4"',
    'engine = "vllm"': 'engine = "llama.cpp"',
    'hardware = "4x L40S"\nusd_per_hour': 'hardware = "8x L40S"\nusd_per_hour',
    "usd_per_hour = 0.8": "usd_per_hour = 0.9",
    "billed_frac = 0.5": "billed_frac = 0.6",
    "usd_per_month = 600": "usd_per_month = 610",
    "months = 20": "months = 21",
    "deposit_usd = 100": "deposit_usd = 110",
    "buyout_usd = 3_000": "buyout_usd = 3_100",
    "Groq/llama-3.3-70b-versatile": "DeepInfra/Llama-3.3-70B-Instruct-Turbo",
    '["own", "api"]': '["own", "named"]',
}
"""Every number and word of the file that the study reads, and another."""


def figures(text: str) -> bytes:
    """The study without where its numbers are from, and without the text of its inputs."""
    from tests.plan.studies.choices import CLOUD
    from wattmill.catalog.factory import parse_factory

    factory = parse_factory(CLOUD + text, "factory.toml")
    found = buy_inputs(factory, TODAY)
    paths, seed = factory.finance.paths, factory.finance.seed
    risk = simulate(found.case, found.processes, found.correlation, paths, seed)
    shown = (option_reports(found.case, found.timeline), risk, found.timeline)
    return msgspec.json.encode(shown)


@pytest.fixture(scope="module")
def before() -> bytes:
    return figures(RICH)


@pytest.mark.parametrize("old", TURNED)
def test_every_input_moves_something(old: str, before: bytes) -> None:
    text = RICH.replace(old, TURNED[old], 1)
    assert text != RICH
    assert figures(text) != before


def test_every_key_of_an_offer_is_walked() -> None:
    from wattmill.catalog.factory import KEYS

    keys = {*KEYS["[[offer]]"], *KEYS["[demand]"]} - {"name", "kind"}
    walked = " ".join(TURNED)
    missing = {key for key in keys if f"{key} =" not in walked} - {"usd_per_mtok", "api", "parts"}
    assert missing == set()


def test_inputs_say_where_they_are_from(report: BuyReport) -> None:
    found = {each.name: each for each in report.inputs}
    assert found["offer.own.usd"].source == "factory file [[offer]] own, usd"
    assert found["offer.own.full_tok_per_s"].source.startswith("computed by physics")
    assert found["offer.api.usd_per_mtok.output"].value == 4.0
    assert found["finance.tax_frac"].source == "default"
    assert not any(name.endswith("paid_usd") for name in found), "no price that is not used"


def test_a_price_of_the_catalog_is_said() -> None:
    found = by_name(choice(API, BUY.replace("usd = 40_000\nresale_usd = 8_000\n", "")))
    assert any("is the catalog's" in note for note in found.notes)
    named = by_name(choice('[[offer]]\nname = "x"\nkind = "api"\n', demand=STEADY, finance=plain()))
    assert named.verdict[0].startswith("There is only x")
    source = next(e for e in named.inputs if e.name == "offer.x.usd_per_mtok.input").source
    assert source.startswith("factory file"), "the cloud of the factory has this model"


# --- the command ----------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path) -> Path:
    from tests.plan.studies.choices import CLOUD

    file = tmp_path / "factory.toml"
    file.write_text(FINANCE + DEMAND + CLOUD + API + BUY)
    return file


def test_the_command_prints_text_json_and_a_page(path: Path) -> None:
    page = path.parent / "buy.html"
    done = CliRunner().invoke(app, ["buy", str(path), "--html", str(page), "--inputs"])
    assert done.exit_code == 0, done.output
    assert "with the load" in done.stdout.lower() and "offer.own.usd" in done.stdout
    text = page.read_text()
    assert "default-src 'none'" in text
    assert all(f"figure-{number}" in text for number in (2, 3, 4, 5))
    done = CliRunner().invoke(app, ["buy", str(path), "--json", "--paths", "0"])
    data = json.loads(done.stdout)
    assert data["risk"] is None
    assert {option["name"] for option in data["options"]} == {"api", "own"}
    assert all(each["source"] for each in data["inputs"])


def test_the_page_names_every_option(report: BuyReport) -> None:
    text = buy_page(report)
    for option in report.options:
        assert f"<td>{option.name}</td>" in text
