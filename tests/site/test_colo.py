"""Colocation: who takes a deployment, and the first year in full."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.catalog.facilities import colo_fee, colo_rule, colo_rules
from wattmill.core.errors import PlanError
from wattmill.site.colo import ColoPrice, ColoUse, Deployment, quote, refusals

RACK = Deployment(1, 44.0)


def takers(deployment: Deployment) -> set[str]:
    return {rule.name for rule in colo_rules() if not refusals(deployment, rule)}


def test_a_dense_rack_on_air_is_refused_everywhere() -> None:
    assert "44 kW per rack on air, 25 at the most" in refusals(RACK, colo_rule("retail"))
    assert not takers(RACK)


def test_spread_or_cooled_by_liquid_it_is_taken() -> None:
    assert "retail" in takers(Deployment(2, 22.0))
    wet = takers(Deployment(1, 44.0, is_liquid=True))
    assert wet == {"high-density"}  # 44 kW are too few for the largest


def test_each_reason_is_given() -> None:
    assert refusals(Deployment(1, 10.0, is_liquid=True), colo_rule("retail")) == (
        "no liquid cooling",
    )
    assert refusals(Deployment(1, 10.0), colo_rule("tier-1")) == (
        "10 kW is less than the 100 kW it takes",
    )
    assert len(refusals(RACK, colo_rule("tier-1"))) == 2


@pytest.mark.parametrize(("end", "usd"), [("low", 68_640), ("high", 118_800)])
def test_44_kw_for_a_year_at_market_rates(end: str, usd: float) -> None:
    found = quote(RACK, ColoPrice(getattr(colo_fee("power"), end)))
    assert found.first_year_usd == pytest.approx(usd)


def test_every_line_by_hand() -> None:
    price = ColoPrice(
        150, usd_per_kwh=0.1, pue=1.5, overage_usd_per_kw_month=300, setup_usd=5000,
        rack_usd_per_month=200, cross_connect_usd_per_month=250, remote_hands_usd_per_hour=200,
    )  # fmt: skip
    found = quote(RACK, price, ColoUse(40, 30, cross_connects=2, remote_hands_hours_per_month=3))
    monthly = {line.name: line.usd_per_month for line in found.lines if line.usd_per_month}
    assert monthly == pytest.approx({
        "committed power": 6000, "power above the committed": 1200,
        "energy": 30 * 1.5 * 730 * 0.1, "racks": 200, "cross connects": 500, "remote hands": 600,
    })  # fmt: skip
    assert found.once_usd == 5000
    assert found.all_in_usd_per_kw_month == pytest.approx(found.first_year_usd / 12 / 44)


prices = st.builds(
    ColoPrice,
    usd_per_kw_month=st.floats(0, 500),
    usd_per_kwh=st.none() | st.floats(0, 1),
    least_kw=st.floats(0, 100),
    setup_usd=st.floats(0, 1e5),
    cross_connect_usd_per_month=st.floats(0, 500),
)


@given(prices, st.integers(1, 20), st.floats(1, 60), st.integers(0, 9))
def test_lines_add_up_and_the_least_is_paid(
    price: ColoPrice, racks: int, kw: float, connects: int
) -> None:
    deployment = Deployment(racks, kw)
    found = quote(deployment, price, ColoUse(cross_connects=connects))
    assert sum(line.first_year_usd for line in found.lines) == pytest.approx(found.first_year_usd)
    assert found.billed_kw == max(deployment.kw, price.least_kw)
    assert found.first_year_usd >= 12 * found.billed_kw * price.usd_per_kw_month * (1 - 1e-9)


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (ColoUse(committed_kw=40), "4 kW above what is committed"),
        (ColoUse(mean_kw=45), "mean of 45 kW cannot be"),
    ],
)
def test_what_cannot_be_quoted(use: ColoUse, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        quote(RACK, ColoPrice(150, usd_per_kwh=0.1), use)


@pytest.mark.parametrize("deployment", [Deployment(0, 10.0), Deployment(1, 0.0)])
def test_nothing_is_no_deployment(deployment: Deployment) -> None:
    with pytest.raises(PlanError, match="cannot be"):
        quote(deployment, ColoPrice(150))


@pytest.mark.parametrize(
    ("price", "message"),
    [(ColoPrice(-1), "usd_per_kw_month = -1"), (ColoPrice(100, pue=0.9), "PUE of 0.9"),
     (ColoPrice(100, setup_usd=float("nan")), "setup_usd = nan")],
)  # fmt: skip
def test_a_price_that_cannot_be(price: ColoPrice, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        quote(Deployment(1, 10), price)
