"""The straight line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.core.errors import PlanError
from wattmill.finance.depreciation import amortisation_usd_per_month, book_value_usd


def test_by_hand() -> None:
    assert amortisation_usd_per_month(72_000, 36) == 2000
    assert amortisation_usd_per_month(72_000, 36, 7_200) == 1800
    assert book_value_usd(72_000, 36, 12, 7_200) == 50_400
    assert book_value_usd(72_000, 36, 99, 7_200) == 7_200


@given(st.floats(0, 1e9), st.integers(1, 600), st.floats(0, 1))
def test_wear_and_rest_add_up(paid: float, life: int, part: float) -> None:
    resale, age = paid * part / 2, life * part
    worn = amortisation_usd_per_month(paid, life, resale) * age
    assert worn + book_value_usd(paid, life, age, resale) == pytest.approx(paid)


@pytest.mark.parametrize(
    ("paid", "life", "resale"), [(-1, 36, 0), (1, 0, 0), (1, 36, 2), (float("nan"), 36, 0)]
)
def test_impossible_machines_are_refused(paid: float, life: int, resale: float) -> None:
    with pytest.raises(PlanError, match="cannot be"):
        amortisation_usd_per_month(paid, life, resale)
    with pytest.raises(PlanError, match="an age of -1"):
        book_value_usd(1, 36, -1)
