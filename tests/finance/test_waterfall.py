"""The waterfall: no dollar is lost or made, and each is paid in its order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from wattmill.core.errors import PlanError
from wattmill.finance import debt
from wattmill.finance.debt import LoanTerms
from wattmill.finance.reserve import service_ahead_usd
from wattmill.finance.waterfall import (
    PAYMENTS,
    Rules,
    Waterfall,
    waterfall,
)

Floats = NDArray[np.float64]
MONTHS = 12
SENIOR = debt.schedule(LoanTerms("s", 1200.0, 0.0, MONTHS, "linear"))
"""100 USD of principal each month, no interest, so that every sum is a whole number."""
MEZZANINE = debt.schedule(LoanTerms("m", 240.0, 0.0, MONTHS, "linear"))


def cash(value: float) -> Floats:
    return np.array([0.0, *[value] * MONTHS])


WHOLE = st.lists(st.integers(0, 400), min_size=13, max_size=13).map(
    lambda usd: np.array(usd, dtype=float)
)
RULES = st.builds(
    Rules,
    reserve_months=st.integers(0, 4),
    reserve_usd=st.integers(0, 500).map(float),
    sweep_frac=st.sampled_from([0.0, 0.5, 1.0]),
    lockup_dscr=st.sampled_from([None, 1.0, 1.25]),
)


@given(WHOLE, WHOLE, RULES, st.booleans())
def test_cash_is_conserved_exactly(
    receipts: Floats, opex: Floats, rules: Rules, mezzanine: bool
) -> None:
    flow = waterfall(receipts, opex, SENIOR, MEZZANINE if mezzanine else None, rules)
    assert flow.conserved_usd.tolist() == [0.0] * 13
    kept = flow.reserve_usd[-1] + flow.held_usd[-1]
    paid = sum(getattr(flow, name).sum() for name in PAYMENTS)
    assert receipts.sum() + rules.reserve_usd == paid + kept
    stocks = (*PAYMENTS, "reserve_usd", "held_usd", "senior_balance_usd", "mezzanine_balance_usd")
    assert min(getattr(flow, name).min() for name in stocks) >= 0


@given(WHOLE, WHOLE, RULES)
def test_nobody_is_paid_before_those_above(receipts: Floats, opex: Floats, rules: Rules) -> None:
    flow = waterfall(receipts, opex, SENIOR, MEZZANINE, rules)
    short = flow.unpaid_usd > 0
    below = flow.sweep_usd + flow.mezzanine_principal_usd + flow.distributions_usd
    assert not below[short].any()
    assert not flow.held_usd[short].any()
    owes_mezzanine = flow.mezzanine_balance_usd > MEZZANINE.balance_usd
    assert not flow.distributions_usd[owes_mezzanine].any()


@given(WHOLE, WHOLE, RULES)
def test_debts_fall_by_what_is_paid(receipts: Floats, opex: Floats, rules: Rules) -> None:
    flow = waterfall(receipts, opex, SENIOR, MEZZANINE, rules)
    repaid = (flow.senior_principal_usd + flow.sweep_usd).cumsum()
    assert flow.senior_balance_usd.tolist() == (1200 - repaid).tolist()
    assert (
        flow.mezzanine_balance_usd.tolist()
        == (240 - flow.mezzanine_principal_usd.cumsum()).tolist()
    )


def test_with_enough_cash_all_is_as_scheduled() -> None:
    senior = debt.schedule(LoanTerms("s", 1000.0, 0.12, MONTHS))
    mezzanine = debt.schedule(LoanTerms("m", 200.0, 0.2, MONTHS, "bullet"))
    flow = waterfall(cash(500), cash(50), senior, mezzanine)
    assert flow.senior_interest_usd == pytest.approx(senior.interest_usd)
    assert flow.senior_principal_usd == pytest.approx(senior.principal_usd)
    assert flow.mezzanine_balance_usd == pytest.approx(mezzanine.balance_usd)
    assert flow.unpaid_usd.any() == False  # noqa: E712
    assert flow.distributions_usd[-1] == pytest.approx(
        450 - senior.service_usd[-1] - mezzanine.service_usd[-1]
    )


def one(rules: Rules, *receipts: float, opex: float = 0.0) -> Waterfall:
    months = np.array([0.0, *receipts, *[0.0] * (MONTHS - len(receipts))])
    return waterfall(months, np.where(months > 0, opex, 0.0), SENIOR, None, rules)


def test_the_reserve_pays_service_and_is_filled_again_before_the_owners() -> None:
    flow = one(Rules(reserve_months=2, reserve_usd=200), 150, 30, 250, 200)
    assert flow.senior_principal_usd[1:5].tolist() == [100, 100, 100, 100]
    assert flow.reserve_usd[:5].tolist() == [200, 200, 130, 200, 200]
    assert flow.distributions_usd[1:5].tolist() == [50, 0, 80, 100]


def test_the_reserve_is_given_back_when_no_service_is_to_come() -> None:
    flow = waterfall(cash(150), cash(0), SENIOR, None, Rules(reserve_months=2, reserve_usd=200))
    assert flow.reserve_usd[-3:].tolist() == [200, 100, 0]
    assert flow.distributions_usd[-3:].tolist() == [50, 150, 150]


def test_arrears_are_caught_up() -> None:
    flow = one(Rules(), 100, 40, 130, 200)
    assert flow.senior_principal_usd[1:5].tolist() == [100, 40, 130, 130]
    assert flow.unpaid_usd[1:5].tolist() == [0, 60, 30, 0]
    assert flow.distributions_usd[4] == 70


def test_unpaid_interest_is_owed_with_interest() -> None:
    senior = debt.schedule(LoanTerms("s", 1000.0, 0.12, MONTHS, "interest_only"))
    receipts = cash(0)
    receipts[3] = 1000
    flow = waterfall(receipts, cash(0), senior)
    assert flow.senior_balance_usd[2] == pytest.approx(1020.1)
    assert flow.senior_interest_usd[3] == pytest.approx(10.201)
    assert flow.senior_principal_usd[3] == pytest.approx(20.1)


def test_what_was_swept_is_not_asked_for_again() -> None:
    flow = one(Rules(sweep_frac=0.5), 500, 100, 100)
    assert flow.sweep_usd[1] == 200
    assert flow.senior_principal_usd[1:4].tolist() == [100, 0, 0]
    assert flow.sweep_usd[2] == 50


def test_a_lock_up_keeps_cash_until_the_cover_is_back() -> None:
    flow = one(Rules(lockup_dscr=1.25), 120, 120, 90, 200)
    assert flow.held_usd[1:5].tolist() == [20, 40, 30, 0]
    assert flow.distributions_usd[1:5].tolist() == [0, 0, 0, 130]


def test_reserve_targets_look_ahead() -> None:
    service = np.array([0.0, 1, 2, 3, 4])
    assert service_ahead_usd(service, 2).tolist() == [3, 5, 7, 4, 0]
    assert service_ahead_usd(service, 0).tolist() == [0] * 5
    assert service_ahead_usd(service[None, :], 9).tolist() == [[10, 9, 7, 4, 0]]


@given(st.lists(WHOLE, min_size=2, max_size=3), RULES)
def test_paths_are_what_each_would_be_alone(receipts: list[Floats], rules: Rules) -> None:
    together = waterfall(np.stack(receipts), cash(20), SENIOR, MEZZANINE, rules)
    assert together.conserved_usd.tolist() == [[0.0] * 13] * len(receipts)
    for path, one_path in enumerate(receipts):
        alone = waterfall(one_path, cash(20), SENIOR, MEZZANINE, rules)
        for name in (*PAYMENTS, "reserve_usd", "unpaid_usd"):
            assert getattr(together, name)[path].tolist() == getattr(alone, name).tolist()


@pytest.mark.parametrize(
    ("receipts", "opex", "rules"),
    [
        (-1.0, 0.0, Rules()),
        (1.0, -1.0, Rules()),
        (1.0, 0.0, Rules(reserve_months=-1)),
        (1.0, 0.0, Rules(reserve_usd=-1)),
        (1.0, 0.0, Rules(sweep_frac=1.5)),
    ],
)
def test_what_cannot_be_is_refused(receipts: float, opex: float, rules: Any) -> None:
    with pytest.raises(PlanError) as caught:
        waterfall(cash(receipts), cash(opex), SENIOR, None, rules)
    assert caught.value.hint
