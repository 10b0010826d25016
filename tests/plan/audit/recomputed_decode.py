"""The claims of `decode.toml` from raw numbers."""

from tests.plan.audit.support import Recomputed, Within

RIDGE_H100 = 989.4e12 / 3.35e12
BYTES_4_BITS = 4.5 / 8
GB_70B = 70.6 * BYTES_4_BITS
GB_8B = 8.03 * BYTES_4_BITS
PCIE_REDUCE_S = 20e-6 + 2 * 3 / 4 * 8192 * 2 / 5.8e9

RECOMPUTED: dict[str, Recomputed] = {
    "decode-below-ridge": 64 / RIDGE_H100,
    "prefill-below-ridge": 2048 / RIDGE_H100,
    "busy-is-not-computing": 6400 / RIDGE_H100,
    "ridge-h100": RIDGE_H100,
    "decode-intensity-b1": [2 / 2, 2 / 1, 2 / 0.5],
    "attention-intensity": 2 * (64 / 8) / 2,
    "attention-intensity-mha": 2 * (40 / 40) / 2,
    "step-140gb-h100": 140 / 3.35,
    "step-a100": 140 / 2.039,
    "step-h100": 140 / 3.35,
    "step-h200": 140 / 4.8,
    "step-b200": 140 / 8.0,
    "step-of-two-cards": 140 / (2 * 3.35),
    "h200-gain": 4.8 / 3.35,
    "b200-gain": 8.0 / 3.35,
    "h200-b200-bandwidth": [4.8 / 3.35, 8.0 / 3.35],
    "maia-passes": 7000 / 216,
    "h100-one-user": 3350 / GB_70B,
    "h100-one-user-bf16": 3350 / 140,
    "m3-ultra-70b": 819 / GB_70B,
    "pro-6000-70b-low": 1792 / GB_70B,
    "pro-6000-70b-high": 1792 / GB_70B,
    "l40s-70b": 864 / GB_70B,
    "mi300x-70b": 5300 / GB_70B,
    "m4-max-70b": 546 / GB_70B,
    "m4-max-over-spark": 546 / 273,
    "mac-mini-70b": 273 / GB_70B,
    "spark-70b": 273 / GB_70B,
    "mini-over-spark": 273 / 273,
    "strix-halo-70b": 256 / GB_70B,
    "rtx-5090-8b": 1792 / GB_8B,
    "m4-max-8b": 546 / GB_8B,
    "spark-8b": 273 / GB_8B,
    "spark-8b-compute-bound": 2 / BYTES_4_BITS / (125e12 / 273e9),
    "strix-halo-8b": 256 / GB_8B,
    "ai-pc-8b": 8.448 * 128 / 8 / GB_8B,
    "offload-half": 1 / (20 / 1008 + 20 / (5.0 * 128 / 8)),
    "gpu-over-nvme": [256 / 7, 1792 / 7],
    "gemma-4-26b": 1008 / (3.8 * BYTES_4_BITS),
    "four-macs-405b": None,
    "four-l40s-q8": Within(
        1 / (70.6e9 * 8.5 / 8 / (4 * 864e9) + 160 * PCIE_REDUCE_S),
        0.15,
        "an all-reduce over PCIe is measured within a factor of two and takes a sixth of the step",
    ),
}
