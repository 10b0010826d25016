"""Parts of a level loan, and capital as a yearly charge."""

from typing import Annotated

from wattmill.core.errors import PlanError
from wattmill.finance import annuity
from wattmill.plan.questions.debt import LEVEL, Balloon, Lent, Monthly, Rate, Term, whole_months
from wattmill.plan.questions.inputs import PowerPrice, Usd, number, positive, whole
from wattmill.plan.questions.registry import Found, Input, question
from wattmill.plan.questions.units import MONTH_S, YEAR_S

A_CENT = 1e-3
"""Of a payment: what a payment that is rounded leaves is not one more."""

First = Annotated[int, whole("number of the first payment that counts", 1200)]
Last = Annotated[int, whole("number of the last payment that counts", 1200)]
YearRate = Annotated[float, Input("return of a year", "", 0.0, 10.0)]


@question("debt", gives="month", source=LEVEL)
def loan_term(lent: Lent, rate: Rate, payment: Monthly, balloon: Balloon = 0.0) -> Found:
    """Time until a payment of a month has repaid a loan, down to its balloon."""
    each = payment * MONTH_S
    if each <= lent * rate / 12 and balloon < lent:
        raise PlanError("the payment is no more than the interest", hint="pay more a month")
    months = float(annuity.nper(rate / 12, -each, lent, -balloon))
    if months < 0:
        raise PlanError("a balloon is a part of what is lent", hint="give less")
    whole_ones = int(months + A_CENT)
    rest = "" if months - whole_ones < A_CENT else " and a smaller one"
    return Found(months * MONTH_S, note=f"{whole_ones} full payments{rest}")


@question("debt", gives="USD", source=LEVEL)
def loan_interest_between(lent: Lent, rate: Rate, term: Term, first: First, last: Last) -> float:
    """Interest within some payments of a level loan: 1 to 12 are those of the first year."""
    return -annuity.cumipmt(rate / 12, whole_months(term), lent, first, last)


@question("debt", gives="USD", source=LEVEL)
def loan_repaid_between(lent: Lent, rate: Rate, term: Term, first: First, last: Last) -> float:
    """Principal within some payments of a level loan."""
    return -annuity.cumprinc(rate / 12, whole_months(term), lent, first, last)


@question("debt", gives="%", source="Capital recovery factor: r / (1 - (1 + r)^-n)")
def capital_recovery(
    rate: YearRate, life: Annotated[float, Input("life", "year", 1.0, 100.0)]
) -> float:
    """Share of a capital that a level yearly payment must be to pay it back with a return."""
    return float(annuity.crf(rate, life / YEAR_S))


@question(
    "power", gives="USD/kWh", source="LCOE calculator of NREL's System Advisor Model (fixed charge)"
)
def fixed_charge_cost(
    charge: Annotated[
        float, Input("yearly charge on the capital: capital_recovery and tax", "", 0.0, 10.0)
    ],
    capital: Usd,
    output: Annotated[float, positive("energy of a year", "kWh/year")],
    fixed: Annotated[float, number("fixed costs of a year", "USD/year")] = 0.0,
    variable: PowerPrice = 0.0,
) -> float:
    """Levelised cost of energy from a plant, its capital laid on the years as a fixed charge."""
    made, yearly = output * YEAR_S, fixed * YEAR_S
    return float(annuity.levelised_by_fixed_charge(charge, capital, yearly, made, variable))
