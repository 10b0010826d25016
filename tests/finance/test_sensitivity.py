"""Tornado and Sobol indices against functions whose answers are known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from wattmill.core.errors import PlanError
from wattmill.finance.sensitivity import sobol_indices, tornado

A, B = 7.0, 0.1
ANGLES = dict.fromkeys(("x1", "x2", "x3"), (-np.pi, np.pi))


def ishigami(x: Mapping[str, Any]) -> Any:
    return np.sin(x["x1"]) + A * np.sin(x["x2"]) ** 2 + B * x["x3"] ** 4 * np.sin(x["x1"])


def test_the_indices_of_ishigami_and_homma() -> None:
    alone = (1 + B * np.pi**4 / 5) ** 2 / 2
    second, together = A**2 / 8, B**2 * np.pi**8 * 8 / 225
    whole = alone + second + together
    found = sobol_indices(ishigami, ANGLES)
    assert [i.name for i in found] == ["x1", "x2", "x3"]
    firsts = np.array([alone, second, 0]) / whole
    totals = np.array([alone + together, second, together]) / whole
    for index, first, total in zip(found, firsts, totals, strict=True):
        assert index.first == pytest.approx(first, abs=4 * index.first_error + 1e-9)
        assert index.total == pytest.approx(total, abs=4 * index.total_error + 1e-9)
        assert index.first_error < 0.02
        assert index.total_error < 0.02


def test_shares_of_a_sum_are_the_variances() -> None:
    found = sobol_indices(lambda x: 3 * x["a"] + 4 * x["b"] + 100, {"a": (0, 1), "b": (0, 1)})
    assert [i.first for i in found] == pytest.approx([0.36, 0.64], abs=0.01)
    assert [i.total for i in found] == pytest.approx([0.36, 0.64], abs=0.01)


def test_an_inert_input_explains_nothing() -> None:
    inert = sobol_indices(lambda x: x["a"] ** 2, {"a": (1, 2), "b": (0, 1)})[1]
    assert (inert.first, inert.total) == (0, 0)


def test_a_seed_fixes_the_indices() -> None:
    first, again, other = (sobol_indices(ishigami, ANGLES, count=64, seed=s) for s in (3, 3, 4))
    assert first == again != other


@pytest.mark.parametrize(
    ("ranges", "count", "message"),
    [
        ({}, 64, "0 inputs"),
        ({"a": (0.0, 1.0)}, 100, "100 points"),
        ({"a": (1.0, 0.0)}, 64, "a from 1 to 0"),
        ({"a": (2.0, 2.0)}, 64, "does not depend"),
    ],
)
def test_ranges_that_cannot_be(
    ranges: dict[str, tuple[float, float]], count: int, message: str
) -> None:
    with pytest.raises(PlanError, match=message):
        sobol_indices(lambda x: np.asarray(x["a"]), ranges, count=count)


def test_a_model_must_answer_with_finite_numbers() -> None:
    with pytest.raises(PlanError, match="one finite number"):
        sobol_indices(lambda x: x["a"] * np.inf, {"a": (1, 2)}, count=8)


def margin(x: Mapping[str, float]) -> float:
    return x["rent"] * 730 * x["load"] - x["power"] * 730


BASE = {"rent": 2.0, "load": 0.7, "power": 0.1}


def test_the_longest_bar_is_first() -> None:
    bars = tornado(margin, BASE, {"power": (0.05, 0.2), "rent": (1.0, 3.0), "load": (0.6, 0.8)})
    assert [bar.name for bar in bars] == ["rent", "load", "power"]
    assert [bar.swing for bar in bars] == pytest.approx([1022, 292, 109.5])
    assert bars[2].at_low > margin(BASE) > bars[2].at_high


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        ({"rents": (1.0, 3.0)}, "'rents'"),
        ({"rent": (3.0, 1.0)}, "not within"),
        ({"rent": (2.5, 3.0)}, "rent = 2 is not within 2.5 to 3"),
    ],
)
def test_a_bar_encloses_a_known_value(ranges: dict[str, tuple[float, float]], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        tornado(margin, BASE, ranges)
