"""Prefill and decode on different machines."""

from typing import Annotated

from wattmill.physics import disaggregation as physics
from wattmill.plan.questions.inputs import (
    Batch,
    Isl,
    KvPerToken,
    Latency,
    LinkBandwidth,
    Osl,
    Tokens,
    number,
    positive,
)
from wattmill.plan.questions.registry import question

BALANCE = "Balance of rates (Zhong et al., DistServe, OSDI 2024); queueing left out"
Prefill = Annotated[float, positive("prompt tokens per second of a prefill machine", "tok/s")]
Decode = Annotated[float, positive("output tokens per second of a decode machine", "tok/s")]
Step = Annotated[float, positive("decode step without prompts", "ms")]


@question("disaggregation", gives="ms", source="Definition: latency + bytes / bandwidth")
def kv_transfer_ms(
    tokens: Tokens, kv_per_token: KvPerToken, bandwidth: LinkBandwidth, latency: Latency = 0.0
) -> float:
    """Time to hand the KV of a prompt from a prefill machine to a decode machine."""
    return physics.kv_transfer_s(tokens, kv_per_token, bandwidth, latency)


@question("disaggregation", gives="Gb/s", source="Definition: requests · tokens · KV bytes")
def kv_transfer_rate(
    requests: Annotated[float, number("requests per second", "req/s")],
    tokens: Tokens,
    kv_per_token: KvPerToken,
) -> float:
    """Traffic of handing the KV of every prompt over."""
    return physics.kv_link_bytes_per_s(requests, tokens, kv_per_token)


@question("disaggregation", gives="x", source=BALANCE)
def prefill_per_decode(isl: Isl, osl: Osl, prefill: Prefill, decode: Decode) -> float:
    """Prefill machines for each decode machine, so that both are busy."""
    return physics.prefill_per_decode(isl, osl, prefill, decode)


@question("disaggregation", gives="%", source=BALANCE)
def prefill_share(isl: Isl, osl: Osl, prefill: Prefill, decode: Decode) -> float:
    """Share of the machines' time that prefill takes."""
    return physics.prefill_time_frac(isl, osl, prefill, decode)


@question("disaggregation", gives="x", source=BALANCE)
def prefill_interference(
    batch: Batch,
    osl: Osl,
    prefill_time: Annotated[float, number("prefill of a prompt", "ms")],
    step: Step,
) -> float:
    """TPOT where prompts share the machine, over TPOT where they do not."""
    return physics.interference(batch, osl, prefill_time, step)


@question("disaggregation", gives="tokens", source=BALANCE)
def disaggregation_crossover(
    batch: Batch,
    osl: Osl,
    prefill: Prefill,
    step: Step,
    tpot_target: Annotated[float, positive("TPOT that is allowed", "ms")],
) -> float:
    """Prompt length from which one machine for both misses a TPOT target."""
    return physics.crossover_isl_tokens(batch, osl, prefill, step, tpot_target)


@question("disaggregation", gives="x", source="Definition: throughput over cost, both relative")
def throughput_per_cost(
    throughput: Annotated[float, positive("throughput over the baseline's")],
    cost: Annotated[float, positive("cost over the baseline's")],
) -> float:
    """Tokens per dollar over the baseline's."""
    return physics.throughput_per_usd_ratio(throughput, cost)
