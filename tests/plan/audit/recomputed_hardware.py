"""The claims of `hardware.toml` from raw numbers: dense rates, widths of buses, prices as stated."""

from tests.plan.audit.support import Recomputed, Within

GIB = 2**30
SHOWN = "GiB that the driver shows, rounded on both sides"

# Dense TFLOP/s.
H100_FP8, B200_FP8, GB300_FP8 = 1979, 4500, 5000

SHARE, LEAST_USD, MOST_USD = 0.35, 299, 8500
LEAST_GB, MOST_GB, LEAST_GB_S, MOST_GB_S = 8, 128, 51, 1792

MACHINES = {
    "rtx-pro-6000": (96, 1792, 8500),
    "rtx-5090": (32, 1792, 4200),
    "m3-ultra": (96, 819, 3999),
    "m5-max": (128, 546, 5100),
    "dgx-spark": (128, 273, 4699),
    "framework-128": (128, 256, 1999),
    "w7900": (48, 864, 3600),
    "rtx-4090": (24, 1008, 2500),
    "rx-7900-xtx": (24, 960, 950),
    "arc-pro-b65": (32, 608, 750),
    "mac-mini-m4-pro": (64, 273, 1400),
    "framework-64": (64, 256, 1599),
    "blackhole-p150": (32, 512, 1400),
    "wormhole-n300": (24, 576, 1400),
    "macbook-air-m5": (32, 153, 1100),
    "k3-pico": (8, 51, 299),
    "jupiter-2": (8, 51, 300),
}
"""GB, GB/s, USD."""

SCORED = tuple(name for name in MACHINES if name not in ("rtx-pro-6000", "rtx-5090"))
CHARTED = tuple(
    name for name in MACHINES if name not in ("blackhole-p150", "macbook-air-m5", "jupiter-2")
)


def _scale(value: float, least: float, most: float) -> float:
    return (value - least) / (most - least)


def _memory(gb: float, gb_per_s: float) -> float:
    capacity, speed = _scale(gb, LEAST_GB, MOST_GB), _scale(gb_per_s, LEAST_GB_S, MOST_GB_S)
    return SHARE * capacity + (1 - SHARE) * speed


def _scores(gb: float, gb_per_s: float, usd: float) -> list[float]:
    """Capacity, bandwidth, memory and cost score to two places."""
    capacity, speed = _scale(gb, LEAST_GB, MOST_GB), _scale(gb_per_s, LEAST_GB_S, MOST_GB_S)
    cost = _scale(usd, LEAST_USD, MOST_USD)
    return [round(x, 2) for x in (capacity, speed, _memory(gb, gb_per_s), cost)]


def _chart_point(gb: float, gb_per_s: float, usd: float) -> list[float]:
    """Cost and memory score to two places."""
    _, _, memory, cost = _scores(gb, gb_per_s, usd)
    return [cost, memory]


