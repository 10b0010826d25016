"""Levelised cost of token: published examples, and parts that add up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.finance.projects import prices_for, projects, server
from wattmill.core.errors import PlanError
from wattmill.finance.assets import Power, Price, Sale
from wattmill.finance.cashflow import lcot_usd_per_mtok, npv_paths
from wattmill.finance.lcot import (
    cost_parts,
    effective_usd_per_mtok,
    lcot,
    lcot_by_meter,
    lcot_by_part,
)
from wattmill.finance.project import Project
from wattmill.finance.statement import statement

FLOW = st.lists(st.floats(0, 1e6), min_size=6, max_size=6).map(np.array)
MADE = st.lists(st.floats(0.1, 1e3), min_size=6, max_size=6).map(np.array)


def test_four_years_of_a_machine_that_makes_a_tenth_less_each_year() -> None:
    costs = np.array([1e6, 150e3, 150e3, 150e3, 150e3])
    mtok = np.array([0.0, *(2e6 * 0.9 ** (k - 1) for k in range(1, 5))])
    assert lcot(0.12, costs, mtok) == pytest.approx(0.2746247, abs=5e-8)
    sooner = np.array([0.0, *(2e6 * 0.9**k for k in range(1, 5))])
    assert lcot(0.12, costs, sooner) == pytest.approx(0.3051386, abs=5e-8)


@given(st.floats(-0.5, 1), FLOW, MADE)
def test_it_is_the_figure_of_cashflow_for_every_path(
    rate: float, costs: np.ndarray, mtok: np.ndarray
) -> None:
    many = lcot(rate, np.stack([costs, 2 * costs]), mtok)
    alone = lcot_usd_per_mtok(rate, costs.tolist(), (1e6 * mtok).tolist())
    assert many == pytest.approx([alone, 2 * alone])


def test_an_hour_of_opencost() -> None:
    """Its worked example: 3.20 USD an hour, 12 Mtok in (0.8 of them cached), 3 out, half of the time each."""
    cost = effective_usd_per_mtok(3.20, 12.0, 0.8, 3.0, prefill_frac=0.5)
    assert cost.blended == pytest.approx(0.2133, abs=5e-5)
    assert cost.input == pytest.approx(0.142857, abs=5e-7)
    assert cost.output == pytest.approx(0.53333, abs=5e-6)


@given(st.floats(0.1, 1e3), st.floats(1, 1e3), st.floats(0, 0.9), st.floats(0.1, 1e3))
def test_input_and_output_pay_for_the_hour(usd: float, made: float, hit: float, out: float) -> None:
    cost = effective_usd_per_mtok(usd, made, made * hit, out)
    assert cost.input * made * (1 - hit) + cost.output * out == pytest.approx(usd)
    assert cost.output == pytest.approx(2.5 * cost.input), "the ratio that is assumed without times"


@given(st.floats(0, 0.2), FLOW, MADE, MADE, MADE, st.floats(0.1, 50), st.floats(0, 5))
def test_kinds_of_token_pay_for_everything(
    rate: float, costs: np.ndarray, fresh: np.ndarray, cached: np.ndarray, out: np.ndarray,
    decode: float, hit: float,
) -> None:  # fmt: skip
    mtok = {"input": fresh, "cached": cached, "output": out}
    seconds = {"input": 1.0, "cached": hit, "output": decode}
    found = lcot_by_meter(rate, costs, mtok, seconds)
    paid = sum(found[name] * npv_paths(rate, mtok[name]) for name in mtok)
    assert paid == pytest.approx(float(npv_paths(rate, costs)), abs=1e-6)
    assert found["output"] == pytest.approx(decode * found["input"])


def test_cached_tokens_that_take_no_time_cost_nothing() -> None:
    made = {"input": np.ones(3), "cached": np.ones(3)}
    found = lcot_by_meter(0.0, np.ones(3), made, {"input": 2.0, "cached": 0.0})
    assert found["cached"] == 0 and found["input"] == 1


def test_parts_of_a_projects_cost() -> None:
    asset = server(
        sales=(Sale("output", 500.0, Price(3.0)),), resale_frac_per_year=0.5, busy_kw_per_unit=10.0
    )
    s = statement(Project(months=24, assets=(asset,), power=Power(Price(0.1))))
    parts = lcot_by_part(0.01, cost_parts(s), s.sold["output"])
    whole = lcot(0.01, s.capex_usd + s.opex_usd - s.resale_usd, s.sold["output"])
    assert sum(parts.values()) == pytest.approx(whole)
    assert parts["resale"] < 0 < parts["power"]


@given(projects())
def test_parts_of_any_projects_cost_add_up(project: Project) -> None:
    s = statement(project, prices_for(project.months))
    total = s.capex_usd + s.opex_usd - s.resale_usd
    found = sum(cost_parts(s).values(), np.zeros(1))
    assert np.abs(found - total).max() <= 1e-9 * (1 + np.abs(total).max())


def test_what_has_no_cost_of_a_token_says_so() -> None:
    with pytest.raises(PlanError, match="no tokens"):
        lcot(0.0, np.ones(2), np.zeros(2))
    with pytest.raises(PlanError, match="cached: Mtok or seconds are missing"):
        lcot_by_meter(0.0, np.ones(2), {"cached": np.ones(2)}, {})
    with pytest.raises(PlanError, match="no work"):
        lcot_by_meter(0.0, np.ones(2), {"cached": np.ones(2)}, {"cached": 0.0})
    with pytest.raises(PlanError, match="no two costs"):
        effective_usd_per_mtok(1.0, 1.0, 1.0, 1.0)
