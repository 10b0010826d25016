"""The monthly statement: by hand, and identities that hold for every project on every path."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.finance.plain_statement import plain_statement
from tests.finance.projects import Array, prices_for, projects, server
from wattmill.catalog import units
from wattmill.core.errors import PlanError
from wattmill.finance import assets
from wattmill.finance.assets import Contract, Cost, Load, Power, Price, Sale, Vat
from wattmill.finance.cashflow import irr, npv_paths
from wattmill.finance.debt import LoanTerms
from wattmill.finance.leasing import Lease
from wattmill.finance.path_figures import cover
from wattmill.finance.project import Project
from wattmill.finance.statement import Statement, loan_schedules, statement
from wattmill.finance.tax import TaxTerms

# --- by hand --------------------------------------------------------------------------------------


def test_one_server_by_hand() -> None:
    project = Project(
        months=24,
        assets=(server(busy_kw_per_unit=10.0, idle_kw_per_unit=2.0, load=Load(0.5)),),
        costs=(Cost("staff", usd_per_month=500.0), Cost("care", paid_frac_per_year=0.10)),
        power=Power(Price(0.10), pue=1.5, demand_usd_per_kw_month=10.0),
        colo=Price(100.0),
        tax=TaxTerms(0.25),
    )
    s = statement(project)
    assert s.revenue_usd[[0, 1, 24]] == pytest.approx([0, 5000, 5000])
    assert s.kwh[1] == pytest.approx((2 + 0.5 * 8) * 1.5 * 730)
    assert s.opex_by["power"][1] == pytest.approx(6 * 1.5 * 730 * 0.10 + 15 * 10)
    assert s.opex_by["colo"][1] == pytest.approx(10 * 100)
    assert s.opex_by["care"][1] == pytest.approx(1000)
    assert s.ebitda_usd[5] == pytest.approx(5000 - 657 - 150 - 1000 - 500 - 1000)
    assert s.depreciation_usd[[0, 1, 24]] == pytest.approx([0, 5000, 5000])
    assert s.book_value_usd[[0, 12, 24]] == pytest.approx([120_000, 60_000, 0])
    assert s.project_flow_usd[[0, 1]] == pytest.approx([-120_000, 1693])
    assert not s.tax_usd.any(), "it makes a loss by the books"


def test_profit_is_taxed_after_a_year_of_losses_carried_on() -> None:
    cheap = server(paid_usd_per_unit=24_000.0)
    costs = (Cost("start", usd_per_month=11_000.0, last_month=12),)
    s = statement(Project(months=24, assets=(cheap,), costs=costs, tax=TaxTerms(0.25)))
    assert s.tax_usd[12] == 0
    assert s.tax_usd[24] == pytest.approx(0.25 * (12 * 9000 - 12 * 2000))
    assert np.count_nonzero(s.tax_usd) == 1


def test_machines_that_wait_for_power_cost_and_do_not_earn() -> None:
    project = Project(
        months=12,
        assets=(server(starts_month=6),),
        costs=(Cost("insurance", paid_frac_per_year=0.01),),
    )
    s = statement(project)
    assert not s.revenue_usd[:7].any() and (s.revenue_usd[7:] == 10_000).all()
    assert s.depreciation_usd[6] == 0 and s.depreciation_usd[7] == 5000
    assert s.opex_usd[1] == pytest.approx(100)


def test_a_machine_is_sold_at_market_value_and_the_books_lose_the_rest() -> None:
    asset = server(resale_frac_per_year=0.25, sold_month=12, selling_cost_frac=0.1)
    s = statement(Project(months=24, assets=(asset,)))
    assert s.market_value_usd[[0, 6, 12]] == pytest.approx([120_000, 60_000, 0])
    assert s.resale_usd[12] == pytest.approx(30_000 * 0.9)
    assert s.book_sold_usd[12] == pytest.approx(60_000)
    assert s.wear_usd.sum() == pytest.approx(90_000)
    assert not s.revenue_usd[13:].any()


def test_what_is_installed_is_written_down_and_worth_nothing_used() -> None:
    asset = server(also_paid_usd={"network": 12_000.0}, resale_frac_per_year=1.0)
    s = statement(Project(months=24, assets=(asset,)))
    assert s.capex_usd[0] == 132_000 and s.capex_by["network"][0] == 12_000
    assert s.depreciation_usd[1] == pytest.approx(5500)
    assert s.market_value_usd[0] == 120_000 and s.wear_usd[0] == 12_000


def test_what_is_sold_ahead_keeps_its_price() -> None:
    asset = server(
        sales=(Sale("gpu_hours", 1000.0, Price(10.0, growth_frac_per_year=-0.5)),),
        load=Load(0.5),
        contract=Contract(0.4, months=12, price_frac=0.8),
    )
    revenue = statement(Project(months=24, assets=(asset,))).revenue_usd
    assert revenue[12] == pytest.approx(0.4 * 1000 * 8 + 0.6 * 0.5 * 1000 * 5)
    assert revenue[24] == pytest.approx(0.5 * 1000 * 2.5)


def test_a_contract_without_take_or_pay_is_paid_for_the_load() -> None:
    asset = server(load=Load(0.5), contract=Contract(1.0, take_or_pay=False))
    assert statement(Project(months=1, assets=(asset,))).revenue_usd[1] == pytest.approx(5000)


def test_locked_electricity_follows_no_path() -> None:
    asset = server(busy_kw_per_unit=10.0, idle_kw_per_unit=10.0)
    power = Power(Price(0.1, path="power"), locked=Price(0.2), locked_frac=0.75, locked_months=2)
    doubled = {"power": np.array([[1.0, 2.0, 2.0, 2.0]])}
    cost = statement(Project(months=3, assets=(asset,), power=power), doubled).opex_by["power"]
    assert cost[0, 1:] == pytest.approx(7300 * np.array([0.15 + 0.05, 0.15 + 0.05, 0.2]))


def test_customers_who_pay_later_and_the_tax_office_move_cash_only() -> None:
    asset = server(paid_usd_per_unit=0.0)
    project = Project(
        months=6, assets=(asset,), vat=Vat(0.2, 0.2, lag_months=2), receivable_days=365 / 12
    )
    s = statement(project)
    assert s.cfads_usd[1] == pytest.approx(2000), "VAT came in, the customer's money did not"
    assert s.vat_owed_usd[1:] == pytest.approx([2000, 4000, 4000, 4000, 4000, 0])
    assert s.cfads_usd.sum() == pytest.approx(s.revenue_usd.sum())
    assert s.net_income_usd[1:] == pytest.approx(10_000)


def test_a_price_path_is_relative_to_today_and_resale_to_the_purchase() -> None:
    asset = server(
        bought_month=1, resale_frac_per_year=1.0, resale_path="resale",
        sales=(Sale("gpu_hours", 1000.0, Price(10.0, path="rent")),),
    )  # fmt: skip
    prices = {"rent": np.array([[2.0, 2.0, 3.0]]), "resale": np.array([[1.0, 4.0, 2.0]])}
    s = statement(Project(months=2, assets=(asset,)), prices)
    assert s.revenue_usd[0].tolist() == [0, 0, 15_000]
    assert s.market_value_usd[0, 1] == 120_000 and s.resale_usd[0, 2] == 60_000


def test_demand_that_answers_a_fall_in_price_stops_at_the_capacity() -> None:
    sale = Price(10.0, path="rent")
    asset = server(
        sales=(Sale("gpu_hours", 1000.0, sale),), load=Load(0.5, elasticity=1.0, price=sale)
    )
    falls = {"rent": np.array([[1.0, 0.8, 0.25]])}
    s = statement(Project(months=2, assets=(asset,)), falls)
    assert s.sold["gpu_hours"][0] == pytest.approx([0, 625, 1000])
    assert s.revenue_usd[0] == pytest.approx([0, 5000, 2500])


def test_machines_that_start_later_or_answer_otherwise_have_a_load_of_their_own() -> None:
    sale = Price(10.0, path="rent")
    load = Load(0.4, ramp_months=2, elasticity=1.0, price=sale)
    alike = [
        server(name="now", load=load),
        server(name="later", load=load, bought_month=1),
        server(name="keener", load=replace(load, elasticity=2.0)),
    ]
    halved = {"rent": np.array([[1.0, 1.0, 0.5]])}
    apart = [statement(Project(months=2, assets=(one,)), halved).revenue_usd for one in alike]
    together = statement(Project(months=2, assets=tuple(alike)), halved).revenue_usd
    assert together == pytest.approx(sum(apart))
    assert [one[0, 2] for one in apart] == pytest.approx([8000, 4000, 10_000])


# --- identities -----------------------------------------------------------------------------------


def _both(project: Project) -> list[Statement]:
    return [statement(project), statement(project, prices_for(project.months))]


def _zero(usd: Array, s: Statement) -> bool:
    scale = 1.0 + sum(
        np.abs(x).max() for x in (s.revenue_usd, s.capex_usd, s.opex_usd, s.balance_usd)
    )
    return bool(np.abs(usd).max() <= 1e-9 * scale * s.months)


def _grown(stock: Array) -> Array:
    return np.diff(stock, axis=-1, prepend=0.0)


@given(projects())
def test_sources_are_uses(project: Project) -> None:
    """Customers, buyers of machines, lenders and VAT taken in pay for everything else, the owner too."""
    for s in _both(project):
        sources = s.revenue_usd + s.resale_usd + s.draw_usd + _grown(s.vat_owed_usd)
        lenders = s.interest_usd + s.principal_usd + s.payoff_usd + s.fee_usd
        kept = _grown(s.working_capital_usd) + _grown(s.reserve_usd)
        uses = s.opex_usd + s.capex_usd + s.tax_usd + lenders + kept + s.equity_flow_usd
        assert _zero(sources - uses, s)


@given(projects())
def test_parts_add_up(project: Project) -> None:
    for s in _both(project):
        zeros = np.zeros(s.months + 1)
        assert _zero(sum(s.revenue_by.values(), zeros) - s.revenue_usd, s)
        assert _zero(sum(s.opex_by.values(), zeros) - s.opex_usd, s)
        assert _zero(sum(s.capex_by.values(), zeros) - s.capex_usd, s)


@given(projects())
def test_what_is_owned_is_owed_or_earned(project: Project) -> None:
    """The balance sheet: assets - debts = profits kept, when all cash goes to the owner."""
    for s in _both(project):
        owned = s.book_value_usd + s.working_capital_usd - s.vat_owed_usd - s.balance_usd
        owned = owned + s.reserve_usd
        kept = np.cumsum(s.net_income_usd - s.equity_flow_usd, axis=-1)
        assert _zero(owned - kept, s)


@given(projects())
def test_two_values_of_what_is_owned(project: Project) -> None:
    """Paid - worn = value, for the books and for the market."""
    for s in _both(project):
        paid = np.cumsum(s.capex_usd)
        books = np.cumsum(s.depreciation_usd + s.book_sold_usd)
        market = np.cumsum(s.wear_usd + s.resale_usd + s.selling_cost_usd, axis=-1)
        assert _zero(paid - books - s.book_value_usd, s)
        assert _zero(paid - market - s.market_value_usd, s)


@given(projects())
def test_equity_gets_what_lenders_leave(project: Project) -> None:
    for s in _both(project):
        loans = sum((loan.flow_usd for loan in s.loans.values()), np.zeros(s.months + 1))
        shield = s.unlevered_tax_usd - s.tax_usd
        rest = s.equity_flow_usd - s.project_flow_usd - shield - loans + s.payoff_usd
        assert _zero(rest + s.reserved_usd, s)
        assert _zero(s.cash_usd - project.cash_usd - np.cumsum(s.equity_flow_usd, axis=-1), s)


@given(projects(lends=False))
def test_without_debt_equity_is_the_project(project: Project) -> None:
    for s in _both(project):
        assert _zero(s.equity_flow_usd - s.project_flow_usd, s)
        assert _zero(s.unlevered_tax_usd - s.tax_usd, s)


@given(projects())
def test_a_path_is_what_it_is_alone(project: Project) -> None:
    """Nothing leaks from path to path; flat prices are the case without random prices and growth."""
    prices = prices_for(project.months)
    many = statement(project, prices).equity_flow_usd
    alone = statement(project, {name: path[1] for name, path in prices.items()}).equity_flow_usd
    of_many = np.broadcast_to(many, (3, project.months + 1))[1]
    assert of_many == pytest.approx(alone, rel=1e-9, abs=1e-6)


@given(st.floats(-0.4, 0.4), st.floats(-0.4, 0.4))
def test_a_path_that_is_the_growth_changes_nothing(rent: float, resale: float) -> None:
    t = np.arange(25) / 12
    sales = (Sale("gpu_hours", 1000.0, Price(10.0, rent, "rent")),)
    certain = server(sales=sales, resale_frac_per_year=0.8 * (1 + resale))
    random = replace(certain, resale_frac_per_year=0.8, resale_path="resale")
    prices = {"rent": 3 * (1 + rent) ** t, "resale": (1 + resale) ** t}
    flows = [
        statement(Project(months=24, assets=(certain,))).project_flow_usd,
        statement(Project(months=24, assets=(random,)), prices).project_flow_usd,
    ]
    assert flows[1] == pytest.approx(flows[0])


LINES = {
    "revenue": "revenue_usd", "opex": "opex_usd", "capex": "capex_usd", "resale": "resale_usd", "kwh": "kwh",
    "depreciation": "depreciation_usd", "market_value": "market_value_usd", "tax": "unlevered_tax_usd",
    "cfads": "cfads_usd",
}  # fmt: skip


@given(projects(), st.none() | st.integers(0, 2))
def test_it_agrees_with_a_plain_one(project: Project, path: int | None) -> None:
    """Machine by machine, month by month, in Python's own numbers."""
    prices = prices_for(project.months)
    alone = None if path is None else {name: each[path].tolist() for name, each in prices.items()}
    s = statement(project, None if path is None else prices)
    plain = plain_statement(project, alone)
    for row, name in LINES.items():
        line = np.broadcast_to(getattr(s, name), (3, project.months + 1))[path or 0]
        assert _zero(line - np.array(plain[row]), s), name