RECOMPUTED: dict[str, Recomputed] = {
    "h200-fp8-1-9-x": 1,
    "b200-fp8-4-5-x": B200_FP8 / H100_FP8,
    "b300-fp8-7-5-x": 4500 / H100_FP8,
    "b300-fp4-7-5-x": 15_000 / H100_FP8,
    "h200-fp8-3900-tflops": H100_FP8,
    "h200-fp8-3900-sparse": 3900 / 2 / H100_FP8,
    "b200-fp8-9000-tflops": B200_FP8,
    "b300-fp8-15000-tflops": 9000 / 2,
    "gb300-fp4-15000-tflops": 15_000,
    "h200-5-57-tflops-per-w": 3900 / 700,
    "h200-5-57-tflops-per-w-dense": H100_FP8 / 700,
    "h200-per-w-over-h100-arithmetic": 3900 / 2000,
    "h200-per-w-over-h100": 1,
    "b200-9-tflops-per-w": 9000 / 1000,
    "b200-9-tflops-per-w-dense": B200_FP8 / 1000,
    "b200-per-w-over-h100": (B200_FP8 / 1000) / (H100_FP8 / 700),
    "b300-10-7-tflops-per-w": 15_000 / 1400,
    "b300-10-7-tflops-per-w-fp8": GB300_FP8 / 1400,
    "b300-per-w-over-h100": (GB300_FP8 / 1400) / (H100_FP8 / 700),
    "b300-1400-w": 1100,
    "gb300-1400-w": 1400,
    "rtx-spark-250-tflops": 1000 / 2**3,
    "rtx-spark-250-tflops-fp8": 1000 / 2**2,
    "dgx-spark-250-tflops": 1000 / 2**3,
    "rtx-4090-1321-tops": 1,
    "rtx-4090-660-tops": 1321 / 2,
    "rtx-5090-3352-tops": (3352 / 2) / (3352 / 4),
    "rtx-5090-1677-tops": 3352 / 4,
    "rtx-5090-3352-tops-fp4": 1,
    "wormhole-262-tflops": 262,
    "snapdragon-x2-78-percent": 100 * (80 - 45) / 45,
    "k3-server-2880-tops": 48 * 60,
    "k3-server-price-per-board": 38_800 / 48,
    "mi300x-over-four-h100": 5.3 / (4 * 3.35),
    "mi300x-over-four-l40s": 5.3 / (4 * 0.864),
    "rtx-pro-6000-server-over-l40s": 1597 / 864,
    "rtx-pro-6000-as-rtx-5090": 1,
    "rtx-5090-bus": 28 * 512 / 8,
    "m5-max-460-to-614": [460, 614],
    "m5-max-546": 614,
    "m5-max-score-614": _memory(128, 614),
    "spark-half-of-m4-max": 273 / 546,
    "spark-memory-as-m4-max": Within((128 - 8) / 128, 0.01, SHOWN),
    "m4-max-64-gb": 128,
    "k3-51-gb-s": 6.4 * 32 / 8,
    "k3-51-gb-s-64-bit": 6.4 * 64 / 8,
    "k3-memcpy-as-pi-5": 2 * 5.947 / (4.267 * 32 / 8),
    "k3-memcpy-of-peak": 100 * 2 * 5.947 / 51.2,
    "b200-192-gb": Within(180 * GIB / 1e9, 0.01, SHOWN),
    "b200-180-gib": 179.1,
    "b200-192-gib": 179.1,
    "mi350x-over-b200-memory": Within(100 * (288 / 180 - 1), 0.02, SHOWN),
    "l40s-7500-to-10000-usd": 8000,
    "l40s-8000-to-12000-usd": 8000,
    "h100-25000-to-40000-usd": Within(28_000, 0.1, "quotes of resellers"),
    "dgx-spark-3999-usd": 3999,
    "dgx-spark-price-rise": None,
    "street-prices-midpoints": [(8000 + 9200) / 2, (3000 + 5000) / 2],
    "rtx-pro-6000-8500-usd": (8000 + 9200) / 2,
    "b200-margin": [100 * (1 - 6.4 / 30), 100 * (1 - 6.4 / 40)],
    "gb200-superchip-as-two-b200": [2 * 30, 2 * 40],
    "nvl72-superchips-under-3-musd": [36 * 0.06, 36 * 0.07],
    "colossus-2-per-gpu": 18e9 / 550e3,
    "million-gpus-power": 1e6 / 72 * 132e3 * 1.2 / 1e9,
    "framework-128-lowest-usd-per-gb": 1999 / 128,
    "jupiter-2-usd-per-gb": [300 / 8, 575 / 32],
    "k3-pico-usd-per-gb": 299 / 8,
    "aibox-k3-usd-per-gb": [349 / 8, 689 / 32],
    "roma-3-usd-per-gb": [699 / 16, 999 / 32],
    "bpi-sm10-usd-per-gb": None,
    "24-gb-third-tier": sorted({gb for gb, _, _ in MACHINES.values()}).index(24) + 1,
    **{f"score-{name}": _scores(*MACHINES[name]) for name in SCORED},
    **{f"chart-{name}": _chart_point(*MACHINES[name]) for name in CHARTED},
}
