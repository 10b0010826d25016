"""From which load, at which price, until which month."""

from __future__ import annotations

import numpy as np
import pytest

from tests.finance.projects import server
from wattmill.core.errors import PlanError
from wattmill.finance.assets import Power, Price, Sale
from wattmill.finance.break_even import (
    Crossover,
    break_even_price,
    crossover,
    level,
)
from wattmill.finance.cashflow import npv_paths
from wattmill.finance.project import Project
from wattmill.finance.statement import statement
from wattmill.finance.tax import TaxTerms


def _rented(usd: float, tax: bool = False) -> Project:
    asset = server(
        sales=(Sale("gpu_hours", 700.0, Price(usd, -0.2, "rent")),), busy_kw_per_unit=10.0
    )
    terms = TaxTerms(0.3) if tax else None
    return Project(months=36, assets=(asset,), power=Power(Price(0.1)), tax=terms)


def test_at_the_break_even_rent_the_project_is_worth_nothing() -> None:
    s = statement(_rented(8.0))
    rent = break_even_price(0.01, s.capex_usd + s.opex_usd - s.resale_usd, s.sold["gpu_hours"])
    level_rent = server(
        sales=(Sale("gpu_hours", 700.0, Price(float(rent))),), busy_kw_per_unit=10.0
    )
    flow = statement(
        Project(months=36, assets=(level_rent,), power=Power(Price(0.1)))
    ).project_flow_usd
    assert npv_paths(0.01, flow) == pytest.approx(0, abs=1e-6)


def test_with_tax_the_rent_is_searched_for() -> None:
    def value(rent: float) -> float:
        return float(npv_paths(0.01, statement(_rented(rent, tax=True)).project_flow_usd))

    rent = level(value, 1.0, 50.0)
    assert rent is not None and value(rent) == pytest.approx(0, abs=1e-5)
    assert level(value, 40.0, 50.0) is None


def test_a_level_at_an_end_and_an_empty_range() -> None:
    assert level(lambda x: x, 0.0, 1.0) == 0
    assert level(lambda x: x - 1, 0.0, 1.0) == 1
    with pytest.raises(PlanError, match="no range"):
        level(lambda x: x, 1.0, 1.0)


@pytest.mark.parametrize(
    ("revenue", "found"),
    [
        ([0, 5, 3, 1, 1], Crossover(3, 3)),
        ([0, 5, 1, 5, 1], Crossover(2, 4)),  # rents recovered
        ([0, 5, 1, 5, 5], Crossover(2, None)),
        ([0, 5, 5, 5, 5], Crossover(None, None)),
        ([0, 1, 1, 1, 1], Crossover(1, 1)),
    ],
)
def test_switching_off_for_once_and_for_good(revenue: list[float], found: Crossover) -> None:
    opex = np.array([0.0, 2, 2, 2, 2])
    assert crossover(np.array(revenue, dtype=float), opex) == found


def test_what_sells_nothing_has_no_break_even() -> None:
    with pytest.raises(PlanError, match="nothing is sold"):
        break_even_price(0.0, np.ones(2), np.zeros(2))
    with pytest.raises(PlanError, match="one path"):
        crossover(np.ones((2, 3)), np.ones(3))
