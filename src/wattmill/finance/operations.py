"""What a project earns, costs, owns and is worth, before anybody lends it money."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from wattmill.finance.assets import Cost
from wattmill.finance.demand import growth_factors
from wattmill.finance.leasing import lease_costs, lease_deposit, over_months
from wattmill.finance.lines import Factors, Line, total_of
from wattmill.finance.owned import Owned
from wattmill.finance.project import Project
from wattmill.finance.worked import Worked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

DAYS_PER_MONTH = 365 / 12


class Operations(Struct, frozen=True, kw_only=True):
    """The part of a `statement.Statement` that knows no lender and no tax: arrays of USD by month."""

    sold: dict[str, Array]
    revenue_by: dict[str, Array]
    revenue_usd: Array
    opex_by: dict[str, Array]
    opex_usd: Array
    capex_by: dict[str, Array]
    capex_usd: Array
    resale_usd: Array
    selling_cost_usd: Array
    depreciation_usd: Array
    tax_depreciation_usd: Array
    book_sold_usd: Array
    tax_book_sold_usd: Array
    book_value_usd: Array
    market_value_usd: Array
    wear_usd: Array
    kwh: Array
    peak_kw: Array
    working_capital_usd: Array
    vat_owed_usd: Array


def operate(project: Project, factors: Factors) -> Operations:
    """Revenue, running costs, purchases, sales of machines, and two values of what is owned."""
    months = project.months
    owned = Owned(project.assets, factors, project.sells_at_end)
    worked = Worked(project.assets, project.power, factors, project.sells_at_end)
    revenue_by = {name: line.total() for name, line in worked.revenue.items()}
    revenue = total_of(revenue_by, months)
    opex_by = _opex(project, factors, owned, worked, revenue)
    opex, capex = total_of(opex_by, months), total_of(owned.capex, months)
    value, sold, selling = owned.value.total(), owned.sold.total(), owned.selling_cost.total()
    return Operations(
        sold={name: line.total() for name, line in worked.sold.items()},
        revenue_by=revenue_by,
        revenue_usd=revenue,
        opex_by=opex_by,
        opex_usd=opex,
        capex_by=owned.capex,
        capex_usd=capex,
        resale_usd=sold - selling,
        selling_cost_usd=selling,
        depreciation_usd=owned.lost,
        tax_depreciation_usd=owned.tax_lost,
        book_sold_usd=owned.book_sold,
        tax_book_sold_usd=owned.tax_book_sold,
        book_value_usd=np.cumsum(capex - owned.lost - owned.book_sold),
        market_value_usd=value,
        wear_usd=_wear(value, sold, capex),
        kwh=worked.kwh.total(),
        peak_kw=worked.peak_kw,
        working_capital_usd=_working_capital(project, revenue, opex),
        vat_owed_usd=_vat_owed(project, revenue + sold, opex_by, capex + selling),
    )


def _opex(
    project: Project, factors: Factors, owned: Owned, worked: Worked, revenue: Array
) -> dict[str, Array]:
    parts: dict[str, Array] = {}
    if project.power is not None:
        rises = growth_factors(project.months, project.power.price.growth_frac_per_year)
        per_kw = project.power.demand_usd_per_kw_month * project.power.pue * rises
        parts["power"] = worked.power.total() + per_kw * worked.peak_kw
    if project.colo is not None:
        colo = Line(factors)
        usd, keys = factors.price(project.colo)
        colo.add(usd * worked.peak_kw, *keys)
        parts["colo"] = colo.total()
    for cost in project.costs:
        parts[cost.name] = _cost(cost, factors, owned.price_usd, revenue)
    for lease in project.leases:
        parts[lease.name] = over_months(lease_costs(lease), project.months)
    return parts


def _cost(cost: Cost, factors: Factors, price_usd: Array, revenue: Array) -> Array:
    t = np.arange(factors.months + 1)
    last = factors.months if cost.last_month is None else cost.last_month
    runs = ((t >= cost.first_month) & (t <= last)).astype(float)
    owned = np.concatenate([[0.0], price_usd[:-1]])
    usd = runs * (cost.usd_per_month + cost.paid_frac_per_year / 12 * owned)
    line = Line(factors)
    if cost.path is not None and factors.random:
        line.add(usd, factors.path(cost.path))
    else:
        line.add(usd * growth_factors(factors.months, cost.growth_frac_per_year))
    total = line.total()
    return total + cost.revenue_frac * runs * revenue if cost.revenue_frac else total


def _wear(value: Array, sold: Array, capex: Array) -> Array:
    """What was worth more a month ago: value then + what was paid - value now - what was sold."""
    wear: Array = capex - value - sold
    wear[..., 1:] += value[..., :-1]
    return wear


def _working_capital(project: Project, revenue: Array, opex: Array) -> Array:
    """Owed by customers, and by lessors (deposits), less owed to suppliers at the end of each month."""
    owed = revenue * (project.receivable_days / DAYS_PER_MONTH)
    for lease in project.leases:
        owed = owed + over_months(lease_deposit(lease), project.months)
    if project.payable_days:
        owed = owed - opex * (project.payable_days / DAYS_PER_MONTH)
    if project.sells_at_end:
        owed[..., -1] = 0
    return owed


def _vat_owed(project: Project, sold: Array, opex_by: dict[str, Array], capex: Array) -> Array:
    """VAT taken in and not yet handed on; below 0 if the tax office owes it."""
    vat = project.vat
    if vat is None:
        return np.zeros(project.months + 1)
    free = {cost.name for cost in project.costs if not cost.with_vat}
    taxed = {name: usd for name, usd in opex_by.items() if name not in free}
    bought = capex + total_of(taxed, project.months)
    so_far = np.cumsum(vat.sales_frac * sold - vat.purchases_frac * bought, axis=-1)
    owed: Array = so_far.copy()
    owed[..., vat.lag_months :] -= so_far[..., : max(project.months + 1 - vat.lag_months, 0)]
    if project.sells_at_end:
        owed[..., -1] = 0
    return owed
