"""The claims of `agents.toml` from raw numbers."""

from tests.plan.audit.support import Recomputed

MEAN_PRICE = 0.9 * 3 + 0.1 * 15
"""USD per million tokens, a tenth of them output."""

PROMPTS = sum(10_000 + 2_000 * turn for turn in range(40))
ANSWERS = 40 * 500
PREFILL_S_PER_TOKEN = 2 * 70.6e9 / (8 * 1978.9e12 / 2)
KV_LLAMA = 2 * 80 * 8 * 128 * 2
PCIE_5 = 16 * 32e9 * 128 / 130 / 8


def loop_usd(hit: float) -> float:
    """Price of the loop when a share of its prompts is cached at a tenth of the price."""
    prompt_usd = PROMPTS * ((1 - hit) * 3 + hit * 0.3)
    return (prompt_usd + ANSWERS * 15) / 1e6


RECOMPUTED: dict[str, Recomputed] = {
    "task-price": [0.05 * MEAN_PRICE, 0.5 * MEAN_PRICE],
    "task-price-all-output": 0.5 * 15,
    "task-price-resent": loop_usd(0),
    "task-price-cached": loop_usd(0.95),
    "task-over-chat-usd": [5 / 0.005, 8 / 0.005],
    "task-over-chat-tokens": 50_000 / 300,
    "engineer-tokens": 500 / MEAN_PRICE,
    "budget-in-four-months": 12 / 4,
    "tools-bound-speedup": [1 / 0.5, 1 / 0.9],
    "gpu-time": [50, 10],
    "tool-time": [60, 50],
    "agents-need-ram": PREFILL_S_PER_TOKEN / (KV_LLAMA / PCIE_5),
    "agents-need-storage": PREFILL_S_PER_TOKEN / (KV_LLAMA / 28e9),
    "agents-cpu": None,
}
