"""What users see: TTFT, TPOT and tokens per second of a deployment under a steady load."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from wattmill.core.errors import PlanError
from wattmill.physics.deployment import Deployment
from wattmill.physics.efficiency import MAX_BATCH
from wattmill.physics.memory import fit
from wattmill.physics.numbers import smaller
from wattmill.physics.power import power_w
from wattmill.physics.step import StepCost, step_cost

TOGETHER_FRAC = 0.1
"""Load generators start all users at once and send about ten rounds, which drift apart."""


class Workload(msgspec.Struct, frozen=True):
    """Requests of one kind: `isl` prompt tokens of which a share hits the cache, `osl` answered."""

    isl: int
    osl: int
    hit_frac: float = 0.0

    def __post_init__(self) -> None:
        if self.isl < 1 or self.osl < 1 or not 0.0 <= self.hit_frac < 1.0:
            raise PlanError(
                f"{self.isl} tokens in, {self.osl} out, {self.hit_frac} cached is no workload",
                hint="isl and osl are 1 or more, hit_frac is 0 or more and below 1",
            )

    @property
    def mean_context_tokens(self) -> float:
        """KV tokens of a sequence, averaged over its answer."""
        return self.isl + self.osl / 2

    @property
    def uncached_tokens(self) -> float:
        """Prompt tokens that must be computed; at least one always is."""
        return max(1.0, self.isl * (1 - self.hit_frac))


class Shares(msgspec.Struct, frozen=True):
    """Where a replica's time per token of each sequence goes; the parts add up to `total_s`."""

    bandwidth_s: float
    compute_s: float
    link_s: float
    overhead_s: float

    @property
    def total_s(self) -> float:
        """Decode step and prefill together."""
        return self.bandwidth_s + self.compute_s + self.link_s + self.overhead_s

    @property
    def compute_frac(self) -> float:
        """Share of the time in which arithmetic decides."""
        return self.compute_s / self.total_s

    @property
    def bandwidth_frac(self) -> float:
        """Share of the time in which memory decides."""
        return self.bandwidth_s / self.total_s


class Performance(msgspec.Struct, frozen=True):
    """One deployment under one workload at one share of its full throughput.

    batch: sequences in flight, all replicas together; below 1 the engine waits at times.
    full_batch: the most that memory, slots and the engine's own bound allow.
    binds: what a faster pool would need more of, at full batch.
    """

    batch: float
    full_batch: int
    ttft_s: float
    tpot_s: float
    tpot_full_s: float
    single_tok_per_s: float
    full_tok_per_s: float
    tok_per_s: float
    power_w: float
    power_full_w: float
    binds: str


def shares(cost: StepCost, workload: Workload, batch: float) -> Shares:
    """Seconds of one replica per token of each of `batch` sequences, by what takes the time.

    decode step + batch / osl · prefill: all the work, so batch / total is the throughput. Where
    arithmetic and memory meet, each gets its share of the root of squares.
    """
    each, arrivals = max(1.0, batch / cost.copies), batch / workload.osl
    tokens = workload.uncached_tokens
    dense_s, experts_s = cost.dense_s(each), cost.experts_s(batch)
    compute_s = (each * cost.dense_token_s) ** 2 / dense_s if dense_s else 0.0
    compute_s += (batch * cost.expert_token_s) ** 2 / experts_s if experts_s else 0.0
    prefill_link_s = arrivals * tokens * cost.link_token_s / cost.copies
    kv_tokens = batch * workload.mean_context_tokens / cost.copies
    attention_s = cost.kv_s(each, kv_tokens) + each * cost.state_s
    return Shares(
        bandwidth_s=dense_s + experts_s - compute_s + attention_s,
        compute_s=compute_s + arrivals * busy_prefill_s(cost, workload) - prefill_link_s,
        link_s=cost.transfer_s(each) + prefill_link_s,
        overhead_s=cost.overhead_s(each),
    )


def busy_prefill_s(cost: StepCost, workload: Workload) -> float:
    """What one prompt of the workload costs a replica that decodes beside it."""
    tokens = workload.uncached_tokens
    seconds: float = cost.shared_prefill_s(tokens, workload.isl - tokens)
    return seconds


