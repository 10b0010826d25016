"""Annuities: published answers of spreadsheets, and the equation that all seven names share."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import pyxirr
from hypothesis import assume, given
from hypothesis import strategies as st

from wattmill.core.errors import PlanError
from wattmill.finance import annuity
from wattmill.finance.cashflow import NoRoot

MONTH8, MONTH9, MONTH10 = 0.08 / 12, 0.09 / 12, 0.10 / 12


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("periods", [1_100, 100_000])
def test_no_rate_is_no_growth_for_any_number_of_periods(periods: int) -> None:
    assert annuity.annuity_factor(0.0, periods) == periods
    assert annuity.pmt(0.0, periods, -1.0) == pytest.approx(1 / periods)
    both = annuity.annuity_factor(np.array([0.0, 0.001]), 1_100)
    assert both == pytest.approx([1_100, (1.001**1_100 - 1) / 0.001])


@pytest.mark.parametrize(
    ("found", "published"),
    [
        # Microsoft's documentation of each function.
        (annuity.pmt(MONTH8, 10, 10_000), -1037.0320894),
        (annuity.pmt(MONTH8, 10, 10_000, begin=True), -1030.1643272),
        (annuity.pmt(0.06 / 12, 18 * 12, 0, 50_000), -129.0811609),
        (annuity.ppmt(MONTH10, 1, 24, 2000), -75.6231860),
        (annuity.ipmt(MONTH10, 1, 36, 8000), -66.6666667),
        (annuity.ipmt(0.10, 3, 3, 8000), -292.4471299),
        (annuity.cumipmt(MONTH9, 360, 125_000, 13, 24), -11135.2321308),
        (annuity.cumprinc(MONTH9, 360, 125_000, 13, 24), -934.1071234),
        (annuity.nper(0.01, -100, -1000, 10_000, begin=True), 59.6738657),
        (annuity.fv(0.005, 10, -200, -500, begin=True), 2581.4033741),
        (annuity.pv(MONTH8, 20 * 12, 500), -59777.1458512),
    ],
)
def test_as_the_spreadsheet_documents_it(found: float, published: float) -> None:
    assert found == pytest.approx(published, abs=5e-8)


def test_the_principal_whose_last_published_digit_is_loose() -> None:
    """PPMT 8 %, 10, 10, 200000 is stated as -27598.0534625; it is -27598.05346242…"""
    rate = Fraction(8, 100)
    exact = float(-200_000 * rate / (1 - (1 + rate) ** -10) / (1 + rate))
    assert annuity.ppmt(0.08, 10, 10, 200_000) == pytest.approx(exact, rel=1e-14)
    assert exact == pytest.approx(-27598.0534625, abs=1e-7)


def test_the_rate_of_a_loan() -> None:
    assert annuity.rate(48, -200, 8000) == pytest.approx(0.0077014725, abs=5e-11)


def test_the_rate_whose_published_value_is_wrong() -> None:
    """numpy-financial's own test states 0.11069085371427, wrong from the twelfth digit on."""
    exact = Fraction(10_000, 3_500)
    rate = annuity.rate(10, 0, -3500, 10_000)
    assert rate == pytest.approx(0.1106908537107528062538, abs=1e-14)
    ours = Fraction("1.1106908537107528062538")
    assert abs(ours**10 / exact - 1) < Fraction(1, 10**20)
    assert abs(Fraction("1.11069085371427") ** 10 / exact - 1) > Fraction(1, 10**12)


def test_long_decimals_of_payment_and_present_value() -> None:
    rate = Fraction(8, 1200)
    exact = -15_000 * rate / (1 - (1 + rate) ** -60)
    assert float(exact) == pytest.approx(-304.1459143262052370338701494, rel=1e-15)
    assert annuity.pmt(MONTH8, 60, 15_000) == pytest.approx(float(exact), rel=1e-13)
    worth = -12_000 * (1 - Fraction(107, 100) ** -20) / Fraction(7, 100)
    assert abs(worth - Fraction("-127128.1709461939327295222005")) < Fraction(1, 10**21)
    assert annuity.pv(0.07, 20, 12_000) == pytest.approx(-127128.1709461939327295222005, rel=1e-14)


def test_the_payment_of_a_balloon() -> None:
    payment = annuity.pmt(0.15 / 12, 48, -1_000_000, 200_000)
    assert payment == pytest.approx(24_764.598613181, abs=5e-10)


@pytest.mark.parametrize(
    ("rate", "years", "factor"),
    [
        (0.07, 20, 0.0943929257),
        (0.07, 25, 0.0858105172),  # PyPSA's documentation
        (0.05, 25, 0.0709524573),
        (0.10, 5, 0.2637974808),
        (0.15, 4, 0.3502653516),
        (0.0, 20, 0.05),
        (-0.02, 20, 0.0401699147),
    ],
)
def test_capital_recovery_factor(rate: float, years: int, factor: float) -> None:
    assert annuity.crf(rate, years) == pytest.approx(factor, abs=5e-11)


