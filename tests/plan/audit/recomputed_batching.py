"""The claims of `batching.toml` from raw numbers."""

from tests.plan.audit.support import Recomputed, Within

KV_70B = 2 * 80 * 8 * 128 * 2
"""Bytes per token: keys and values of 80 layers, 8 heads of 128, 16 bits."""

FREE_TWO_H100 = 2 * 79.6 * 2**30 * 0.9 - 70.554e9 * 2


def gain(batch: float, over: float, weights: float, kv: float) -> float:
    """Tokens per second of a batch over those of another, both bound by memory."""
    return batch / over * (weights + over * kv) / (weights + batch * kv)


def sequences(gb: float, context: int) -> float:
    """How many fit beside 140 GB."""
    return (gb - 140) * 1e9 / (KV_70B * context)


RECOMPUTED: dict[str, Recomputed] = {
    "tuned-over-untuned": gain(32, 1, 70.6e9, 2048 * KV_70B),
    "batch-32-rate": 32 * 3350 / 70.6,
    "batch-32-endpoints": [1800 / 80, 2000 / 50],
    "batch-32-gain": 32,
    "engine-switch": gain(12, 4, 70.6e9 * 4.5 / 8, 2048 * KV_70B),
    "sglang-over-vllm": None,
    "saturation-bf16": 989.4 / 3.35 * 2 / 2,
    "saturation-w8a16": 989.4 / 3.35 * 1 / 2,
    "two-h100-2k": sequences(160, 2048),
    "two-h100-2k-vllm": Within(
        (FREE_TWO_H100 - 2 * 1.6e9) // (KV_70B * 2048),
        0.15,
        "buffers of a step are taken as 1.6 GB on each card",
    ),
    "two-a100-4k": sequences(160, 4096),
    "two-h100-4k": sequences(160, 4096),
    "two-h200-4k": sequences(282, 4096),
    "two-b200-4k": sequences(384, 4096),
    "tier-1-users": [30 / 5, 150 / 20],
    "medium-users": [300 / 20, 150 / 50],
    "medium-four-l40s": 1.05 * 4 * 350,
    "mlperf-four-l40s": Within(
        256 * 4 * 864e9 / (70.554e9 + 256 * 600 * KV_70B),
        0.03,
        "the output layer is kept in 16 bits, the input embedding is not read",
    ),
}
