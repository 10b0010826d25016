"""What a market's figures imply: growth, the revenue that spending needs, the capital there can be.

Numbers in, numbers out: nothing here knows a company, a year or a forecast. Shares, growth and
margins are fractions (0.35 is 35 %); a year is a year of growth, whole or not. Exact by definition.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from wattmill.finance.checks import require, require_positive


def cagr_frac(start: float, end: float, years: float) -> float:
    """Compound annual growth rate: (end / start)^(1 / years) - 1. All three above 0."""
    require_positive(start=start, end=end, years=years)
    return _power(end / start, 1 / years) - 1


def level_after(start: float, growth_frac: float, years: float) -> float:
    """What `start` becomes: start · (1 + growth)^years; what it was, with years below 0."""
    _above_all_lost(growth_frac)
    return start * _power(1 + growth_frac, years)


def years_between(start: float, end: float, growth_frac: float) -> float:
    """Years in which `start` becomes `end`: ln(end / start) / ln(1 + growth).

    Below 0 where it was `end` in the past. PlanError if nothing grows. A CAGR that is printed beside
    two levels belongs to them only if this is the time between them.
    """
    require_positive(start=start, end=end)
    _above_all_lost(growth_frac)
    require(growth_frac != 0, "without growth it never gets there", "give a growth other than 0")
    return (math.log(end) - math.log(start)) / math.log1p(growth_frac)


def total_of_years(first: float, growth_frac: float, years: float) -> float:
    """Sum of yearly amounts of which the first is `first`: first · ((1 + g)^years - 1) / g.

    Exact for whole years; between them it is the same curve.
    """
    return first * _years_that_grow(growth_frac, years)


def shortfall_frac(demand_growth_frac: float, supply_growth_frac: float) -> float:
    """What is lacking after a year in which both grow from balance, as a share of the supply."""
    _above_all_lost(supply_growth_frac)
    return (1 + demand_growth_frac) / (1 + supply_growth_frac) - 1


def value_multiple(value_usd: float, revenue_usd_per_year: float) -> float:
    """A price over a year's revenue: years of revenue that are paid for."""
    require_positive(revenue_usd_per_year=revenue_usd_per_year)
    return value_usd / revenue_usd_per_year


# --- revenue that spending needs ------------------------------------------------------------------


def required_revenue(hardware_usd: float, hardware_frac: float, margin_frac: float) -> float:
    """Revenue that pays for data centres and leaves their users a gross margin.

    hardware / (hardware's share of a data centre's cost · (1 - margin)). With halves for both it is
    hardware · 2 · 2 (David Cahn, "AI's $600B Question", 2024). What it leaves out: the life of the
    hardware (a year's purchases are earned back in one year) and uses that bring no revenue.
    """
    require_positive(hardware_frac=hardware_frac)
    require(
        margin_frac < 1, f"a margin of {margin_frac} leaves no cost", "give a margin below 100 %"
    )
    return hardware_usd / (hardware_frac * (1 - margin_frac))


def return_revenue(
    capital_usd: float, return_frac: float, wear_frac: float, margin_frac: float
) -> float:
    """Yearly revenue that pays a return on capital and its wear out of a margin.

    capital · (return + wear) / margin. wear_frac: share of the capital that is used up in a year;
    margin_frac: what is left of revenue before wear and capital are paid.
    """
    require_positive(margin_frac=margin_frac)
    return capital_usd * (return_frac + wear_frac) / margin_frac


# --- capital that there can be --------------------------------------------------------------------


def funding_ceiling(
    own_usd_per_year: float,
    years: float,
    growth_frac: float = 0.0,
    outside_ratio: float = 0.0,
    leverage_ratio: float = 0.0,
) -> float:
    """The most capital that cash from operations can carry: own · years · (1 + outside) · (1 + debt).

    own cash grows each year; outside_ratio: others' money in special-purpose vehicles for each USD of
    one's own; leverage_ratio: debt for each USD of all that equity. It assumes that all cash goes in.
    """
    own = own_usd_per_year * _years_that_grow(growth_frac, years)
    return own * _levered(outside_ratio, leverage_ratio)


def years_to_fund(
    capital_usd: float,
    own_usd_per_year: float,
    growth_frac: float = 0.0,
    outside_ratio: float = 0.0,
    leverage_ratio: float = 0.0,
) -> float:
    """Years after which `funding_ceiling` reaches a capital; PlanError if shrinking cash never does."""
    require_positive(own_usd_per_year=own_usd_per_year)
    years = capital_usd / (own_usd_per_year * _levered(outside_ratio, leverage_ratio))
    if growth_frac == 0:
        return years
    _above_all_lost(growth_frac)
    rest = years * growth_frac
    require(rest > -1, "cash that shrinks so never adds up to it", "give less capital")
    return math.log1p(rest) / math.log1p(growth_frac)


def _levered(outside_ratio: float, leverage_ratio: float) -> float:
    require(min(outside_ratio, leverage_ratio) >= 0, "a ratio is below 0", "give 1 for 1 : 1")
    return (1 + outside_ratio) * (1 + leverage_ratio)


def _years_that_grow(growth_frac: float, years: float) -> float:
    """Years, each weighted by how much larger it is than the first."""
    require(years >= 0, f"{years} years cannot be added up", "give 0 or more")
    if growth_frac == 0:
        return years
    _above_all_lost(growth_frac)
    return _below_infinity(math.expm1, years * math.log1p(growth_frac)) / growth_frac


def _above_all_lost(growth_frac: float) -> None:
    require(growth_frac > -1, f"a growth of {growth_frac} leaves nothing", "give it above -100 %")


def _power(base: float, exponent: float) -> float:
    return _below_infinity(pow, base, exponent)


def _below_infinity(function: Callable[..., float], *values: float) -> float:
    try:
        found = float(function(*values))
    except OverflowError:
        found = math.inf
    require(found < math.inf, "that is too large for a number", "give fewer years")
    return found
