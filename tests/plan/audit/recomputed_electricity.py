"""The claims of `electricity.toml` from raw numbers: kW, hours of a year and prices of a kWh."""

from tests.plan.audit.support import Recomputed

HOURS = 8760
MW_YEAR_USD = 1000 * HOURS * 0.065

RECOMPUTED: dict[str, Recomputed] = {
    "slot-power-5yr-3000": 5 * 1.04 * HOURS * 0.06,
    "slot-power-5yr-5400": 1.165 * HOURS * 0.08 * sum(1.08**year for year in range(5)),
    "slot-power-y5-40pct": 100 * (1.08 * 1.08 * 1.08 * 1.08 - 1),
    "elec-27-8": 100 * (1.27 ** (1 / 6) - 1),
    "chart-power-scale": 100 * (1.29 * 0.08) / (8.5 * 0.8),
    "colo-kwh-equivalent": [130 / 730, 225 / 730],
    "colo-44kw": [44 * 130 * 12, 44 * 225 * 12],
    "colo-22kw": [22 * 130 * 12, 22 * 225 * 12],
    "colo-quoted": [137.8, 195.94],
    "power-006-008-quoted": [0.0725, 0.0635, 0.0604, 0.079],
    "power-006-008-everywhere": [0.1301, 0.2946, 0.1895, 0.208],
    "mr-569400": MW_YEAR_USD,
    "mr-683k": MW_YEAR_USD * 1.2,
    "mr-683m": MW_YEAR_USD * 1.2 * 1000 / 1e6,
    "mr-683m-nvl72": MW_YEAR_USD * 1.2 * 0.132 * 1000 / 1e6,
    "945-share": 100 * 945 / 36_000,
    "945-share-energy": 100 * 945 / 180_000,
    "h2-40": 100 * 0.6,
    "s0-ppa-vs-gpu": [15 / 3, 25 / 2],
}
