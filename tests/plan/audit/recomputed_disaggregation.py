"""The claims of `disaggregation.toml` from raw numbers."""

from tests.plan.audit.support import Recomputed

RIDGE_H100 = 989.4e12 / 3.35e12
RIDGE_CPX = 20e15 / 2e12
KV_OPT = 2 * 64 * 72 * 128 * 2
KV_LLAMA = 2 * 80 * 8 * 128 * 2

RECOMPUTED: dict[str, Recomputed] = {
    "decode-leaves-idle": 100 - 6400 / RIDGE_H100,
    "prefill-leaves-idle": 100 - 100 * RIDGE_H100 / 2048,
    "prefill-without-hbm": 8192 * 2 / 0.5 / RIDGE_CPX,
    "decode-needs-hbm": 64 * 2 / 0.5 / RIDGE_CPX,
    "distserve-gain": None,
    "splitwise-gain": 1.4 / 0.8,
    "kimi-per-gpu": None,
    "kv-of-512-tokens": 512 * KV_OPT / 1e9,
    "kv-link-opt": 10 * 512 * KV_OPT * 8 / 1e9,
    "kv-link-llama": 10 * 512 * KV_LLAMA * 8 / 1e9,
    "cpx-waste": None,
    "cpx-flops-per-usd": 20 / 35 / 0.25,
    "cpx-memory-price": 100 * (1 - 1 / 3),
    "hbm-premium": [1.5 / 0.5, 2.5 / 0.5],
    "cpx-cost": 100 * 0.5 * 128 / 288,
}
