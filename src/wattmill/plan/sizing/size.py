"""What serves so many users in time: every layout, as many replicas as it takes, and the best of it.

For each layout of one replica the largest batch that memory and SLO allow gives the fewest replicas;
those and some larger numbers are priced, and what nothing else beats in cost, power and speed stays.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from wattmill.catalog.hardware import accelerator
from wattmill.catalog.models import ModelSpec
from wattmill.catalog.systems import systems
from wattmill.core.errors import PlanError
from wattmill.physics.deployment import Deployment
from wattmill.physics.performance import shares
from wattmill.physics.step import step_cost
from wattmill.physics.sweep import Outcomes
from wattmill.plan.sizing.candidates import (
    Candidate,
    candidates,
    checked,
    engine_for,
    generator,
    lossless,
    narrow,
)  # fmt: skip
from wattmill.plan.sizing.front import undominated
from wattmill.plan.sizing.launch import launch
from wattmill.plan.sizing.money import UNKNOWN, Array, hourly_usd, priced, usd_per_mtok
from wattmill.plan.sizing.options import Option, SizeQuestion, SizeReport
from wattmill.plan.sizing.sweep import Field, Precisions, at, bounds, field, idle_w, last_true

MORE = np.arange(8.0)
TIMES = np.array([1.5, 2.0, 3.0, 4.0])
"""Replicas beyond the fewest that are tried as well: more of them is faster and dearer."""

MOST_USERS = 10_000_000
MOST_ROWS = 1000
TOP = 10
OTHERS = 6
TOO_MUCH = 10.0


class Found(msgspec.Struct, frozen=True):
    """Every option of a field that meets the SLO, as arrays of one shape (k,).

    row: which layout. most_batch: sequences that one replica could take. owned, rented: USD per
    hour; inf is not known.
    """

    field: Field
    row: NDArray[np.int64]
    replicas: Array
    batch: Array
    most_batch: Array
    cards: Array
    seen: Outcomes
    power_w: Array
    mean_power_w: Array
    owned_usd: Array
    rented_usd: Array

    @property
    def usd(self) -> Array:
        """USD per hour, the cheaper of both."""
        return np.minimum(self.owned_usd, self.rented_usd)

    def __len__(self) -> int:
        return len(self.row)


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
    front = _near(found, undominated(_measures(found)))
    best = _best_at(found, front)
    shown = _shown(found, front, best, top)
    options = tuple(option(found, i, question, best.get(i, ())) for i in shown)
    others = tuple(option(found, i, question, ()) for i in _others(found, shown))
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


def field_of(spec: ModelSpec, question: SizeQuestion, today: date) -> Field | None:
    """Every layout that the question allows."""
    found = candidates(question.hardware)
    return field(spec, found, _precisions(spec, question), question.kv_precision, today)


def _precisions(spec: ModelSpec, question: SizeQuestion) -> Precisions:
    if not question.precisions:
        return lambda candidate: lossless(spec, candidate.accelerator)

    def given(candidate: Candidate) -> list[str]:
        return [p for p in question.precisions if engine_for(candidate.accelerator, p)]

    return given


# --- what meets the SLO ---------------------------------------------------------------------------


def meeting(where: Field, question: SizeQuestion) -> Found | None:
    """Everything that serves the question in time; None if nothing does."""
    most = most_batches(where, question)
    fewest = _fewest(where, question, most)
    replicas = np.hstack((fewest + MORE, np.ceil(fewest * TIMES)))
    batch = batches(where, question, replicas, most)
    total = replicas * where.cards
    is_possible = (most >= 1) & (batch >= 1) & (batch <= most) & (total <= limits(where))
    return _priced(where, question, is_possible, replicas, batch, most)


def most_batches(where: Field, question: SizeQuestion) -> Array:
    """Sequences that one replica may take within memory and SLO, of shape (n, 1); 0 is none."""

    def is_in_time(batch: Array) -> NDArray[np.bool_]:
        return _meets(at(where, question.workload, batch), question)

    users = float(question.users or MOST_USERS)
    return last_true(is_in_time, bounds(where, question.workload, users))


def _meets(seen: Outcomes, question: SizeQuestion) -> NDArray[np.bool_]:
    slo = question.slo
    is_first = seen.ttft_s <= (slo.ttft_s or np.inf)
    is_next = seen.tpot_s <= (slo.tpot_s or np.inf)
    return np.asarray(is_first & is_next)


def _fewest(where: Field, question: SizeQuestion, most: Array) -> Array:
    """Replicas that it takes at the least; shape (n, 1)."""
    batch = np.maximum(1.0, most)
    if question.users is not None:
        return np.ceil(question.users / batch)
    assert question.rps is not None
    each_rps = at(where, question.workload, batch).tok_per_s / question.workload.osl
    return np.maximum(1.0, np.ceil(question.rps / each_rps - 1e-9))


def batches(where: Field, question: SizeQuestion, replicas: Array, most: Array) -> Array:
    """Sequences of the fullest replica; beyond `most` where it cannot be, 0 with idle replicas."""
    if question.users is not None:
        return np.where(replicas <= question.users, np.ceil(question.users / replicas), 0.0)
    assert question.rps is not None
    needed_tok_s = question.rps * question.workload.osl / replicas * (1 - 1e-9)

    def is_short(batch: Array) -> NDArray[np.bool_]:
        return np.asarray(at(where, question.workload, batch).tok_per_s < needed_tok_s)

    return last_true(is_short, np.broadcast_to(most, replicas.shape).copy()) + 1.0


def limits(where: Field) -> Array:
    """Cards that there are of each layout's hardware, of shape (n, 1); inf is any number."""
    most = [c.most_cards or np.inf for c in where.candidates]
    return np.array(most, dtype=float).reshape(-1, 1)


