"""The claims of `capital.toml` from raw numbers, in trillions or billions of USD and per cent."""

from tests.plan.audit.support import Recomputed

CASH = 0.45
"""Trillions of USD a year from operations."""


def _growing(years: int) -> float:
    """Cash of so many years that grows by a tenth each."""
    return sum(CASH * 1.1**year for year in range(years))


RECOMPUTED: dict[str, Recomputed] = {
    "cap-fcf-7yr": CASH * 7,
    "cap-total-5-6-7": [2 * CASH * 5, 2 * CASH * 7],
    "cap-total-years": [5.6 / (2 * CASH), 6.7 / (2 * CASH)],
    "cap-total-growing-cash": [2 * _growing(5), 2 * _growing(7)],
    "cap-with-leverage": [4 * CASH * 5, 4 * CASH * 7],
    "cap-mckinsey-split": 0.6 * 6.7,
    "cap-split-pct": [310 / 5.2, 130 / 5.2, 80 / 5.2],
    "cap-660-vs-cfo": None,
    "capex-100-ocf": None,
    "cap-7pct-debt": [12_100 / 350, 12_100 / 370],
    "jpm-ig-share": [150 / 7, 150 / 5],
    "gap-400-500": 251 + 100 + 115,
    "gap-400-500-netted": 251 + 100,
    "openai-600b-commitments": 250 + 300 + 22.4,
    "cahn-600": 150 * 2 * 2,
    "gap-600-method": 150 * 2 * 2,
    "gap-600-own-170": 170 * 2 * 2,
    "gap-600-fy26": 193.7 * 2 * 2,
    "gap-tripled-125-hw": (600 - 100) / 125,
    "gap-6t-relabel": [6000 / 7, 6000 / 5],
    "gap-jpm-650": [500, 700],
    "gap-jpm-650-with-wear": 5000 * 0.1 + 5000 / 10,
}
