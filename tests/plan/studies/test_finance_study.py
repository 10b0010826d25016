"""`wattmill finance`: figures that follow from each other, what it hangs on, what may happen."""

import json
import math
from io import StringIO
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.console import Console
from typer.testing import CliRunner

from tests.plan.studies.factories import LETS, PLAN, POOL, TODAY, factory
from wattmill.cli import app
from wattmill.core.errors import PlanError
from wattmill.finance.cashflow import monthly_rate, npv_paths
from wattmill.finance.path_figures import Yardsticks, figures
from wattmill.finance.processes import paths
from wattmill.finance.project import Project
from wattmill.finance.statement import loan_schedules, statement
from wattmill.plan.studies.finance.knobs import bars, owners_usd
from wattmill.plan.studies.finance.page import finance_page
from wattmill.plan.studies.finance.report import FinanceReport
from wattmill.plan.studies.finance.study import study
from wattmill.plan.studies.finance.text import render, sentences
from wattmill.plan.studies.inputs import study_inputs
from wattmill.plan.studies.knobs import TURNS, knobs, turned


@pytest.fixture(scope="module")
def lets() -> FinanceReport:
    return study(factory(LETS), TODAY)


@pytest.fixture(scope="module")
def tokens() -> FinanceReport:
    return study(factory("[demand]\ncached_frac = 0.4\n" + PLAN), TODAY, paths=0)


def present(flows: tuple[float, ...], report: FinanceReport) -> float:
    rate = monthly_rate(report.discount_frac_per_year)
    return math.fsum(flow / (1 + rate) ** t for t, flow in enumerate(flows))


def test_npv_is_that_of_the_months(lets: FinanceReport) -> None:
    flows = lets.monthly["equity_flow_usd"]
    assert len(flows) == lets.months + 1
    assert lets.equity.npv_usd == pytest.approx(present(flows, lets), rel=1e-12)
    assert lets.equity.irr_frac_per_year is not None
    rate = (1 + lets.equity.irr_frac_per_year) ** (1 / 12) - 1
    assert math.fsum(flow / (1 + rate) ** t for t, flow in enumerate(flows)) == pytest.approx(
        0, abs=1e-4
    )


def test_payback_is_where_the_sum_turns(lets: FinanceReport) -> None:
    months = lets.equity.payback_months
    assert months is not None
    sums = [math.fsum(lets.monthly["equity_flow_usd"][: t + 1]) for t in range(lets.months + 1)]
    assert sums[math.floor(months)] < 0 <= sums[math.ceil(months)]
    assert lets.equity.discounted_payback_months is not None
    assert lets.equity.discounted_payback_months > months


def test_years_add_up_to_the_months(lets: FinanceReport) -> None:
    assert sum(y.equity_flow_usd for y in lets.years) == pytest.approx(
        sum(lets.monthly["equity_flow_usd"])
    )
    for year in lets.years:
        running = sum(year.opex_by_usd.values())
        assert year.ebitda_usd == pytest.approx(year.revenue_usd - running)
    assert sum(y.wear_usd for y in lets.years) == pytest.approx(
        sum(y.capex_usd - y.resale_usd for y in lets.years)
    )
    assert lets.years[-1].balance_usd == 0


def test_the_cost_of_a_unit_is_the_sum_of_its_parts(lets: FinanceReport) -> None:
    unit = lets.unit
    assert unit.name == "GPU-hour"
    assert sum(unit.by_part.values()) == pytest.approx(unit.cost_usd)
    gain = (unit.price_usd - unit.cost_usd) * present_units(lets)
    assert gain == pytest.approx(lets.project.npv_usd, rel=1e-9)


def present_units(report: FinanceReport) -> float:
    """Present value of what is sold: of revenue, over the levelised price."""
    return present(report.monthly["revenue_usd"], report) / report.unit.price_usd