def test_returns_of_owner_and_project() -> None:
    plain = Project(months=24, assets=(server(),))
    s = statement(plain)
    assert irr(s.equity_flow_usd.tolist()) == irr(s.project_flow_usd.tolist())
    lent = statement(replace(plain, loans=(LoanTerms("bank", 100_000.0, 0.06, 24),)))
    assert irr(lent.equity_flow_usd.tolist()) > irr(s.equity_flow_usd.tolist()), (
        "it earns more than 6 %"
    )


def test_a_month_has_as_many_hours_as_everywhere_else() -> None:
    assert assets.HOURS_PER_MONTH == units.HOURS_PER_MONTH


# --- loans ----------------------------------------------------------------------------------------

SIZED = LoanTerms("bank", None, 0.12, 24, "sculpted", dscr=1.3)


def _rented(path: str | None = "rent") -> Project:
    asset = server(sales=(Sale("gpu_hours", 1000.0, Price(10.0, -0.2, path)),))
    return Project(
        months=36,
        assets=(asset,),
        costs=(Cost("staff", 2000.0),),
        tax=TaxTerms(0.2),
        loans=(SIZED,),
    )


def test_a_sculpted_loan_keeps_its_cover_in_the_case_that_it_was_sized_on() -> None:
    s = statement(replace(_rented(), tax=None))
    assert s.cfads_usd[1:25] / s.service_usd[1:25] == pytest.approx(1.3)


