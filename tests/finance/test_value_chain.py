"""Chains of payments: each dollar once, and money that comes back."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattmill.core.errors import PlanError
from wattmill.finance.value_chain import (
    MOST_FLOWS,
    Circle,
    Flow,
    Kind,
    cascade,
    gross_usd,
    net_usd,
    revenue_usd,
    round_trip_usd,
    value_added_usd,
)

CHAIN = [Flow("users", "apps", 100), Flow("apps", "clouds", 60), Flow("clouds", "chips", 50)]
CIRCLE = [
    Flow("maker", "lab", 30, "stake"),
    Flow("lab", "cloud", 60),
    Flow("cloud", "maker", 40),
    Flow("users", "lab", 25),
]


def test_each_dollar_of_a_chain_counts_once() -> None:
    assert (gross_usd(CHAIN), net_usd(CHAIN)) == (210, 100)
    assert revenue_usd(CHAIN) == {"apps": 100, "clouds": 60, "chips": 50}
    assert value_added_usd(CHAIN) == {"apps": 40, "clouds": 10, "chips": 50}


def test_a_chain_without_a_way_back_has_no_round_trips() -> None:
    assert round_trip_usd(CHAIN) == 0
    assert cascade(CHAIN).circles == ()


def test_a_stake_that_comes_back_as_sales_is_a_round_trip() -> None:
    found = cascade(CIRCLE)
    (circle,) = found.circles
    assert circle == Circle(("maker", "lab", "cloud"), circle.usd)
    assert circle.usd == pytest.approx(30)
    assert found.round_trip_usd == pytest.approx(60)  # two sales of the circle
    assert (found.gross_usd, found.net_usd, found.intra_usd) == (125, 25, 100)
    assert found.fresh_usd == pytest.approx(25)  # users got nothing from the chain
    assert found.value_added_usd["lab"] == -35  # it lives on the stake


def test_a_buyer_whom_the_seller_funds_is_no_fresh_sale() -> None:
    deal = [Flow("maker", "vehicle", 1.9, "stake"), Flow("lenders", "vehicle", 3.5, "stake")]
    found = cascade([*deal, Flow("vehicle", "maker", 5.4)])
    assert found.net_usd == pytest.approx(5.4)
    assert found.fresh_usd == pytest.approx(3.5)
    assert found.round_trip_usd == pytest.approx(1.9)


def test_the_narrowest_payment_bounds_a_circle() -> None:
    flows = [Flow("a", "b", 9e9), Flow("b", "c", 2e9), Flow("c", "a", 5e9)]
    assert round_trip_usd(flows) == pytest.approx(6e9)


def test_a_circle_of_stakes_alone_is_no_round_trip() -> None:
    flows = [Flow("a", "b", 5, "stake"), Flow("b", "a", 5, "stake"), Flow("u", "a", 1)]
    assert round_trip_usd(flows) == 0
    assert cascade(flows).circles == ()


def test_circles_that_share_a_payment_share_its_amount() -> None:
    flows = [Flow("a", "b", 10), Flow("b", "a", 4), Flow("b", "c", 9), Flow("c", "a", 3)]
    assert {c.members: round(c.usd, 6) for c in cascade(flows).circles} == {
        ("a", "b"): 4,
        ("a", "b", "c"): 3,
    }
    assert round_trip_usd(flows) == pytest.approx(4 + 4 + 3 + 3 + 3)


NAMES = st.sampled_from("abcd")
KINDS: st.SearchStrategy[Kind] = st.sampled_from(("sale", "sale", "stake"))


@st.composite
def payments(draw: st.DrawFn, most: int = 12, usd: int = 50) -> list[Flow]:
    count = draw(st.integers(1, most))
    pairs = st.tuples(NAMES, NAMES).filter(lambda pair: pair[0] != pair[1])
    return [Flow(*draw(pairs), float(draw(st.integers(0, usd))), draw(KINDS)) for _ in range(count)]


@settings(max_examples=40, deadline=None)
@given(payments())
def test_a_chain_adds_up(flows: list[Flow]) -> None:
    found = cascade(flows)
    assert sum(found.revenue_usd.values()) == pytest.approx(found.gross_usd)
    assert sum(found.value_added_usd.values()) == pytest.approx(found.net_usd, abs=1e-6)
    assert found.net_usd + found.intra_usd == pytest.approx(found.gross_usd)
    assert -1e-6 <= found.fresh_usd <= found.net_usd + 1e-6
    assert found.round_trip_usd <= found.gross_usd + 1e-6


@settings(max_examples=40, deadline=None)
@given(payments())
def test_circles_are_paid_out_of_the_flows_and_make_up_the_round_trips(flows: list[Flow]) -> None:
    left = {(p, q): 0.0 for f in flows for p, q in [(f.payer, f.payee)]}
    for f in flows:
        left[f.payer, f.payee] += f.usd
    for circle in cascade(flows).circles:
        for pair in zip(circle.members, (*circle.members[1:], circle.members[0]), strict=True):
            left[pair] -= circle.usd
    assert min(left.values()) >= -1e-6
    assert (round_trip_usd(flows) > 1e-6) == bool(cascade(flows).circles)


def _by_trying(flows: list[Flow]) -> float:
    """The greatest circulation of whole dollars, which is the greatest of all."""
    best = 0.0
    for tried in product(*(range(int(f.usd) + 1) for f in flows)):
        balance = dict.fromkeys("abcd", 0)
        for flow, usd in zip(flows, tried, strict=True):
            balance[flow.payer] -= usd
            balance[flow.payee] += usd
        if not any(balance.values()):
            sales = (u for f, u in zip(flows, tried, strict=True) if f.kind == "sale")
            best = max(best, float(sum(sales)))
    return best


@settings(max_examples=25, deadline=None)
@given(payments(most=6, usd=3))
def test_round_trips_are_those_that_trying_everything_finds(flows: list[Flow]) -> None:
    assert round_trip_usd(flows) == pytest.approx(_by_trying(flows), abs=1e-6)


@pytest.mark.parametrize(
    "flows",
    [
        [],
        [Flow("a", "a", 1)],
        [Flow("a", "b", -1)],
        [Flow("a", "b", float("nan"))],
        [Flow("a", "b", 1)] * (MOST_FLOWS + 1),
    ],
)
def test_what_is_no_chain_is_refused(flows: list[Flow]) -> None:
    with pytest.raises(PlanError) as caught:
        cascade(flows)
    assert caught.value.hint