def test_kinds_of_token_share_the_cost(tokens: FinanceReport) -> None:
    by_meter, sold = tokens.unit.by_meter, {"input": 0.6, "cached": 0.4, "output": 0.3}
    assert by_meter["cached_mtok"] < by_meter["input_mtok"] < by_meter["output_mtok"]
    shared = sum(by_meter[f"{kind}_mtok"] * share for kind, share in sold.items())
    assert shared / sum(sold.values()) == pytest.approx(tokens.unit.cost_usd)


def test_at_the_break_even_load_it_is_worth_nothing(lets: FinanceReport) -> None:
    load = lets.break_even.utilisation_frac
    assert load is not None
    text = LETS.replace("utilisation_frac = 0.7", f"utilisation_frac = {load!r}")
    assert study(factory(text), TODAY, paths=0).project.npv_usd == pytest.approx(0, abs=0.01)
    factor = lets.break_even.price_factor
    assert factor is not None
    text = LETS.replace("usd_per_hour = 1.5", f"usd_per_hour = {1.5 * factor!r}")
    assert study(factory(text), TODAY, paths=0).project.npv_usd == pytest.approx(0, abs=0.01)


def test_a_load_that_never_pays_is_none() -> None:
    cheap = study(factory("[finance]\nusd_per_mtok = 0.05\n"), TODAY, paths=0)
    assert cheap.project.npv_usd < 0
    assert cheap.break_even.utilisation_frac is None
    assert cheap.project.payback_months is None
    assert cheap.break_even.price_factor is not None
    assert cheap.break_even.price_factor > 1


def test_covenants_are_tested_where_they_are(lets: FinanceReport) -> None:
    (bank,) = lets.lenders
    assert bank.principal_usd == pytest.approx(0.6 * 72_000)
    below = [t for t, ratio in enumerate(lets.dscr) if ratio is not None and ratio < 1.2]
    assert bank.breach_month == (below[0] if below else None)
    assert lets.dscr[0] is None
    assert all(ratio is None for ratio in lets.dscr[37:]), "no cover without debt"
    assert lets.ltv[0] == pytest.approx(0.6)
    assert lets.gap is not None
    assert lets.gap.debt_months == 36


def test_lenders_and_futures_test_the_same_covenant() -> None:
    """A future in which every price goes as planned breaks its covenants when the lender says."""
    file = factory(LETS.replace("covenant_dscr = 1.2", "covenant_dscr = 1.9\ncovenant_ltv = 0.5"))
    (bank,) = study(file, TODAY, paths=0).lenders
    inputs = study_inputs(file, TODAY)
    project, still = inputs.project, {"volatility_frac_per_year": 0, "scarcity_starts_per_year": 0}
    calm = {name: replace(process, **still) for name, process in inputs.processes.items()}
    planned = paths(calm, None, project.months, 2, 1)
    yard = Yardsticks(dscr_floor=1.9, ltv_ceiling=0.5)
    found = figures(project, planned, loan_schedules(project), yard)
    assert bank.breach_month == found["breach_month"][0] == 12
    assert bank.breach_ltv_month == found["underwater_month"][0]
    assert bank.min_dscr == pytest.approx(found["min_dscr"][0])


@pytest.mark.parametrize(
    "late",
    [
        LETS + "[site]\nenergised = 2027-02-01\n",
        LETS.replace("paths = 64", "working_capital_days = 60"),
    ],
    ids=["without power", "unpaid"],
)
def test_a_first_month_without_cash_breaks_nothing_by_itself(late: str) -> None:
    found = study(factory(late), TODAY, paths=0)
    assert found.monthly["cfads_usd"][1] <= 0
    assert found.lenders[0].breach_month is None or found.lenders[0].breach_month >= 12
    assert found.dscr[:12] == (None,) * 12


def test_debt_of_less_than_a_window_is_never_tested() -> None:
    found = study(factory(LETS.replace("months = 36", "months = 9")), TODAY, paths=0)
    (bank,) = found.lenders
    assert (bank.min_dscr, bank.breach_month) == (None, None)
    text = shown(found)
    assert "1.2: never tested" in text
    assert "month None" not in text