def test_a_loan_is_sized_on_tax_as_it_accrues_and_served_from_cash_as_it_comes() -> None:
    """A year's tax is more than the cash of the month in which it is paid."""
    s = statement(_rented())
    assert s.cfads_usd[12] < s.service_usd[12]
    for year in (slice(1, 13), slice(13, 25)):
        assert s.cfads_usd[year].sum() / s.service_usd[year].sum() == pytest.approx(1.3)
    monthly = statement(replace(_rented(), tax=TaxTerms(0.2, period_months=1)))
    assert monthly.draw_usd[0] == pytest.approx(s.draw_usd[0], rel=0.01)


def test_service_does_not_follow_random_prices() -> None:
    project = _rented()
    schedules = loan_schedules(project)
    prices = prices_for(36)
    s = statement(project, prices, schedules)
    assert s.service_usd.ndim == 1
    assert s.equity_flow_usd == pytest.approx(statement(project, prices).equity_flow_usd)
    assert (s.cfads_usd[:, 1:25] / s.service_usd[1:25]).std() > 0.01


def test_a_cash_sweep_follows_each_path() -> None:
    swept = LoanTerms("bank", 100_000.0, 0.12, 36, sweep_frac=1.0)
    project = replace(_rented(), loans=(swept,))
    s = statement(project, prices_for(36))
    assert s.balance_usd.shape == (3, 37)
    worst, best = np.argsort(s.revenue_usd[:, :13].sum(axis=-1))[[0, -1]]
    assert s.balance_usd[best, 12] < s.balance_usd[worst, 12]


