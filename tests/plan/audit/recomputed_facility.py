"""The claims of `facility.toml` from raw numbers, in the units in which they are stated."""

from tests.plan.audit.support import Recomputed

PUE = 1.2
MW_USD = {2023: 10e6, 2024: 14e6, 2025: 20e6, 2026: 28e6}
SQFT_USD = {2023: 700, 2024: 800, 2025: 1100, 2026: 1500}
NODE_KW = 10.2
LB_PER_T = 1 / 0.00045359237
B200_SLOTS = 1e6 / PUE / 1000


def _slots(watts: float) -> float:
    return 1e6 / PUE / watts


def _w_per_sqft(year: int) -> float:
    return 1e6 * SQFT_USD[year] / MW_USD[year]


def _first_year(nodes: float, switches: float, colo: float) -> float:
    """Thousands of USD of two nodes, with 20.4 kW at so many USD per kW and month."""
    return nodes + switches + 2 * NODE_KW * colo * 12 / 1000


RECOMPUTED: dict[str, Recomputed] = {
    "fac-mw-2023": _w_per_sqft(2023),
    "fac-mw-2024": 100 * (14 / 10 - 1),
    "fac-mw-2026": 100 * (28 / 20 - 1),
    "fac-mw-2026-surveys": 15.0 * 1.1,
    "fac-density-falls": _w_per_sqft(2026) / _w_per_sqft(2023),
    "fac-sqft-double": 1100 / 700,
    "fac-mw-tripled": 28 / 10,
    "slots-h100": _slots(700),
    "slots-h100-node": _slots(10_200 / 8),
    "slotcost-h100-2023": 10e6 / _slots(700),
    "slotcost-h100-2025": 20e6 / _slots(700),
    "slotcost-b200-2026": 28e6 / _slots(1000),
    "slots-b300": _slots(1400),
    "slotcost-b300-2026": 35e6 / _slots(1400),
    "fac-allin-30-40": [28 + B200_SLOTS * usd / 1e6 for usd in (30_000, 40_000)],
    "capex-split-vs-allin": [28 / 0.25, 28 / 0.30],
    "rack-4nodes-cost": [0.8, 1.28],
    "large-hw": [400, 640],
    "large-500k": [_first_year(400, 200, 130), _first_year(640, 300, 225)],
    "large-500k-cheapest": _first_year(400, 20, 130),
    "amd-openai-6gw": 100e3 / 6e3,
    "mr-facility-rack": [0.2 * 10, 0.3 * 10],
    "mr-retrofit": [0.05 * 25, 0.1 * 25],
    "mr-infra-1-2b": [1.2 * 20, 1.2 * 28],
    "mr-copper-26": 2100 / 80,
    "copper-27-26": 2100 / 80,
    "mr-copper-260": 26 * 10,
    "copper-27-cost": 27 * LB_PER_T * 5.6 / 1000,
    "copper-6mt": 26 * 96_000,
}
