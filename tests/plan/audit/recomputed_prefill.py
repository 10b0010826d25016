"""The claims of `prefill.toml` from raw numbers."""

from tests.plan.audit.support import Recomputed

RIDGE_H100 = 989.4e12 / 3.35e12
CONTEXT = 8192
WEIGHTS_FLOP = 2 * 70.6e9 * CONTEXT
ATTENTION_FLOP = 2 * 2 * 80 * 64 * 128 * CONTEXT**2 / 2
"""Scores and values, two operations each, for half of all pairs."""

KV_FP8 = 2 * 80 * 8 * 128


def prefill_share(isl: float, osl: float, batch: float) -> float:
    """Per cent of the time that eight H100 prefill 70B in FP8, at half of their dense rate."""
    prefill_s = isl * 2 * 70.6e9 / (8 * 1978.9e12 / 2)
    step_s = (70.6e9 + batch * (isl + osl) * KV_FP8) / (8 * 3.35e12)
    decode_s = osl * step_s / batch
    return 100 * prefill_s / (prefill_s + decode_s)


RECOMPUTED: dict[str, Recomputed] = {
    "attention-quadratic": 2**2,
    "prefill-quadratic": (2 * WEIGHTS_FLOP + 4 * ATTENTION_FLOP) / (WEIGHTS_FLOP + ATTENTION_FLOP),
    "prefill-intensity": 2048,
    "prefill-bound-by-arithmetic": 2048 / RIDGE_H100,
    "prefill-95-bound": 95 / RIDGE_H100,
    "decode-bound-by-memory": 1 / RIDGE_H100,
    "tokens-per-reading": 2048,
    "prefill-arithmetic-busy": 100,
    "decode-arithmetic-idle": 100 / RIDGE_H100,
    "prefill-bandwidth-idle": 100 * RIDGE_H100 / 2048,
    "decode-bandwidth-busy": 100,
    "prefill-share-agents": prefill_share(8000, 500, 256),
    "decode-share-chat": 100 - prefill_share(500, 500, 32),
    "both-shares": 100 - prefill_share(8000, 500, 256),
    "ttft-colocation": [30 + 50, 30 + 200],
    "thirty-feels-fast": 30 * 0.75 * 60,
}