def test_a_sculpted_loan_is_swept_on_each_path_beside_what_its_contract_asks_for() -> None:
    project = replace(_rented(), loans=(replace(SIZED, sweep_frac=0.5),))
    plain, s = statement(_rented()), statement(project, prices_for(36))
    assert s.balance_usd.shape == (3, 37)
    assert (s.balance_usd <= plain.balance_usd + 1e-6).all()
    assert s.draw_usd == pytest.approx(plain.draw_usd), "it is sized before it is swept"


def test_what_is_swept_is_no_debt_service() -> None:
    """All cash goes to the bank, and still service is covered as it would be without the sweep."""
    plain = replace(_rented(), tax=None, loans=(LoanTerms("bank", 100_000.0, 0.12, 36),))
    swept = replace(plain, loans=(replace(plain.loans[0], sweep_frac=1.0),))
    covered, s = cover(statement(plain), 1), statement(swept)
    repaid = int(np.flatnonzero(s.balance_usd > 0)[-1]) + 1
    assert s.equity_flow_usd[1:repaid] == pytest.approx(np.zeros(repaid - 1), abs=1e-6)
    assert cover(s, 1)[1:repaid] == pytest.approx(covered[1:repaid])


def test_a_sweep_follows_what_a_turned_project_earns() -> None:
    project = replace(_rented(), loans=(LoanTerms("bank", 100_000.0, 0.12, 36, sweep_frac=1.0),))
    contracts = loan_schedules(project)
    poorer = replace(project, costs=(Cost("staff", 4000.0),))
    assert (
        statement(poorer, None, contracts).balance_usd[6]
        > statement(project, None, contracts).balance_usd[6]
    )


