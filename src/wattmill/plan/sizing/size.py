"""What serves so many users in time: every layout, as many replicas as it takes, and the best of it.

For each layout of one replica the largest batch that memory and SLO allow gives the fewest replicas;
those and some larger numbers are priced, and what nothing else beats in cost, power and speed stays.
"""

from __future__ import annotations

from datetime import date

import msgspec
import numpy as np
from numpy.typing import NDArray

from wattmill.catalog.hardware import accelerator
from wattmill.catalog.models import ModelSpec
from wattmill.catalog.systems import systems
from wattmill.core.errors import PlanError
from wattmill.plan.sizing.candidates import Candidate, candidates, checked, generator, narrow
from wattmill.plan.sizing.choosing import best_at, measures, near, others_of, shown_of
from wattmill.plan.sizing.describing import option
from wattmill.plan.sizing.front import undominated
from wattmill.plan.sizing.meeting import MORE, MOST_USERS, TIMES, Found, field_of, meeting
from wattmill.plan.sizing.options import Option, SizeQuestion, SizeReport
from wattmill.plan.sizing.sweep import Field, field

MOST_ROWS = 1000
TOP = 10


class SizeStudy(msgspec.Struct, frozen=True):
    """A report with what stands behind it, for pictures. `front`: rows of `found`, in order."""

    report: SizeReport
    found: Found | None
    front: NDArray[np.int64]
    shown: tuple[int, ...]


def size(question: SizeQuestion, today: date, top: int = TOP) -> SizeReport:
    """The best options for a question; errors are PlanError and CatalogError with what to change."""
    return study(question, today, top).report


def study(question: SizeQuestion, today: date, top: int = TOP) -> SizeStudy:
    """The same with all that was found."""
    spec = _possible(question, top)
    where = field_of(spec, question, today)
    found = meeting(where, question) if where is not None else None
    if found is None or where is None:
        return _missed(spec, question, where, today)
    front = near(found, undominated(measures(found)))
    best = best_at(found, front)
    shown = shown_of(found, front, best, top)
    options = tuple(option(found, i, question, best.get(i, ())) for i in shown)
    others = tuple(option(found, i, question, ()) for i in others_of(found, shown))
    notes = (*_notes((*options, *others)), *_narrower(spec, question, found, today))
    return SizeStudy(
        _report(spec, question, where, len(front), options, others, notes), found, front, shown
    )


def _possible(question: SizeQuestion, top: int) -> ModelSpec:
    spec = generator(question.model)
    checked(question.precisions, question.kv_precision)
    tokens = question.workload.isl + question.workload.osl
    given = [(n, v) for n, v in (("users", question.users), ("rps", question.rps)) if v is not None]
    if len(given) != 1:
        raise PlanError("give --users or --rps, one of both", hint="--users 200")
    for name, value, most in ((*given[0], MOST_USERS), ("top", top, MOST_ROWS)):
        if not 0 < value <= most:
            raise PlanError(
                f"{name} = {value} cannot be", hint=f"give more than 0 and at most {most:,}",
                place=f"--{name}",
            )  # fmt: skip
    if tokens > spec.max_context_tokens:
        raise PlanError(
            f"{tokens:,} tokens of prompt and answer are more than the"
            f" {spec.max_context_tokens:,} of {spec.name}",
            hint="make --isl or --osl smaller, or take a model with more context",
        )
    return spec


# --- what to know about it ------------------------------------------------------------------------


def _report(
    spec: ModelSpec, question: SizeQuestion, where: Field, front: int, options: tuple[Option, ...],
    others: tuple[Option, ...], notes: tuple[str, ...],
) -> SizeReport:  # fmt: skip
    return SizeReport(
        model=spec.name,
        users=question.users,
        rps=question.rps,
        workload=question.workload,
        slo=question.slo,
        terms=question.terms,
        layouts=len(where),
        configurations=len(where) * (len(MORE) + len(TIMES)),
        front=front,
        options=options,
        others=others,
        miss=None,
        notes=notes,
    )


def _notes(options: tuple[Option, ...]) -> tuple[str, ...]:
    notes = []
    if any(o.usd_basis == "own" for o in options):
        notes.append(
            "own: price over its life and the energy it draws; hosts, space and people extra"
        )
    whole = sorted({o.accelerator for o in options if _is_sold_whole(o)})
    if whole:
        notes.append(
            "nodes are sold whole and rented by the card: to count whole ones, name the system,"
            f" as --hardware {_system_of(whole[0])}"
        )
    if any(o.is_usd_stale for o in options):
        notes.append(
            "*, stale: older than half a year for rents and used cards, a year for new ones"
        )
    if any(o.usd_per_hour is None for o in options):
        notes.append("no price is known where there is a -; add a [[quote]] to your catalog file")
    if any(not o.is_sure for o in options):
        notes.append(
            "~: the SLO is met by the prediction, but not at the upper end of its interval"
        )
    if any(o.pp > 1 and o.engine != "llama.cpp" for o in options):
        notes.append("pp: stages take turns in this model; engines that overlap them do better")
    return tuple(notes)


def _is_sold_whole(o: Option) -> bool:
    form = accelerator(o.accelerator).form
    is_node = form in ("sxm", "oam", "superchip")
    return o.system is None and is_node and bool(_system_of(o.accelerator))


def _system_of(name: str) -> str:
    found = [s.name for s in systems() if s.hardware.accelerator.name == name]
    return found[0] if found else ""


def _narrower(
    spec: ModelSpec, question: SizeQuestion, found: Found, today: date
) -> tuple[str, ...]:
    """What 4 bits would save, unless formats were chosen."""
    if question.precisions:
        return ()
    less = _with_formats(spec, question, today)
    if less is None or not np.isfinite(less.usd.min()):
        return ()
    i, now = int(np.argmin(less.usd)), float(found.usd.min())
    if less.usd[i] >= now:
        return ()
    d = less.field.deployments[less.row[i]]
    cards = f"{int(less.cards[i])}x {d.hardware.accelerator.name}"
    return (
        f"4 bits would cost ${less.usd[i]:.3g}/h ({cards}), if answers stay good enough: "
        f"--precision {d.precision}",
    )


def _with_formats(spec: ModelSpec, question: SizeQuestion, today: date) -> Found | None:
    def narrower(candidate: Candidate) -> tuple[str, ...]:
        return narrow(spec, candidate.accelerator)

    found = candidates(question.hardware)
    where = field(spec, found, narrower, question.kv_precision, today)
    return meeting(where, question) if where is not None else None


# --- when nothing is good enough ------------------------------------------------------------------


def _missed(spec: ModelSpec, question: SizeQuestion, where: Field | None, today: date) -> SizeStudy:
    from wattmill.plan.sizing.miss import nearest_miss

    if where is None:
        raise PlanError(
            f"no engine runs {spec.name} in {', '.join(question.precisions) or 'any format'} there",
            hint="leave --precision away, or name other --hardware",
        )
    report = _report(spec, question, where, 0, (), (), ())
    missed = nearest_miss(spec, question, where, today)
    return SizeStudy(msgspec.structs.replace(report, miss=missed), None, np.empty(0, np.int64), ())
