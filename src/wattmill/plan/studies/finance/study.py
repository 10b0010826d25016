"""`wattmill finance`: what the factory earns and costs by month, who lends, what may happen.

Amounts are in the currency of the factory file, flows at the ends of months, rates by the year.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from wattmill.catalog.factory import Factory
from wattmill.core.errors import CatalogError, PlanError
from wattmill.finance import break_even, cashflow, covenants, lcot, returns
from wattmill.finance.depreciation import rent_at_book_usd_per_hour
from wattmill.finance.montecarlo import simulate
from wattmill.finance.outcome import Outcome
from wattmill.finance.path_figures import Yardsticks, cover, loan_to_values
from wattmill.finance.project import Project
from wattmill.finance.statement import Statement, statement
from wattmill.plan.studies import knobs
from wattmill.plan.studies.finance.knobs import bars, sobol
from wattmill.plan.studies.finance.report import AtBook, BreakEven, FinanceReport, Returns, Unit
from wattmill.plan.studies.inputs import StudyInputs, study_inputs
from wattmill.plan.studies.lenders import lenders
from wattmill.plan.studies.sourced import Sourced, Sources, in_other_currency
from wattmill.plan.studies.years import years

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

MONTHLY = (
    "revenue_usd",
    "opex_usd",
    "ebitda_usd",
    "cfads_usd",
    "service_usd",
    "equity_flow_usd",
    "balance_usd",
    "book_value_usd",
    "market_value_usd",
    "cash_usd",
)
"""Lines of the statement that go into the report month by month."""


def study(
    factory: Factory,
    today: date,
    *,
    paths: int | None = None,
    seed: int | None = None,
    with_sobol: bool = False,
) -> FinanceReport:
    """The study of a factory. paths and seed go before those of the file; 0 paths are no simulation.

    with_sobol: shares of the variance by input as well, which takes some seconds.
    PlanError if it cannot be made, CatalogError for a name that the catalog does not know.
    """
    try:
        return _report(factory, today, paths, seed, with_sobol)
    except (CatalogError, PlanError) as error:
        error.place = error.place or str(factory.path)
        raise


def _report(
    factory: Factory, today: date, paths: int | None, seed: int | None, with_sobol: bool
) -> FinanceReport:
    inputs = study_inputs(factory, today)
    count = factory.finance.paths if paths is None else paths
    drawn = factory.finance.seed if seed is None else seed
    found = statement(inputs.project)
    discount = inputs.discount_frac_per_year
    rate = cashflow.monthly_rate(discount)
    loans = lenders(factory, inputs.project, found)
    ratios = cover(found, _trailing(factory))
    tornado, knob_notes = bars(inputs.project, rate)
    return FinanceReport(
        factory=str(factory.path),
        currency=factory.site.currency,
        start=inputs.timeline.start,
        months=inputs.project.months,
        discount_frac_per_year=discount,
        project=_returns(found.project_flow_usd, rate),
        equity=_returns(found.equity_flow_usd, rate),
        unit=_unit(inputs, found, rate),
        break_even=_break_even(inputs.project, found, rate),
        years=years(found, inputs.timeline),
        lenders=loans,
        gap=_gap(inputs, found),
        under_book_months=_under_book(found),
        at_book=_at_book(inputs, found),
        monthly={name: tuple(getattr(found, name).tolist()) for name in MONTHLY},
        dscr=tuple(float(ratio) if np.isfinite(ratio) else None for ratio in ratios),
        ltv=tuple(loan_to_values(found).tolist()),
        knobs=tornado,
        sobol=sobol(inputs.project, rate, drawn) if with_sobol else (),
        risk=_risk(factory, inputs, count, drawn),
        inputs=(*inputs.sources, *_asked(factory, paths, seed)),
        notes=(*inputs.notes, *in_other_currency(factory, inputs.sources), *knob_notes),
    )


def _trailing(factory: Factory) -> int:
    return factory.loans[0].covenant_months if factory.loans else 12


# --- what it is worth -----------------------------------------------------------------------------


def _returns(flows: Array, rate: float) -> Returns:
    listed = flows.tolist()
    rates = tuple(map(cashflow.yearly_rate, _roots(listed)))
    return Returns(
        npv_usd=cashflow.npv(rate, listed),
        irr_frac_per_year=rates[0] if len(rates) == 1 else None,
        irr_all_frac_per_year=rates,
        mirr_frac_per_year=_mirr(listed, rate),
        payback_months=cashflow.payback_periods(listed),
        discounted_payback_months=cashflow.payback_periods(listed, rate),
        invested_usd=-float(np.minimum(np.cumsum(flows), 0.0).min()),
    )


def _roots(flows: list[float]) -> tuple[float, ...]:
    try:
        return cashflow.irr_all(flows)
    except cashflow.NoRoot:
        return ()


def _mirr(flows: list[float], rate: float) -> float | None:
    try:
        return cashflow.yearly_rate(returns.mirr(flows, rate, rate))
    except cashflow.NoRoot:
        return None


def _unit(inputs: StudyInputs, s: Statement, rate: float) -> Unit:
    sold = sum(s.sold.values(), np.zeros(s.months + 1))
    parts = {name: usd for name, usd in lcot.cost_parts(s).items() if usd.any()}
    parts |= {"tax": s.unlevered_tax_usd} if s.unlevered_tax_usd.any() else {}
    costs = sum(parts.values(), np.zeros(s.months + 1))
    by_part = lcot.lcot_by_part(rate, parts, sold)
    hours = "gpu_hours" in s.sold
    return Unit(
        name="GPU-hour" if hours else "Mtok",
        sold=float(sold.sum()),
        cost_usd=float(lcot.lcot(rate, costs, sold)),
        price_usd=float(lcot.lcot(rate, s.revenue_usd, sold)),
        by_part={name: float(usd) for name, usd in by_part.items()},
        by_meter={} if hours else _by_meter(inputs, s, costs, rate),
    )


def _by_meter(inputs: StudyInputs, s: Statement, costs: Array, rate: float) -> dict[str, float]:
    """By the seconds that a Mtok takes, in the mean of the pools by what they can make."""
    weights = [each.full_tok_per_s for each in inputs.machines]
    seconds = {
        name: float(
            np.average([m.seconds_per_mtok[name] for m in inputs.machines], weights=weights)
        )
        for name in s.sold
    }
    found = lcot.lcot_by_meter(rate, costs, s.sold, seconds)
    return {name: float(usd) for name, usd in found.items()}


def _break_even(project: Project, s: Statement, rate: float) -> BreakEven:
    base = float(np.mean([a.load.frac for a in project.assets if a.sales]))

    def worth(changed: Project) -> float:
        return float(cashflow.npv_paths(rate, statement(changed).project_flow_usd))

    unlevered = msgspec.structs.replace(project, loans=())
    load = break_even.level(lambda f: worth(knobs.load(unlevered, f)), 1e-6, 1 / base)
    price = break_even.level(lambda f: worth(knobs.price(unlevered, f)), 0.01, 100.0)
    off = break_even.crossover(s.revenue_usd, s.opex_usd).for_good_month
    return BreakEven(None if load is None else load * base, price, off)


def _under_book(s: Statement) -> tuple[tuple[int, int], ...]:
    """First and last months of the times in which machines sell for less than the books say."""
    gap = (s.book_value_usd - s.market_value_usd)[:-1]
    under = np.flatnonzero(gap > 1e-6 * np.abs(s.book_value_usd).max())
    times = np.split(under, np.flatnonzero(np.diff(under) > 1) + 1) if len(under) else []
    return tuple((int(time[0]), int(time[-1])) for time in times)


def _at_book(inputs: StudyInputs, s: Statement) -> AtBook:
    """Half-way, from what is sold and what it costs to run from then on."""
    month = max(1, s.months // 2)
    sold = sum(s.sold.values(), np.zeros(s.months + 1))
    price = next(a.sales[-1].price for a in inputs.project.assets if a.sales)
    needed = rent_at_book_usd_per_hour(
        book_usd=max(0.0, float(s.book_value_usd[month])),
        hours_per_month=float(sold[month + 1 :].mean()),
        running_usd_per_month=float(s.opex_usd[month + 1 :].mean()),
        months=s.months - month,
        discount_frac_per_year=inputs.discount_frac_per_year,
        rent_growth_frac_per_year=price.growth_frac_per_year,
        resale_usd=float(s.resale_usd[-1]),
    )
    expected = float(s.revenue_usd[month] / sold[month]) if sold[month] else None
    return AtBook(month, needed, expected)


def _gap(inputs: StudyInputs, s: Statement) -> covenants.DurationGap | None:
    """Contract, debt, and how long machines earn more than they cost to run."""
    if not s.balance_usd.any():
        return None
    contract = inputs.project.assets[0].contract
    first = inputs.project.assets[0].first_month
    off = break_even.crossover(s.revenue_usd, s.opex_usd).for_good_month
    ends = 0 if contract is None else first + (contract.months or s.months)
    return covenants.duration_gap(s.balance_usd, ends, s.months if off is None else off)


# --- what may happen ------------------------------------------------------------------------------


def _asked(factory: Factory, paths: int | None, seed: int | None) -> tuple[Sourced, ...]:
    """Which futures were drawn, and who said so."""
    sources = Sources(factory)
    for name, given in (("paths", paths), ("seed", seed)):
        if given is None:
            sources.told(f"finance.{name}", getattr(factory.finance, name), "count")
        else:
            sources.add(f"finance.{name}", given, "count", f"command line --{name}")
    return sources.all


def _risk(factory: Factory, inputs: StudyInputs, count: int, seed: int) -> Outcome | None:
    if count == 0 or not inputs.processes:
        return None
    project = inputs.project
    floors = [loan.covenant_dscr for loan in factory.loans if loan.covenant_dscr is not None]
    ceilings = [loan.covenant_ltv for loan in factory.loans if loan.covenant_ltv is not None]
    drawn = [name for name in ("rent", "token_price") if name in inputs.processes]
    yard = Yardsticks(
        discount_frac_per_year=inputs.discount_frac_per_year,
        dscr_floor=max(floors, default=1.0),
        ltv_ceiling=min(ceilings, default=1.0),
        trailing_months=_trailing(factory),
        fans=("equity_flow_usd", "cfads_usd", *(["dscr", "ltv"] if project.loans else []), *drawn),
    )
    return simulate(
        project,
        inputs.processes,
        inputs.correlation,
        count,
        seed,
        yard,
    )