@pytest.mark.parametrize(
    ("inputs", "published"),
    [
        (
            (
                0.083705241275941838,
                193851158.84903136,
                5193308.4619044457,
                353982846.40552163,
                0.05,
            ),
            0.11051046456766789,
        ),
        (
            (0.1071793755750878, 3360000, 48471.023344294314, 10832679.424341146, 0.001),
            0.038718620598932788,
        ),
    ],
)
def test_levelised_by_fixed_charge_as_nrel_computes_it(
    inputs: tuple[float, ...], published: float
) -> None:
    assert annuity.levelised_by_fixed_charge(*inputs) == pytest.approx(published, rel=1e-15)


RATES = st.sampled_from([0.0]) | st.floats(1e-9, 0.3) | st.floats(-0.2, -1e-9)
SUMS = st.floats(-1e6, 1e6)
PERIODS = st.integers(1, 240)


@given(RATES, PERIODS, SUMS, SUMS, st.booleans())
def test_all_names_share_one_equation(
    rate: float, periods: int, present: float, future: float, begin: bool
) -> None:
    scale = abs(present) * (1 + abs(rate)) ** periods + abs(future) + 1
    payment = annuity.pmt(rate, periods, present, future, begin)
    back = annuity.pv(rate, periods, payment, future, begin)
    assert back == pytest.approx(present, abs=1e-9 * scale * (1 + rate) ** -periods)
    assert annuity.fv(rate, periods, payment, present, begin) == pytest.approx(
        future, abs=1e-9 * scale
    )


@given(RATES, st.integers(1, 60), st.floats(1, 1e6), st.booleans())
def test_interest_and_principal_make_the_payment_and_repay_the_loan(
    rate: float, periods: int, present: float, begin: bool
) -> None:
    each = np.arange(1.0, periods + 1)
    interest = annuity.ipmt(rate, each, periods, present, 0.0, begin)
    principal = annuity.ppmt(rate, each, periods, present, 0.0, begin)
    assert interest + principal == pytest.approx(
        np.full(periods, annuity.pmt(rate, periods, present, 0.0, begin))
    )
    assert np.sum(principal) == pytest.approx(-present)


@given(st.floats(1e-4, 0.1), st.integers(2, 60), st.floats(1, 1e6), st.booleans(), st.data())
def test_like_another_library(
    rate: float, periods: int, present: float, begin: bool, data: st.DataObject
) -> None:
    n = data.draw(st.integers(1, periods))
    assert annuity.ipmt(rate, n, periods, present, 0.0, begin) == pytest.approx(
        pyxirr.ipmt(rate, n, periods, present, pmt_at_beginning=begin), rel=1e-9, abs=1e-9
    )
    # Only for payments at the end: at the start pyxirr's principal does not add up to the loan.
    assert annuity.cumprinc(rate, periods, present, n, periods) == pytest.approx(
        pyxirr.cumprinc(rate, periods, present, n, periods)
    )
    assert annuity.cumipmt(rate, periods, present, 1, n) == pytest.approx(
        pyxirr.cumipmt(rate, periods, present, 1, n)
    )


@given(st.floats(1e-5, 0.2), st.integers(2, 120), st.floats(100, 1e6), st.booleans())
def test_rate_and_periods_are_found_again(
    rate: float, periods: int, present: float, begin: bool
) -> None:
    payment = float(annuity.pmt(rate, periods, present, 0.0, begin))
    assume(payment < -1e-3)
    assert annuity.rate(periods, payment, present, 0.0, begin) == pytest.approx(rate, abs=1e-9)
    assert annuity.nper(rate, payment, present, 0.0, begin) == pytest.approx(periods, rel=1e-6)


def test_periods_without_interest() -> None:
    assert annuity.nper(0.0, -100, 1000) == 10


def test_arrays_broadcast() -> None:
    rates = np.array([[0.0], [0.01]])
    paid = annuity.pmt(rates, np.array([12, 24]), 1000.0)
    assert np.shape(paid) == (2, 2)
    assert paid == pytest.approx(
        np.array([[annuity.pmt(r, n, 1000.0) for n in (12, 24)] for r in (0.0, 0.01)])
    )


@pytest.mark.parametrize(
    "ask",
    [
        lambda: annuity.pmt(-1.0, 12, 1000),
        lambda: annuity.pmt(0.01, 0, 1000),
        lambda: annuity.ipmt(0.01, 13, 12, 1000),
        lambda: annuity.cumprinc(0.01, 12, 1000, 5, 4),
        lambda: annuity.nper(0.01, 0, 1000),
        lambda: annuity.nper(0.01, -5, 1000),  # less than the interest
        lambda: annuity.nper(0.01, -10, 1000),  # just the interest
        lambda: annuity.levelised_by_fixed_charge(0.1, 1.0, 1.0, 0.0, 0.0),
    ],
)
def test_what_cannot_be_is_refused(ask: object) -> None:
    with pytest.raises(PlanError) as caught:
        ask()  # type: ignore[operator]
    assert caught.value.hint


def test_a_loan_that_is_paid_back_twice_over_has_no_rate() -> None:
    with pytest.raises(NoRoot):
        annuity.rate(12, 100, 1000)
