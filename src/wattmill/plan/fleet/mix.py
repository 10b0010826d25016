"""The fleet that makes most tokens or margin, or costs least, within power, capital and space.

The answer is of whole machines, with a proven gap; shadow prices say what more of each scarce thing
would bring, as slope and as a step of whole machines.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from wattmill.plan.fleet.model import Array, Program
from wattmill.plan.fleet.question import Question, checked
from wattmill.plan.fleet.records import (
    RESOURCES,
    Chosen,
    Envelope,
    MachineType,
    Market,
    Mix,
    Objective,
    Shadow,
    Solver,
)
from wattmill.plan.fleet.refusal import refuse
from wattmill.plan.fleet.solving import Solution, solve

UNITS = {"tokens": "Mtok/month", "margin": "USD/month", "cost": "USD/month"}
PER = {
    "kw": "kW",
    "capital_usd": "USD",
    "racks": "rack",
    "least_mtok": "Mtok",
    "most_mtok": "Mtok",
    "stock": "piece",
}
IDLE = 1e-9
"""Work of a part of a machine that is rounding."""

STEP_FRAC = 0.05
"""How much more of a resource the step of whole machines takes, if none is given."""


def best_mix(
    types: Sequence[MachineType],
    markets: Sequence[Market],
    envelope: Envelope,
    objective: Objective = "margin",
    solver: Solver | None = None,
    steps: dict[str, float] | bool = True,
) -> Mix:
    """The best fleet for the markets within the envelope.

    steps: for which resources to solve again with so much more of it (kW, USD, racks); True takes 5 %
    of each that is scarce, False none. PlanError where no fleet keeps what is promised, with what
    stands in the way; where nothing limits the fleet; and for names and figures that cannot be.
    """
    kept, refused = _to_choose_from(types)
    question = Question(kept, tuple(markets), envelope, objective, solver or Solver())
    checked(question)
    whole, parts = question.program(), question.relaxed().program()
    relaxed = solve(parts, question.solver, relaxed=True)
    found = solve(whole, question.solver) if relaxed.status != "infeasible" else relaxed
    if found.status == "infeasible":
        refuse(question.types, question.markets, envelope, question.solver)
    found = _without_idle(found, len(whole.types))
    shadows = _shadows(question, parts, relaxed, found, steps)
    return _mix(question, whole, found, relaxed, shadows, refused)


def _to_choose_from(
    types: Sequence[MachineType],
) -> tuple[tuple[MachineType, ...], tuple[tuple[str, str], ...]]:
    """The types that may be taken, and the others with the reason."""
    why = [each.why_not or ("" if _answers(each) else "misses its SLO") for each in types]
    kept = tuple(each for each, reason in zip(types, why, strict=True) if not reason)
    gone = tuple((each.name, reason) for each, reason in zip(types, why, strict=True) if reason)
    return kept, gone


def _answers(each: MachineType) -> bool:
    return each.meets_slo and each.mtok_per_month > 0


def _without_idle(found: Solution, size: int) -> Solution:
    """The same without machines that have no work: they cost nothing, or the solver would not have
    taken them, and bring nothing."""
    values = found.values.copy()
    values[:size] = np.minimum(values[:size], np.ceil(values[size : 2 * size] - IDLE))
    return msgspec.structs.replace(found, values=values)


# --- what is found --------------------------------------------------------------------------------


def _mix(
    question: Question,
    made: Program,
    found: Solution,
    relaxed: Solution,
    shadows: tuple[Shadow, ...],
    refused: tuple[tuple[str, str], ...],
) -> Mix:
    chosen = _chosen(question, made.types, found.values)
    sign = -1.0 if question.objective == "cost" else 1.0
    return Mix(
        objective=question.objective,
        unit=UNITS[question.objective],
        value=sign * found.objective + 0.0,
        bound=sign * found.bound + 0.0,
        gap_frac=found.gap_frac,
        is_proven=found.status == "optimal",
        relaxed_value=sign * relaxed.objective + 0.0,
        chosen=chosen,
        used={name: sum(getattr(each, name) for each in chosen) for name in RESOURCES},
        mtok_per_month={m.model: _sold(chosen, m.model) for m in question.markets},
        revenue_usd_per_month=sum(each.revenue_usd_per_month for each in chosen),
        cost_usd_per_month=sum(
            each.fixed_usd_per_month + each.variable_usd_per_month for each in chosen
        ),
        shadows=shadows,
        refused=refused,
    )


def _chosen(
    question: Question, types: tuple[MachineType, ...], values: Array
) -> tuple[Chosen, ...]:
    """Machine types with at least one machine, those with most tokens first."""
    size = len(types)
    price = {market.model: market.usd_per_mtok for market in question.markets}
    found = []
    for each, count, work in zip(types, values[:size], values[size : 2 * size], strict=True):
        if count >= 1:
            found.append(_taken(each, int(count), float(work), price[each.model]))
    return tuple(sorted(found, key=lambda taken: (-taken.mtok_per_month, taken.name)))


def _taken(each: MachineType, count: int, work: float, usd_per_mtok: float) -> Chosen:
    mtok = min(work, float(count)) * each.mtok_per_month
    return Chosen(
        name=each.name,
        model=each.model,
        count=count,
        mtok_per_month=mtok,
        kw=count * each.kw,
        capital_usd=count * each.capital_usd,
        racks=count * each.racks,
        fixed_usd_per_month=count * each.fixed_usd_per_month,
        variable_usd_per_month=mtok * each.variable_usd_per_mtok,
        revenue_usd_per_month=mtok * usd_per_mtok,
    )


def _sold(chosen: tuple[Chosen, ...], model: str) -> float:
    return sum(each.mtok_per_month for each in chosen if each.model == model)


# --- what more would bring ------------------------------------------------------------------------


def _shadows(
    question: Question,
    made: Program,
    relaxed: Solution,
    found: Solution,
    steps: dict[str, float] | bool,
) -> tuple[Shadow, ...]:
    """One for each limit that the asker set, in the order of the program."""
    sign = -1.0 if question.objective == "cost" else 1.0
    shadows = []
    for row, dual in zip(made.rows, relaxed.duals, strict=True):
        if not row.what:
            continue
        limit = row.low if row.what == "least_mtok" else row.high
        used = float(row.values @ found.values[: row.values.size])
        slope = sign * float(dual) + 0.0
        step = _step(row.what, limit, slope, steps)
        whole, error = _whole(question, row.what, found, step) if step else (None, None)
        what = f"{row.what} of {row.of}" if row.of else row.what
        unit = f"{UNITS[question.objective]} per {PER[row.what]}"
        shadows.append(Shadow(what, unit, used, limit, slope, step, whole, error))
    return tuple(shadows)


def _step(what: str, limit: float, slope: float, steps: dict[str, float] | bool) -> float | None:
    if what not in RESOURCES or steps is False:
        return None
    if steps is True:
        return limit * STEP_FRAC if slope else None
    return steps.get(what)


def _whole(question: Question, resource: str, found: Solution, step: float) -> tuple[float, float]:
    """What `step` more of a resource brings with whole machines, for each unit of it, and how far off
    that may be.

    At least 0: the fleet that was found still fits, even where the solver's gap hides it.
    """
    wider = msgspec.structs.replace(
        question.envelope, **{resource: getattr(question.envelope, resource) + step}
    )
    again = msgspec.structs.replace(question, envelope=wider).program()
    better = solve(again, question.solver, start=found.values)
    gained = max(0.0, better.objective - found.objective) / step
    unsure = sum(abs(each.bound - each.objective) for each in (better, found)) / step
    return (-gained + 0.0 if question.objective == "cost" else gained), unsure
