"""The claims of `moe.toml` from raw numbers: shapes from config.json."""

from math import exp, factorial

from tests.plan.audit.support import Recomputed


def gated(hidden: int, inner: int) -> int:
    """Weights of a gated MLP."""
    return 3 * hidden * inner


def grouped(hidden: int, heads: int, kv_heads: int, width: int) -> int:
    """Weights of grouped-query attention."""
    return hidden * width * 2 * (heads + kv_heads)


def latent(hidden: int, q_lora: int, kv_lora: int, heads: int) -> int:
    """Weights of DeepSeek-V3's attention: 128 + 64 wide queries, 128 wide keys and values."""
    queries = hidden * q_lora + q_lora * heads * 192
    keys_values = hidden * (kv_lora + 64) + kv_lora * heads * 256
    return queries + keys_values + heads * 128 * hidden


def mixtral(experts: int) -> float:
    layer = grouped(4096, 32, 8, 128) + experts * gated(4096, 14336)
    return (32 * layer + 2 * 32000 * 4096) / 1e9


def deepseek_v3(experts: int) -> float:
    attention = 61 * latent(7168, 1536, 512, 128)
    mlps = 58 * experts * gated(7168, 2048) + 3 * gated(7168, 18432)
    return (attention + mlps + 2 * 129280 * 7168) / 1e9


def llama_4(moe_layers: int, experts: int) -> float:
    attention = 48 * grouped(5120, 40, 8, 128)
    mlps = moe_layers * experts * gated(5120, 8192) + (48 - moe_layers) * gated(5120, 16384)
    return (attention + mlps + 2 * 202048 * 5120) / 1e9


TOWER = 0.87
"""Billions of weights of Llama 4's image tower and projector."""


def expected_maximum(groups: int, mean: float) -> float:
    """Of so many Poisson counts, by the sum of P(maximum > x)."""
    chances = [exp(-mean) * mean**x / factorial(x) for x in range(60)]
    return sum(1 - min(1.0, sum(chances[: x + 1])) ** groups for x in range(59))


RECOMPUTED: dict[str, Recomputed] = {
    # 94 layers, 120 of 128 experts of 3 x 4096 x 1536 idle
    "qwen3-235b-inactive": 94 * 120 * gated(4096, 1536) / 1e9,
    "192gb-activates-17b": 192 * 8 / 401.6,
    "scout-109b": llama_4(48, 17) + TOWER,
    "mixtral-46.7b": mixtral(8),
    "mixtral-12.9b-active": mixtral(2),
    "deepseek-v3-671b": deepseek_v3(257),
    "deepseek-v3-37b-active": deepseek_v3(9),
    "maverick-400b": llama_4(24, 129) + TOWER,
    "maverick-17b-active": llama_4(24, 2),
    # 32 tokens, each to 8 of 256 experts: one a piece on average
    "imbalance-82-idle": 100 * (1 - 1 / expected_maximum(256, 1.0)),
    "moe-saturation-3840": 150 * 256 / 8,
    "moe-saturation-3840-by-ridge": 989.4e12 / 3.35e12 * 32,
}