def _priced(
    where: Field, question: SizeQuestion, is_possible: NDArray[np.bool_], replicas: Array,
    batch: Array, most: Array,
) -> Found | None:  # fmt: skip
    row, col = np.nonzero(is_possible)
    if not len(row):
        return None
    seen = _picked(at(where, question.workload, np.maximum(batch, 1.0)), row, col)
    replicas, batch, one = replicas[row, col], batch[row, col], where.cards[row, 0]
    cards = np.ceil(replicas * one / _units(where)[row]) * _units(where)[row]
    waiting_w, spare = idle_w(where)[row, 0] / one, cards - replicas * one
    power_w = replicas * seen.power_w + spare * waiting_w
    mean_w = cards * waiting_w + (power_w - cards * waiting_w) * question.terms.load_frac
    own_usd, rent_usd = where.own_usd[row, 0], where.rent_usd[row, 0]
    owned, rented = hourly_usd(own_usd, rent_usd, cards, mean_w, question.terms)
    return Found(
        where, row, replicas, batch, most[row, 0], cards, seen, power_w, mean_w, owned, rented
    )


def _units(where: Field) -> Array:
    """Cards that are bought together."""
    return np.array([float(c.system.hardware.count if c.system else 1) for c in where.candidates])


def _picked(seen: Outcomes, row: NDArray[np.int64], col: NDArray[np.int64]) -> Outcomes:
    """Some cells of tables of outcomes, as vectors."""
    shape = seen.tpot_s.shape
    parts: dict[str, Any] = {
        name: None if table is None else np.broadcast_to(table, shape)[row, col]
        for name, table in msgspec.structs.asdict(seen).items()
    }
    return Outcomes(**parts)


# --- the best of it -------------------------------------------------------------------------------


def _measures(found: Found) -> Array:
    """What is compared, less is better: USD per hour, watts, TPOT."""
    return np.column_stack((found.usd, found.power_w, found.seen.tpot_s))


def _near(found: Found, front: NDArray[np.int64]) -> NDArray[np.int64]:
    """The part of the front that costs, or draws, at most TOO_MUCH times the least there is."""
    usd, power_w = found.usd[front], found.power_w[front]
    is_near = np.where(usd < UNKNOWN, usd <= TOO_MUCH * found.usd.min(), True)
    near: NDArray[np.int64] = front[is_near & (power_w <= TOO_MUCH * power_w.min())]
    return near


def _best_at(found: Found, front: NDArray[np.int64]) -> dict[int, tuple[str, ...]]:
    best: dict[int, tuple[str, ...]] = {}
    for name, values in zip(("cost", "power", "speed"), _measures(found).T, strict=True):
        least = front[np.argmin(values[front])]
        if values[least] < UNKNOWN:
            best[int(least)] = (*best.get(int(least), ()), name)
    return best


def _shown(
    found: Found, front: NDArray[np.int64], best: dict[int, tuple[str, ...]], top: int
) -> tuple[int, ...]:
    """The best of each kind, then the cheapest of each hardware, then the cheapest of what is left."""
    names = [_accelerator(found, int(i)) for i in front]
    first = {name: int(i) for name, i in reversed(list(zip(names, front, strict=True)))}
    order = [*best, *(first[name] for name in dict.fromkeys(names)), *map(int, front)]
    chosen = list(dict.fromkeys(order))[:top]
    return tuple(sorted(chosen, key=lambda i: tuple(_measures_of(found, i))))


