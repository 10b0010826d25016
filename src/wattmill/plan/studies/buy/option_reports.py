"""The figures of one option: what it costs, who serves, when it has paid."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from wattmill.finance.cashflow import monthly_rate, npv_paths, payback_periods
from wattmill.plan.studies.buy.case import Case, Ran, run
from wattmill.plan.studies.buy.costs import Served, price_of
from wattmill.plan.studies.buy.racks_and_apis import Api, Part, present
from wattmill.plan.studies.buy.report import OptionReport, PartReport
from wattmill.plan.studies.timeline import Timeline

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


def option_reports(case: Case, line: Timeline) -> tuple[OptionReport, ...]:
    """Every option held against the first, and against each API."""
    ran = [run(case, option) for option in case.all_options]
    return tuple(_option(case, each, ran, line) for each in ran)


def _option(case: Case, ran: Ran, others: list[Ran], line: Timeline) -> OptionReport:
    terms, base = case.terms, others[0]
    rate = monthly_rate(terms.discount_frac_per_year)
    won = base.after_tax_usd - ran.after_tax_usd
    paid_back = payback_periods(won.tolist())
    year = slice(1, min(13, terms.months + 1))
    shares = _own_shares(ran)
    return OptionReport(
        name=ran.option.name,
        kind=ran.option.kind,
        cost_usd=float(ran.npv_usd(terms)),
        saved_usd=float(npv_paths(rate, won)),
        first_usd=float(ran.cost_usd[0]),
        usd_per_month=float(ran.cost_usd[year].mean()),
        usd_per_mtok=usd_per_mtok(case, ran),
        payback_months=paid_back,
        discounted_payback_months=payback_periods(won.tolist(), rate),
        break_even=line.label(math.ceil(paid_back)) if paid_back else None,
        payback_against={
            each.option.name: payback_periods((each.after_tax_usd - ran.after_tax_usd).tolist())
            for each in others
            if each.option.kind == "api" and each is not ran
        },
        served_frac=float(shares[1]),
        last_served_frac=float(shares[-1]),
        parts=tuple(
            _part(case, ran, name, part, served) for name, (part, served) in ran.parts.items()
        ),
        by_line_usd={name: float(usd.sum()) for name, usd in ran.by_line.items()},
        flow_usd=tuple((-ran.cost_usd).tolist()),
        after_tax_flow_usd=tuple((-ran.after_tax_usd).tolist()),
    )


def _own_shares(ran: Ran) -> Array:
    """Of all tokens, month by month, what machines serve."""
    made = [s.mtok for part, s in ran.parts.values() if not isinstance(part, Api)]
    wanted = np.where(ran.wanted_mtok > 0, ran.wanted_mtok, 1.0)
    shares: Array = sum(made, np.zeros_like(wanted)) / wanted
    return shares


def _part(case: Case, ran: Ran, name: str, part: Part, served: Served) -> PartReport:
    total = float(served.mtok.sum())
    tokens = total * sum(case.asked.by_meter.values())
    cost = float(served.cost_usd.sum())
    machines = None if isinstance(part, Api) else part.capacity
    there = float(present(part, case.terms.months).sum())
    return PartReport(
        name=name,
        kind="api" if isinstance(part, Api) else part.kind,
        served_frac=total / float(ran.wanted_mtok.sum()),
        cost_usd=cost,
        usd_per_mtok=cost / tokens if tokens else None,
        full_output_mtok=machines.full_output_mtok if machines else None,
        in_time_output_mtok=machines.output_mtok if machines else None,
        load_frac=total / there / machines.full_output_mtok if machines and there else None,
        error_frac=machines.error_frac if machines else None,
    )


def usd_per_mtok(case: Case, ran: Ran) -> dict[str, float]:
    """Levelised, by kind of token: of machines by the seconds that each takes, of APIs by their prices.

    What each kind costs over what is used of it adds up to the cost of the option.
    """
    rate = monthly_rate(case.terms.discount_frac_per_year)
    each = case.asked.by_meter
    used = float(npv_paths(rate, ran.wanted_mtok))
    totals = dict.fromkeys(each, 0.0)
    known = 0.0
    for part, served in ran.parts.values():
        for kind, usd in _by_kind(case, part, served, rate).items():
            totals[kind] += usd
            known += usd
    fees = float(npv_paths(rate, ran.cost_usd)) - known
    tokens = sum(each.values())
    return {
        kind: totals[kind] / (used * amount) + fees / (used * tokens)
        for kind, amount in each.items()
        if amount > 0
    }


def _by_kind(case: Case, part: Part, served: Served, rate: float) -> dict[str, float]:
    """Present cost of a part by kind of token; fees that belong to no token are left out."""
    each, months = case.asked.by_meter, case.terms.months
    if isinstance(part, Api):
        return {
            kind: float(
                npv_paths(rate, served.mtok * amount * price_of(price, months, None, part.binds))
            )
            for kind, amount in each.items()
            for price in [part.prices[kind]]
        }
    seconds = {kind: part.capacity.seconds_per_mtok[kind] * amount for kind, amount in each.items()}
    cost = float(npv_paths(rate, served.cost_usd)) if served.mtok.any() else 0.0
    total = sum(seconds.values())
    return {kind: cost * s / total for kind, s in seconds.items()}


def blended_usd_per_mtok(case: Case, ran: Ran) -> float:
    """Present cost, before tax, over present tokens of all kinds."""
    rate = monthly_rate(case.terms.discount_frac_per_year)
    tokens = float(npv_paths(rate, ran.wanted_mtok)) * sum(case.asked.by_meter.values())
    return float(npv_paths(rate, ran.cost_usd)) / tokens
