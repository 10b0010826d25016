"""Prefill on some machines and decode on others: what moves between them, and when it pays.

Sources: Zhong et al., "DistServe", OSDI 2024; Patel et al., "Splitwise", ISCA 2024. The formulas
are balances of rates and exact as such; queueing is left out.
"""

from __future__ import annotations

from wattmill.physics.numbers import N, require, require_positive


def kv_transfer_s(tokens: N, kv_bytes_per_token: N, bytes_per_s: N, latency_s: N) -> N:
    """Seconds to hand the KV of a prompt over: latency + bytes / bandwidth."""
    require_positive(bytes_per_s=bytes_per_s)
    return latency_s + tokens * kv_bytes_per_token / bytes_per_s


def kv_link_bytes_per_s(requests_per_s: N, tokens: N, kv_bytes_per_token: N) -> N:
    """Mean traffic of handing over the KV of every prompt."""
    return requests_per_s * tokens * kv_bytes_per_token


def prefill_per_decode(isl: N, osl: N, prefill_tok_per_s: N, decode_tok_per_s: N) -> N:
    """Prefill machines for each decode machine, so that both are busy: time in over time out."""
    require_positive(
        osl=osl, prefill_tok_per_s=prefill_tok_per_s, decode_tok_per_s=decode_tok_per_s
    )
    return (isl / prefill_tok_per_s) / (osl / decode_tok_per_s)


def prefill_time_frac(isl: N, osl: N, prefill_tok_per_s: N, decode_tok_per_s: N) -> N:
    """Share of the machines' time that prefill takes, at full batch."""
    ratio = prefill_per_decode(isl, osl, prefill_tok_per_s, decode_tok_per_s)
    return ratio / (1 + ratio)


def interference(batch: N, osl: N, prefill_s: N, decode_step_s: N) -> N:
    """TPOT where prompts share the machine, over TPOT where they do not.

    1 + batch / osl · prefill / step: each step carries the prompts that arrive while it runs.
    """
    require_positive(batch=batch, osl=osl, decode_step_s=decode_step_s)
    return 1 + batch / osl * prefill_s / decode_step_s


def crossover_isl_tokens(
    batch: N, osl: N, prefill_tok_per_s: N, decode_step_s: N, tpot_target_s: N
) -> N:
    """Prompt length from which a machine that does both misses a TPOT target at this batch."""
    require_positive(batch=batch, prefill_tok_per_s=prefill_tok_per_s)
    slack_s = tpot_target_s - decode_step_s
    require(slack_s > 0, "decode alone misses the target", "use a smaller batch")
    return slack_s * osl * prefill_tok_per_s / batch


def throughput_per_usd_ratio(throughput: N, cost: N) -> N:
    """Tokens per dollar over the baseline's, from throughput and cost over the baseline's."""
    require_positive(cost=cost)
    return throughput / cost
