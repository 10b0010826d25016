"""What binds, and what would help most: each part of the machine made better by itself, in turn."""

from __future__ import annotations

from typing import Any

import msgspec

from wattmill.core.errors import PlanError
from wattmill.physics.deployment import Deployment
from wattmill.physics.performance import Workload, full_batch, prompt_s, shares, tpot_s
from wattmill.physics.step import StepCost, step_cost

PARTS = ("memory bandwidth", "memory capacity", "compute", "link", "engine overhead")


class Effect(msgspec.Struct, frozen=True):
    """What one better part changes, as factors on today: above 1 is more, below 1 is less.

    tok_per_s: at full batch, which more capacity raises. tpot, ttft: at today's batch.
    """

    part: str
    tok_per_s: float
    tpot: float
    ttft: float
    batch: int


class _Seen(msgspec.Struct, frozen=True):
    tok_per_s: float
    tpot_s: float
    ttft_s: float
    batch: int


def effects(deployment: Deployment, workload: Workload, factor: float = 2.0) -> tuple[Effect, ...]:
    """Every part `factor` times better (above 1), the largest gain in throughput first.

    Capacity counts where the batch is bound by memory and not by the engine's slots. PlanError if
    not one request fits.
    """
    if not factor > 1:
        raise PlanError(f"{factor} times is no better part", hint="give 2 for twice as good")
    now = _seen(deployment, workload, step_cost(deployment), None)
    found = [_effect(deployment, workload, part, factor, now) for part in PARTS]
    return tuple(sorted(found, key=lambda effect: -effect.tok_per_s))


def _effect(
    deployment: Deployment, workload: Workload, part: str, factor: float, now: _Seen
) -> Effect:
    better = _hardware(deployment, part, factor)
    cost = _cost(step_cost(better), part, factor)
    full = _seen(better, workload, cost, None)
    same = _seen(better, workload, cost, now.batch)
    return Effect(
        part=part,
        tok_per_s=full.tok_per_s / now.tok_per_s,
        tpot=same.tpot_s / now.tpot_s,
        ttft=same.ttft_s / now.ttft_s,
        batch=full.batch,
    )


def _hardware(deployment: Deployment, part: str, factor: float) -> Deployment:
    card = deployment.hardware.accelerator
    changes: dict[str, dict[str, Any]] = {
        "memory bandwidth": {"bandwidth_bytes_per_s": card.bandwidth_bytes_per_s * factor},
        "memory capacity": {"memory_bytes": card.memory_bytes * factor},
        "compute": {"flops_per_s": {k: v * factor for k, v in card.flops_per_s.items()}},
    }
    better = msgspec.structs.replace(card, **changes.get(part, {}))
    hardware = msgspec.structs.replace(deployment.hardware, accelerator=better)
    return msgspec.structs.replace(deployment, hardware=hardware)


def _cost(cost: StepCost, part: str, factor: float) -> StepCost:
    fields = {
        "link": ("link_s", "link_token_s"),
        "engine overhead": ("layers_s", "first_layers_s", "step_s", "sequence_s", "request_s"),
    }.get(part, ())
    return msgspec.structs.replace(cost, **{f: getattr(cost, f) / factor for f in fields})


def _seen(deployment: Deployment, workload: Workload, cost: StepCost, batch: int | None) -> _Seen:
    full = batch or full_batch(deployment, workload)
    if full < 1:
        raise PlanError(
            f"{deployment.model.name} on {deployment.hardware} holds not one such request",
            hint="use shorter requests, a smaller kv_precision or more cards",
        )
    each = max(1.0, full / deployment.replicas)
    return _Seen(
        tok_per_s=full / shares(cost, workload, each).total_s,
        tpot_s=tpot_s(cost, workload, each),
        ttft_s=cost.request_s + prompt_s(cost, workload) + tpot_s(cost, workload, each) / 2,
        batch=full,
    )
