"""Prefix caching: what a hit saves, and whether fetching KV beats computing it again."""

from __future__ import annotations

from wattmill.physics.numbers import N, require, require_positive, require_share


def prefill_speedup(hit_frac: N) -> N:
    """How much less there is to prefill: 1 / (1 - hit), hit below 1. Attention is left out.

    Exact for the weights' operations; cached tokens are still attended to, which matters beyond
    some 10,000 of them.
    """
    require_share(hit_frac=hit_frac)
    require(hit_frac < 1, "a hit of all tokens leaves nothing to answer", "give less than 1")
    return 1 / (1 - hit_frac)


def fleet_saving_frac(hit_frac: N, prefill_frac: N) -> N:
    """Share of a fleet that hits make superfluous, where prefill is `prefill_frac` of its work."""
    require_share(hit_frac=hit_frac, prefill_frac=prefill_frac)
    return hit_frac * prefill_frac


def restore_s(tokens: N, kv_bytes_per_token: N, bytes_per_s: N, latency_s: N) -> N:
    """Seconds to fetch the KV of a prefix from a slower tier: latency + bytes / bandwidth."""
    require_positive(bytes_per_s=bytes_per_s)
    return latency_s + tokens * kv_bytes_per_token / bytes_per_s


def restore_speedup(
    tokens: N, kv_bytes_per_token: N, bytes_per_s: N, latency_s: N, prefill_tok_per_s: N
) -> N:
    """Computing a prefix again over fetching it; below 1 the tier is too slow."""
    require_positive(tokens=tokens, prefill_tok_per_s=prefill_tok_per_s)
    return (
        tokens / prefill_tok_per_s / restore_s(tokens, kv_bytes_per_token, bytes_per_s, latency_s)
    )


def break_even_bytes_per_s(kv_bytes_per_token: N, prefill_tok_per_s: N) -> N:
    """Bandwidth from which a tier beats computing again, whatever the length: KV · prefill rate."""
    require_positive(kv_bytes_per_token=kv_bytes_per_token, prefill_tok_per_s=prefill_tok_per_s)
    return kv_bytes_per_token * prefill_tok_per_s


def break_even_reuses(write_price: N, read_price: N) -> N:
    """Reuses from which a cache that charges for writing pays: (write - 1) / (1 - read).

    Both prices are over that of an uncached token; read below 1.
    """
    require(read_price < 1, "reading that costs as much as computing never pays", "give below 1")
    require(write_price >= 0, "a price is not negative", "give 1 for writing at no extra price")
    return (write_price - 1) / (1 - read_price)


def cached_cost_frac(hit_frac: N, read_price: N, write_price: N) -> N:
    """Cost of a prompt with a cache over its cost without: hit · read + (1 - hit) · write."""
    require_share(hit_frac=hit_frac)
    return hit_frac * read_price + (1 - hit_frac) * write_price


def keep_break_even_s(
    recompute_usd_per_token: N, kv_bytes_per_token: N, usd_per_byte_second: N
) -> N:
    """Longest time between reuses for which keeping KV is cheaper than computing it again.

    Cost of computing a token over the cost per second of the memory that it occupies: the five
    minute rule (Gray and Putzolu, SIGMOD 1987) for KV.
    """
    require_positive(kv_bytes_per_token=kv_bytes_per_token, usd_per_byte_second=usd_per_byte_second)
    return recompute_usd_per_token / (kv_bytes_per_token * usd_per_byte_second)
