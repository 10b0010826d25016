"""The claims of `retrieval.toml` from raw numbers."""

from tests.plan.audit.support import Recomputed

KV_70B = 80 * 2 * 8 * 128 * 2
KV_8B = 32 * 2 * 8 * 128 * 2
PROMPT = 10 * 512

RECOMPUTED: dict[str, Recomputed] = {
    "rag-ten-passages": PROMPT,
    "rag-kv-per-request": PROMPT * KV_70B / 1e9,
    "rag-too-slow-to-wait": 50 + 150 + 1e3 * 2 * 70.554e9 * PROMPT / (4 * 362.05e12 * 0.5),
    "small-model-first": 0.1 + 0.3,
    "mixed-models-on-4x-l40s": 70.554 * 8.5 / 8 + 32.76 * 4.5 / 8 + 0.809 * 2,
    "distil-70b-to-7b": 70 / 7,
    "distil-requests-by-weights": 70.554 / 8.03,
    "distil-requests-by-memory": (192 - 8) / KV_8B / ((192 - 70.6) / KV_70B),
    "50m-tokens-a-day": 100 * 50e6 / 86400 / 2000,
    "finetune-break-even-as-written": 5000 / (200 * 9.5 - 1000),
}
