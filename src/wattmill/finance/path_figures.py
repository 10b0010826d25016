"""The figures of every path of a project: worth, returns, cover, loan to value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct

from wattmill.finance import covenants
from wattmill.finance.cashflow import monthly_rate, npv_paths
from wattmill.finance.checks import require
from wattmill.finance.path_irr import irr_paths
from wattmill.finance.processes import Paths
from wattmill.finance.statement import Statement, statement

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wattmill.finance.debt import LoanSchedule
    from wattmill.finance.project import Project

    Array = NDArray[Any]
    Figures = dict[str, Array]


FAN = "fan "
"""Before the names of monthly lines among the figures."""


class Yardsticks(Struct, frozen=True, kw_only=True):
    """What the project is measured by.

    equity_discount: of the owner's flows (None: the same). dscr_floor: of the covenant, over the last
    trailing_months, tested in every every_months-th month once so many have been served; None for no
    covenant. Tax that is paid once a year wants 12. sold: the kinds of sale that a levelised cost
    is of; all, if empty. fans: lines whose percentiles are wanted by month: any array of
    `Statement`, "dscr" or "ltv", or a price as "rent".
    """

    discount_frac_per_year: float = 0.12
    equity_discount_frac_per_year: float | None = None
    dscr_floor: float | None = None
    ltv_ceiling: float = 1.0
    trailing_months: int = 12
    every_months: int = 1
    sold: tuple[str, ...] = ()
    fans: tuple[str, ...] = ("cfads_usd",)


def figures(
    project: Project, prices: Paths, schedules: dict[str, LoanSchedule], yard: Yardsticks
) -> Figures:
    """Arrays over the paths that have the figure; a fan's are (paths, months + 1)."""
    s = statement(project, prices, schedules)
    count = prices.count
    return {
        **_worth(s, yard, count),
        **_returns("", s.project_flow_usd, count),
        **_returns("equity_", s.equity_flow_usd, count),
        **_debt(s, yard, count),
        **{FAN + name: _rows(_line(s, prices, yard, name), count) for name in yard.fans},
    }


def _worth(s: Statement, yard: Yardsticks, count: int) -> Figures:
    rate = monthly_rate(yard.discount_frac_per_year)
    own = yard.equity_discount_frac_per_year
    npv = _each(npv_paths(rate, s.project_flow_usd), count)
    own_rate = rate if own is None else monthly_rate(own)
    equity = _each(npv_paths(own_rate, s.equity_flow_usd), count)
    made = {"npv": npv, "equity_npv": equity, "loss": npv < 0, "equity_loss": equity < 0}
    return {**made, "levelised": _levelised(s, yard, rate, count)}


def _levelised(s: Statement, yard: Yardsticks, rate: float, count: int) -> Array:
    """Present value of costs less resale over that of what is sold; of paths that sell something."""
    names = yard.sold or tuple(s.sold)
    require(
        all(name in s.sold for name in names),
        "a levelised cost of something that is not sold cannot be",
        "sold are: " + ", ".join(s.sold),
    )
    sold = _each(sum((npv_paths(rate, s.sold[name]) for name in names), np.zeros(())), count)
    costs = _each(
        npv_paths(rate, s.opex_usd + s.capex_usd + s.unlevered_tax_usd - s.resale_usd), count
    )
    some = sold > 0
    return np.asarray(costs[some] / sold[some])


def _returns(side: str, flows: Array, count: int) -> Figures:
    rates = irr_paths(_rows(flows, count))
    return {f"{side}irr": rates.frac_per_year, f"{side}several": rates.several}


def _debt(s: Statement, yard: Yardsticks, count: int) -> Figures:
    """Cover and loan to value, and the first months in which they fail; nothing without a loan."""
    if not s.loans:
        return {"breach": np.zeros(count, dtype=bool), "underwater": np.zeros(count, dtype=bool)}
    ratios, loan_to_value = _rows(_cover(s, yard), count), _rows(loan_to_values(s), count)
    floor = -np.inf if yard.dscr_floor is None else yard.dscr_floor
    breach = covenants.first_below(ratios, floor, yard.every_months)
    under = covenants.first_above(loan_to_value, yard.ltv_ceiling)
    lowest, highest = ratios.min(axis=-1), loan_to_value.max(axis=-1)
    return {
        "min_dscr": lowest[np.isfinite(lowest)],
        "max_ltv": highest[np.isfinite(highest)],
        "breach": np.isfinite(breach),
        "breach_month": breach[np.isfinite(breach)],
        "underwater": np.isfinite(under),
        "underwater_month": under[np.isfinite(under)],
    }


def cover(s: Statement, trailing_months: int) -> Array:
    """DSCR of the last months, as a lender tests it; inf in months that are not tested.

    Tested while debt is served, from the month on in which a whole window of service has passed, so
    that one month before power comes or customers pay is not a year. In the last month the sale of
    the machines counts as cash, less what it repays of loans that go on.
    """
    sale = s.resale_usd - s.payoff_usd
    cash = s.cfads_usd + np.where(np.arange(s.months + 1) == s.months, sale, 0.0)
    begun = np.maximum.accumulate(s.service_usd > 0, axis=-1)
    tested = (np.cumsum(begun, axis=-1) >= trailing_months) & (s.service_usd > 0)
    return np.where(tested, covenants.dscr(cash, s.service_usd, trailing_months), np.inf)


def loan_to_values(s: Statement) -> Array:
    """What is owed at the end of each month over what the machines would sell for."""
    return covenants.ltv(s.balance_usd, s.market_value_usd)


def _cover(s: Statement, yard: Yardsticks) -> Array:
    return cover(s, yard.trailing_months)


def _line(s: Statement, prices: Paths, yard: Yardsticks, name: str) -> Array:
    """A monthly line by name."""
    if name in prices:
        return prices[name]
    if name in ("dscr", "ltv"):
        return _cover(s, yard) if name == "dscr" else loan_to_values(s)
    line = getattr(s, name, None)
    require(
        isinstance(line, np.ndarray),
        f"a statement has no line {name!r}",
        "known are: cfads_usd, equity_flow_usd, balance_usd, dscr, ltv, the prices, and others",
    )
    return np.asarray(line)


def _rows(values: Array, count: int) -> Array:
    """(count, months + 1), also where nothing random reaches a line."""
    return np.broadcast_to(values, (count, values.shape[-1]))


def _each(values: Array, count: int) -> Array:
    """(count,), also where all paths have the same."""
    return np.broadcast_to(values, (count,))
