"""Electricity contracts: month by month, against each other, by the hour."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.core.errors import PlanError
from wattmill.site.contracts import (
    Band,
    Contract,
    bill,
    billed_kw,
    break_even_escalation,
    present_value_usd,
    prices_usd_per_kwh,
    tou_usd_per_kwh,
)

TARIFF = Contract("tariff", 0.10)


def test_a_flat_tariff_by_hand() -> None:
    assert bill(TARIFF, 12, 100.0).total_usd == pytest.approx([7300.0] * 12)


def test_prices_step_on_the_anniversary() -> None:
    prices = prices_usd_per_kwh(Contract("tariff", 0.10, 0.05), 25)
    assert prices[:12] == pytest.approx([0.10] * 12)
    assert prices[12:24] == pytest.approx([0.105] * 12)
    assert prices[24] == pytest.approx(0.11025)


@given(st.floats(0.01, 0.5), st.floats(-0.1, 0.3), st.integers(1, 20))
def test_years_are_a_geometric_series(price: float, escalation: float, years: int) -> None:
    paid = bill(Contract("tariff", price, escalation), 12 * years, 1.0).total_usd.sum()
    assert paid == pytest.approx(price * 8760 * sum((1 + escalation) ** y for y in range(years)))


def test_a_ppa_and_what_follows_it() -> None:
    locked = Contract("ppa", 0.06, months=24, then=Contract("spot", 0.09, 0.10))
    prices = prices_usd_per_kwh(locked, 48)
    assert prices[23:25] == pytest.approx([0.06, 0.09])
    assert prices[36] == pytest.approx(0.099)
    with pytest.raises(PlanError, match="ends after 24 of 48"):
        prices_usd_per_kwh(Contract("ppa", 0.06, months=24), 48)


def test_paths_move_only_what_is_spot() -> None:
    locked = Contract("ppa", 0.06, months=2, then=Contract("spot", 0.09))
    paths = np.full((5, 4), 0.2) * np.arange(1, 6)[:, None]
    usd = bill(locked, 4, 1.0, spot_usd_per_kwh=paths).energy_usd
    assert usd.shape == (5, 4)
    assert usd[:, :2] == pytest.approx(np.full((5, 2), 0.06 * 730))
    assert usd[:, 2:] == pytest.approx(paths[:, 2:] * 730)


def test_demand_and_fixed_charges() -> None:
    contract = Contract("tariff", 0.1, demand_usd_per_kw_month=15, fixed_usd_per_month=200)
    found = bill(contract, 3, 50.0, [80.0, 100.0, 60.0])
    assert found.demand_usd == pytest.approx([1200, 1500, 900])
    assert found.fixed_usd == pytest.approx([200] * 3)
    assert found.total_usd == pytest.approx(found.demand_usd + 200 + 3650)


def test_a_ratchet_remembers_a_year() -> None:
    peaks = np.array([100.0] + [10.0] * 14)
    assert billed_kw(peaks, 0.8) == pytest.approx([100] + [80] * 12 + [10] * 2)
    assert billed_kw(peaks, 0.0) == pytest.approx(peaks)


def test_take_or_pay() -> None:
    contract = Contract("ppa", 0.05, contract_kw=100.0, take_frac=0.8)
    found = bill(contract, 2, [50.0, 95.0]).energy_usd
    assert found == pytest.approx([80 * 730 * 0.05, 95 * 730 * 0.05])
    with pytest.raises(PlanError, match="contract_kw"):
        bill(Contract("ppa", 0.05, take_frac=0.8), 2, 50.0)


def test_present_value_of_a_level_bill() -> None:
    monthly = (1.12) ** (1 / 12) - 1
    annuity = (1 - (1 + monthly) ** -60) / monthly
    assert present_value_usd(np.full(60, 1000.0), 0.12) == pytest.approx(1000 * annuity)
    assert present_value_usd(np.full((3, 60), 1000.0), 0.0) == pytest.approx([60e3] * 3)


@given(st.floats(0.03, 0.2), st.floats(0.03, 0.2), st.floats(0, 0.2))
def test_at_the_break_even_both_cost_the_same(ppa: float, spot: float, rate: float) -> None:
    locked, free = Contract("ppa", ppa), Contract("spot", spot)
    found = break_even_escalation(locked, free, 60, 10.0, rate)
    if found is None:  # a spot price that must fall by half or double each year
        ratio = ppa / spot
        assert ratio < 0.5 or ratio > 4
        return
    moved = Contract("spot", spot, found)
    worth = [present_value_usd(bill(c, 60, 10.0).total_usd, rate) for c in (locked, moved)]
    assert worth[0] == pytest.approx(worth[1], rel=1e-9)
    assert (found > 0) == (ppa > spot) or found == pytest.approx(0, abs=1e-9)


def test_by_the_hour() -> None:
    bands = [
        Band("peak", 16, 21, 0.30, is_weekday=True),
        Band("night", 22, 6, 0.05),
        Band("day", 0, 24, 0.10),
    ]
    hours = 5 * 5 * 0.30 + 7 * 8 * 0.05 + (168 - 25 - 56) * 0.10
    assert tou_usd_per_kwh(bands) == pytest.approx(hours / 168)
    only_night = [1.0 if h < 6 else 0.0 for h in range(24)]
    assert tou_usd_per_kwh(bands, only_night) == pytest.approx(0.05)


@given(st.lists(st.floats(0.01, 10), min_size=24, max_size=24))
def test_one_price_for_every_hour_is_that_price(load: list[float]) -> None:
    assert tou_usd_per_kwh([Band("all", 0, 24, 0.17)], load) == pytest.approx(0.17)


def test_what_cannot_be_billed() -> None:
    with pytest.raises(PlanError, match="no band"):
        tou_usd_per_kwh([Band("peak", 16, 21, 0.3)])
    with pytest.raises(PlanError, match="24 loads"):
        tou_usd_per_kwh([Band("all", 0, 24, 0.3)], [1.0])
    with pytest.raises(PlanError, match="a load cannot be"):
        bill(TARIFF, 2, 50.0, 40.0)
    with pytest.raises(PlanError, match=r"usd_per_kwh = -0\.1 cannot be"):
        bill(Contract("tariff", -0.1), 2, 50.0)
    with pytest.raises(PlanError, match=r"take_frac = 1\.5"):
        bill(Contract("ppa", 0.05, take_frac=1.5, contract_kw=100), 2, 50.0)
    with pytest.raises(PlanError, match="ratchet"):
        billed_kw(np.ones(3), 1.5)
