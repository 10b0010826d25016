"""Prefix caches: what hits save, and which tier is worth fetching from."""

from typing import Annotated

from wattmill.physics import caching as physics
from wattmill.plan.questions.inputs import (
    Bytes,
    Hit,
    KvPerToken,
    Latency,
    LinkBandwidth,
    Tokens,
    UsdPerMtok,
    number,
    positive,
    share,
)
from wattmill.plan.questions.registry import question

WORK = "Definition: cached tokens are not computed again; attention to them is left out"
TIER = "Definition: latency + bytes / bandwidth, against tokens / prefill rate"
ReadPrice = Annotated[float, number("price of a cached token over that of an uncached one")]
WritePrice = Annotated[float, number("price of writing a token over that of an uncached one")]
Prefill = Annotated[float, positive("prompt tokens computed per second", "tok/s")]


@question("prefix-cache", gives="x", source=WORK)
def prefill_speedup(hit: Hit) -> float:
    """How much less there is to prefill when a share of the prompt is in the cache."""
    return physics.prefill_speedup(hit)


@question(
    "prefix-cache", gives="%", source="Definition: hit rate · share of the work that is prefill"
)
def fleet_saving(
    hit: Hit, prefill_share: Annotated[float, share("share of the fleet's work that is prefill")]
) -> float:
    """Share of a whole fleet that prefix hits make superfluous."""
    return physics.fleet_saving_frac(hit, prefill_share)


@question("prefix-cache", gives="ms", source=TIER)
def kv_restore_ms(
    tokens: Tokens, kv_per_token: KvPerToken, bandwidth: LinkBandwidth, latency: Latency = 0.0
) -> float:
    """Time to fetch the KV of a prefix from host memory, a disk or another machine."""
    return physics.restore_s(tokens, kv_per_token, bandwidth, latency)


@question("prefix-cache", gives="x", source=TIER)
def kv_restore_speedup(
    tokens: Tokens,
    kv_per_token: KvPerToken,
    bandwidth: LinkBandwidth,
    prefill: Prefill,
    latency: Latency = 0.0,
) -> float:
    """Computing a prefix again over fetching it; below 1 the tier is too slow."""
    return physics.restore_speedup(tokens, kv_per_token, bandwidth, latency, prefill)


@question("prefix-cache", gives="GB/s", source=TIER)
def kv_restore_break_even(kv_per_token: KvPerToken, prefill: Prefill) -> float:
    """Bandwidth from which fetching KV beats computing it again."""
    return physics.break_even_bytes_per_s(kv_per_token, prefill)


@question("prefix-cache", gives="reuses", source="Definition: (write - 1) / (1 - read)")
def cache_break_even_reuses(write: WritePrice = 1.25, read: ReadPrice = 0.1) -> float:
    """Reuses from which a cache that charges for writing pays."""
    return physics.break_even_reuses(write, read)


@question("prefix-cache", gives="%", source="Definition: 1 - (hit · read + (1 - hit) · write)")
def cache_cost_saving(hit: Hit, read: ReadPrice = 0.1, write: WritePrice = 1.0) -> float:
    """Share of the price of input that cached tokens save."""
    return 1 - physics.cached_cost_frac(hit, read, write)


@question("prefix-cache", gives="tokens", source="Definition: memory over KV bytes per token")
def cache_tokens(memory: Bytes, kv_per_token: KvPerToken) -> float:
    """Tokens of prefixes that so much memory keeps."""
    return memory / kv_per_token


@question("prefix-cache", gives="min", source="Gray and Putzolu, five-minute rule, SIGMOD 1987")
def cache_keep_time(
    recompute: UsdPerMtok,
    kv_per_token: KvPerToken,
    memory_price: Annotated[float, positive("cost of keeping a gigabyte", "USD/GB/month")],
) -> float:
    """Longest time between reuses for which keeping KV is cheaper than computing it again."""
    return physics.keep_break_even_s(recompute, kv_per_token, memory_price)
