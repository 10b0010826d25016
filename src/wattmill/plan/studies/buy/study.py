"""`wattmill buy`: rent, buy, lease or pay an API, for the demand of a factory file."""

from __future__ import annotations

from datetime import date

from wattmill.catalog.factory import Factory
from wattmill.plan.studies.buy.case import cheapest, runner_up
from wattmill.plan.studies.buy.inputs import BuyInputs, buy_inputs
from wattmill.plan.studies.buy.knobs import curve, knobs, turns
from wattmill.plan.studies.buy.option_reports import option_reports
from wattmill.plan.studies.buy.report import BuyReport
from wattmill.plan.studies.buy.risk import simulate
from wattmill.plan.studies.buy.verdict import verdict
from wattmill.plan.studies.sourced import in_other_currency


def study(
    factory: Factory, today: date, *, paths: int | None = None, seed: int | None = None
) -> BuyReport:
    """All offers of the file against the API, or against the factory as it is. 0 paths are no simulation.

    PlanError if it cannot be made, CatalogError for a name that the catalog does not know.
    """
    inputs = buy_inputs(factory, today)
    case, terms = inputs.case, inputs.case.terms
    options = option_reports(case, inputs.timeline)
    costs = {option.name: option.cost_usd for option in options}
    best = cheapest(costs)
    count = factory.finance.paths if paths is None else paths
    draw = factory.finance.seed if seed is None else seed
    report = BuyReport(
        factory=str(factory.path),
        currency=factory.site.currency,
        start=inputs.timeline.start,
        months=terms.months,
        discount_frac_per_year=terms.discount_frac_per_year,
        demand=case.asked,
        reference=case.reference.name,
        cheapest=best,
        next=runner_up(costs, best),
        verdict=(),
        options=options,
        turns=turns(case, inputs.timeline),
        curve=curve(case),
        knobs=knobs(case),
        risk=simulate(case, inputs.processes, inputs.correlation, count, draw),
        inputs=inputs.sources,
        notes=(*inputs.notes, *_notes(factory, inputs)),
    )
    return verdict(report)


def _notes(factory: Factory, inputs: BuyInputs) -> tuple[str, ...]:
    """Currencies that are mixed, and what is left out."""
    found = [*in_other_currency(factory, inputs.sources)]
    if inputs.case.own:
        names = ", ".join(rack.name for rack in inputs.case.own)
        found.append(
            f"{names} is paid and serves first in every option; what it costs to run is in all of them"
        )
    if factory.loans:
        names = ", ".join(loan.name for loan in factory.loans)
        found.append(
            f"{names}: loans are left out; every option is paid in cash, and the discount rate stands for"
            " what money costs. `wattmill finance` has them"
        )
    return tuple(found)
