"""Random prices against their closed forms, and what makes them recover."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from wattmill.core.errors import PlanError
from wattmill.finance.processes import Paths, PriceProcess, log_moments, paths, recovered_frac

MONTHS = 60
# USD/h of an H100: 2.35 in spring 2026, half a year after 1.70; perf/$ grows by 37 % a year.
RENT = PriceProcess(
    start=2.35,
    anchor=2.0,
    anchor_frac_per_year=1 / 1.37 - 1,
    half_life_months=9,
    volatility_frac_per_year=0.35,
    scarcity_factor=1.6,
    scarcity_starts_per_year=0.25,
    scarcity_months=9,
)
CALM = PriceProcess(1.0, 2.0, -0.2, 6, 0.3)


def one(process: PriceProcess, count: int = 4096, seed: int = 1, months: int = MONTHS) -> Paths:
    return paths({"rent": process}, None, months, count, seed)


@pytest.mark.parametrize("process", [RENT, CALM, PriceProcess(1, 1, 0.1, np.inf, 0.5)])
def test_mean_and_variance_of_the_logarithm_are_those_of_the_closed_form(
    process: PriceProcess,
) -> None:
    mean, variance = log_moments(process, MONTHS)
    logs = np.log(one(process, 8192)["rent"])
    assert logs.mean(axis=0) == pytest.approx(mean, abs=0.012)
    assert logs.var(axis=0)[1:] == pytest.approx(variance[1:], rel=0.06)


def test_ornstein_uhlenbeck_in_numbers() -> None:
    # κ = ln 2 / 6: after six months half of ln(1/2) is left, and σ²/2κ (1 - 1/4) of variance is there.
    mean, variance = log_moments(CALM, 6)
    assert mean[6] == pytest.approx(np.log(2 * np.sqrt(0.8)) + 0.5 * np.log(0.5))
    assert variance[6] == pytest.approx(0.09 / 12 / (2 * np.log(2) / 6) * 0.75)


def test_scarcity_is_as_frequent_as_the_chain_says() -> None:
    sharp = PriceProcess(1, 1, 0, 1e-3, 0, 2.0, 0.5, 8)  # reverts at once: the price is the regime
    scarce = one(sharp, 8192)["rent"] > 1.5
    start, end = 0.5 / 12, 1 / 8
    t = np.arange(MONTHS + 1)
    expected = start / (start + end) * (1 - np.exp(-(start + end) * t))
    assert scarce.mean(axis=0) == pytest.approx(expected, abs=0.02)


def test_scarcity_that_is_there_now_ends() -> None:
    sharp = PriceProcess(2, 1, 0, 1e-3, 0, 2.0, 0.0, 8, scarce_now=True)
    scarce = one(sharp, 8192)["rent"] > 1.5
    assert scarce.mean(axis=0) == pytest.approx(np.exp(-np.arange(MONTHS + 1) / 8), abs=0.02)


def test_a_rent_rises_again_by_a_third_on_most_paths_as_it_did() -> None:
    rents = one(RENT)["rent"]
    # From 1.70 to 2.35 was +38 %.
    assert recovered_frac(rents, 0.38) == pytest.approx(0.77, abs=0.1)
    assert np.median(rents[:, -1]) < 0.5 * RENT.start


def test_without_shocks_and_scarcity_a_falling_price_never_recovers() -> None:
    certain = PriceProcess(2.35, 2.0, -0.27, 9)
    assert recovered_frac(one(certain, 4)["rent"], 1e-9) == 0
    assert recovered_frac(np.array([[2.0, 1.0, 1.4], [2.0, 1.0, 1.2]]), 0.38) == 0.5


def test_paths_start_today_and_are_named() -> None:
    drawn = paths({"rent": RENT, "power": CALM}, None, 12, 8, 1)
    assert (drawn.count, drawn.months, drawn.names) == (8, 12, ("rent", "power"))
    assert (drawn["rent"][:, 0] == 2.35).all()
    assert drawn.get("resale") is None
    assert "power" in drawn
    assert drawn.rows(2, 5)["power"] == pytest.approx(drawn["power"][2:5])
    with pytest.raises(PlanError, match="'rents'") as caught:
        drawn["rents"]
    assert "rent, power" in caught.value.hint


def test_a_seed_fixes_every_number_and_another_seed_none() -> None:
    first, again, other = (one(RENT, 32, seed)["rent"] for seed in (7, 7, 8))
    assert (first == again).all()
    assert (first[:, 1:] != other[:, 1:]).all()


def test_correlations_are_recovered_from_the_shocks() -> None:
    steady = PriceProcess(1, 1, 0, np.inf, 0.3)
    names = {"rent": steady, "token_price": steady, "power": steady}
    asked = {"rent:token_price": 0.6, "rent:power": -0.3}
    drawn = paths(names, asked, MONTHS, 2048, 1)
    shocks = np.array([np.diff(np.log(drawn[name])).ravel() for name in names])
    assert np.corrcoef(shocks) == pytest.approx(
        np.array([[1, 0.6, -0.3], [0.6, 1, 0], [-0.3, 0, 1]]), abs=0.01
    )


def test_one_price_that_is_fully_correlated_is_the_other() -> None:
    drawn = paths({"rent": CALM, "resale": CALM}, {"rent:resale": 1.0}, 24, 16, 1)
    assert drawn["rent"] == pytest.approx(drawn["resale"])


def test_correlated_scarcity_comes_together() -> None:
    sharp = PriceProcess(1, 1, 0, 1e-3, 0, 2.0, 0.5, 8)
    apart = paths({"a": sharp, "b": sharp}, None, MONTHS, 4096, 1)
    close = paths({"a": sharp, "b": sharp}, {"a:b": 0.9}, MONTHS, 4096, 1)

    def both(drawn: Paths) -> float:
        return float(((drawn["a"] > 1.5) & (drawn["b"] > 1.5)).mean())

    assert both(close) > 1.5 * both(apart)


def test_quasi_random_means_are_closer_than_pseudo_random_ones() -> None:
    mean, variance = log_moments(CALM, MONTHS)
    known = np.exp(mean + variance / 2)[1:].sum()  # of a log-normal sum over months

    def error(quasi: bool) -> float:
        sums = [
            paths({"rent": CALM}, None, MONTHS, 512, seed, quasi=quasi)["rent"][:, 1:].sum(axis=1)
            for seed in range(12)
        ]
        return float(np.sqrt(np.mean([(each.mean() - known) ** 2 for each in sums])))

    assert error(quasi=True) < error(quasi=False) / 4


@settings(max_examples=25, deadline=None)
@given(
    half_life=st.floats(0.5, 60),
    volatility=st.floats(0, 1),
    factor=st.floats(0.5, 3),
    count=st.integers(1, 40),
)
def test_every_price_is_positive_and_finite(
    half_life: float, volatility: float, factor: float, count: int
) -> None:
    process = PriceProcess(1, 2, -0.3, half_life, volatility, factor, 0.5, 6)
    drawn = one(process, count, months=18)["rent"]
    assert drawn.shape == (count, 19)
    assert (drawn > 0).all()
    assert np.isfinite(drawn).all()


@pytest.mark.parametrize(
    "fields",
    [
        {"start": 0.0},
        {"anchor": -1.0},
        {"anchor_frac_per_year": -1.0},
        {"half_life_months": 0.0},
        {"volatility_frac_per_year": -0.1},
        {"volatility_frac_per_year": float("nan")},
        {"scarcity_factor": 0.0},
        {"scarcity_starts_per_year": -1.0},
        {"scarcity_months": 0.0},
    ],
)
def test_a_parameter_that_cannot_be_is_named(fields: dict[str, float]) -> None:
    process = replace(PriceProcess(1.0, 1.0), **fields)
    with pytest.raises(PlanError, match=f"{next(iter(fields))} .*'rent'") as caught:
        one(process, 4)
    assert caught.value.hint


def test_scarcity_needs_a_price_that_reverts() -> None:
    with pytest.raises(PlanError, match="never moves towards scarcity"):
        one(PriceProcess(1, 1, 0, np.inf, 0.3, 1.5, 0.2, 6), 4)


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(PlanError, match="0 prices"):
        paths({}, None, 12, 8, 1)