# --- reserve --------------------------------------------------------------------------------------


def _reserved(**terms: Any) -> tuple[Statement, Statement]:
    """The same project with a reserve and without."""
    fields: dict[str, Any] = {"principal_usd": 100_000.0, "rate_frac_per_year": 0.12, "months": 24}
    loan = LoanTerms("bank", **{**fields, **terms}, reserve_months=3)
    project = replace(_rented(), loans=(loan,))
    without = replace(project, loans=(replace(loan, reserve_months=0),))
    return statement(project), statement(without)


def test_a_reserve_is_filled_at_close_and_comes_back_with_the_last_payments() -> None:
    s, without = _reserved()
    each = s.service_usd[1]
    assert s.reserve_usd[:22] == pytest.approx(np.full(22, 3 * each))
    assert s.reserve_usd[22:26] == pytest.approx([2 * each, each, 0, 0], abs=1e-6)
    less = without.equity_flow_usd - s.equity_flow_usd
    assert less[0] == pytest.approx(3 * each)
    assert less.sum() == pytest.approx(0, abs=1e-6), "it earns nothing and costs nothing but time"
    assert s.cfads_usd == pytest.approx(without.cfads_usd)


def test_a_reserve_waits_for_the_draws_and_holds_no_balloon() -> None:
    s, _ = _reserved(start_month=2, draw_months=3)
    assert s.reserve_usd[:2].tolist() == [0, 0]
    assert s.reserve_usd[2:5] == pytest.approx(np.full(3, 3 * s.service_usd[5]))
    s, _ = _reserved(kind="interest_only")
    assert s.reserve_usd[:22] == pytest.approx(np.full(22, 3 * 1000.0))
    s, _ = _reserved(kind="bullet")
    assert not s.reserve_usd.any()


def test_a_reserve_of_a_loan_that_outlives_the_study_stays_until_the_end() -> None:
    s, _ = _reserved(months=60)
    assert s.reserve_usd[:36] == pytest.approx(np.full(36, 3 * s.service_usd[1]))
    assert s.reserve_usd[36] == 0 and s.payoff_usd[36] > 0


