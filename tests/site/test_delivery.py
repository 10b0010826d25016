"""Losses of chains: nothing appears or disappears, and load changes them as it does in metal."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.catalog.electrical import Stage, chain, chains
from wattmill.core.errors import PlanError
from wattmill.site import delivery
from wattmill.site.delivery import deliver, stage_loss_w

CHAINS = st.sampled_from(chains())


def a_stage(fixed: float = 0.0, square: float = 0.0) -> Stage:
    return Stage(
        name="s", efficiency_frac=0.9, at_load_frac=0.5, fixed_frac=fixed, square_frac=square,
        side="it", source="a test", as_of="2026-01",
    )  # fmt: skip


@given(CHAINS, st.floats(1, 1e8), st.one_of(st.none(), st.floats(0.05, 1.0)))
def test_what_goes_in_comes_out_or_is_lost(of: object, load: float, load_frac: float) -> None:
    found = deliver(load, of, load_frac)  # type: ignore[arg-type]
    assert found.loss_w == pytest.approx(sum(s.loss_w for s in found.stages))
    assert found.input_w == found.stages[0].input_w
    for before, after in zip(found.stages, found.stages[1:], strict=False):
        assert before.input_w - before.loss_w == pytest.approx(after.input_w)
    assert found.pue_part * found.machines_w == pytest.approx(found.input_w)


@given(CHAINS)
def test_at_its_own_load_a_chain_is_the_product_of_its_stages(of: object) -> None:
    product = math.prod(s.efficiency_frac for s in of.stages)  # type: ignore[attr-defined]
    assert deliver(1e5, of).efficiency_frac == pytest.approx(product)  # type: ignore[arg-type]


@given(CHAINS, st.floats(1, 1e7), st.floats(0.1, 1.0), st.floats(0.1, 10))
def test_losses_grow_with_the_load(of: object, load: float, at: float, times: float) -> None:
    one, other = deliver(load, of, at), deliver(load * times, of, at)  # type: ignore[arg-type]
    assert other.loss_w == pytest.approx(times * one.loss_w)


@pytest.mark.parametrize(
    ("stage", "quarter"),
    [(a_stage(fixed=1.0), 1.0), (a_stage(square=1.0), 0.25), (a_stage(), 0.5)],
    ids=["fixed", "square", "linear"],
)
def test_parts_of_a_loss_at_half_of_the_known_load(stage: Stage, quarter: float) -> None:
    known = stage_loss_w(stage, 500, 1000)
    assert known == pytest.approx(500 / 0.9 - 500)
    assert stage_loss_w(stage, 250, 1000) == pytest.approx(quarter * known)


def test_idle_stages_lose_their_fixed_part() -> None:
    assert stage_loss_w(a_stage(fixed=0.4), 0, 1000) == pytest.approx(0.4 * 500 / 9)


def test_a_site_of_two_halves_runs_worse_than_a_full_one() -> None:
    ups = chain("415v")
    assert deliver(1e6, ups, 0.3).loss_w > deliver(1e6, ups).loss_w


def test_input_and_load_are_two_bases() -> None:
    assert delivery.loss_of_input_w(1000, 0.85) - delivery.loss_of_input_w(
        1000, 0.95
    ) == pytest.approx(100)
    assert delivery.loss_of_load_w(1000, 0.85) - delivery.loss_of_load_w(
        1000, 0.95
    ) == pytest.approx(123.84, rel=1e-4)


@given(st.floats(0.5, 1.0), st.floats(1, 1e7))
def test_of_the_load_is_never_less_than_of_the_input(efficiency: float, watts: float) -> None:
    assert delivery.loss_of_load_w(watts, efficiency) >= delivery.loss_of_input_w(
        watts, efficiency
    ) * (1 - 1e-9)


def test_a_cascade_of_equal_stages() -> None:
    assert delivery.equal_stages(0.97, 4) == pytest.approx(0.97**4)
    assert delivery.chain_efficiency((0.97,) * 4) == pytest.approx(0.97**4)
    assert delivery.chain_efficiency(()) == 1


def test_money_of_a_loss_by_hand() -> None:
    """100 kW at 6.5 cents for 8,760 hours, and a quarter more to cool it."""
    assert delivery.energy_kwh_per_year(100_000) == 876_000
    assert delivery.loss_usd_per_year(100_000, 0.065) == pytest.approx(56_940)
    assert delivery.loss_usd_per_year(100_000, 0.065, 0.25) == pytest.approx(71_175)
    assert delivery.loss_usd_per_year(100_000, 0.065, 0.25, 0.5) == pytest.approx(35_587.5)


@pytest.mark.parametrize("wrong", [0.0, -0.1, 1.01, float("nan")])
def test_an_impossible_efficiency_is_refused(wrong: float) -> None:
    with pytest.raises(PlanError, match="no efficiency"):
        delivery.loss_of_load_w(1000, wrong)
