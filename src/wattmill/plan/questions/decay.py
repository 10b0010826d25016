"""How fast rents and values of machines fall, and what their books say meanwhile."""

import math
from typing import Annotated

from wattmill.catalog.market import Quote, quotes
from wattmill.catalog.staleness import first_day
from wattmill.core.errors import PlanError
from wattmill.finance import depreciation
from wattmill.finance.depreciation import amortisation_usd_per_month, book_value_usd
from wattmill.finance.token_cost import yearly_factor
from wattmill.plan.questions.debt import whole_months
from wattmill.plan.questions.inputs import (
    Machines,
    Usd,
    UsdPerHour,
    Utilisation,
    choice,
    number,
    positive,
)
from wattmill.plan.questions.registry import Found, Input, question
from wattmill.plan.questions.units import MONTH_S, YEAR_S

FALL = "Definition: 1 - (after / before)^(1 / years)"
QUOTES = "Least squares of the logarithms of dated quotes that the catalog names"
STRAIGHT = "Straight line from the price paid to the resale value"
DAYS_PER_YEAR = 365.25
LEAST_QUOTES = 3

Rent = Annotated[float, positive("rent", "USD/h", high=1e6)]
Value = Annotated[float, positive("value", "USD")]
Let = Annotated[float, Input("share of the hours that is let", "", 0.001, 1.0)]
Fall = Annotated[float, Input("share that a year takes away", "", 0.0, 0.99)]
Span = Annotated[float, positive("time", "year", high=100)]
Life = Annotated[float, positive("life in the books", "month", high=1200)]
Age = Annotated[float, number("age", "month", high=1200)]


# --- how fast it falls ----------------------------------------------------------------------------


@question("decay", gives="%", source="Definition: 1 - after / before")
def rent_fall(before: Rent, after: Rent) -> float:
    """Share of a rent that is gone."""
    return 1 - after / before


@question("decay", gives="%", source=FALL)
def rent_decay(before: Rent, after: Rent, time: Span) -> float:
    """What a rent loses each year if it falls from one level to another; below 0 it rises."""
    return _yearly_fall(before, after, time)


@question("decay", gives="%", source="Definition: 1 - after / before")
def value_fall(before: Value, after: Usd) -> float:
    """Share of a value that is gone."""
    return 1 - after / before


@question("decay", gives="%", source=FALL)
def value_decay(before: Value, after: Value, time: Span) -> float:
    """What a value loses each year if it falls from one level to another; below 0 it rises."""
    return _yearly_fall(before, after, time)


def _yearly_fall(before: float, after: float, time: float) -> float:
    return 1 - 1 / float(yearly_factor(before, after, time / YEAR_S))


@question("decay", gives="USD/h", source="Definition: rent · (1 - fall)^years")
def rent_after(rent: Rent, fall: Fall, time: Span) -> float:
    """What a rent becomes when each year takes the same share away."""
    return rent * float((1 - fall) ** (time / YEAR_S))


@question("decay", gives="month", source="Definition: ln 2 / -ln(1 - fall)")
def half_life(
    fall: Annotated[float, Input("share that a year takes away", "", 0.0, 0.99, is_above=True)],
) -> float:
    """Time after which half of a rent or a value is left."""
    return math.log(2) / -math.log1p(-fall) * YEAR_S


@question("decay", gives="%", source=QUOTES)
def quoted_decay(
    hardware: Machines,
    kind: Annotated[
        str, choice("rents or prices of used cards", "rent", "resale", "lease")
    ] = "rent",
) -> Found:
    """What a year takes from a price, by a straight line through the logarithms of all quotes.

    Quotes are of several terms, so this is a tendency; below 0 the price rises.
    """
    name = hardware.accelerator.name
    some = quotes(name, kind)
    if len({quote.as_of for quote in some}) < LEAST_QUOTES:
        raise PlanError(f"too few quotes of {name} ({kind}) for a trend", hint="give your own")
    note = f"{len(some)} quotes, {some[0].as_of} to {some[-1].as_of}"
    return Found(1 - math.exp(_slope(some)), note=note)


def _slope(some: tuple[Quote, ...]) -> float:
    """Change of the logarithm in a year."""
    start = first_day(some[0].as_of)
    years = [(first_day(quote.as_of) - start).days / DAYS_PER_YEAR for quote in some]
    logs = [math.log(quote.value) for quote in some]
    mean_year, mean_log = sum(years) / len(years), sum(logs) / len(logs)
    above = sum((y - mean_year) * (v - mean_log) for y, v in zip(years, logs, strict=True))
    return above / sum((y - mean_year) ** 2 for y in years)


# --- books and market -----------------------------------------------------------------------------


@question("decay", gives="USD", source="Definition: paid · (1 - fall)^years")
def value_after(paid: Usd, fall: Fall, age: Age) -> float:
    """What machines sell for at an age when each year takes the same share away."""
    return paid * float((1 - fall) ** (age / YEAR_S))


@question("decay", gives="USD", source=STRAIGHT)
def book_value(paid: Usd, life: Life, age: Age) -> float:
    """What machines stand at in the books at an age, down a straight line to nothing."""
    return book_value_usd(paid, whole_months(life), age / MONTH_S)


@question("decay", gives="USD", source=STRAIGHT + ", less what the market pays")
def book_gap(paid: Usd, life: Life, fall: Fall, age: Age) -> float:
    """What the books show above what machines would sell for; below 0 they show too little."""
    return book_value(paid, life, age) - value_after(paid, fall, age)


@question("decay", gives="USD/year", source=STRAIGHT)
def longer_life_saves(paid: Usd, life: Life, longer: Life) -> float:
    """By how much a year's depreciation falls when the same machines are to last longer."""
    before = amortisation_usd_per_month(paid, whole_months(life))
    return (before - amortisation_usd_per_month(paid, whole_months(longer))) / MONTH_S


@question("decay", gives="USD/h", source="Present value of rent and resale set equal to the books")
def rent_at_book(
    book: Usd,
    running: Annotated[float, number("energy, space, staff", "USD/month")] = 0.0,
    months: Annotated[float, positive("months that it still works", "month", high=240)] = (
        24 * MONTH_S
    ),
    fall: Fall = 0.0,
    resale: Usd = 0.0,
    utilisation: Let = 0.8,
    discount: Annotated[float, Input("discount of a year", "", 0.0, 10.0)] = 0.1,
) -> float:
    """The rent today from which a machine is worth what the books say, if rents fall so each year."""
    hours = utilisation * MONTH_S / 3600
    monthly, left = running * MONTH_S, whole_months(months)
    return (
        depreciation.rent_at_book_usd_per_hour(book, hours, monthly, left, discount, -fall, resale)
        / 3600
    )


@question("decay", gives="USD/h", source="Definition: cost of an hour over the share that is used")
def usd_per_used_hour(hourly: UsdPerHour, utilisation: Utilisation) -> float:
    """What an hour that is really used costs when the others cost as much."""
    return hourly / utilisation
