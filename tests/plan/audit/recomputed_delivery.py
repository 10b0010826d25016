"""The claims of `delivery.toml` from raw numbers: volts, amps, efficiencies of labels, weeks."""

from math import sqrt

from tests.plan.audit.support import Recomputed, Within

HOURS, PRICE = 8760, 0.065
DAYS_PER_MONTH = 730 / 24

# Power out over power in, of laws, labels and data sheets.
LIQUID_2500_KVA, DRY_150_KVA = 0.9953, 0.9883
SMALL_UPS, LARGE_UPS = 0.94, 0.97
GOLD, PLATINUM, RECTIFIER = 0.90, 0.94, 0.975
BRANCH, BUSWAY, BAR = 0.98, 0.995, 0.995


def _usd_k(kilowatts: float, factor: float = 1.0) -> float:
    """Thousands of USD a year."""
    return kilowatts * factor * HOURS * PRICE / 1000


def _rows(low: float, high: float, factor: float = 1.0) -> list[float]:
    return [_usd_k(low, factor), _usd_k(high, factor)]


COPPER_MM2 = 200 / (2 * 2.2 * 8890) * 1e6
"""Each of two bars of 2.2 m that weigh 200 kg together."""

RECOMPUTED: dict[str, Recomputed] = {
    "smc-8-psu": (8 - 4) * 3,
    "mr-amps": 100_000 / 208 / sqrt(3),
    "mr-amps-single-phase": 100_000 / 208,
    "mr-busbar": [1.4 * 48, 1.4 * 54],
    "nvl72-bus-bar": 120_000 / 54,
    "mr-54v-amps": 1e6 / 54,
    "mr-54v-copper": Within(1e6 / 54 / COPPER_MM2, 0.01, "density of copper by IEC or by hand"),
    "800v-current": (800 / 48) ** 2,
    "mr-cascade": [100 - 100 * 0.97**4, 100 - 100 * 0.94**5],
    "mr-100kw-waste": 150 - 50,
    "mr-100kw-delivered": 1000 / 0.85 - 1000 / 0.95,
    "hvdc-120v-stages": 100 * LIQUID_2500_KVA * SMALL_UPS * 0.9883 * BRANCH * GOLD,
    "hvdc-208v-stages": 100 * LIQUID_2500_KVA * LARGE_UPS * DRY_150_KVA * BRANCH * PLATINUM,
    "hvdc-48v-stages": 100 * LIQUID_2500_KVA * BUSWAY * RECTIFIER * BAR,
    "delta-20kv": 1100 / 0.98 - 1100,
    "hvdc-120v-power": _rows(180, 200),
    "hvdc-120v-cooling": _rows(180, 200, 0.25),
    "hvdc-120v-total": _rows(180, 200, 1.25),
    "hvdc-208v-power": _rows(90, 120),
    "hvdc-208v-cooling": _rows(90, 120, 0.25),
    "hvdc-208v-total": _rows(90, 120, 1.25),
    "hvdc-48v-loss": [1000 - 960, 1000 - 940],
    "hvdc-48v-cooling": _rows(40, 60, 0.25),
    "hvdc-48v-total": _rows(40, 60, 1.25),
    "hvdc-gap": [_usd_k(180 - 60, 1.25), _usd_k(200 - 40, 1.25)],
    "hvdc-realistic": [_usd_k(90 - 40, 1.25), _usd_k(120 - 60, 1.25)],
    "hvdc-1000racks": [96, 115],
    "mr-sic-11x": None,
    "transformer-128-144": [128 * 7 / 365, 144 * 7 / 365],
    "transformer-115-210": [115 * 7 / 365, 210 * 7 / 365],
    "transformer-120-210": [120 * 7 / 365, 210 * 7 / 365],
    "transformer-001-conflict": [128 / 115, 144 / 130],
    "transformer-12-24-vs-30-60": [12 * DAYS_PER_MONTH / 7, 24 * DAYS_PER_MONTH / 7],
    "transformer-price-conflict": [60 / 40, 80 / 40],
    "deploy-hynix-6b": 6e9 / 15_000,
}
