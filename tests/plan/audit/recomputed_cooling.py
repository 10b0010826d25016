"""The claims of `cooling.toml` from raw numbers: handbook air and water."""

from tests.plan.audit.support import Recomputed, Within

FOOT = 0.3048
CFM = FOOT**3 / 60
AIR = 1.204 * 1006
"""J for each m³ and K at 20 °C and sea level."""

WATER_PER_LITRE = 0.9922 * 4180
"""J for each litre and K at 40 °C."""

TABLES = "constants of air and water, by handbook"


def _cfm(watts: float, kelvin: float) -> float:
    return watts / (AIR * kelvin) / CFM


def _litres(watts: float, kelvin: float) -> float:
    """Litres of water a minute."""
    return watts / (WATER_PER_LITRE * kelvin) * 60


RECOMPUTED: dict[str, Recomputed] = {
    "air-limit": [80 / 30, 100 / 40],
    "air-limit-contained": 40,
    "mr-cfm": [_cfm(80e3, 20), _cfm(100e3, 20)],
    "mr-cfm-rise": 100e3 / (AIR * 3000 * CFM),
    "mr-air-water-3400": WATER_PER_LITRE * 1000 / AIR,
    "mr-12lpm-dt": Within(1000 / (1.2 / 60 * 4180), 0.01, TABLES),
    "mr-102lpm": _litres(85e3, 12),
    "mr-lpm-glossary": 85 * 1.2,
    "mr-1mw-lpm": 1000 * 1.2,
    "mr-1mw-lpm-physics": Within(1e6 / (4180 * 10) * 60, 0.01, TABLES),
    "mr-rdhx-70-30": 100 - 70,
    "mr-rdhx-conflict": [120 / 30, 120 / 50],
    "corintis-65": 0.35 * 85,
    "corintis-65-rise": 45 + 0.35 * (85 - 45),
    "mr-pue-cool": [1.2 - 1, 1.3 - 1],
    "mr-pue-11-12": [1.2 - 1.1, 1.3 - 1.2],
}