def test_a_loan_may_outlive_the_study() -> None:
    found = study(factory(LETS.replace("months = 36", "months = 90")), TODAY, paths=0)
    (bank,) = found.lenders
    assert bank.months == 90 > found.months
    assert bank.all_in_frac_per_year == pytest.approx(1.01**12 - 1)
    assert found.years[-1].balance_usd == 0, "the sale of the machines repays it"


def test_a_reserve_is_paid_in_at_the_start_and_comes_back(lets: FinanceReport) -> None:
    found = study(factory(LETS + "dsra_months = 3\n"), TODAY, paths=0)
    (bank,) = found.lenders
    assert bank.reserve_usd == pytest.approx(3 * found.monthly["service_usd"][1])
    reserved = [year.reserved_usd for year in found.years]
    assert reserved[0] == pytest.approx(bank.reserve_usd)
    assert sum(reserved) == pytest.approx(0, abs=1e-6)
    assert found.equity.npv_usd < lets.equity.npv_usd
    assert "into reserve" in shown(found) and "into reserve" not in shown(lets)


def test_book_value_is_held_against_the_price_of_the_same_month(lets: FinanceReport) -> None:
    at = lets.at_book
    assert at.expected_usd == pytest.approx(1.5 * 0.8 ** (at.month / 12))


def shown(report: FinanceReport) -> str:
    console = Console(width=200, record=True, file=StringIO())
    console.print(render(report))
    return console.export_text()


def test_durations_are_told_whatever_the_books_say(lets: FinanceReport) -> None:
    at_book = replace(lets.at_book, needed_usd=0.0)
    lines = list(sentences(replace(lets, at_book=at_book)))
    assert any("whatever it earns" in line for line in lines)
    assert any(line.startswith("the contract ends in month") for line in lines)


SCULPTED = LETS.replace("share_frac = 0.6", 'dscr = 1.3\nkind = "sculpted"')


def test_knobs_leave_loans_as_they_were_signed() -> None:
    project = study_inputs(factory(SCULPTED), TODAY).project
    signed = loan_schedules(project)
    for name, low in (("price of what is sold", 0.8), ("load", 0.8), ("months without power", 6)):
        flow = statement(turned(project, {name: low}), None, signed).equity_flow_usd
        worth = npv_paths(0.01, flow)
        assert owners_usd(project, {name: low}, 0.01) == pytest.approx(float(worth))
    dearer = owners_usd(project, {"rate of loans": 0.03}, 0.01)
    assert dearer != pytest.approx(owners_usd(project, {}, 0.01))


