"""`wattmill decide`: is a change worth its effort, on what one's own machines or an API really cost?

What an own machine no longer needs to do saves electricity. It saves more only where work was waiting, or a whole
machine can go; where neither is so, nothing is saved while the machine is idle, and that is the answer.
"""

from __future__ import annotations

import math
from datetime import date

import numpy as np

from wattmill.catalog.factory import Factory
from wattmill.catalog.factory.choices import CHANGE_KINDS
from wattmill.catalog.names import nearest
from wattmill.core.errors import PlanError, UsageError
from wattmill.finance.cashflow import monthly_rate, npv, payback_periods
from wattmill.finance.demand import served_at_peaks
from wattmill.plan.studies.buy.factory_reading import Reading
from wattmill.plan.studies.buy.inputs import terms_before_tax
from wattmill.plan.studies.decide.flow import (
    flow,
    months_of,
    once_usd,
    saved_by_month,
    upkeep_usd_per_month,
)
from wattmill.plan.studies.decide.report import ChangeReport, DecideReport, Saved, Verdict
from wattmill.plan.studies.decide.words import because
from wattmill.plan.studies.decide.work import Work, work
from wattmill.plan.studies.sourced import in_other_currency
from wattmill.plan.studies.timeline import reached_by

LOADS = np.geomspace(0.01, 100.0, 41)
"""Multiples of the demand that are tried."""
STEPS = 25
LEAST_USD = 0.5
"""A month's worth of waiting work that is nothing, to rounding."""

EXAMPLES = {
    "distill": 'model = "llama-3.1-8b", usd = 5000',
    "finetune": "prompt_tokens = -800, usd = 2000",
    "cache": "hit_frac = 0.6",
    "quantise": 'precision = "fp8"',
    "rag": "prompt_tokens = -6000, usd_per_month = 200",
    "second-node": 'hardware = "4x L40S", usd = 40000',
}


def study(kind: str, factory: Factory, today: date) -> DecideReport:
    """Every `[[change]]` of the kind. UsageError for another kind; PlanError without a change or a demand."""
    if kind not in CHANGE_KINDS:
        raise UsageError(f"there is no decision {kind!r}", hint=nearest(kind, CHANGE_KINDS))
    changes = [change for change in factory.changes if change.kind == kind]
    if not changes:
        raise PlanError(
            f"the factory file has no [[change]] of kind {kind!r}",
            hint=f'give one: name = "…", kind = "{kind}", {EXAMPLES[kind]}',
            place=str(factory.path),
        )
    reading = Reading(factory, today)
    shared = terms_before_tax(reading)
    found = tuple(_report(reading, work(reading, change, shared)) for change in changes)
    return DecideReport(
        factory=str(factory.path),
        currency=factory.site.currency,
        kind=kind,
        start=reading.line.start,
        months=shared.months,
        discount_frac_per_year=shared.discount_frac_per_year,
        demand=reading.asked,
        changes=found,
        inputs=reading.sources.all,
        notes=(*dict.fromkeys(reading.notes), *in_other_currency(factory, reading.sources.all)),
    )


def _report(reading: Reading, made: Work) -> ChangeReport:
    monthly = saved_by_month(made)
    if made.change.months >= made.terms.months:
        raise PlanError(
            f"{made.change.name} works after the study ends", hint="give [finance] a longer horizon_months",
            place=str(reading.factory.path),
        )  # fmt: skip
    first = monthly[made.change.months]
    usd = flow(made, monthly)
    rate = monthly_rate(made.terms.discount_frac_per_year)
    paid_back = payback_periods(usd.tolist())
    load, after, idle = _loads(made, first)
    verdict = _verdict(made, first, paid_back)
    from_mtok = _pays_from(made, rate)
    return ChangeReport(
        name=made.change.name,
        kind=made.change.kind,
        pool=made.pool.name,
        is_own=made.before is not None,
        speed_up=made.speed_up,
        freed_frac=max(0.0, idle),
        load_frac=load,
        load_after_frac=after,
        saved=first,
        saved_usd_per_month=first.usd,
        list_usd_per_month=_list_usd(made),
        upkeep_usd_per_month=upkeep_usd_per_month(made),
        once_usd=once_usd(made),
        works_from=reading.line.label(made.change.months),
        break_even_months=paid_back,
        break_even=None if paid_back is None else reading.line.label(math.ceil(paid_back)),
        npv_usd=npv(rate, usd.tolist()),
        verdict=verdict,
        because=because(made, first, verdict, paid_back),
        pays_from_output_mtok=from_mtok,
        reached=None
        if from_mtok is None
        else reached_by(
            from_mtok / made.asked.output_mtok, made.asked.growth_frac_per_year, reading.line
        ),
        alone_tok_per_s=made.alone_tok_per_s,
        flow_usd=tuple(usd.tolist()),
        saved_by_month_usd=tuple(each.usd for each in monthly),
        by_load=_by_load(made),
    )


def _verdict(made: Work, first: Saved, paid_back: float | None) -> Verdict:
    if paid_back is not None:
        return "pays"
    is_idle = first.waiting_usd < LEAST_USD and first.machines_less <= 0
    if is_idle if made.before is not None else first.usd <= 0:
        return "nothing is saved"
    return "never" if first.usd <= upkeep_usd_per_month(made) else "too late"


def _loads(made: Work, first: Saved) -> tuple[float | None, float | None, float]:
    """Load before and after, in the first month at which it works, and what of the capacity becomes free."""
    own = made.before
    if own is None:
        return None, None, 0.0
    asked, peak = made.asked.output_mtok, made.asked.peak_to_mean
    before = served_at_peaks(asked, own.output_mtok, peak) / own.full_output_mtok
    if made.change.kind == "second-node":
        assert made.node is not None
        both = own.output_mtok + made.node.output_mtok
        full = own.full_output_mtok + made.node.full_output_mtok
        return before, served_at_peaks(asked, both, peak) / full, 0.0
    limit = own.output_mtok / max(made.factor, 1e-9)
    later = served_at_peaks(asked, limit, peak) * made.factor / own.full_output_mtok
    return before, later, before - later


def _list_usd(made: Work) -> float:
    """What the work that is spared would cost at an API's prices, in the first month."""
    month = months_of(made)[made.change.months]
    spared = 1 - made.factor if made.change.kind != "second-node" else 0.0
    return made.asked.output_mtok * spared * month.usd_per_output_mtok


# --- the load -------------------------------------------------------------------------------------


def _worth(made: Work, factor: float, rate: float) -> float:
    return npv(rate, flow(made, saved_by_month(made, factor)).tolist())


def _pays_from(made: Work, rate: float) -> float | None:
    """The least load at which it is worth its effort within the study."""
    worth = [_worth(made, float(factor), rate) >= 0 for factor in LOADS]
    if not any(worth):
        return None
    index = worth.index(True)
    high = float(LOADS[index])
    if index == 0:
        return high * made.asked.output_mtok
    low = float(LOADS[index - 1])
    for _ in range(STEPS):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if _worth(made, middle, rate) >= 0 else (middle, high)
    return high * made.asked.output_mtok


def _by_load(made: Work) -> tuple[tuple[float, float], ...]:
    """Mtok of output a month, and what the first month that it works saves at that load."""
    at = made.change.months
    return tuple(
        (float(factor) * made.asked.output_mtok, saved_by_month(made, float(factor))[at].usd)
        for factor in LOADS
    )
