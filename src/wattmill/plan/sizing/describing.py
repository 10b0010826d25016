"""One option in full: what it is, what it costs, why no larger batch, and how it is launched."""

from __future__ import annotations

import numpy as np

from wattmill.physics.deployment import Deployment
from wattmill.physics.performance import shares
from wattmill.physics.step import step_cost
from wattmill.plan.sizing.launch import launch
from wattmill.plan.sizing.meeting import Found
from wattmill.plan.sizing.money import priced, usd_per_mtok
from wattmill.plan.sizing.options import Option, SizeQuestion
from wattmill.plan.sizing.sweep import at, bounds


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
