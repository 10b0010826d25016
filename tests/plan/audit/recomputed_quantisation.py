"""The claims of `quantisation.toml` from raw numbers."""

from tests.plan.audit.support import Recomputed

GIB = 2**30
LLAMA_70B = 70.554e9
HEAD = 128256 * 8192
INNER = LLAMA_70B - 2 * HEAD
DECODE_16_BIT = 2 * (INNER + HEAD)
DECODE_8_BIT = INNER + 2 * HEAD


def full_memory_gain(memory: float) -> float:
    """A full memory takes as long to read before as after, so only the sequences count."""
    return (memory - 70) / (memory - 140)


RECOMPUTED: dict[str, Recomputed] = {
    "70b-q4-one-node": LLAMA_70B * 18 / 32 / GIB,
    "quantised-tokens-30-to-50-cheaper": 100 * (1 - DECODE_8_BIT / DECODE_16_BIT),
    "70b-q4-40gb": 70.554 * 4.5 / 8,
    "235b-q4-130gb": 235.09 * 4.5 / 8,
    "int8-70gb": 70.554,
    "int8-halves-decode": DECODE_16_BIT / DECODE_8_BIT,
    "int8-doubles-free-memory": (160 - 70) / (160 - 140),
    "int8-4x-two-h100": full_memory_gain(160),
    "int8-4x-two-h200": full_memory_gain(282),
    "fp8-kv-halves": 50,
    "nvfp4-kv-halves-again": 100 * (8 - (4 + 8 / 16)) / 8,
    "int4-35gb": 70.554 / 2,
    # 128 weights share a 16-bit scale and a 4-bit zero point; embedding and head in 16 bits
    "int4-35gb-file": (INNER * (4 + 20 / 128) / 8 + 2 * HEAD * 2) / 1e9,
    "int4-fits-consumer-card": 100 * (LLAMA_70B / 2) / (31.8 * GIB),
}
