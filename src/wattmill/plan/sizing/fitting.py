"""What holds a model: how many of each accelerator, with how much room, how fast and how dear."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np

from wattmill.catalog.hardware import Accelerator
from wattmill.catalog.models import ModelSpec
from wattmill.catalog.precision import WEIGHT_BITS
from wattmill.catalog.systems import systems
from wattmill.catalog.units import GIB
from wattmill.core.errors import PlanError
from wattmill.physics.deployment import Deployment
from wattmill.physics.memory import fit
from wattmill.physics.performance import Workload
from wattmill.physics.sweep import Outcomes
from wattmill.plan.sizing.candidates import (
    Candidate,
    candidates,
    checked,
    engine_for,
    generator,
    ladder,
)  # fmt: skip
from wattmill.plan.sizing.fit_records import FitMiss, FitReport, FitRow
from wattmill.plan.sizing.fit_records import FitQuestion as FitQuestion
from wattmill.plan.sizing.money import Priced, Terms, hourly_usd, priced, usd_per_mtok
from wattmill.plan.sizing.sweep import MOST_SEQUENCES, Field, at, bounds, field, idle_w

DEFAULT_CONTEXT_TOKENS = 8192
PROMPT_FRAC = 0.75
"""Share of the context that is prompt in the requests that speeds are for."""

SMALL_CARD_BYTES = 34 * GIB


def fit_report(question: FitQuestion, today: date) -> FitReport:
    """Every accelerator of the question; CatalogError and PlanError say what to change."""
    spec = generator(question.model)
    checked(question.precisions, question.kv_precision)
    context = _context_tokens(spec, question)
    isl = max(1, min(context - 1, round(context * PROMPT_FRAC)))
    workload = Workload(isl, max(1, context - isl))
    where = _field(spec, question, today)
    rows, misses = _sorted_out(where, question.terms, workload, context)
    return FitReport(
        spec.name,
        spec.params,
        spec.default_precision,
        context,
        workload,
        question.terms,
        rows,
        misses,
    )


def _context_tokens(spec: ModelSpec, question: FitQuestion) -> int:
    asked, most = question.context_tokens, spec.max_context_tokens
    if asked is None:
        return min(DEFAULT_CONTEXT_TOKENS, most)
    if not 2 <= asked <= most:
        raise PlanError(
            f"a context of {asked:,} tokens is not within 2 to {most:,} of {spec.name}",
            hint="give a context the model was made for",
            place="--context",
        )
    return asked


def _field(spec: ModelSpec, question: FitQuestion, today: date) -> Field:
    def formats(candidate: Candidate) -> Sequence[str]:
        card = candidate.accelerator
        if not question.precisions:
            return ladder(spec, card)
        wide_first = sorted(question.precisions, key=lambda p: -WEIGHT_BITS[p])
        return [p for p in wide_first if engine_for(card, p)]

    found = candidates(question.hardware)
    where = field(spec, found, formats, question.kv_precision, today)
    if where is None:
        raise PlanError(
            f"no engine runs {spec.name} in {', '.join(question.precisions) or 'any format'} there",
            hint="leave --precision away, or name other --hardware",
        )
    return where


def device_class(a: Accelerator) -> str:
    """What people shop for: cards by size, nodes by generation, whole machines, processors."""
    if a.form == "pcie":
        size = "≤ 32 GB" if a.memory_bytes < SMALL_CARD_BYTES else "> 32 GB"
        return f"{a.vendor} card {size}"
    if a.family in ("apple", "cpu"):
        return "Apple" if a.family == "apple" else "CPU"
    return "small machine" if a.form in ("soc",) or a.family == "unified" else a.family


# --- the rows -------------------------------------------------------------------------------------


def _sorted_out(
    where: Field, terms: Terms, workload: Workload, context: int
) -> tuple[tuple[FitRow, ...], tuple[FitMiss, ...]]:
    batch = bounds(where, workload, np.inf)
    single, full = (at(where, workload, np.maximum(1.0, b)) for b in (np.ones_like(batch), batch))
    rows: list[FitRow] = []
    misses: list[FitMiss] = []
    for layouts in _by_accelerator(where):
        holding = [i for i in layouts if batch[i, 0] >= 1]
        chosen = _chosen(where, holding, full)
        rows += [_row(where, i, terms, workload, context, single, full) for i in chosen]
        misses += [] if chosen else [_miss(where, layouts, context)]
    return _ordered(rows), tuple(sorted(misses, key=lambda m: m.missing_bytes))


def _by_accelerator(where: Field) -> list[list[int]]:
    groups: dict[str, list[int]] = {}
    for i, candidate in enumerate(where.candidates):
        groups.setdefault(repr(candidate), []).append(i)
    return list(groups.values())


def _chosen(where: Field, holding: list[int], full: Outcomes) -> list[int]:
    """By format the fewest cards, and of those layouts the one with the most throughput.

    Of a whole system, all its cards: the fewest are the system's.
    """

    def worth(i: int) -> tuple[float, float]:
        d, bought = where.deployments[i], where.candidates[i].system
        away = abs(bought.hardware.count - d.cards) if bought else d.cards
        return (float(away), -float(full.tok_per_s[i, 0]))

    best: dict[str, int] = {}
    for i in sorted(holding, key=worth):
        best.setdefault(where.deployments[i].precision, i)
    return sorted(best.values(), key=lambda i: -WEIGHT_BITS[where.deployments[i].precision])


def _row(
    where: Field, i: int, terms: Terms, workload: Workload, context: int, single: Outcomes,
    full: Outcomes,
) -> FitRow:  # fmt: skip
    d, candidate, rate = where.deployments[i], where.candidates[i], where.rates[i]
    card, memory, interval = candidate.accelerator, fit(d, context), d.tpot_interval
    alone, all_at_once = 1 / float(single.tpot_s[i, 0]), float(full.tok_per_s[i, 0])
    batch = min(memory.users, MOST_SEQUENCES[d.runtime] * d.dp)
    price = _price(where, i, terms, float(full.power_w[i, 0]))
    per_output = usd_per_mtok(price.usd_per_hour, all_at_once * terms.load_frac)
    both = 1 + workload.isl / workload.osl
    return FitRow(
        hardware=candidate.system.name if candidate.system else str(d.hardware),
        accelerator=card.name,
        device_class=device_class(card),
        cards=d.cards,
        systems=_systems_with(card, d.cards),
        engine=d.engine,
        precision=d.precision,
        tp=d.tp,
        pp=d.pp,
        dp=d.dp,
        weights_bytes=memory.weights_bytes,
        free_bytes=memory.free_bytes,
        memory_bytes=memory.memory_bytes,
        users=memory.users,
        batch=batch,
        single_tok_per_s=alone,
        single_low_tok_per_s=alone / interval.high_frac,
        single_high_tok_per_s=alone / interval.low_frac,
        full_tok_per_s=all_at_once,
        full_low_tok_per_s=all_at_once / interval.high_frac,
        full_high_tok_per_s=all_at_once / interval.low_frac,
        ttft_s=float(single.ttft_s[i, 0]),
        power_w=float(full.power_w[i, 0]),
        price_usd=rate.own_usd_per_card * d.cards if rate.own_usd_per_card else None,
        price_as_of=rate.own.as_of if rate.own else None,
        is_price_stale=rate.is_own_stale,
        rent_usd_per_hour=rate.rent.value * d.cards if rate.rent else None,
        rent_as_of=rate.rent.as_of if rate.rent else None,
        is_rent_stale=rate.is_rent_stale,
        usd_per_hour=price.usd_per_hour,
        usd_basis=price.basis,
        is_usd_stale=price.is_stale,
        usd_per_mtok=None if per_output is None else per_output / both,
        usd_per_mtok_output=per_output,
    )


def _price(where: Field, i: int, terms: Terms, power_w: float) -> Priced:
    waiting_w = float(idle_w(where)[i, 0])
    mean_w = waiting_w + (power_w - waiting_w) * terms.load_frac
    owned, rented = hourly_usd(
        where.own_usd[i], where.rent_usd[i], where.cards[i], np.array([mean_w]), terms
    )
    return priced(where.rates[i], float(owned[0]), float(rented[0]))


def _systems_with(card: Accelerator, cards: int) -> tuple[str, ...]:
    found = [s for s in systems() if s.hardware.accelerator.name == card.name]
    enough = sorted((s for s in found if s.hardware.count >= cards), key=lambda s: s.hardware.count)
    return tuple(s.name for s in enough)


def _miss(where: Field, layouts: list[int], context: int) -> FitMiss:
    def lacking(i: int) -> float:
        memory = fit(where.deployments[i], context)
        return memory.kv_bytes_per_user - memory.free_bytes

    nearest = min(layouts, key=lacking)
    d: Deployment = where.deployments[nearest]
    return FitMiss(
        str(d.hardware), device_class(d.hardware.accelerator), d.precision, lacking(nearest)
    )


def _ordered(rows: list[FitRow]) -> tuple[FitRow, ...]:
    """By accelerator: the cheapest an hour first, what has no price last; formats stay together."""

    def worth(name: str) -> tuple[float, float]:
        own = [row for row in rows if row.hardware.split("x ")[-1] == name]
        usd = [row.usd_per_hour for row in own if row.usd_per_hour is not None]
        return (min(usd, default=np.inf), min(row.power_w for row in own))

    names = dict.fromkeys(row.hardware.split("x ")[-1] for row in rows)
    order = {name: place for place, name in enumerate(sorted(names, key=worth))}
    return tuple(sorted(rows, key=lambda row: order[row.hardware.split("x ")[-1]]))