def _others(found: Found, shown: tuple[int, ...]) -> list[int]:
    """The cheapest of each hardware that is not shown yet, of those with a price."""
    seen = {_accelerator(found, i) for i in shown}
    best: dict[str, int] = {}
    for i in np.lexsort((found.seen.tpot_s, found.usd)):
        name = _accelerator(found, int(i))
        if name not in seen and found.usd[i] < UNKNOWN:
            best.setdefault(name, int(i))
    return list(best.values())[:OTHERS]


def _accelerator(found: Found, i: int) -> str:
    return found.field.candidates[int(found.row[i])].accelerator.name


def _measures_of(found: Found, i: int) -> list[float]:
    return [float(found.usd[i]), float(found.power_w[i]), float(found.seen.tpot_s[i])]


def option(found: Found, i: int, question: SizeQuestion, best: tuple[str, ...]) -> Option:
    """One option in full."""
    row, seen = int(found.row[i]), found.seen
    d, candidate = found.field.deployments[row], found.field.candidates[row]
    rate = found.field.rates[row]
    price = priced(rate, float(found.owned_usd[i]), float(found.rented_usd[i]))
    replicas, batch, cards = (int(a[i]) for a in (found.replicas, found.batch, found.cards))
    tok_per_s = _tok_per_s(found, i, question)
    workload, slo = question.workload, question.slo
    both = 1 + workload.isl / workload.osl
    per_output = usd_per_mtok(price.usd_per_hour, tok_per_s * question.terms.load_frac)
    return Option(
        hardware=f"{cards}x {candidate.accelerator.name}",
        accelerator=candidate.accelerator.name,
        system=candidate.system.name if candidate.system else None,
        machines=cards // candidate.system.hardware.count if candidate.system else None,
        cards=cards,
        engine=d.engine,
        precision=d.precision,
        kv_precision=d.kv_precision,
        tp=d.tp,
        pp=d.pp,
        dp=d.dp,
        ep=d.tp * d.dp if d.dp > 1 else 1,
        replicas=replicas,
        batch=batch,
        ttft_s=float(seen.ttft_s[i]),
        tpot_s=float(seen.tpot_s[i]),
        tpot_low_s=float(seen.tpot_low_s[i]),
        tpot_high_s=float(seen.tpot_high_s[i]),
        tok_per_s=tok_per_s,
        requests_per_s=tok_per_s / workload.osl,
        power_w=float(found.power_w[i]),
        mean_power_w=float(found.mean_power_w[i]),
        usd_per_hour=price.usd_per_hour,
        usd_per_mtok=None if per_output is None else per_output / both,
        usd_per_mtok_output=per_output,
        usd_basis=price.basis,
        usd_as_of=price.as_of,
        is_usd_stale=price.is_stale,
        is_sure=slo.tpot_s is None or float(seen.tpot_high_s[i]) <= slo.tpot_s,
        limited_by=_limit(found, i, question),
        binds=_binds(d, question, batch),
        best_at=best,
        launch=launch(d, batch, workload.isl + workload.osl),
    )


def _tok_per_s(found: Found, i: int, question: SizeQuestion) -> float:
    """Answer tokens per second at the peak: of so many users, or what is asked for."""
    if question.rps is not None:
        return question.rps * question.workload.osl
    assert question.users is not None
    return float(question.users / found.batch[i] * found.seen.tok_per_s[i])


def _limit(found: Found, i: int, question: SizeQuestion) -> str:
    """Why one replica takes no more sequences; `chosen` where it could, and more is for speed."""
    where, row, most = found.field, int(found.row[i]), float(found.most_batch[i])
    if _is_chosen(found, i, question):
        return "chosen"
    if question.users is not None and most >= question.users:
        return "users"
    if most >= float(bounds(where, question.workload, np.inf)[row, 0]):
        held = float(found.seen.largest_batch[i])
        return "memory" if most >= held else "slots"
    slo = question.slo
    more = at(where, question.workload, np.full((len(where), 1), most + 1))
    is_late = slo.ttft_s is not None and float(more.ttft_s[row, 0]) > slo.ttft_s
    return "TTFT" if is_late else "TPOT"


def _is_chosen(found: Found, i: int, question: SizeQuestion) -> bool:
    """Whether one replica less would do as well."""
    if found.replicas[i] <= 1:
        return False
    if question.users is not None:
        return bool(np.ceil(question.users / (found.replicas[i] - 1)) <= found.most_batch[i])
    own = found.row == found.row[i]
    return bool(found.replicas[i] > found.replicas[own].min())


def _binds(d: Deployment, question: SizeQuestion, batch: int) -> str:
    """What takes the largest share of a replica's time."""
    parts = shares(step_cost(d), question.workload, float(batch))
    named = {
        "bandwidth": parts.bandwidth_s,
        "compute": parts.compute_s,
        "link": parts.link_s,
        "overhead": parts.overhead_s,
    }
    return max(named, key=lambda name: named[name])


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
