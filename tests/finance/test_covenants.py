"""Cover, loan to value and duration: a level loan on decaying rent, and what always holds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.core.errors import PlanError
from wattmill.finance import covenants, debt
from wattmill.finance.annuity import pmt
from wattmill.finance.debt import LoanTerms

RENT = np.array([0.0, *(100 * 0.8**t for t in range(5))])
"""Cash of five years that falls by a fifth each year, index 0 is today."""


def test_level_debt_on_decaying_rent_breaks_its_own_covenant() -> None:
    """Sized by sculpting at 1.30 and repaid level, the same debt is below 1.30 in its third year,
    and cannot be paid from cash in its fourth."""
    owed = float(debt.debt_capacity(RENT[1:], 0.12, 1.30))
    assert owed == pytest.approx(195.6888384419, abs=5e-11)
    payment = -float(pmt(0.12, 5, owed))
    assert payment == pytest.approx(54.2859882160, abs=5e-11)

    level = np.array([0.0, *[payment] * 5])
    covers = covenants.dscr(RENT, level)
    assert covers[1:].round(4).tolist() == [1.8421, 1.4737, 1.1789, 0.9432, 0.7545]
    assert covers[1:].round(2).tolist() == [1.84, 1.47, 1.18, 0.94, 0.75]
    assert covenants.first_below(covers, 1.30) == 3
    assert covenants.first_below(covers, 1.0) == 4


def test_the_same_debt_sculpted_keeps_its_covenant_and_covers_its_life() -> None:
    principal = debt.sculpted_principal(RENT[1:], 0.12, 1.30)
    owed = np.append(principal[::-1].cumsum()[::-1], 0.0)
    service = np.array([0.0, *(principal + 0.12 * owed[:-1])])
    covers = covenants.dscr(RENT, service)
    assert covers[1:] == pytest.approx(np.full(5, 1.30))
    assert covenants.first_below(covers, 1.30 - 1e-9) == np.inf
    assert covenants.llcr(RENT, owed, 0.12, 5)[:5] == pytest.approx(np.full(5, 1.30))


def test_the_same_by_month() -> None:
    cfads = np.array([0.0, *(100 / 12 * 0.8 ** (t // 12) for t in range(60))])
    sculpted = debt.schedule(LoanTerms("s", None, 0.12, 60, "sculpted", dscr=1.30), cfads)
    level = debt.schedule(LoanTerms("l", float(sculpted.balance_usd[0]), 0.12, 60), cfads)
    flat = covenants.dscr(cfads, sculpted.service_usd, trailing_months=12)
    assert flat[1:] == pytest.approx(np.full(60, 1.30))
    broken = covenants.first_below(covenants.dscr(cfads, level.service_usd, 12), 1.30, 3)
    assert 24 < broken <= 36
    llcr = covenants.llcr(cfads, level.balance_usd, 0.01, 60)
    assert llcr[0] == pytest.approx(1.30)


def test_cover_of_the_last_year_begins_with_the_first_service() -> None:
    cfads, service = np.array([0.0, 50, 60, 30]), np.array([0.0, 0, 20, 20])
    assert covenants.dscr(cfads, service, 2).tolist() == [np.inf, np.inf, 3.0, 90 / 40]
    done = np.array([0.0, 20, 0, 0, 0])
    assert covenants.dscr(np.full(5, 10.0), done, 2)[-2:].tolist() == [np.inf, np.inf]


MONEY = st.lists(st.floats(0, 1e6), min_size=2, max_size=24).map(np.array)


@given(MONEY, st.floats(0.01, 1e6), st.floats(0, 0.05))
def test_a_project_covers_no_less_than_its_loan(
    cfads: np.ndarray, owed: float, rate: float
) -> None:
    balance = np.full(len(cfads), owed)
    project = covenants.plcr(cfads, balance, rate)
    loan = covenants.llcr(cfads, balance, rate, len(cfads) // 2)
    assert (project >= loan * (1 - 1e-12)).all()
    present = (cfads[1:] * (1 + rate) ** -np.arange(1.0, len(cfads))).sum()
    assert project[0] == pytest.approx(present / owed)
    assert project[-1] == 0


def test_nothing_owed_is_covered_and_not_under_water() -> None:
    none = np.zeros(3)
    assert covenants.plcr(np.ones(3), none, 0.01).tolist() == [np.inf] * 3
    assert covenants.ltv(none, none).tolist() == [0.0] * 3
    assert covenants.ltv(np.ones(1), np.zeros(1)).tolist() == [np.inf]


@given(st.floats(0.3, 0.9), st.floats(0.01, 0.08), st.floats(0.02, 0.2))
def test_the_loan_is_under_water_in_the_first_month_said(
    share: float, decay: float, rate: float
) -> None:
    loan = debt.schedule(LoanTerms("l", 1000 * share, rate, 36))
    value = 1000 * (1 - decay) ** np.arange(37.0)
    month = float(covenants.underwater_months(loan.balance_usd, value))
    sunk = np.flatnonzero(loan.balance_usd > value)
    assert month == (sunk[0] if len(sunk) else np.inf)
    ratio = covenants.ltv(loan.balance_usd, value)
    assert (ratio[: int(min(month, 37))] <= 1).all()
    assert month == np.inf or ratio[int(month)] > 1


def test_where_linear_debt_crosses_decaying_value_by_hand() -> None:
    balance = np.array([90.0, 80, 70, 60, 50, 0])
    value = np.array([100.0, 85, 68, 61, 49, 40])
    assert covenants.underwater_months(balance, value) == 2
    assert covenants.first_above(covenants.ltv(balance, value), 0.95, every_months=3) == 3


def test_months_by_path_and_of_one_path() -> None:
    ratio = np.array([[2.0, 1.1, 1.4, 1.1], [2.0, 2.0, 2.0, 2.0], [1.0, 2.0, 2.0, 1.2]])
    assert covenants.first_below(ratio, 1.2).tolist() == [1, np.inf, np.inf]  # today is no test
    assert covenants.first_below(ratio, 1.25, every_months=3).tolist() == [3, np.inf, 3]


def test_durations_of_a_bond_by_hand() -> None:
    bond = [0, 5, 5, 105]
    worth = 5 / 1.04 + 5 / 1.04**2 + 105 / 1.04**3
    weighted = 5 / 1.04 + 2 * 5 / 1.04**2 + 3 * 105 / 1.04**3
    assert covenants.macaulay_duration(0.04, bond) == pytest.approx(weighted / worth)
    assert covenants.modified_duration(0.04, bond) == pytest.approx(weighted / worth / 1.04)
    assert covenants.macaulay_duration(0.1, [0, 0, 7]) == pytest.approx(2)


def test_the_gaps_between_contract_debt_and_machine() -> None:
    loan = debt.schedule(LoanTerms("l", 600.0, 0.0, 60, "linear"))
    gap = covenants.duration_gap(loan.balance_usd, contract_months=24, life_months=48)
    assert (gap.debt_months, gap.uncontracted_months, gap.outlived_months) == (60, 36, 12)
    assert gap.owed_at_contract_end_usd == pytest.approx(360)
    assert gap.owed_at_life_end_usd == pytest.approx(120)
    slack = covenants.duration_gap(loan.balance_usd, contract_months=72, life_months=72)
    assert (slack.uncontracted_months, slack.owed_at_contract_end_usd) == (-12, 0)
    assert covenants.duration_gap(np.zeros(5), 24, 48).debt_months == 0


def test_debt_that_is_never_repaid_has_no_end() -> None:
    gap = covenants.duration_gap(np.array([100.0, 60.0, 20.0]), contract_months=1, life_months=2)
    assert gap.debt_months == gap.uncontracted_months == gap.outlived_months == np.inf
    assert (gap.owed_at_contract_end_usd, gap.owed_at_life_end_usd) == (60, 20)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: covenants.dscr(RENT, -RENT),
        lambda: covenants.trailing(RENT, 0),
        lambda: covenants.ltv(RENT, -RENT),
        lambda: covenants.plcr(RENT, RENT, -1.0),
        lambda: covenants.first_below(RENT, 1.0, 0),
        lambda: covenants.duration_gap(np.ones((2, 2)), 1, 1),
        lambda: covenants.macaulay_duration(0.1, [-1, 0]),
    ],
)
def test_what_cannot_be_is_refused(ask: object) -> None:
    with pytest.raises(PlanError) as caught:
        ask()  # type: ignore[operator]
    assert caught.value.hint
