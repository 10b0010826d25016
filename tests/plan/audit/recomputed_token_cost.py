"""The claims of `token_cost.toml` from raw numbers: data sheets, shapes and prices as published."""

from tests.plan.audit.support import Recomputed, Within

QUOTES = "a median of quotes, which moves as the catalog learns more of them"
ENGINE = "parameter counts and embeddings are rounded here"

# Llama 3.1 70B: 80 layers, 8 KV heads of 128; 4.85 bits per weight as Q4_K_M with its tensors.
PARAMS = 70.55e9
Q4_GB = 43.1
FP16_GB = 140
KV_BYTES = 2 * 80 * 8 * 128 * 2
YEAR_MTOK_S = 365 * 24 * 3600 / 1e6

H100_GB_S, A100_GB_S, H200_GB_S, B200_GB_S = 3350, 2039, 4800, 8000
NODE_W = 10_200


def _q4(gb_per_s: float, watts: float) -> Within:
    """Tokens per second and watt of one stream that reads Q4_K_M weights once per token."""
    return Within(gb_per_s / Q4_GB / watts, 0.02, ENGINE)


def _floor(gb_per_s: float, batch: int, chat: int = 0) -> float:
    """USD per million tokens at 2.50 USD an hour."""
    step_s = (FP16_GB + batch * chat * KV_BYTES / 1e9) / gb_per_s
    return 2.5 / 3600 * step_s / batch * 1e6


def _implied(usd_per_mtok: float, gb_per_s: float, batch: int) -> float:
    """USD an hour."""
    return usd_per_mtok / 1e6 * batch * gb_per_s / FP16_GB * 3600


def _full_h100() -> float:
    """Tokens per second of FP8 weights with as many chats of 1,300 tokens as fit into 90 %."""
    card_gb, weights_gb = 79.6 * 2**30 / 1e9, 70
    kv_gb = 0.9 * card_gb - weights_gb
    chats = kv_gb / (1300 * KV_BYTES / 1e9)
    return chats * H100_GB_S / (weights_gb + kv_gb)


def _ffn_share(attention: float, ffn: float) -> float:
    return 100 * ffn / (attention + ffn)


def _training_musd(active: float, tokens: float, used_flops: float, usd_h: float) -> float:
    return 6 * active * tokens / used_flops / 3600 * usd_h / 1e6


GPT_4_MUSD = _training_musd(280e9, 13e12, 0.35 * 312e12, 1.5)

