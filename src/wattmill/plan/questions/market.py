"""Frames of a market: growth, the revenue that spending needs, the capital there can be."""

from typing import Annotated

from wattmill.catalog.market import all_quotes, quotes
from wattmill.core.errors import CatalogError, PlanError
from wattmill.finance import market
from wattmill.plan.questions.inputs import Usd, choice, number, positive
from wattmill.plan.questions.quotes import one_of
from wattmill.plan.questions.registry import Found, Input, near, question
from wattmill.plan.questions.units import YEAR_S, unit

GROWTH = "Definition: compound growth, (end / start)^(1 / years) - 1"
GAP = "David Cahn, AI's $600B Question, Sequoia 2024: spending over hardware's share and 1 - margin"
CEILING = "Definition: cash from operations · years · (1 + others' equity) · (1 + debt)"

ELECTRICITY, COLO = "power_usd_per_kwh", "colo_usd_per_kw_month"

Start = Annotated[float, positive("level at the start; plain numbers for what is no money", "USD")]
End = Annotated[float, positive("level at the end; plain numbers for what is no money", "USD")]
Years = Annotated[float, positive("time", "year", high=1000)]
Growth = Annotated[float, Input("growth of a year", "", -0.99, 1000.0)]
Yearly = Annotated[float, positive("cash from operations of the first year", "USD/year")]
Revenue = Annotated[float, number("revenue", "USD/year")]
Spending = Annotated[float, number("spending on accelerators", "USD/year")]
HardwareShare = Annotated[
    float, Input("share of a data centre's cost that is accelerators", "", 0.0, 1.0, is_above=True)
]
Margin = Annotated[float, Input("gross margin that users of them need", "", 0.0, 0.99)]
Outside = Annotated[float, Input("others' money for each USD of one's own", "", 0.0, 100.0)]
Debt = Annotated[float, Input("debt for each USD of equity", "", 0.0, 100.0)]


# --- growth ---------------------------------------------------------------------------------------


@question("market", gives="%", source=GROWTH)
def cagr(start: Start, end: End, years: Years) -> float:
    """Growth of a year that leads from one level to another."""
    return market.cagr_frac(start, end, years / YEAR_S)


@question("market", gives="USD", source=GROWTH)
def level_after(start: Start, growth: Growth, years: Years) -> float:
    """What a level becomes after so many years of growth."""
    return market.level_after(start, growth, years / YEAR_S)


@question("market", gives="USD", source=GROWTH)
def level_before(end: End, growth: Growth, years: Years) -> float:
    """What a level was before so many years of growth."""
    return market.level_after(end, growth, -years / YEAR_S)


@question("market", gives="year", source=GROWTH)
def years_to_reach(start: Start, end: End, growth: Growth) -> float:
    """Years of growth that lie between two levels: whether a printed growth belongs to them."""
    return market.years_between(start, end, growth) * YEAR_S


@question("market", gives="USD", source=GROWTH)
def sum_of_years(
    first: Annotated[float, number("amount of the first year", "USD/year")],
    growth: Growth,
    years: Years,
) -> float:
    """What yearly amounts add up to when each is larger than the one before."""
    return market.total_of_years(first * YEAR_S, growth, years / YEAR_S)


@question("market", gives="%", source="Definition: (1 + demand) / (1 + supply) - 1")
def shortfall_after_a_year(demand: Growth, supply: Growth) -> float:
    """What is lacking when demand and supply grow from balance, as a share of the supply."""
    return market.shortfall_frac(demand, supply)


@question("market", gives="x", source="Definition: value over a year's revenue")
def revenue_multiple(
    value: Usd, revenue: Annotated[float, positive("revenue", "USD/year")]
) -> float:
    """What is paid for a company in years of its revenue."""
    return market.value_multiple(value, revenue * YEAR_S)


# --- revenue that spending needs, and capital that there can be -------------------------------------


@question("market", gives="USD/year", source=GAP)
def required_revenue(
    spending: Spending, hardware_share: HardwareShare = 0.5, margin: Margin = 0.5
) -> float:
    """Revenue that pays for data centres around accelerators and leaves their users a margin.

    A year's purchases are earned back within a year; how long the machines last is left out.
    """
    return market.required_revenue(spending, hardware_share, margin)


@question("market", gives="USD/year", source=GAP)
def revenue_gap(
    spending: Spending,
    revenue: Revenue,
    hardware_share: HardwareShare = 0.5,
    margin: Margin = 0.5,
) -> float:
    """Revenue that is lacking for `required_revenue`; below 0 there is more than that."""
    return market.required_revenue(spending, hardware_share, margin) - revenue


@question("market", gives="USD/year", source="Definition: capital · (return + wear) / margin")
def revenue_for_return(
    capital: Usd,
    rate: Annotated[float, Input("return of a year", "", 0.0, 10.0)],
    wear: Annotated[float, Input("share of the capital that a year uses up", "", 0.0, 1.0)] = 0.0,
    margin: Annotated[
        float, Input("share of revenue left for both", "", 0.0, 1.0, is_above=True)
    ] = 1.0,
) -> float:
    """Revenue that pays a return on capital and its wear out of a margin."""
    return market.return_revenue(capital, rate, wear, margin) / YEAR_S


@question("market", gives="USD", source=CEILING)
def funding_ceiling(
    cash: Yearly, years: Years, growth: Growth = 0.0, outside: Outside = 0.0, debt: Debt = 0.0
) -> float:
    """The most that can be built with cash from operations, others' equity and debt on both."""
    return market.funding_ceiling(cash * YEAR_S, years / YEAR_S, growth, outside, debt)


@question("market", gives="year", source=CEILING)
def years_to_fund(
    capital: Usd, cash: Yearly, growth: Growth = 0.0, outside: Outside = 0.0, debt: Debt = 0.0
) -> float:
    """Years of cash from operations, with others' equity and debt, that a capital takes."""
    years = market.years_to_fund(capital, cash * YEAR_S, growth, outside, debt)
    return years * YEAR_S


# --- what places were quoted at ---------------------------------------------------------------------


def _region(name: str) -> str:
    """As the catalog writes it."""
    known = {q.of.lower(): q.of for q in all_quotes() if q.what in (ELECTRICITY, COLO)}
    if name.lower() not in known:
        hint = near(name, known.values(), "regions are")
        raise CatalogError(f"nobody quoted a price in {name!r}", hint=hint)
    return known[name.lower()]


Region = Annotated[str, Input("a region, like US or US-TX", kind="region", find=_region)]
Pick = Annotated[str, choice("which quote", "newest", "oldest", "lowest", "highest")]


@question("market", gives="USD/kWh", source="Dated quotes that the catalog names")
def quoted_electricity(region: Region, pick: Pick = "newest") -> Found:
    """Price of electricity in a region by one quote of the catalog."""
    return _quoted(region, ELECTRICITY, pick, unit("USD/kWh").factor)


@question("market", gives="USD/kW-month", source="Dated quotes that the catalog names")
def quoted_colo(region: Region = "US", pick: Pick = "newest") -> Found:
    """Rent of a committed kilowatt in colocation by one quote of the catalog."""
    return _quoted(region, COLO, pick, unit("USD/kW-month").factor)


def _quoted(region: str, what: str, pick: str, factor: float) -> Found:
    some = quotes(region, what)
    if not some:
        raise PlanError(f"nobody quoted a price in {region}", hint="give your own")
    one = one_of(some, pick)
    return Found(one.value * factor, note=f"{one.source}, {one.as_of}; {one.terms}".rstrip("; "))
