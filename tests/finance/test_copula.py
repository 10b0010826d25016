"""Correlated normals, spread evenly where it counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.core.errors import PlanError
from wattmill.finance.copula import (
    Normals,
    correlation_matrix,
    mixing,
    slow_modes,
    sobol_uniforms,
)

THREE = ("rent", "power", "resale")


def test_pairs_become_a_symmetric_matrix() -> None:
    matrix = correlation_matrix(THREE, {"resale:rent": 0.5})
    assert matrix.tolist() == [[1, 0, 0.5], [0, 1, 0], [0.5, 0, 1]]


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ({"rent:rents": 0.5}, "not two of the prices"),
        ({"rent:rent": 0.5}, "not two of the prices"),
        ({"rent": 0.5}, "not two of the prices"),
        ({"rent:power": 1.01}, "1.01"),
        ({"rent:power": float("nan")}, "nan"),
        ({"rent:power": 0.5, "power:rent": 0.4}, "twice"),
    ],
)
def test_pairs_that_cannot_be(pairs: dict[str, float], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        correlation_matrix(THREE, pairs)


@given(st.lists(st.floats(-1, 1), min_size=9, max_size=9))
def test_mixing_gives_the_matrix_back(numbers: list[float]) -> None:
    rows = np.array(numbers).reshape(3, 3) + 2 * np.eye(3)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    factor = mixing(rows @ rows.T)
    assert factor @ factor.T == pytest.approx(rows @ rows.T, abs=1e-12)


def test_shares_that_contradict_each_other_are_refused_with_a_way_out() -> None:
    pairs = {"rent:power": 0.9, "power:resale": 0.9, "rent:resale": -0.9}
    with pytest.raises(PlanError, match="cannot hold together") as caught:
        mixing(correlation_matrix(THREE, pairs))
    assert "0.555" in caught.value.hint
    mixing(correlation_matrix(THREE, {pair: 0.555 * each for pair, each in pairs.items()}))


@pytest.mark.parametrize("months", [1, 2, 12, 121])
def test_modes_are_orthonormal_and_the_first_are_slow(months: int) -> None:
    modes = slow_modes(months)
    assert modes @ modes.T == pytest.approx(np.eye(months), abs=1e-12)
    turns = (np.diff(np.sign(modes)) != 0).sum(axis=1)
    assert turns.tolist() == list(range(months))


@pytest.mark.parametrize("even", [True, False])
def test_normals_are_standard_and_independent(even: bool) -> None:
    normals = Normals(4096, 2, 5, even=even)
    drawn = normals.modes(20).reshape(40, -1)
    assert drawn.mean(axis=1) == pytest.approx(0, abs=0.08)
    assert np.cov(drawn) == pytest.approx(np.eye(40), abs=0.1)


def test_spells_never_end_and_are_no_modes() -> None:
    normals = Normals(64, 3, 5)
    spells = normals.spells()
    drawn = np.array([next(spells) for _ in range(9)])
    assert drawn.shape == (9, 3, 64)
    assert (
        len(np.unique(np.concatenate([drawn.ravel(), normals.modes(30).ravel()]))) > 0.99 * 39 * 192
    )


def test_sobol_points_are_even_and_never_at_an_end() -> None:
    points = sobol_uniforms(256, 3, np.random.default_rng(1))
    assert 0 < points.min() < points.max() < 1
    for column in points.T:
        assert sorted((column * 256).astype(int)) == list(range(256))
    assert sobol_uniforms(5, 3, np.random.default_rng(1)).shape == (5, 3)
