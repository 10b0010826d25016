"""Debt sized as NREL's System Advisor Model (SAM) sizes it, in three of its own test projects.

Cash flows are those of SAM's test files, some rounded to cents. SAM's own tests accept 1 %; here
debt is held to 1e-9 of an independent sum in fractions, and to what SAM prints, as are the worth
and the return of each project.
"""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wattmill.finance.cashflow import irr, npv
from wattmill.finance.debt import debt_capacity, sculpted_principal

PVWATTS = """
    6670038.05 6677642.55 6684532.82 6690686.53 6696080.75 6700691.99 6704496.13 6707468.42
    6709583.48 6710815.26 6711137.06 6710521.46 6708940.35 6706364.88 6702765.48 7640094.35
    7634355.25 7627498.80
"""
WIND = """
    24755531.46 24883086.77 25008917.64 25132931.82 25255034.26 25375127.05 25493109.34
    25608877.22 25722323.70 25833338.59 25941808.42 26047616.36 26150642.13 26250761.89
    26347848.18 26441769.81 26532391.72 26619574.97
"""
BIOPOWER = """
    15425269.89 15223777.73 15010876.58 14786217.49 14549442.16 14300182.68 14038061.32
    13762690.20 13473671.13 13170595.27 12853042.88 12520583.06 12172773.43 11809159.87
    11429276.19 11032643.83 10618771.57 10187155.17
"""
CASES = [
    pytest.param(PVWATTS, "0.07", "1.30", 52_499_952.30, id="pvwatts"),
    pytest.param(WIND, "0.07", "1.40", 183_558_131.37, id="wind"),
    pytest.param(BIOPOWER, "0.08", "1.45", 88_774_886.84, id="biopower"),
]


def sized_in_fractions(cfads: list[str], rate: str, dscr: str) -> Fraction:
    """The textbook sum, exact."""
    grown = 1 + Fraction(rate)
    present = sum((Fraction(cash) / grown**t for t, cash in enumerate(cfads, 1)), Fraction(0))
    return present / Fraction(dscr)


@pytest.mark.parametrize(("cfads", "rate", "dscr", "printed"), CASES)
def test_debt_of_a_project(cfads: str, rate: str, dscr: str, printed: float) -> None:
    texts = cfads.split()
    exact = sized_in_fractions(texts, rate, dscr)
    debt = float(debt_capacity(np.array(texts, dtype=float), float(rate), float(dscr)))
    assert debt == pytest.approx(float(exact), rel=1e-9)
    assert debt == pytest.approx(printed, abs=0.01)


@pytest.mark.parametrize(("cfads", "rate", "dscr", "printed"), CASES)
def test_sculpting_repays_it_at_a_flat_dscr(
    cfads: str, rate: str, dscr: str, printed: float
) -> None:
    cash = np.array(cfads.split(), dtype=float)
    principal = sculpted_principal(cash, float(rate), float(dscr))
    assert principal.sum() == pytest.approx(printed, abs=0.01)
    owed = principal.sum() - np.concatenate([[0.0], np.cumsum(principal)[:-1]])
    assert cash / (principal + float(rate) * owed) == pytest.approx(np.full(18, float(dscr)))


@pytest.mark.parametrize(
    ("cfads", "rate", "exact"),
    [
        (["100"] * 5, "0.08", 307.1315413137),
        (["100", "80", "64", "51.2", "40.96"], "0.12", 195.6888384419),
    ],
)
def test_debt_of_small_cases(cfads: list[str], rate: str, exact: float) -> None:
    debt = float(debt_capacity(np.array(cfads, dtype=float), float(rate), 1.30))
    assert debt == pytest.approx(exact, abs=5e-11)
    assert debt == pytest.approx(float(sized_in_fractions(cfads, rate, "1.30")), rel=1e-14)


AFTER_TAX = """
    -71709051.26 12227233.41 15676608.57 12184594.88 10149277.31 10092875.59 8598422.26
    7101268.26 7243803.01 7381766.27 7311961.32 386681.5 344681.56 299190.51 249451.7 583128.33
    1336682.2 727616.46 3275340.68 6063213.09 5840185.43 5592486.37 5559777.75 5549879.75
    5538997.29 6917560.17
"""
NOMINAL = 1.064 * 1.025 - 1
"""SAM's discount rate: 6.4 % real, 2.5 % inflation."""


PROJECTS: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name("sam_projects.json").read_text(encoding="utf-8")
)
"""Two projects to the last digit that SAM printed, each with the address of its file."""
each_project = pytest.mark.parametrize("project", PROJECTS.values(), ids=list(PROJECTS))


@each_project
def test_the_loan_is_the_one_that_the_model_printed_year_by_year(project: dict[str, Any]) -> None:
    cash = np.array(project["cash_for_debt_service"])
    principal = sculpted_principal(cash, project["rate"], project["dscr"])
    owed = project["debt"] - np.concatenate([[0.0], np.cumsum(principal)[:-1]])
    assert debt_capacity(cash, project["rate"], project["dscr"]) == pytest.approx(
        project["debt"], rel=1e-12
    )
    assert principal == pytest.approx(np.array(project["principal"]), rel=1e-9)
    assert owed == pytest.approx(np.array(project["debt_balance"]), rel=1e-9)
    assert project["rate"] * owed == pytest.approx(np.array(project["interest"]), rel=1e-9)


@each_project
def test_return_and_worth_after_tax(project: dict[str, Any]) -> None:
    """Of the rate SAM prints five digits: its solver stops at a worth that is not yet zero."""
    flows = project["return_after_tax"]
    rate = irr(flows)
    assert rate == pytest.approx(project["irr_exact"], abs=5e-9)
    assert rate == pytest.approx(project["irr_printed"], abs=3e-7)
    assert abs(npv(rate, flows)) < 1e-6 * abs(npv(project["irr_printed"], flows))
    assert npv(NOMINAL, flows) == pytest.approx(project["npv_after_tax"], rel=1e-12)


def test_return_and_worth_of_the_pvwatts_project() -> None:
    flows = [float(text) for text in AFTER_TAX.split()]
    assert irr(flows) == pytest.approx(0.09787114, abs=5e-9)
    assert npv(NOMINAL, flows) == pytest.approx(2_797_574.56, abs=0.02)
    exact = sum(
        Fraction(text) / Fraction("1.0906") ** t for t, text in enumerate(AFTER_TAX.split())
    )
    assert npv(NOMINAL, flows) == pytest.approx(float(exact), rel=1e-9)


def test_nominal_and_real_levelised_costs_differ_by_their_discounting() -> None:
    """SAM prints LCOE 4.507015 and 3.597800, LPPA 4.647391 and 3.709857 (cents, nominal and real).

    Both are one present value of money over a present value of energy, nominal or real, and the
    energy falls by 0.5 % a year for 25 years.
    """
    energy = [0.0, *(0.995**t for t in range(25))]
    ratio = npv(0.064, energy) / npv(NOMINAL, energy)
    assert pytest.approx(ratio, abs=3e-7) == 4.507015 / 3.597800
    assert pytest.approx(ratio, abs=3e-7) == 4.647391 / 3.709857
