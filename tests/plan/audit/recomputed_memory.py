"""The claims of `memory.toml` from raw numbers: shapes from config.json, sizes from data sheets."""

from tests.plan.audit.support import Recomputed

GB, GIB, KI = 1e9, 2**30, 1024

# layers · 2 · KV heads · head width · bytes
LLAMA_70B_KV = 80 * 2 * 8 * 128 * 2
DEEPSEEK_67B_KV = 95 * 2 * 8 * 128 * 2
DEEPSEEK_V2_LATENT_6_BIT = 60 * (512 + 64) * 6 / 8
QWEN3_30B_KV = 48 * 2 * 4 * 128 * 2
QWEN25_32B_KV = 64 * 2 * 8 * 128 * 2

LLAMA_70B = 70.554e9
LLAMA_70B_16_BIT = LLAMA_70B * 2
LLAMA_405B = 405.85e9
QWEN3_30B = 30.53e9
QWEN3_235B = 235.09e9
QWEN25_32B = 32.76e9
SCOUT = 108.6e9
KIMI_K2 = 1.026e12

H100 = 79.6 * GIB
H100_BANDWIDTH = 3.35e12


def full_cache_tok_s(context: int) -> float:
    """A full batch of FP8 cache beside 72.7 GB of weights, each read once a step."""
    free = H100 * 0.95 - 72.7e9
    batch = free / (LLAMA_70B_KV / 2) / context
    return batch * H100_BANDWIDTH / (72.7e9 + free)


RECOMPUTED: dict[str, Recomputed] = {
    "kv-linear": 131072 / 32768,
    "kv-128k-is-memory-management": 4 * 131072 * LLAMA_70B_KV / LLAMA_70B_16_BIT,
    "kv-32k-128k-outgrows-cards": [
        (2 * H100 * 0.9 - LLAMA_70B_16_BIT) / (LLAMA_70B_KV * tokens) for tokens in (32768, 131072)
    ],
    "kv-70b-4k": 327680 * 4096 / GB,
    "kv-70b-32k": 327680 * 32768 / GB,
    "kv-70b-128k": 327680 * 131072 / GB,
    "kv-70b-1m": 327680 * 1e6 / GB,
    "kv-table-is-linear": 2.5 * 250,
    "kv-70b-gqa-share-of-h100": 100 * 40 * GIB / H100,
    "kv-70b-128k-40-to-80": 40 * GIB / GB,
    "kv-70b-128k-low-end": 40 * GIB / GB,
    "kv-70b-128k-high-end": 40 * GIB / GB,
    "kv-2.5gb-holds-4k": 2.5e9 / 327680,
    "kv-20gb-holds-32k": 20e9 / 327680,
    "kv-80gb-holds-128k": 80e9 / 327680,
    "kv-32x8k": 32 * 8192 * 327680 / GB,
    "kv-32x8k-by-table": 80 * GIB / GB,
    "weights-70b-140gb": 2 * 70.554,
    "kv-dwarfs-weights": 32 * 8192 * LLAMA_70B_KV / LLAMA_70B_16_BIT,
    "mqa-8-to-32": [8 / 1, 32 / 1],
    "gqa-4-to-8": [32 / 8, 32 / 8, 32 / 8, 64 / 8],
    "window-constant-memory": [4096, 4096],
    "mla-93-as-measured": 100 * (1 - DEEPSEEK_V2_LATENT_6_BIT / DEEPSEEK_67B_KV),
    "mla-93-against-mha": 100 * (1 - 576 / (2 * 128 * 128)),
    "mla-beats-gqa": DEEPSEEK_67B_KV / DEEPSEEK_V2_LATENT_6_BIT,
    "l40s-four": 4 * 45,
    "rtx-pro-6000-four": 4 * 95.6,
    "h200-extra-61": 140.4 - 79.6,
    "framework-128-for-gpu": 0.75 * 128,
    "framework-96-for-gpu": 96,
    "m3-ultra-70b-q8": LLAMA_70B * 34 / 32 / GIB,
    "mi300x-405b-quantised": LLAMA_405B * 18 / 32 / GIB,
    "h100-70b-2000-tok-s-short": full_cache_tok_s(1000),
    "h100-70b-2000-tok-s-longer": full_cache_tok_s(2000),
    "node-405b-full-precision": LLAMA_405B * 2 / GIB,
    "kimi-k2-not-in-384": KIMI_K2 * 4.75 / 8 / GIB,
    "summaries-70b-in-96": (LLAMA_70B * 8.5 / 8 + 65536 * LLAMA_70B_KV) / GIB,
    "rag-30b-in-32": (QWEN3_30B * 4.5 / 8 + 32768 * QWEN3_30B_KV) / GIB,
    "writing-30b-in-16": (QWEN3_30B * 4.5 / 8 + 8192 * QWEN3_30B_KV) / GIB,
    "whisper-in-8": 808.9e6 * 2 / GIB,
    "coder-32b-in-32": (QWEN25_32B * 4.5 / 8 + 32768 * QWEN25_32B_KV) / GIB,
    "reasoning-235b-in-96": QWEN3_235B * 4.5 / 8 / GIB,
    "tier-96-holds-235b": 96 * GIB * 8 / QWEN3_235B,
    "rtx-5090-30b": (31.8 * GIB - 4e9) * 8 / 4.5 / 1e9,
    "scout-q4-size": SCOUT * 4.5 / 8 / GB,
    "scout-q4-in-32": SCOUT * 4.5 / 8 / GIB,
    "gemma-4-26b-q4": 25.67e9 * 4.5 / 8 / GB,
    "scout-q8-in-96": SCOUT * 8.5 / 8 / GIB,
    # 36 layers of 128 experts, three matrices of 2880 x 2880, in 4.25 bits; the rest in 16
    "gpt-oss-120b-in-96": (114.66e9 * 4.25 / 8 + (116.83e9 - 114.66e9) * 2) / GIB,
}
