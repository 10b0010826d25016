"""A price on a grid: the moments of its process, and options whose value is published."""

from __future__ import annotations

import numpy as np
import pytest

from wattmill.core.errors import PlanError
from wattmill.finance.lattice import certain, lattice
from wattmill.finance.processes import PriceProcess, log_moments

RENT = PriceProcess(2.35, 2.0, -0.27, 9, 0.35, 1.6, 0.25, 9)


@pytest.mark.parametrize(
    "process", [RENT, PriceProcess(1, 2, -0.2, 6, 0.3), PriceProcess(1, 1, 0, np.inf, 0.5)]
)
def test_the_grid_has_the_mean_and_the_variance_of_the_process(process: PriceProcess) -> None:
    months = 36
    grid = lattice(process, months)
    chance = np.zeros(grid.prices.shape[1])
    chance[grid.start] = 1
    mean, variance = log_moments(process, months)
    for month in range(1, months + 1):
        chance = chance @ grid.transition
        logs = np.log(grid.prices[month])
        assert chance.sum() == pytest.approx(1)
        assert chance @ logs == pytest.approx(mean[month], abs=1e-6)
        assert chance @ logs**2 - (chance @ logs) ** 2 == pytest.approx(variance[month], rel=1e-4)


@pytest.mark.parametrize(
    ("spot", "volatility", "years", "value"),
    # Longstaff and Schwartz 2001, doi:10.1093/rfs/14.1.113, table 1: finite differences.
    [(36, 0.2, 1, 4.478), (36, 0.2, 2, 4.840), (40, 0.2, 1, 2.314), (44, 0.4, 2, 5.647)],
)
def test_puts_that_can_be_exercised_fifty_times_a_year(
    spot: float, volatility: float, years: int, value: float
) -> None:
    strike, rate, step = 40.0, 0.06, 1 / 50
    dates = 50 * years
    process = PriceProcess(  # a month of the grid is a fiftieth of a year of the option
        start=spot,
        anchor=spot,
        anchor_frac_per_year=float(np.exp((rate - volatility**2 / 2) * step * 12)) - 1,
        half_life_months=np.inf,
        volatility_frac_per_year=volatility * float(np.sqrt(step * 12)),
    )
    grid = lattice(process, dates, substeps=8)
    worth = np.maximum(strike - grid.prices[dates], 0)
    for date in reversed(range(1, dates)):
        held = np.exp(-rate * step) * grid.expected(worth)
        worth = np.maximum(held, strike - grid.prices[date])
    european_or_more = np.exp(-rate * step) * grid.expected(worth)
    assert european_or_more[grid.start] == pytest.approx(value, rel=1.5e-3)


def test_a_price_without_shocks_has_one_level() -> None:
    grid = lattice(PriceProcess(2.0, 1.0, 0.0, 6), 12)
    assert grid.prices[[0, 6, 12], 0] == pytest.approx([2.0, np.sqrt(2), 2**0.25])
    assert certain(3, 5.0).prices.tolist() == [[5.0]] * 4


def test_a_scarce_start_is_a_scarce_node() -> None:
    now = PriceProcess(1, 1, 0, 6, 0.3, 1.5, 0.2, 6, scarce_now=True)
    grid = lattice(now, 12)
    assert grid.start >= grid.calm_nodes
    assert grid.prices[0, grid.start] == 1


def test_scarcity_without_shocks_is_not_carried() -> None:
    with pytest.raises(PlanError, match="scarcity needs a price that moves"):
        lattice(PriceProcess(1, 1, 0, 6, 0.0, 1.5, 0.2, 6), 12)
