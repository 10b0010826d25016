"""What a site leaves in a month at the planned load, before its power."""

from __future__ import annotations

from datetime import date

from wattmill.catalog.factory import Factory
from wattmill.core.errors import PlanError
from wattmill.finance.assets import Asset, Cost
from wattmill.plan.studies.inputs import StudyInputs, study_inputs
from wattmill.plan.studies.sourced import Sources


def margin_usd_per_month(
    factory: Factory, today: date, sources: Sources, notes: list[str]
) -> float | None:
    """Sales at today's prices less all costs but power; None, with a note, where no price is known.

    Ramp, growth and random prices are left to `wattmill finance`.
    """
    try:
        inputs = study_inputs(factory, today)
    except PlanError as error:
        notes.append(f"what a month of delay loses in margin is not known: {error.message}")
        return None
    for each in inputs.sources:
        is_price = each.name.startswith(("price.", "rent.", "finance.usd_per"))
        if is_price and isinstance(each.value, float):
            sources.add(each.name, each.value, each.unit, each.source)
    said = "computed by sales at today's prices and the planned load, less costs but power"
    return sources.add("site.margin_usd_per_month", _margin_usd(inputs), "USD/month", said)


def _margin_usd(inputs: StudyInputs) -> float:
    project = inputs.project
    revenue = sum(map(_revenue_usd, project.assets))
    paid = sum(asset.paid_usd for asset in project.assets)
    costs = sum(_cost_usd(cost, revenue, paid) for cost in project.costs)
    space = sum((a.peak_kw_per_unit or 0.0) * a.units for a in project.assets)
    return revenue - costs - (space * project.colo.usd if project.colo else 0.0)


def _revenue_usd(asset: Asset) -> float:
    full = sum(sale.per_unit_month * sale.price.usd for sale in asset.sales)
    return asset.units * full * asset.load.frac


def _cost_usd(cost: Cost, revenue_usd: float, paid_usd: float) -> float:
    yearly = paid_usd * cost.paid_frac_per_year
    return cost.usd_per_month + cost.revenue_frac * revenue_usd + yearly / 12