def tpot_s(cost: StepCost, workload: Workload, batch: float) -> float:
    """Time per output token with `batch` sequences in flight on one replica (closed loop).

    A decode step, and what it feels of the prefills of the others: `interference_frac` of them;
    the rest falls into the time before first tokens, since some requests start together.
    """
    total_s = shares(cost, workload, batch).total_s
    unfelt = batch - cost.interference_frac * max(0.0, batch - 1.0)
    seconds: float = total_s - unfelt / workload.osl * busy_prefill_s(cost, workload)
    return seconds


def closed_ttft_s(
    request_s: Any, batch: Any, osl: Any, alone_s: Any, busy_s: Any, tpot_s: Any
) -> Any:
    """TTFT with `batch` users on one replica who each ask again when answered; numbers or arrays.

    The request, its prefill (`alone_s`), half a decode step, and the wait for prefills of others,
    which cost `busy_s` each. They take a share of the time, and who meets one waits for half of it;
    TOGETHER_FRAC of the requests start with all the others, and wait for half of them.
    """
    others_s = (batch - 1.0) * busy_s
    met_frac = smaller(others_s / (osl * tpot_s + alone_s), 1.0 + 0.0 * others_s)
    wait_s = met_frac * busy_s / 2 + TOGETHER_FRAC / 2 * others_s
    return request_s + alone_s + wait_s + tpot_s / 2


def prompt_s(cost: StepCost, workload: Workload) -> float:
    """Seconds of prefill for one request of the workload."""
    tokens = workload.uncached_tokens
    return cost.prefill_s(tokens, workload.isl - tokens)


def full_batch(deployment: Deployment, workload: Workload, slots: int | None = None) -> int:
    """Sequences in flight that memory holds at full length, within the engine's bound or `slots`.

    `slots` is for the whole pool. 0 if the memory holds not one.
    """
    context = workload.isl + workload.osl
    bound = slots or MAX_BATCH[deployment.runtime] * deployment.replicas
    return min(bound, fit(deployment, context).users)


def performance(
    deployment: Deployment, workload: Workload, *, load_frac: float, slots: int | None = None
) -> Performance:
    """What users see at `load_frac` (0..1] of the full throughput.

    TTFT is the prefill, the wait for other prefills (M/D/1 at their share of the time) and half a
    decode step. Errors: docs/physics.md; TTFT under
    load is good to a factor of 1.5 and needs the twin for more. PlanError if not one request fits.
    """
    if not 0.0 < load_frac <= 1.0:
        raise PlanError(f"a load of {load_frac} is not within 0 to 1", hint="give 0.3 for 30 %")
    full = full_batch(deployment, workload, slots)
    if full < 1:
        raise PlanError(
            f"{deployment.model.name} on {deployment.hardware} holds not one request of"
            f" {workload.isl + workload.osl} tokens",
            hint="use shorter requests, a smaller kv_precision or more cards",
        )
    cost, replicas = step_cost(deployment), deployment.replicas
    most = max(1.0, full / replicas)
    busy = shares(cost, workload, most)
    full_tok_per_s = full / busy.total_s
    batch = _batch_at(cost, workload, load_frac * full_tok_per_s / replicas) * replicas
    running = max(1.0, batch / replicas)
    now, now_tpot_s = shares(cost, workload, running), tpot_s(cost, workload, running)
    active_frac = min(1.0, batch / replicas)
    return Performance(
        batch=batch,
        full_batch=full,
        ttft_s=_ttft_s(cost, workload, load_frac * full_tok_per_s / replicas, now_tpot_s),
        tpot_s=now_tpot_s,
        tpot_full_s=tpot_s(cost, workload, most),
        single_tok_per_s=1 / cost.decode_step_s(1.0, workload.mean_context_tokens),
        full_tok_per_s=full_tok_per_s,
        tok_per_s=load_frac * full_tok_per_s,
        power_w=power_w(deployment, active_frac, now.compute_frac, now.bandwidth_frac),
        power_full_w=power_w(deployment, 1.0, busy.compute_frac, busy.bandwidth_frac),
        binds=_binds(deployment, cost, workload, full, slots),
    )


