"""What hardware was quoted at, over time: new, used, rented."""

import statistics
from collections.abc import Sequence
from typing import Annotated

from wattmill.catalog.market import Quote, quotes
from wattmill.catalog.staleness import DAYS_PER_MONTH, first_day
from wattmill.catalog.units import SECONDS_PER_MONTH
from wattmill.core.errors import PlanError
from wattmill.plan.questions.inputs import Machines, choice, number
from wattmill.plan.questions.registry import Found, question

QUOTES = "Dated quotes that the catalog names"
Pick = Annotated[str, choice("which quote", "newest", "oldest", "lowest", "highest", "median")]
Months = Annotated[
    float, number("only quotes at most so long before the newest; 0: all", "month", high=1200)
]


@question("quotes", gives="USD", source=QUOTES)
def quoted_price(
    hardware: Machines,
    kind: Annotated[str, choice("new or used", "new", "resale")] = "new",
    pick: Pick = "newest",
    months: Months = 0.0,
) -> Found:
    """Price of accelerators, all together, by one quote or the median of several."""
    return _picked(hardware, kind, pick, months)


@question("quotes", gives="USD/h", source=QUOTES)
def quoted_rent(
    hardware: Machines,
    kind: Annotated[str, choice("by the hour, or for years", "rent", "lease")] = "rent",
    pick: Pick = "newest",
    months: Months = 0.0,
) -> Found:
    """Rent of accelerators, all together, by one quote or the median of several."""
    found = _picked(hardware, kind, pick, months)
    return Found(found.value / 3600.0, note=found.note)


def _picked(hardware: Machines, kind: str, pick: str, months_s: float) -> Found:
    name = hardware.accelerator.name
    some = _recent(quotes(name, kind), months_s)
    if not some:
        raise PlanError(f"nobody quoted a price of {name} ({kind})", hint="give your own")
    if pick != "median":
        one = one_of(some, pick)
        return Found(hardware.count * one.value, note=f"{one.source}, {one.as_of}")
    value = statistics.median(quote.value for quote in some)
    span = f"{len(some)} quotes, {some[0].as_of} to {some[-1].as_of}"
    return Found(hardware.count * value, note=span)


def one_of(some: Sequence[Quote], pick: str) -> Quote:
    """The newest, oldest, lowest or highest of quotes, which are oldest first."""
    by_value = sorted(some, key=lambda quote: quote.value)
    picks = {"newest": some[-1], "oldest": some[0], "lowest": by_value[0], "highest": by_value[-1]}
    return picks[pick]


def _recent(some: Sequence[Quote], months_s: float) -> Sequence[Quote]:
    """Those at most so long before the newest, oldest first; all for 0."""
    if not some or not months_s:
        return some
    newest = first_day(some[-1].as_of)
    days = months_s / SECONDS_PER_MONTH * DAYS_PER_MONTH
    return [quote for quote in some if (newest - first_day(quote.as_of)).days <= days]