def test_a_reserve_of_less_than_no_month_is_refused() -> None:
    with pytest.raises(PlanError, match="reserve of -1 months"):
        statement(replace(_rented(), loans=(LoanTerms("bank", 1.0, 0.1, 12, reserve_months=-1),)))


# --- leases ---------------------------------------------------------------------------------------


def test_a_deposit_is_cash_but_no_cost_and_rent_has_vat() -> None:
    lease = Lease("desk", 1000.0, 3, deposit_usd=500.0, in_advance=False, start_month=1)
    project = Project(
        months=6, assets=(server(),), leases=(lease,), vat=Vat(0.0, 0.2, 1), tax=TaxTerms(0.25)
    )
    s = statement(project)
    assert s.opex_usd.tolist() == [0, 0, 1000, 1000, 1000, 0, 0]
    assert s.working_capital_usd.tolist() == [0, 500, 500, 500, 0, 0, 0]
    assert s.vat_owed_usd[1:6] == pytest.approx([0, -200, -200, -200, 0])
    assert s.net_income_usd.sum() == pytest.approx(60_000 - 120_000 - 3000)


def test_the_second_loan_is_sized_on_what_the_first_leaves() -> None:
    both = (SIZED, replace(SIZED, name="second", dscr=2.0))
    first, second = loan_schedules(replace(_rented(), loans=both)).values()
    assert second.service_usd[1:25] == pytest.approx(first.service_usd[1:25] * 0.3 / 2)


def test_what_is_still_owed_at_the_end_is_repaid_from_the_sale() -> None:
    long = replace(_rented(), loans=(LoanTerms("bank", 50_000.0, 0.1, 60),))
    s = statement(long)
    assert s.balance_usd[-1] == 0 and s.payoff_usd[-1] == s.loans["bank"].balance_usd[-1] > 0
    kept = statement(replace(long, sells_at_end=False))
    assert kept.balance_usd[-1] > 0 and not kept.payoff_usd.any()


def test_the_owner_keeps_the_tax_shield_of_interest() -> None:
    s = statement(replace(_rented(), loans=(LoanTerms("bank", 50_000.0, 0.1, 36),)))
    assert (s.unlevered_tax_usd - s.tax_usd).sum() == pytest.approx(0.2 * s.interest_usd.sum())


@given(st.floats(0, 0.5), st.floats(0.01, 0.5))
def test_a_project_is_worth_less_at_a_higher_rate(rate: float, more: float) -> None:
    flow = statement(Project(months=24, assets=(server(),))).project_flow_usd
    assert npv_paths(rate + more, flow) < npv_paths(rate, flow)


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("project", "match"),
    [
        (Project(months=0), "0 months"),
        (Project(months=6, assets=(server(), server())), "two assets are called 'server'"),
        (Project(months=6, assets=(server(resale_frac_per_year=None),)), "worth when used"),
        (Project(months=6, assets=(server(sold_month=7),)), "sold_month <= months"),
        (Project(months=6, assets=(server(bought_month=4, starts_month=3),)), "starts_month"),
        (Project(months=6, assets=(server(load=Load(1.1)),)), "most_frac"),
        (Project(months=6, power=Power(Price(0.1), locked_frac=0.5)), "locked electricity"),
        (Project(months=6, power=Power(Price(0.1), pue=0.9)), "PUE"),
        (Project(months=6, colo=Price(1.0), leases=(Lease("colo", 1.0, 12),)), "two costs"),
    ],
)
def test_a_project_that_cannot_be_is_refused(project: Project, match: str) -> None:
    with pytest.raises(PlanError, match=match) as caught:
        statement(project)
    assert caught.value.hint


def test_a_price_that_is_missing_or_too_short_is_refused() -> None:
    project = Project(months=6, assets=(server(resale_path="resale"),))
    with pytest.raises(PlanError, match="'resale'") as caught:
        statement(project, {"rent": np.ones(7)})
    assert "rent" in caught.value.hint
    with pytest.raises(PlanError, match="5 months"):
        statement(project, {"resale": np.ones(6)})
    with pytest.raises(PlanError, match="not above 0"):
        statement(project, {"resale": np.zeros(7)})
