"""A project company: sources equal uses, nothing is lost between its parties, and leverage."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.core.errors import PlanError
from wattmill.finance.assets import Asset, Cost, Price, Sale
from wattmill.finance.cashflow import irr, yearly_rate
from wattmill.finance.debt import LoanTerms
from wattmill.finance.project import Project
from wattmill.finance.spv import Spv, SpvCase, leverage_of_returns, run_spv
from wattmill.finance.statement import statement
from wattmill.finance.waterfall import Rules

MONTHS = 60
SENIOR = LoanTerms(
    "senior", None, 0.10, 48, "sculpted", dscr=1.3, max_share_frac=0.7, fee_frac=0.02
)
MEZZANINE = LoanTerms("mezzanine", 50_000.0, 0.15, 54, "bullet")
RECEIPTS = np.array([0.0, *(50_000 * 0.985**t for t in range(MONTHS))])
OPEX = np.array([0.0, *[8_000.0] * MONTHS])
CAPEX = np.array([1e6, *[0.0] * MONTHS])


def to_lenders(case: SpvCase) -> np.ndarray:
    flow = case.waterfall
    service = flow.senior_interest_usd + flow.senior_principal_usd + flow.sweep_usd
    service = service + flow.mezzanine_interest_usd + flow.mezzanine_principal_usd
    return np.asarray(service - case.draws_usd)


@given(
    st.floats(0.3, 1.5),
    st.integers(0, 6),
    st.floats(0, 1),
    st.sampled_from([None, 1.1, 1.3]),
    st.booleans(),
)
def test_nothing_is_lost_between_owners_lenders_and_operations(
    stress: float, reserve: int, sweep: float, lockup: float | None, mezzanine: bool
) -> None:
    rules = Rules(reserve_months=reserve, sweep_frac=sweep, lockup_dscr=lockup)
    spv = Spv("x", SENIOR, MEZZANINE if mezzanine else None, rules)
    case = run_spv(spv, CAPEX, RECEIPTS * stress, OPEX, sized_on_usd=RECEIPTS - OPEX)
    flow = case.waterfall
    assert np.abs(flow.conserved_usd).max() <= 1e-9 * RECEIPTS.max()
    fees = case.senior.fee_usd + (case.mezzanine.fee_usd if case.mezzanine else 0.0)
    earned = flow.receipts_usd - flow.opex_usd - CAPEX - fees
    kept = flow.reserve_usd[-1] + flow.held_usd[-1]
    shared = case.equity_flow_usd.sum() + to_lenders(case).sum() + kept
    assert shared == pytest.approx(earned.sum(), abs=1e-6)


def test_sources_equal_uses() -> None:
    case = run_spv(Spv("x", SENIOR, MEZZANINE, Rules(reserve_months=6)), CAPEX, RECEIPTS, OPEX)
    assert case.uses_usd[0] == pytest.approx(1e6 + 14_000 + case.waterfall.opening_usd)
    assert case.draws_usd[0] == 750_000
    assert -case.equity_flow_usd[0] == pytest.approx(case.uses_usd[0] - 750_000)
    assert case.leverage_frac == pytest.approx(750_000 / case.uses_usd.sum())
    assert case.waterfall.opening_usd == pytest.approx(case.senior.service_usd[1:7].sum())


def test_the_reserve_is_full_until_service_ends() -> None:
    case = run_spv(Spv("x", SENIOR, None, Rules(reserve_months=3)), CAPEX, RECEIPTS, OPEX)
    service = case.senior.service_usd
    for month in (1, 20, 46, 47):
        assert case.waterfall.reserve_usd[month] == pytest.approx(
            service[month + 1 : month + 4].sum()
        )
    assert case.waterfall.reserve_usd[48] == 0
    assert case.waterfall.senior_balance_usd[48] == 0


def _with_reserve(terms: LoanTerms, sweep: float = 0.0) -> SpvCase:
    rules = Rules(reserve_months=3, sweep_frac=sweep)
    return run_spv(Spv("x", terms, None, rules), CAPEX, RECEIPTS, OPEX)


def test_the_reserve_waits_while_the_loan_is_drawn() -> None:
    case = _with_reserve(LoanTerms("s", 4e5, 0.10, 24, draw_months=6))
    first = case.senior.service_usd[6:9].sum()
    assert case.waterfall.reserve_usd[:6] == pytest.approx(np.full(6, first))
    assert case.uses_usd[0] == pytest.approx(1e6 + first)


def test_the_reserve_is_given_back_when_the_sweep_has_repaid_the_loan() -> None:
    flow = _with_reserve(LoanTerms("s", 4e5, 0.10, 48), sweep=1.0).waterfall
    repaid = int(np.flatnonzero(flow.senior_balance_usd > 0)[-1]) + 1
    assert repaid < 20
    assert flow.reserve_usd[repaid - 1] > 0 and not flow.reserve_usd[repaid + 1 :].any()


def test_the_reserve_does_not_save_up_for_a_lump() -> None:
    flow = _with_reserve(LoanTerms("s", 4e5, 0.12, 24, "interest_only")).waterfall
    assert flow.reserve_usd[:21] == pytest.approx(np.full(21, 12_000.0))
    assert (flow.distributions_usd[1:24] > 0).all()


@pytest.mark.parametrize("own", [{"sweep_frac": 0.5}, {"reserve_months": 3}])
def test_a_loan_in_a_company_has_no_sweep_or_reserve_of_its_own(own: dict[str, Any]) -> None:
    with pytest.raises(PlanError, match="by its rules"):
        run_spv(Spv("x", LoanTerms("s", 4e5, 0.1, 24, **own)), CAPEX, RECEIPTS, OPEX)


def test_paths_share_the_lenders_case() -> None:
    paths = RECEIPTS * np.array([[0.5], [1.0]])
    case = run_spv(Spv("x", SENIOR), CAPEX, paths, OPEX, sized_on_usd=RECEIPTS - OPEX)
    alone = run_spv(Spv("x", SENIOR), CAPEX, RECEIPTS, OPEX)
    assert case.senior.balance_usd.ndim == 1
    assert case.equity_flow_usd[1] == pytest.approx(alone.equity_flow_usd)
    assert case.waterfall.unpaid_usd[0].any() and not case.waterfall.unpaid_usd[1].any()


FLOW = np.array([-1e6, *[24_000.0] * MONTHS])
LEVEL = LoanTerms("level", None, 0.10, 48, dscr=1.0)


@given(st.floats(1.05, 3), st.integers(6, 60), st.sampled_from(["sculpted", "level", "linear"]))
def test_while_all_is_paid_a_company_is_its_statement(dscr: float, months: int, kind: str) -> None:
    """Two ways to the same owner: cash in its order of payment, and the sums of a month."""
    loan = LoanTerms("senior", None, 0.10, months, kind, dscr=dscr, fee_frac=0.01)
    let = Sale("hours", 50_000.0, Price(1.0, -0.15))
    machine = Asset(name="m", paid_usd_per_unit=1e6, resale_frac_per_year=0.0, sales=(let,))
    staff = Cost("staff", 8_000.0)
    s = statement(Project(months=MONTHS, assets=(machine,), costs=(staff,), loans=(loan,)))
    case = run_spv(Spv("company", loan), s.capex_usd, s.revenue_usd, s.opex_usd)
    assert case.waterfall.senior_balance_usd == pytest.approx(s.balance_usd, abs=1e-6)
    assert case.equity_flow_usd == pytest.approx(s.equity_flow_usd, abs=1e-6)


def test_debt_cheaper_than_the_project_raises_the_owners_return() -> None:
    rows = leverage_of_returns(FLOW, LEVEL, (0.0, 0.3, 0.6))
    project = yearly_rate(irr(FLOW.tolist()))
    assert [row.project_irr_frac for row in rows] == [pytest.approx(project)] * 3
    assert rows[0].equity_irr_frac == pytest.approx(project) and rows[0].debt_rate_frac is None
    assert rows[1].debt_rate_frac == pytest.approx((1 + 0.1 / 12) ** 12 - 1)
    equity = [row.equity_irr_frac or 0.0 for row in rows]
    assert equity[0] < equity[1] < equity[2]


def test_debt_dearer_than_the_project_lowers_it() -> None:
    dear = LoanTerms("dear", None, 0.30, 48, dscr=1.0)
    equity = [
        row.equity_irr_frac or 0.0 for row in leverage_of_returns(FLOW, dear, (0.0, 0.3, 0.5))
    ]
    assert equity[0] > equity[1] > equity[2]


def test_a_loan_above_the_cost_leaves_no_return() -> None:
    (row,) = leverage_of_returns(FLOW, LEVEL, (1.2,))
    assert row.equity_irr_frac is None or row.equity_irr_frac > 1


@pytest.mark.parametrize(
    "ask",
    [
        lambda: leverage_of_returns(FLOW[:40], LEVEL, (0.5,)),
        lambda: leverage_of_returns(-FLOW, LEVEL, (0.5,)),
        lambda: leverage_of_returns(np.stack([FLOW, FLOW]), LEVEL, (0.5,)),
        lambda: run_spv(Spv("x", SENIOR), CAPEX, RECEIPTS * 0.1, OPEX),
    ],
)
def test_what_cannot_be_is_refused(ask: object) -> None:
    with pytest.raises(PlanError) as caught:
        ask()  # type: ignore[operator]
    assert caught.value.hint