RECOMPUTED: dict[str, Recomputed] = {
    "m3-ultra-tok-s-per-w": [30 / 250, 45 / 250],
    "m3-ultra-tok-s-per-w-roofline": _q4(819, 250),
    "rtx-pro-6000-tok-s-per-w": [60 / 300, 90 / 300],
    "rtx-pro-6000-tok-s-per-w-600-w": [60 / 600, 90 / 600],
    "rtx-pro-6000-tok-s-per-w-roofline": _q4(1792, 300),
    "l40s-tok-s-per-w-one-stream": [25 / 350, 35 / 350],
    "l40s-tok-s-per-w-roofline": _q4(864, 350),
    "mi300x-tok-s-per-w": [120 / 750, 150 / 750],
    "mi300x-tok-s-per-w-roofline": _q4(5300, 750),
    "tier-1-tok-s-per-w": [37.5 / 250, 75 / 300, 30 / 350, 135 / 750],
    "tier-1-tok-s-per-w-roofline": [
        gb_per_s / (PARAMS * 4.85 / 8 / 1e9) / watts
        for gb_per_s, watts in ((819, 250), (1792, 300), (864, 350), (5300, 750))
    ],
    "l40s-mlperf-tok-s-per-w": [1718 / 1400, 1469 / 1400],
    "h100-tok-s-per-w": 2000 / 700,
    "h100-70b-2000-tok-s": _full_h100(),
    "h100-over-l40s-per-watt": (2000 / 700) / (1718 / 1400),
    "l40s-box-per-token": [(60e3 / 1718) / (80e3 / 4000), (80e3 / 1718) / (120e3 / 4000)],
    "l40s-cards-per-token": (4 * 8000 / 1718) / (2 * 28000 / 4000),
    "hgx-node-tok-s-per-w": 16_000 / NODE_W,
    "hgx-node-tok-s-per-card-w": 16_000 / 5600,
    "tier-2-tok-s-per-w": [150 / 1400, 600 / 1400],
    "tier-3-tok-s-per-w": 16_000 / NODE_W,
    "tier-3-1000-tok-s": 1000 / NODE_W,
    "own-under-1-usd-per-mtok": (260e3 / 3 + 10.2 * 175 * 12) / (16e3 * 0.5 * YEAR_MTOK_S),
    "two-nodes-005-usd-per-mtok": (500e3 / 3 + 47e3) / (32e3 * 0.7 * YEAR_MTOK_S),
    "two-nodes-005-usd-colo-only": 47e3 / (32e3 * YEAR_MTOK_S),
    "five-mtok-75000-usd": 5 * 15,
    "two-nodes-5-gtok-utilisation": 100 * 5e9 / (32e3 * 730 * 3600),
    "trillion-tokens-6-musd": 1e6 * (0.75 * 3 + 0.25 * 15) / 1e6,
    "ssd-offload-energy": None,
    "ssd-offload-energy-cpu": [(20 / 7) / (105 / 80), (105 / 7) / (105 / 80)],
    "ssd-offload-energy-gpu": (20 / 7) / (450 / 1008),
    "prices-fall-5-to-10-x": [1000 ** (1 / 4), 1000 ** (1 / 3)],
    "prices-fall-50-x": 1000 ** (1 / 3),
    "prices-fall-list": (60 / 0.32) ** (1 / 3.67),
    "output-over-input-anthropic": [15 / 3, 25 / 5],
    "output-over-input-openai": [10 / 2.5, 8 / 2],
    "output-over-input-openai-gpt-5": 10 / 1.25,
    "output-over-input-gemini": 10 / 1.25,
    "h100-rent-250": Within(2.95, 0.15, QUOTES),
    "h100-batch-1-29-usd": _floor(H100_GB_S, 1),
    "h100-batch-64-045-usd": _floor(H100_GB_S, 64),
    "h100-batch-64-with-kv": _floor(H100_GB_S, 64, 2048),
    "h100-batch-256-011-usd": _floor(H100_GB_S, 256),
    "h100-batch-256-with-kv": _floor(H100_GB_S, 256, 2048),
    "two-h100-batch-256-fits": (2 * 79.6 * 2**30 - 140e9) / (2048 * KV_BYTES),
    "provider-margin-batch-64": [100 * (1 - 0.45 / 10), 100 * (1 - 0.45 / 15)],
    "table-a100-750": _floor(A100_GB_S, 4),
    "table-h100-450": _floor(H100_GB_S, 4),
    "table-h200-065": _floor(H200_GB_S, 15),
    "table-b200-020": _floor(B200_GB_S, 25),
    "table-a100-implied-rent": _implied(7.5, A100_GB_S, 4),
    "table-h100-implied-rent": _implied(4.5, H100_GB_S, 4),
    "table-h200-implied-rent": _implied(0.65, H200_GB_S, 15),
    "table-b200-implied-rent": _implied(0.2, B200_GB_S, 25),
    "table-a100-rent-quoted": Within(1.7, 0.15, QUOTES),
    "table-b200-rent-quoted": Within(6.0, 0.3, QUOTES),
    "gpu-10-to-30-j-batched": 700 / 2000,
    "gpu-10-to-30-j-one-stream": 700 / (H100_GB_S / FP16_GB),
    "lpu-1-to-3-j-one-stream": Within(70 / 0.23 * 275 / 456, 0.01, "whole chips; 0.23 GB rounded"),
    "llama-405b-mfu-38": 100 * 6 * 405.9e9 * 15.6e12 / (30.84e6 * 3600 * 989.4e12),
    "gpt-3-4-6-musd": _training_musd(175e9, 300e9, 28e12, 1.5),
    "gpt-4-78-to-100-musd": GPT_4_MUSD,
    "gpt-4-all-weights": GPT_4_MUSD * 1800 / 280,
    "training-287000-x-gpt-4": GPT_4_MUSD * 1e6 / 670,
    "training-287000-x-frontier": 1e9 / 670,
    "training-287000-x-gemini": 287_000 * 670 / 1e6,
    "deepseek-5-6-musd": 2.788 * 2,
    "deepseek-hours-possible": Within(
        100 * 6 * 37e9 * 14.8e12 / (2.788e6 * 3600 * 989.4e12), 0.03, "37 billion is rounded"
    ),
    "ffn-two-thirds-gpt-3": _ffn_share(4 * 12288**2, 2 * 4 * 12288**2),
    "ffn-two-thirds-llama": _ffn_share(2 * 8192 * 8192 + 2 * 8192 * 8 * 128, 3 * 8192 * 28672),
}
