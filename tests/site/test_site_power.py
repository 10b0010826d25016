"""Watts to kW at the meter and USD a month."""

from __future__ import annotations

import pytest

from wattmill.core.errors import PlanError
from wattmill.site.power import colo_usd_per_month, energy_usd_per_month, over_cap_kw, site_kw


def test_by_hand() -> None:
    assert site_kw(2000, 1.3) == 2.6
    assert energy_usd_per_month(1000, 1.0, 0.10) == pytest.approx(73.0)
    assert colo_usd_per_month(2000, 150) == 300.0


def test_the_cap() -> None:
    assert over_cap_kw(2.6, None) is None
    assert over_cap_kw(2.6, 3.0) == 0.0
    assert over_cap_kw(3.5, 3.0) == 0.5


@pytest.mark.parametrize(("it_w", "pue"), [(-1, 1.2), (1, 0.9), (float("nan"), 1.2)])
def test_impossible_power_is_refused(it_w: float, pue: float) -> None:
    with pytest.raises(PlanError, match="cannot be"):
        site_kw(it_w, pue)


@pytest.mark.parametrize("price", [-0.1, float("nan"), float("inf")])
def test_an_impossible_price_is_refused(price: float) -> None:
    with pytest.raises(PlanError, match=r"power_usd_per_kwh = .* cannot be"):
        energy_usd_per_month(1.0, 1.0, price)
