"""What machines without power cost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from wattmill.core.errors import PlanError
from wattmill.finance.delay import DarkFleet, delay_cost, delay_risk

FLEET = DarkFleet(
    value_usd=30e6,
    value_frac_per_year=-0.36,
    financed_usd=20e6,
    interest_frac_per_year=0.12,
    standing_usd_per_month=50_000,
    margin_usd_per_month=900_000,
    margin_frac_per_year=-0.25,
    damages_usd_per_month=100_000,
    contract_margin_usd_per_month=200_000,
    contract_months=24,
    long_stop_months=9,
)


def test_a_year_in_the_dark() -> None:
    cost = delay_cost(FLEET, 12)
    assert cost.interest_usd == pytest.approx(2.4e6)
    assert cost.lost_value_usd == pytest.approx(10.8e6)
    assert cost.standing_usd == pytest.approx(600_000)
    assert cost.damages_usd == pytest.approx(900_000)  # until the customer may leave
    assert cost.lost_contract_usd == pytest.approx(4.8e6)
    assert cost.total_usd == pytest.approx(2.4e6 + 10.8e6 + 0.6e6 + 0.9e6 + 4.8e6)


def test_months_that_are_not_earned_are_shown_beside_it() -> None:
    factor = 0.75 ** (1 / 12)
    expected = 900_000 * (1 + factor + 0.5 * factor**2)
    assert delay_cost(FLEET, 2.5).lost_margin_usd == pytest.approx(expected)
    flat = replace(FLEET, margin_frac_per_year=0.0)
    assert delay_cost(flat, 2.5).lost_margin_usd == pytest.approx(2.25e6)


def test_power_in_time_costs_nothing() -> None:
    cost = delay_cost(FLEET, 0)
    assert cost.total_usd == 0
    assert cost.lost_margin_usd == 0


@given(st.floats(0, 60), st.floats(0, 60))
def test_later_is_never_cheaper(one: float, other: float) -> None:
    early, late = sorted((one, other))
    totals = delay_cost(FLEET, [early, late]).total_usd
    assert totals[0] <= totals[1] + 1e-6


def test_a_customer_who_waits_is_not_lost() -> None:
    patient = replace(FLEET, long_stop_months=None)
    cost = delay_cost(patient, [8.0, 40.0])
    assert cost.lost_contract_usd.tolist() == [0, 0]
    assert cost.damages_usd == pytest.approx([800_000, 4e6])
    assert delay_risk(patient, [8.0, 40.0]).contract_lost_frac == 0


def test_risk_over_delays_that_may_come() -> None:
    delays = np.array([0.0, 3, 6, 9, 12])
    risk = delay_risk(FLEET, delays)
    totals = delay_cost(FLEET, delays).total_usd
    assert risk.mean_months == 6
    assert risk.mean_usd == pytest.approx(totals.mean())
    assert risk.percentiles_usd["P50"] == pytest.approx(totals[2])
    assert risk.contract_lost_frac == 0.4
    parts = {k: v for k, v in risk.mean_by_part_usd.items() if k != "lost_margin_usd"}
    assert sum(parts.values()) == pytest.approx(risk.mean_usd)
    # The contract is lost in the tail, which the cost of the mean delay does not show.
    assert risk.mean_usd > delay_cost(FLEET, 6).total_usd


@pytest.mark.parametrize(
    ("fields", "months", "message"),
    [
        ({}, -1.0, "below 0"),
        ({}, float("nan"), "below 0"),
        ({"value_frac_per_year": 0.1}, 3.0, "0.1 a year"),
        ({"interest_frac_per_year": -1.0}, 3.0, "interest_frac_per_year"),
        ({"financed_usd": -1.0}, 3.0, "financed_usd"),
    ],
)
def test_a_delay_that_cannot_be(fields: dict[str, float], months: float, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        delay_cost(replace(FLEET, **fields), months)


def test_risk_needs_a_delay() -> None:
    with pytest.raises(PlanError, match="no delays"):
        delay_risk(FLEET, [])