def _batch_at(cost: StepCost, workload: Workload, tok_per_s: float) -> float:
    """The batch of one replica that gives so many tokens per second (which rises with it)."""
    one_s = shares(cost, workload, 1.0).total_s
    if tok_per_s * one_s <= 1.0:
        return tok_per_s * one_s  # the engine waits between requests
    low, high = 1.0, 2.0
    while high / shares(cost, workload, high).total_s < tok_per_s and high < 1e7:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        is_low = middle / shares(cost, workload, middle).total_s < tok_per_s
        low, high = (middle, high) if is_low else (low, middle)
    return high


def _ttft_s(cost: StepCost, workload: Workload, tok_per_s: float, step_s: float) -> float:
    prefill_s, busy_s = prompt_s(cost, workload), busy_prefill_s(cost, workload)
    prefill_frac = tok_per_s / workload.osl * busy_s  # below 1: the throughput contains it
    wait_s = busy_s * prefill_frac / (2 * (1 - prefill_frac))
    seconds: float = cost.request_s + prefill_s + wait_s + step_s / 2
    return seconds


def _binds(
    deployment: Deployment, cost: StepCost, workload: Workload, full: int, slots: int | None
) -> str:
    """The largest share of TPOT at full batch; or what bounds it, if twice of it gave 30 % more."""
    batch = max(1.0, full / deployment.replicas)
    now, twice = shares(cost, workload, batch), shares(cost, workload, 2 * batch)
    if 2 * now.total_s / twice.total_s > 1.3:
        bound = slots or MAX_BATCH[deployment.runtime] * deployment.replicas
        return "slots" if full == bound else "memory capacity"
    parts = {
        "memory bandwidth": now.bandwidth_s,
        "compute": now.compute_s,
        "link": now.link_s,
        "engine overhead": now.overhead_s,
    }
    return max(parts, key=lambda name: parts[name])


class StepRates(msgspec.Struct, frozen=True):
    """Seconds and rates of a whole pool, for a router and for a model of an engine."""

    cost: StepCost
    replicas: int
    slots: int
    prefill_tok_per_s: float
    decode_tok_per_s: float

    def decode_step_s(self, batch: float, kv_tokens: float) -> float:
        """One token for each of `batch` sequences spread over the replicas, `kv_tokens` in all."""
        return self.cost.decode_step_s(
            max(1.0, batch / self.replicas), kv_tokens / min(batch, self.replicas)
        )

    def prefill_s(self, tokens: float, prior_tokens: float = 0.0) -> float:
        """One prompt of `tokens` tokens after `prior_tokens` cached ones, alone on one replica."""
        return self.cost.prefill_s(tokens, prior_tokens)


def step_rates(
    deployment: Deployment, *, context_tokens: int | None = None, slots: int | None = None
) -> StepRates:
    """The rates of a deployment full with sequences of `context_tokens` (default 2,048 or less).

    prefill_tok_per_s: prompts of 1,024 tokens, nothing else running. decode_tok_per_s: every slot
    decoding, no prompt running. PlanError if the memory holds not one such sequence.
    """
    most = deployment.model.max_context_tokens
    context = context_tokens or min(2048, most)
    workload = Workload(isl=max(1, context // 2), osl=max(1, context - context // 2))
    full = full_batch(deployment, workload, slots)
    if full < 1:
        raise PlanError(
            f"{deployment.model.name} on {deployment.hardware} holds no sequence of"
            f" {context} tokens",
            hint="`wattmill plan` shows where the memory goes",
        )
    cost, replicas, prompt = step_cost(deployment), deployment.replicas, min(1024, most)
    batch = max(1.0, full / replicas)
    step_s = cost.decode_step_s(batch, batch * workload.mean_context_tokens)
    return StepRates(
        cost=cost,
        replicas=replicas,
        slots=math.floor(full),
        prefill_tok_per_s=replicas * prompt / cost.prefill_s(float(prompt)),
        decode_tok_per_s=full / step_s,
    )
