"""The bank's table: a published one, and cents that add up."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.core.errors import PlanError
from wattmill.finance.amortisation import level_payment_usd
from wattmill.finance.debt import amortisation_table


def test_a_published_table() -> None:
    rows = amortisation_table(100_000, "0.01", 36)
    assert {row.payment_usd for row in rows[:-1]} == {Decimal("3321.43")}
    assert rows[-1].payment_usd == Decimal("3321.46")
    assert sum(row.interest_usd for row in rows) == Decimal("19571.51")
    stated = {
        1: ("1000.00", "2321.43", "97678.57"),
        2: ("976.79", "2344.64", "95333.93"),
        12: ("731.48", "2589.95", "70558.46"),
        24: ("403.01", "2918.42", "37382.99"),
        35: ("65.45", "3255.98", "3288.57"),
        36: ("32.89", "3288.57", "0.00"),
    }
    for period, figures in stated.items():
        row = rows[period - 1]
        found = (row.interest_usd, row.principal_usd, row.balance_usd)
        assert (row.period, *map(str, found)) == (period, *figures)


def test_a_payment_to_many_digits() -> None:
    """Stated as 304.1459143262052370338701494 (28-digit arithmetic): exact to 23 digits only."""
    stated = Fraction("304.1459143262052370338701494")
    rate = Fraction(8, 1200)
    exact = 15_000 * rate / (1 - (1 + rate) ** -60)
    assert Fraction(1, 10**23) < abs(stated - exact) < Fraction(2, 10**23)
    payment = level_payment_usd(Decimal(15_000), Decimal("0.08") / 12, 60)
    assert abs(Fraction(payment) - exact) < Fraction(1, 10**22)  # a twelfth of 8 % is rounded


@given(st.integers(100_00, 10**9), st.integers(0, 300), st.integers(1, 60))
def test_cents_add_up(cents: int, basis_points: int, periods: int) -> None:
    principal = Decimal(cents) / 100
    rows = amortisation_table(principal, Decimal(basis_points) / 10_000, periods)
    assert len(rows) == periods
    assert sum(row.principal_usd for row in rows) == principal
    assert rows[-1].balance_usd == 0
    assert len({row.payment_usd for row in rows[:-1]}) <= 1
    assert all(row.payment_usd == row.interest_usd + row.principal_usd for row in rows)


@pytest.mark.parametrize(
    ("principal", "rate", "periods"),
    [("0", "0.01", 12), ("10.001", "0.01", 12), ("10", "-0.01", 12), ("10", "0.01", 0)],
)
def test_what_cannot_be_is_refused(principal: str, rate: str, periods: int) -> None:
    with pytest.raises(PlanError, match="cannot be"):
        amortisation_table(principal, rate, periods)


def test_a_payment_that_repays_nothing_is_refused() -> None:
    with pytest.raises(PlanError, match="repays nothing"):
        amortisation_table("0.10", "0.10", 60)
