"""The statement once more, machine by machine and month by month, of one path: slow, plain, for comparison."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from wattmill.finance.assets import Asset, Load, Price
from wattmill.finance.depreciation import economic_value, schedule_usd
from wattmill.finance.project import Project
from wattmill.finance.tax import TaxTerms

Rows = dict[str, list[float]]
Prices = Mapping[str, Sequence[float]] | None


def plain_statement(project: Project, prices: Prices) -> Rows:
    """Lines of the statement by name, each of months + 1."""
    rows: Rows = defaultdict(lambda: [0.0] * (project.months + 1))
    for asset in project.assets:
        for t in range(project.months + 1):
            _month(rows, project, asset, prices, t)
    for t in range(project.months + 1):
        _running(rows, project, prices, t)
    _cash(rows, project)
    return rows


def _month(rows: Rows, project: Project, a: Asset, prices: Prices, t: int) -> None:
    end = project.months if project.sells_at_end else project.months + 1
    last = end if a.sold_month is None else a.sold_month
    start = a.bought_month if a.starts_month is None else a.starts_month
    paid = a.units * a.paid_usd_per_unit
    all_paid = paid + sum(a.also_paid_usd.values())
    if t == a.bought_month:
        rows["capex"][t] += all_paid
    if a.bought_month < t <= last:
        rows["price_of_owned"][t] += all_paid
    if a.bought_month <= t <= last:
        age = t - a.bought_month
        value = float(economic_value(paid, age, a.resale_frac_per_year, a.resale_curve)[age])
        value *= _moved(a.resale_path, prices, t, a.bought_month)
        rows["market_value"][t] += value if t < last else 0.0
        rows["sold"][t] += value if t == last else 0.0
        rows["resale"][t] += value * (1 - a.selling_cost_frac) if t == last else 0.0
    if start < t <= last:
        _worn(rows, a, all_paid, start, t)
        _worked(rows, project, a, prices, start, t)
    if t == last:
        as_worn = [_lost(a, all_paid, u - start, for_tax=True) for u in range(start + 1, last + 1)]
        rows["tax_base"][t] -= all_paid - sum(as_worn)


def _worn(rows: Rows, a: Asset, all_paid: float, start: int, t: int) -> None:
    rows["depreciation"][t] += _lost(a, all_paid, t - start, for_tax=False)
    rows["tax_base"][t] -= _lost(a, all_paid, t - start, for_tax=True)


def _lost(a: Asset, all_paid: float, age: int, for_tax: bool) -> float:
    method = (for_tax and a.tax_depreciation) or a.depreciation
    resale = 0.0 if for_tax and a.tax_depreciation else a.units * a.book_resale_usd_per_unit
    bonus = a.tax_bonus_frac if for_tax else 0.0
    return float(schedule_usd(method, all_paid, a.life_months, age, resale, bonus)[age])


def _worked(rows: Rows, project: Project, a: Asset, prices: Prices, start: int, t: int) -> None:
    load = _load(a.load, prices, start, t)
    c = a.contract
    ahead = c.frac if c is not None and (c.months is None or t - start <= c.months) else 0.0
    ahead_load = load if c is not None and not c.take_or_pay else 1.0
    for sale in a.sales:
        usd = (1 - ahead) * load * _usd(sale.price, prices, t)
        if c is not None:
            usd += (
                ahead
                * ahead_load
                * sale.price.usd
                * c.price_frac
                * (1 + c.growth_frac_per_year) ** (t / 12)
            )
        rows["revenue"][t] += a.units * sale.per_unit_month * usd
    pue = project.power.pue if project.power else 1.0
    busy = (1 - ahead) * load + ahead * ahead_load
    kw = a.idle_kw_per_unit + busy * (a.busy_kw_per_unit - a.idle_kw_per_unit)
    rows["kwh"][t] += a.units * kw * pue * 730
    peak = a.peak_kw_per_unit
    rows["kw"][t] += a.units * (a.busy_kw_per_unit if peak is None else peak)


def _load(load: Load, prices: Prices, start: int, t: int) -> float:
    risen = min((t - start) / load.ramp_months, 1.0) if load.ramp_months else 1.0
    sold = load.frac * (load.start_frac + (1 - load.start_frac) * risen)
    sold *= (1 + load.growth_frac_per_year) ** (t / 12)
    if load.price is not None:
        sold *= (_usd(load.price, prices, t) / load.price.usd) ** -load.elasticity
    return float(min(sold, load.most_frac))


def _running(rows: Rows, project: Project, prices: Prices, t: int) -> None:
    opex = untaxed = 0.0
    if project.power is not None:
        p = project.power
        ahead = p.locked_frac if p.locked_months is None or t <= p.locked_months else 0.0
        agreed = _usd(p.locked, prices, t) if p.locked else 0.0
        opex += rows["kwh"][t] * ((1 - ahead) * _usd(p.price, prices, t) + ahead * agreed)
        opex += (
            p.demand_usd_per_kw_month
            * p.pue
            * rows["kw"][t]
            * (1 + p.price.growth_frac_per_year) ** (t / 12)
        )
    if project.colo is not None:
        opex += rows["kw"][t] * _usd(project.colo, prices, t)
    for cost in project.costs:
        if (
            cost.first_month
            <= t
            <= (project.months if cost.last_month is None else cost.last_month)
        ):
            one = Price(1.0, cost.growth_frac_per_year, cost.path)
            usd = cost.usd_per_month + cost.paid_frac_per_year / 12 * rows["price_of_owned"][t]
            usd = usd * _usd(one, prices, t) + cost.revenue_frac * rows["revenue"][t]
            opex += usd
            untaxed += 0.0 if cost.with_vat else usd
    leased = 0.0
    for lease in project.leases:
        age = t - lease.start_month
        leased += lease.usd_per_month if 0 <= age < lease.months else 0.0
        leased += lease.fee_usd if age == 0 else 0.0
        leased += lease.buyout_usd if age == lease.months else 0.0
        rows["deposits"][t] += lease.deposit_usd if 0 <= age < lease.months else 0.0
    rows["opex"][t] = opex + leased
    rows["opex_with_vat"][t] = opex + leased - untaxed


def _cash(rows: Rows, project: Project) -> None:
    months, owed, vat = project.months, 0.0, [0.0] * (project.months + 1)
    rows["tax"] = _tax(rows, project.tax, months)
    for t in range(months + 1):
        final = project.sells_at_end and t == months
        days = rows["revenue"][t] * project.receivable_days - rows["opex"][t] * project.payable_days
        now = 0.0 if final else days / (365 / 12) + rows["deposits"][t]
        cash = rows["revenue"][t] - rows["opex"][t] - (now - owed) - rows["tax"][t]
        owed = now
        if project.vat is not None:
            v = project.vat
            bought = (
                rows["capex"][t] + rows["opex_with_vat"][t] + rows["sold"][t] - rows["resale"][t]
            )
            vat[t] = (
                v.sales_frac * (rows["revenue"][t] + rows["sold"][t]) - v.purchases_frac * bought
            )
            settled = sum(vat[max(t - v.lag_months, 0) :]) if final else 0.0
            due = vat[t - v.lag_months] if t >= v.lag_months else 0.0
            cash += vat[t] - (settled if final else due)
        rows["cfads"][t] = cash


def _tax(rows: Rows, terms: TaxTerms | None, months: int) -> list[float]:
    tax, losses, period = [0.0] * (months + 1), 0.0, 0.0
    if terms is None:
        return tax
    for t in range(months + 1):
        period += rows["revenue"][t] - rows["opex"][t] + rows["tax_base"][t] + rows["resale"][t]
        if (t > 0 and t % terms.period_months == 0) or t == months:
            used = min(losses, terms.loss_offset_frac * max(period, 0.0))
            tax[t] = terms.rate_frac * (max(period, 0.0) - used)
            losses, period = losses - used + max(-period, 0.0), 0.0
    return tax


def _usd(price: Price, prices: Prices, t: int) -> float:
    if price.path is None or prices is None:
        return float(price.usd * (1 + price.growth_frac_per_year) ** (t / 12))
    return price.usd * _moved(price.path, prices, t, 0)


def _moved(path: str | None, prices: Prices, t: int, first: int) -> float:
    return 1.0 if path is None or prices is None else prices[path][t] / prices[path][first]
