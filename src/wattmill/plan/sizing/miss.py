"""Where nothing meets the SLO: what comes nearest, and which change would make it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import msgspec
import numpy as np

from wattmill.catalog.models import ModelSpec
from wattmill.physics.deployment import Deployment
from wattmill.physics.performance import Workload
from wattmill.physics.sweep import Outcomes
from wattmill.plan.sizing.candidates import candidates, ladder
from wattmill.plan.sizing.meeting import MOST_USERS, batches, field_of, limits, meeting
from wattmill.plan.sizing.money import Array
from wattmill.plan.sizing.options import Miss, SizeQuestion
from wattmill.plan.sizing.slo import Slo
from wattmill.plan.sizing.sweep import Field, at, bounds

ENOUGH = 1.02
"""A bound that is proposed is this much above what was computed, so that it holds when rounded."""


def nearest_miss(spec: ModelSpec, question: SizeQuestion, where: Field, today: date) -> Miss:
    """The layout that comes nearest with all replicas there may be, and what would make it."""
    held = bounds(where, question.workload, np.inf)
    replicas = np.minimum(np.floor(limits(where) / where.cards), float(MOST_USERS))
    if not ((held >= 1) & (replicas >= 1)).any():
        found = _too_large(question, where)
    else:
        found = _too_few(question, where, held, replicas) or _too_slow(
            question, where, held, replicas
        )
    knobs = (*_looser(spec, question, found, today), *_others(spec, question, today))
    return msgspec.structs.replace(found, knobs=knobs)


def _least(question: SizeQuestion, where: Field, held: Array, replicas: Array) -> Array:
    """Sequences of a replica when all that may be there share the work; shape (n, 1)."""
    able = np.maximum(1.0, np.minimum(replicas, question.users or np.inf))
    return batches(where, question, able, np.maximum(held, 1.0))


def _too_few(question: SizeQuestion, where: Field, held: Array, replicas: Array) -> Miss | None:
    """Where no layout holds all sequences on the cards there are."""
    if ((_least(question, where, held, replicas) <= held) & (replicas >= 1)).any():
        return None
    users = held * replicas
    row = int(np.argmax(users))
    return _miss(where.deployments[row], most_users=int(users[row, 0]))


def _too_slow(question: SizeQuestion, where: Field, held: Array, replicas: Array) -> Miss:
    batch = _least(question, where, held, replicas)
    is_held = (batch <= held) & (replicas >= 1)
    seen = at(where, question.workload, np.maximum(1.0, batch))
    row = int(np.argmin(np.where(is_held, _factors(seen, question.slo), np.inf)))
    return _miss(
        where.deployments[row],
        batch=int(batch[row, 0]),
        ttft_s=float(seen.ttft_s[row, 0]),
        tpot_s=float(seen.tpot_s[row, 0]),
    )


def _miss(d: Deployment, **figures: Any) -> Miss:
    return Miss(str(d.hardware), d.precision, layout_text(d), **figures)


def layout_text(d: Deployment) -> str:
    """`tp 4, dp 2`: only what is more than one."""
    parts = [f"{name} {n}" for name, n in (("tp", d.tp), ("dp", d.dp), ("pp", d.pp)) if n > 1]
    return ", ".join(parts) or "one card"


def _factors(seen: Outcomes, slo: Slo) -> Any:
    """How often each bound is exceeded, the worse of both; of shape (n, 1)."""
    first = seen.ttft_s / (slo.ttft_s or np.inf)
    return np.maximum(first, seen.tpot_s / (slo.tpot_s or np.inf))


def _too_large(question: SizeQuestion, where: Field) -> Miss:
    memory, tokens = where.layouts.memory, question.workload.isl + question.workload.osl
    windowed = np.minimum(tokens, memory.window_tokens) * memory.window_kv_bytes_per_token
    one = memory.sequence_bytes + tokens * memory.kv_bytes_per_token + windowed
    missing = one - memory.free_bytes
    row = int(np.argmin(missing))
    return _miss(where.deployments[row], missing_bytes=float(missing[row, 0]))


def _looser(spec: ModelSpec, question: SizeQuestion, miss: Miss, today: date) -> Iterator[str]:
    """The bounds that the nearest layout would meet, in the words of the option."""
    if miss.ttft_s is None or miss.tpot_s is None:
        return
    bounds_s = {}
    for name, bound, now in (
        ("ttft", question.slo.ttft_s, miss.ttft_s),
        ("tpot", question.slo.tpot_s, miss.tpot_s),
    ):
        if bound is not None:
            bounds_s[name] = bound if now <= bound else float(f"{now * ENOUGH:.3g}")
    looser = msgspec.structs.replace(
        question, slo=Slo(ttft_s=bounds_s.get("ttft"), tpot_s=bounds_s.get("tpot"))
    )
    where = field_of(spec, looser, today)
    if where is not None and meeting(where, looser) is not None:
        words = ",".join(f"{name}={seconds * 1e3:.4g}ms" for name, seconds in bounds_s.items())
        yield f"--slo {words} would be met"


def _others(spec: ModelSpec, question: SizeQuestion, today: date) -> Iterator[str]:
    """One change at a time, each tried; those that would do."""
    for words, changed in _changes(spec, question):
        where = field_of(spec, changed, today)
        if where is not None and meeting(where, changed) is not None:
            yield words


def _changes(spec: ModelSpec, question: SizeQuestion) -> Iterator[tuple[str, SizeQuestion]]:
    change, load = msgspec.structs.replace, question.workload
    formats = _narrower_formats(spec, question)
    if formats:
        yield f"--precision {','.join(formats)} would do", change(question, precisions=formats)
    for hit in (0.5, 0.9):
        if load.hit_frac < hit:
            cached = Workload(load.isl, load.osl, hit)
            yield (
                f"--hit {hit} would do: {hit:.0%} of each prompt cached",
                change(question, workload=cached),
            )
            break
    if load.isl >= 8:
        shorter = Workload(load.isl // 4, load.osl, load.hit_frac)
        yield (
            f"--isl {shorter.isl} would do: a quarter of the prompt",
            change(question, workload=shorter),
        )
    if question.hardware:
        limit = _without_limit(question.hardware)
        if limit != question.hardware:
            yield (
                f"more of it would do: --hardware {','.join(limit)}",
                change(question, hardware=limit),
            )
        yield "other hardware would do: leave --hardware away", change(question, hardware=())


def _narrower_formats(spec: ModelSpec, question: SizeQuestion) -> tuple[str, ...]:
    found = candidates(question.hardware)
    used = set(question.precisions)
    known = {p for c in found for p in ladder(spec, c.accelerator)[-1:]} - used
    return tuple(sorted(known)) if len(known) <= 3 else ()


def _without_limit(words: tuple[str, ...]) -> tuple[str, ...]:
    from wattmill.catalog.hardware import COUNT

    found = [COUNT.fullmatch(word) for word in words]
    return tuple(f[2] if f and f[1] else word for f, word in zip(found, words, strict=True))