def test_notes_tell_how_loans_are_taken_and_which_knob_is_left_out(
    lets: FinanceReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert any("as sized on the base case" in note for note in lets.notes)
    assert not any("is left out" in note for note in lets.notes)

    def refuses(project: Project, value: float) -> Project:
        raise PlanError("no lender does that", hint="ask another")

    monkeypatch.setitem(TURNS, "load", refuses)
    found, notes = bars(study_inputs(factory(LETS), TODAY).project, 0.01)
    assert "load" not in {bar.name for bar in found}
    assert "the knob `load` is left out: no lender does that" in notes


def test_books_and_market_are_compared_by_month(lets: FinanceReport) -> None:
    book, market = lets.monthly["book_value_usd"], lets.monthly["market_value_usd"]
    under = {t for first, last in lets.under_book_months for t in range(first, last + 1)}
    assert under == {t for t in range(lets.months) if book[t] - market[t] > 1e-6 * book[0]}


def test_knobs_turn_one_thing_each(lets: FinanceReport) -> None:
    swings = [bar.swing for bar in lets.knobs]
    assert swings == sorted(swings, reverse=True)
    assert {bar.name for bar in lets.knobs} <= set(TURNS)
    by_name = {bar.name: bar for bar in lets.knobs}
    for name, rises in (("price of what is sold", True), ("price of power", False), ("load", True)):
        assert (by_name[name].at_high > by_name[name].at_low) is rises
        assert by_name[name].at_low != by_name[name].at_high
    assert by_name["months without power"].at_low == pytest.approx(lets.equity.npv_usd)


@pytest.mark.parametrize("name", TURNS)
def test_a_knob_at_its_base_changes_nothing(name: str) -> None:
    more = LETS + "[site]\ncolo_usd_per_kw_month = 100\n"
    project = study_inputs(factory(more), TODAY).project
    (knob,) = (knob for knob in knobs(project) if knob.name == name)
    assert turned(project, {name: knob.base}) == project
    assert turned(project, {name: knob.high}) != project


def test_shares_of_the_variance_are_most_of_it(lets: FinanceReport) -> None:
    assert lets.sobol == ()
    shares = study(factory(LETS), TODAY, paths=0, with_sobol=True).sobol
    assert {each.name for each in shares} == {bar.name for bar in lets.knobs}
    assert 0.7 < sum(each.first for each in shares) < 1.3
    widest = {bar.name for bar in lets.knobs[:3]}
    assert {each.name for each in shares[:3]} == widest


def test_the_same_seed_draws_the_same_futures(lets: FinanceReport) -> None:
    again = study(factory(LETS), TODAY)
    assert again == lets
    assert lets.risk is not None
    assert lets.risk.count == 64
    other = study(factory(LETS), TODAY, seed=7)
    assert other.risk != lets.risk
    assert other.project == lets.project
    spread = lets.risk.npv_usd.percentiles
    assert spread["P5"] < spread["P50"] < spread["P95"]


def test_a_factory_in_euros_is_told_what_is_in_dollars() -> None:
    euros = f'[site]\ncurrency = "EUR"\n{PLAN}{POOL}'.replace("usd", "eur")
    found = study(factory("", euros.replace("paid_eur = 72_000\n", "")), TODAY, paths=0)
    assert found.currency == "EUR"
    assert any("are USD, not EUR: pool.box.paid_usd" in note for note in found.notes)


def test_what_cannot_be_studied_names_the_file() -> None:
    longer = LETS.replace("share_frac = 0.6", 'dscr = 1.3\nkind = "sculpted"')
    longer = longer.replace("months = 36", "months = 90")
    with pytest.raises(PlanError, match="matures in month 90") as caught:
        study(factory(longer), TODAY, paths=0)
    assert caught.value.place == "factory.toml"
    assert caught.value.hint


# --- the command ----------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "factory.toml"
    path.write_text(f"{LETS}\n{POOL}")
    return path


def run(*words: object) -> str:
    runner = CliRunner(env={"COLUMNS": "200"})
    result = runner.invoke(app, ["finance", *map(str, words)], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_the_screen_says_what_matters(file: Path) -> None:
    text = run(file, "--inputs")
    for words in ("NPV", "IRR", "DSCR covenant", "breaks even at a load of", "64 futures, seed 1"):
        assert words in text
    assert "factory file [[loan]] bank" in text
    assert "--inputs lists them" in run(file, "--paths", 0)


def test_json_has_every_input_with_its_source(file: Path) -> None:
    found = json.loads(run(file, "--json", "--paths", 0))
    inputs = {each["name"]: each for each in found["inputs"]}
    assert inputs["finance.usd_per_hour"]["source"] == "factory file [finance] usd_per_hour"
    assert inputs["finance.paths"]["source"] == "command line --paths"
    assert inputs["finance.seed"]["source"] == "default"
    assert found["risk"] is None
    assert len(found["monthly"]["revenue_usd"]) == 61


def test_the_page_is_whole_and_calls_nobody(lets: FinanceReport) -> None:
    page = finance_page(lets)
    for title in ("Cash", "Loan to value", "Durations", "What it hangs on", "Rents", "Inputs"):
        assert f"<h2>{title}" in page
    assert page.count("Plotly.newPlot(") >= 10
    assert "default-src 'none'" in page
    assert "factory file [[loan]] bank, months" in page


def test_html_is_written(file: Path, tmp_path: Path) -> None:
    target = tmp_path / "study.html"
    run(file, "--paths", 0, "--html", target)
    assert "<h2>Chances</h2>" not in target.read_text()
    assert "<h2>Cash</h2>" in target.read_text()
