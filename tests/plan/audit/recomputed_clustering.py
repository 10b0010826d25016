"""The claims of `clustering.toml` from raw numbers."""

from tests.plan.audit.support import Recomputed, Within

STEP_S = 41.8e-3
TRAFFIC_70B = 2 * 80 * 8192 * 2
"""Bytes per token of all all-reduces of a 70B model in 16 bits."""

TRAFFIC_405B = 2 * 126 * 16384 * 2
LINK_405B_S = 2 * 126 * 50e-6 + 1.5 * TRAFFIC_405B / 10e9
READ_405B_S = 405.9e9 * 4.5 / 8 / (4 * 819e9)
READ_EIGHT_S = 141.2e9 / (8 * 3.35e12)
NVSWITCH_REDUCE_S = 5.5e-6 + 2 * 7 / 8 * 8192 * 32 * 2 / 224e9
WEIGHTS = "scales and 16-bit or q8_0 outer layers"


def two_cards_s(bytes_per_s: float, latency_s: float, batch: int) -> float:
    """A step of two cards: half of the reading, and every all-reduce (2 · 1/2 of its bytes)."""
    return STEP_S / 2 + 160 * latency_s + batch * TRAFFIC_70B / bytes_per_s


def mixture_tok_s(expert: float, experts: int, chosen: int, rest: float, bits: float) -> float:
    """One sequence on four M3 Ultra: the chosen experts and all else, 61 layers over 10 GB/s."""
    read_s = (expert * chosen / experts + rest) * bits / 8 / (4 * 819e9)
    return 1 / (read_s + 2 * 61 * (50e-6 + 1.5 * 7168 * 2 / 10e9))


RECOMPUTED: dict[str, Recomputed] = {
    "four-macs-memory": 4 * 96,
    "four-macs-price": 16000 / 4,
    "qwen-on-four-macs": 235.09 * 4.89 / 8,
    "deepseek-on-four-macs": 671.03,
    "kimi-on-four-macs": Within(1026.4 * 4.16 / 8, 0.1, WEIGHTS),
    "tcp-too-slow": 1e6 / (2 * 94 * 300),
    "rdma-fast-enough": 1e6 / (2 * 94 * 50),
    "deepseek-four-macs-rate": Within(
        mixture_tok_s(58 * 256 * 3 * 7168 * 2048, 256, 8, 16.2e9, 8), 0.03, WEIGHTS
    ),
    "kimi-four-macs-rate": Within(
        mixture_tok_s(60 * 384 * 3 * 7168 * 2048, 384, 8, 10.5e9, 4.16), 0.2, WEIGHTS
    ),
    "weights-over-thunderbolt": TRAFFIC_405B / 1e6,
    "thunderbolt-saturated": 100 * LINK_405B_S / (READ_405B_S + LINK_405B_S),
    "tp2-nvlink": STEP_S / two_cards_s(450e9, 15e-6, 32),
    "tp2-25gbe": STEP_S / two_cards_s(3.125e9, 30e-6, 8),
    "tp2-10gbe-loss": 100 * (1 - two_cards_s(12.5e9, 0, 8) / two_cards_s(1.25e9, 0, 8)),
    "tp8-nvswitch": Within(
        100 * READ_EIGHT_S / (READ_EIGHT_S + 160 * NVSWITCH_REDUCE_S),
        0.2,
        "an all-reduce is measured within 60 % and takes a quarter of the step",
    ),
    "switch-pair": [2 * 20, 2 * 100],
    "switch-each": [200 / 2, 300 / 2],
    "nvlink5-per-gpu": 18 * 2 * 50 / 1000,
    "nvlink5-over-ethernet": 18 * 50 / (400 / 8),
    "nvlink5-over-nvlink4": 18 * 50 / (18 * 25),
    "nvl72-fabric": 72 * 1.8,
    "nvl72-all-reduce": 72 * 1.8 * 2,
}
