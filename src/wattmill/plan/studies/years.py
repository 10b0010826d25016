"""The statement by years of the study, as people read it."""

from __future__ import annotations

import msgspec
import numpy as np

from wattmill.finance.statement import Statement
from wattmill.plan.studies.timeline import MONTHS_PER_YEAR, Timeline


class Year(msgspec.Struct, frozen=True):
    """Twelve months, or what is left of them; year 0 is month 0 alone. Values and balance at its end.

    dscr: CFADS over service of the year; None without service. reserved_usd: put into the reserve, or come back.
    """

    year: int
    ends: str
    revenue_usd: float
    opex_by_usd: dict[str, float]
    ebitda_usd: float
    depreciation_usd: float
    wear_usd: float
    tax_usd: float
    capex_usd: float
    resale_usd: float
    cfads_usd: float
    interest_usd: float
    principal_usd: float
    reserved_usd: float
    dscr: float | None
    equity_flow_usd: float
    net_income_usd: float
    balance_usd: float
    book_value_usd: float
    market_value_usd: float


FLOWS = (
    "revenue_usd", "ebitda_usd", "depreciation_usd", "wear_usd", "tax_usd", "capex_usd", "resale_usd",
    "cfads_usd", "interest_usd", "principal_usd", "reserved_usd", "equity_flow_usd", "net_income_usd",
)  # fmt: skip
STOCKS = ("balance_usd", "book_value_usd", "market_value_usd")


def years(s: Statement, line: Timeline) -> tuple[Year, ...]:
    """Year 0, then the years after it."""
    bounds = [(0, 1)]
    bounds += [
        (first, min(first + MONTHS_PER_YEAR, s.months + 1))
        for first in range(1, s.months + 1, MONTHS_PER_YEAR)
    ]
    return tuple(_year(s, line, year, *bound) for year, bound in enumerate(bounds))


def _year(s: Statement, line: Timeline, year: int, first: int, end: int) -> Year:
    service = float(s.service_usd[first:end].sum())
    flows = {name: float(getattr(s, name)[first:end].sum()) for name in FLOWS}
    stocks = {name: float(getattr(s, name)[end - 1]) for name in STOCKS}
    opex = {name: float(np.sum(usd[first:end])) for name, usd in s.opex_by.items()}
    return Year(
        year=year,
        ends=line.label(end - 1),
        opex_by_usd=opex,
        dscr=flows["cfads_usd"] / service if service > 0 else None,
        **flows,
        **stocks,
    )
