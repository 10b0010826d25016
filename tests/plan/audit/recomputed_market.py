"""The claims of `market.toml` from raw numbers, in billions of USD, per cent and plain ratios."""

from math import exp, log

from tests.plan.audit.support import Recomputed, Within

PLANNED = "a rack of 132 kW by its power shelves; its makers plan 120"


def _rate(start: float, end: float, years: float = 1) -> float:
    """Per cent of a year."""
    return 100 * (exp(log(end / start) / years) - 1)


def _share(part: float, whole: float) -> float:
    return 100 * part / whole


# What layers sold to whom in 2026, at least: chips to clouds, memory to chips, tools to models.
LAYERS = {
    "chips": 270,
    "memory": 70,
    "clouds": 60,
    "tools": 15,
    "models": 50,
    "serving": 15,
    "apps": 35,
}
SOLD_ON = LAYERS["chips"] + LAYERS["memory"] + LAYERS["tools"]
LOW, HIGH = (270, 70, 50, 15, 50, 12, 35), (270, 70, 60, 15, 50, 15, 35)

RECOMPUTED: dict[str, Recomputed] = {
    "tam-total-ai": _rate(391, 3500, 5),
    "tam-total-ai-2033": _rate(391, 3500, 8),
    "tam-accelerator": _rate(210, 1000, 5),
    "tam-accel-2026": 210 * 1.35,
    "tam-inference": _rate(106, 255, 5),
    "tam-hbm": _rate(38, 100, 3),
    "tam-optical": _rate(9.94, 31, 8),
    "optical-9-94": _rate(9.94, 31, 8),
    "tam-agentic": _rate(7.92, 155, 5),
    "tam-api": 100 * (15 - 8.4) / 8.4,
    "tam-coding": [100 * (12 - 7.4) / 7.4, 100 * (15 - 7.4) / 7.4],
    "nvda-fy26-65": 100 * (215.9 - 130.5) / 130.5,
    "avgo-q1-doubling": 8.2 / 4.1,
    "marvell-426": 100 * (8.2 - 5.767) / 5.767,
    "aristo-286": 100 * 2 / 7,
    "arista-guide": 100 * 1.65 / 9,
    "capex-251-62": 251 / 1.62,
    "cpu-demand-349": None,
    "s2-smci-185": None,
    "deepseek-share-3-13": 13 / 3,
    "layer-l2": 100 * 20 / 50,
    "layer-l3": 100 * 20 / 35,
    "layer-l5": 100 * 22.5 / 27.5,
    "layer-l6": 100 * 7 / 6.5,
    "layer-l7": 100 * 15 / 20,
    "layers-sum-2026": [sum(LOW), sum(HIGH)],
    "layers-net-2026": sum(LAYERS.values()) - SOLD_ON,
    "layers-double-counting-2026": _share(SOLD_ON, sum(LAYERS.values())),
    "pool-cloud": [30, 40],
    "pool-foundry": None,
    "pool-cpu": None,
    "pool-networking": None,
    "pool-software": None,
    "chip-sale-outside-capital": 5.4 - 1.9,
    "openai-oracle-nvidia-circle": _share(40 + 40, 300 + 40),
    "s0-hyper-40-50": 51,
    "l1-50pct-vs-nvda": _share(215.9, 270),
    "nvda-rank-85-90": [80, 90],
    "hbm-rank-53": 62,
    "hbm-row-samsung": [100 - 62 - 21, 100 - 53 - 12],
    "asic-70-20": 100 - 70 - 20,
    "amd-share-28-39": None,
    "dc-ethernet-105": _share(2.75, 105),
    "sp-45-47": 47,
    "sp-41-8": _share(41, 503),
    "inference-50-67": [50 / 50, 67 / 33],
    "inference-67-vs-tam": _share(130, 280),
    "inference-10x-training": 255 / 745,
    "dram-35-23": 100 * (1.35 - 1.23) / 1.23,
    "hbm-premium-3-5": None,
    "gm-71-vs-70-78": 71.1,
    "gm-a-cpu": [50, 58],
    "gm-a-memory": [40, 50],
    "gm-a-networking": [60, 75],
    "gm-a-optical": [40, 55],
    "gm-a-cloud": [30, 40],
    "openai-14-20": _share(14, 20),
    "openai-burn-conflict": None,
    "openai-110": 30 + 30 + 50,
    "s2-anthropic-20b": None,
    "anthropic-arr-conflict": None,
    "nvda-dc-170": 39.1 + 41.1 + 51.2 + 62.3,
    "coreweave-35-annualised": 4 * 1.2128,
    "coreweave-backlog-conflict": 66.8,
    "pltr-rule40": 127 - 56,
    "s3-groq-20b": 20,
    "semis-140": 630 / 140,
    "capex-660-690": [200 + 175 + 115 + 120 + 50, 200 + 185 + 135 + 120 + 50],
    "capex-75-450": [0.75 * 660, 0.75 * 690],
    "ddr-rank-58": 54.6,
    "s3-25b-queries": 2.5e9 * 500 / 86_400 / 1e6,
    "agent-155b-vs-40pct": 155 * 0.6,
    "gpt4-78-100-vs-x": [78e6 / 670, 100e6 / 670],
    "stated-1m-2026-vs-2027": Within(1e6 * 120e3 / 72 / 1e9, 0.11, PLANNED),
    "whisper-25-30": [3600 / 25, 3600 / 30],
    "s0-trainium2-3nm": 5,
    "s0-cuda-17": 2026 - 2007.45,
    "enterprise-42-17": 42 / 17,
    "layoff-rate": 16_000 / (55_000 / 12),
    "q-2029": 2029 - 2026,
    "q-btc-share": [5.6, 7.0],
    "illich-6kmh": 7500 * 1.609344 / 1600,
    "rail-44": None,
}
