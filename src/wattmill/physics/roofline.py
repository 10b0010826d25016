"""What a machine can do at best: the longer of moving the bytes and doing the operations.

Source: Williams, Waterman, Patterson, "Roofline", CACM 52(4), 2009. Bounds are exact; engines reach
a share of them, which `wattmill.physics.step` estimates.
"""

from __future__ import annotations

from wattmill.physics.numbers import N, larger, require_positive

FLOP_PER_WEIGHT = 2.0
"""A multiply and an add for each weight and token."""


def ridge_flop_per_byte(flops_per_s: N, bytes_per_s: N) -> N:
    """Arithmetic intensity at which memory and arithmetic take equally long: FLOP/s over B/s."""
    require_positive(flops_per_s=flops_per_s, bytes_per_s=bytes_per_s)
    return flops_per_s / bytes_per_s


def weight_intensity_flop_per_byte(tokens: N, bytes_per_weight: N) -> N:
    """FLOP per byte of weights when `tokens` tokens share one reading of them: 2 · tokens / bytes.

    `tokens` is the batch in decode and the prompt in prefill. Attention is left out.
    """
    require_positive(tokens=tokens, bytes_per_weight=bytes_per_weight)
    return FLOP_PER_WEIGHT * tokens / bytes_per_weight


def attention_intensity_flop_per_byte(heads: N, kv_heads: N, bytes_per_element: N) -> N:
    """FLOP per byte of KV in decode: each element serves heads / kv_heads queries.

    2 · heads / (KV heads · bytes). It does not rise with the batch, so decode attention stays bound
    by memory at any batch.
    """
    require_positive(heads=heads, kv_heads=kv_heads, bytes_per_element=bytes_per_element)
    return FLOP_PER_WEIGHT * heads / (kv_heads * bytes_per_element)


def saturation_batch(
    ridge_flop_per_byte: N, bytes_per_weight: N, flop_per_weight: float = FLOP_PER_WEIGHT
) -> N:
    """Batch from which decode GEMMs are bound by arithmetic: ridge · bytes / FLOP per weight."""
    require_positive(ridge=ridge_flop_per_byte, bytes_per_weight=bytes_per_weight)
    return ridge_flop_per_byte * bytes_per_weight / flop_per_weight


def decode_bound_tok_s(
    batch: N,
    weights_bytes: N,
    kv_bytes_per_sequence: N,
    bytes_per_s: N,
    flop_per_token: N,
    flops_per_s: N,
) -> N:
    """Most tokens per second of a batch: batch / max(bytes / bandwidth, operations / rate).

    bytes = weights + batch · KV of a sequence, each read once a step.
    """
    require_positive(batch=batch, bytes_per_s=bytes_per_s, flops_per_s=flops_per_s)
    read_s = (weights_bytes + batch * kv_bytes_per_sequence) / bytes_per_s
    return batch / larger(read_s, batch * flop_per_token / flops_per_s)


def mixed_read_s(fast_bytes: N, fast_bytes_per_s: N, slow_bytes: N, slow_bytes_per_s: N) -> N:
    """Seconds to read weights of which a part lies in slower memory, one after the other."""
    require_positive(fast_bytes_per_s=fast_bytes_per_s, slow_bytes_per_s=slow_bytes_per_s)
    return fast_bytes / fast_bytes_per_s + slow_bytes / slow_bytes_per_s


def forward_flop(params: N, tokens: N) -> N:
    """Operations of the weights for so many tokens: 2 · weights met · tokens; attention left out."""
    return FLOP_PER_WEIGHT * params * tokens


def attention_flop(tokens: N, layers: N, heads: N, head_dim: N, prior_tokens: N) -> N:
    """Operations of causal attention for a prompt after `prior_tokens`: quadratic in its length.

    4 · layers · heads · head width · tokens · (prior + tokens / 2): a score and a weighted value,
    two operations each, for every pair.
    """
    return 4 * layers * heads * head_dim * tokens * (prior_tokens + tokens / 2)


def mbu_frac(tok_per_s: N, bytes_per_token: N, bytes_per_s: N) -> N:
    """Memory bandwidth utilisation: bytes that had to move over bytes that could have."""
    require_positive(bytes_per_s=bytes_per_s)
    return tok_per_s * bytes_per_token / bytes_per_s


def mfu_frac(tok_per_s: N, flop_per_token: N, flops_per_s: N) -> N:
    """Model FLOP utilisation: operations that had to be done over those that could have been."""
    require_positive(flops_per_s=flops_per_s)
    return tok_per_s * flop_per_token / flops_per_s
