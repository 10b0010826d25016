"""The claims of `payback.toml` from raw numbers: prices per million tokens, hours and months."""

from tests.plan.audit.support import Recomputed

MONTH_S = 730 * 3600
YEAR_S = 365 * 24 * 3600
YEAR_H = 8760
NODES_USD_YEAR = 500e3 / 3 + 47e3
"""Two nodes of H100: a third of their price, and what runs on."""

USD_PER_MTOK = NODES_USD_YEAR / (32_000 * 0.7 * YEAR_S / 1e6)


def _mtok_per_month(tok_s: float) -> float:
    return tok_s * MONTH_S / 1e6


RECOMPUTED: dict[str, Recomputed] = {
    "api-10p-gpt4o": 100 * 10,
    "api-10p-sonnet": 100 * 15,
    "api-10p-opus": 100 * 25,
    "api-input-ignored": 100 * 10 + 500 * 2.5,
    "build-per-person": 10e6 / (2e6 / 30),
    "small-5000": 500 * 10,
    "small-2mo": 2,
    "small-feasible": [_mtok_per_month(30), _mtok_per_month(45)],
    "small-2mo-served": 10_000 / (_mtok_per_month(45) * 10),
    "srv15k-months": 15_000 / (_mtok_per_month(75) * 10),
    "medium-20000": 2 * 10,
    "medium-3mo": 3,
    "medium-capacity": [_mtok_per_month(150) / 1000, _mtok_per_month(300) / 1000],
    "medium-500k": 60_000 / 5,
    "build-6mo": [60_000 / (5 * 1 * 15), 60_000 / (10 * 2 * 15)],
    "60k-slot-h100": 12 * 80_000 / (2 * YEAR_H * 0.8 - 1.275 * YEAR_H * 0.08),
    "payback-2yr": (32_500 + 17_000) / (2 * YEAR_H * 0.8 - 2900),
    "nvl72-15x": 15,
    "nvl72-75m-throughput": [75e6 / 2.19 * 1e6 / years / YEAR_S / 72 for years in (1, 5)],
    "resale-margin-1-2": [100 * (1 - USD_PER_MTOK), 100 * (1 - USD_PER_MTOK / 2)],
    "resale-breakeven-util": 100 * NODES_USD_YEAR / (1.5 * 32_000 * YEAR_S / 1e6),
    "s0-ft-breakeven": 5000 / (9.5 * 200 - 1000),
}
