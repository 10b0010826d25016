"""The ways to lay one replica of a model out: tp, pp and dp over the cards of a candidate."""

from __future__ import annotations

import math
from collections.abc import Iterator

import msgspec

from wattmill.catalog.hardware import NO_LINK, Hardware
from wattmill.catalog.models import ModelSpec
from wattmill.physics.deployment import Deployment, try_deploy
from wattmill.plan.sizing.candidates import Candidate, engine_for

TP = (1, 2, 4, 8, 16, 32, 64)
DP = (1, 2, 4, 8, 16, 32, 64)
PP = (1, 2, 4, 8)
NODE_FORMS = ("sxm", "oam", "superchip", "module")
MOST_NODES = 4


def replicas_of(
    spec: ModelSpec, candidate: Candidate, precision: str, kv_precision: str
) -> Iterator[Deployment]:
    """Every layout of one replica that engines can run there; whether it fits is not asked."""
    engine = engine_for(candidate.accelerator, precision)
    if engine == "llama.cpp":
        yield from _in_layers(spec, candidate, precision, kv_precision)
    elif engine is not None:
        for tp, dp, pp in _shapes(spec, candidate):
            found = _served(spec, candidate, precision, kv_precision, tp, dp, pp)
            if found is not None:
                yield found


def _shapes(spec: ModelSpec, candidate: Candidate) -> Iterator[tuple[int, int, int]]:
    """(tp, dp, pp): dp for mixtures of experts; pp only for tp = 1 and for a full domain."""
    widest = min(candidate.domain, _joined(candidate))
    shared = [tp for tp in TP if tp <= widest and spec.heads % tp == 0]
    for tp in shared:
        copies = [dp for dp in DP if tp * dp <= candidate.domain] if spec.moe_layers else [1]
        yield from ((tp, dp, 1) for dp in copies)
        if tp in (1, shared[-1]):
            yield from ((tp, 1, pp) for pp in PP[1:] if _may_pipe(spec, candidate, tp, pp))


def _joined(candidate: Candidate) -> float:
    """Cards that share layers over one domain of their link; a system may have a narrower one."""
    card, bought = candidate.accelerator, candidate.system
    if card.link == NO_LINK:
        return 1
    rack = bought.link.max_devices if bought and bought.link else None
    return min(card.link_devices or math.inf, rack or math.inf)


def _may_pipe(spec: ModelSpec, candidate: Candidate, tp: int, pp: int) -> bool:
    """Cards in slots stay within one box; nodes may be joined by a network."""
    card, box = candidate.accelerator, candidate.domain
    most = candidate.most_cards or (MOST_NODES * box if card.form in NODE_FORMS else box)
    return card.link != NO_LINK and pp <= spec.layers and tp * pp <= most


def _served(
    spec: ModelSpec,
    candidate: Candidate,
    precision: str,
    kv_precision: str,
    tp: int,
    dp: int,
    pp: int,
) -> Deployment | None:
    cards = Hardware(tp * dp, candidate.accelerator)
    one = try_deploy(spec, cards, precision, engine="vllm", kv_precision=kv_precision, tp=tp, dp=dp)
    if one is None or pp == 1:
        return one
    return msgspec.structs.replace(one, pp=pp, hardware=Hardware(tp * pp, candidate.accelerator))


def _in_layers(
    spec: ModelSpec, candidate: Candidate, precision: str, kv_precision: str
) -> Iterator[Deployment]:
    """llama.cpp gives each card whole layers."""
    kv_precision = {"fp8": "q8_0", "int8": "q8_0"}.get(kv_precision, kv_precision)
    for pp in PP:
        if pp > min(candidate.domain, spec.layers):
            return
        cards = Hardware(pp, candidate.accelerator)
        found = try_deploy(spec, cards, precision, engine="llama.cpp", kv_precision=kv_precision)
        if found is not None:
            yield found
