"""The claims of `caching.toml` from raw numbers."""

from tests.plan.audit.support import Recomputed

KV_PER_TOKEN = 327680
PREFIX_BYTES = 10_000 * KV_PER_TOKEN
PREFILL_S = 2 * 70.554e9 * 10_000 / (8 * 989.4e12 * 0.5)
PCIE_5 = 16 * 32e9 * 128 / 130 / 8
"""Sixteen lanes of 32 GT/s, 128 of 130 bits payload."""

RECOMPUTED: dict[str, Recomputed] = {
    "cache-read-90-off": 100 - 10,
    "cache-write-pays-at-once": 0.25 / 0.9,
    "hit-56-halves-prefill": 1000 / 437,
    "hit-96-to-99-is-75x": [100 / 4, 100 / 1],
    "sram-below-ns": 30 / 1.7,
    "hbm-80-to-288": [79.6 * 1.073741824, 288],
    "dram-microseconds": 2 + KV_PER_TOKEN / PCIE_5 * 1e6,
    "dram-beats-recompute": PREFILL_S / (PREFIX_BYTES / PCIE_5),
    "nvme-microseconds": 80 + KV_PER_TOKEN / 252e9 * 1e6,
    "nvme-beats-recompute": PREFILL_S / (PREFIX_BYTES / 252e9),
    "object-store-milliseconds": 20 + KV_PER_TOKEN / 3.125e9 * 1e3,
    "object-store-beats-recompute": 8 / 2 * PREFILL_S / (PREFIX_BYTES / 3.125e9),
    "hit-56-saves-45-of-all": 56.3 * 0.8,
    "hit-56-saves-45-of-prefill": 56,
}
