"""The claims of `decay.toml` from raw numbers: rents by the hour, lives, and ratios of data sheets."""

from tests.plan.audit.support import Recomputed, Within

QUOTES = "quotes, which move as the catalog learns more of them"
H100_TB_S, B200_TB_S = 3.35, 8.0
H100_W, B200_W = 700, 1000
LET_HOURS = 730 * 0.8


def _gone(before: float, after: float) -> float:
    """Per cent."""
    return 100 - 100 * after / before


RECOMPUTED: dict[str, Recomputed] = {
    "rental-a100": _gone(6, 1.35),
    "rental-a100-quoted": Within(_gone(5.12, 1.79), 0.1, QUOTES),
    "rental-a100-annual": 100 * (1 - 0.225**0.25),
    "rental-h100": [_gone(8.5, 2.5), _gone(8.5, 1.5)],
    "rental-h100-64-75": [_gone(8.5, 2.5), _gone(8.5, 1.5)],
    "rental-h100-70-80": [_gone(8.5, 2.5), _gone(8.5, 1.5)],
    "rental-h100-quoted": Within(20, 0.2, QUOTES),
    "rental-h200": [_gone(6, 3.4), _gone(6, 2.5)],
    "rental-b200": Within(6.0, 0.1, QUOTES),
    "vacancy-vs-util": [10 / 6, 10 / 7],
    "resale-60-73": [60, 220 / 3],
    "resale-a100": [usd / 1.35 / LET_HOURS / 12 for usd in (8000, 18_000)],
    "resale-10k": 200 / 3,
    "meta-29b": 2.9 * 5 * 5.5 / 0.5,
    "repl-useful-18-36": [60 / 36, 84 / 18],
    "dep-6-vs-3": [3, 2],
    "watt-3x": 9.0 / (2000 / 700),
    "watt-3x-bandwidth": (B200_TB_S / B200_W) / (H100_TB_S / H100_W),
    "repl-power-similar": B200_W / H100_W,
    "repl-months": 35_000 / (3 * LET_HOURS),
    "repl-months-sold": 15_000 / (3 * LET_HOURS),
    "cadence-12-18-vs-18-24": [1.5, 4 / 3],
    "gen-2-4x": [5.57 / 2.86, 9 / 5.57, 10.7 / 9],
    "bad-scenario-4x": B200_TB_S / H100_TB_S / 2.75,
    "chart-op-y4": 400 / 3,
    "chart-crossover": 3 + 15 / 45,
}
