"""Heat leaves a rack in air or in a liquid: flows from first principles, and which way bears it.

P = ρ · c · V̇ · ΔT for both. Chosen by the density of the rack, from the catalog's bands.
"""

from __future__ import annotations

import math
from typing import Literal

import msgspec

from wattmill.catalog.electrical import Coolant, Cooling
from wattmill.catalog.units import KILO
from wattmill.core.errors import PlanError
from wattmill.site.checks import at_least_0, efficiency, positive, share

AIR_J_PER_KG_K = 1006.0
AIR_GAS_J_PER_KG_K = 287.05
ZERO_C_K = 273.15
SEA_LEVEL_PA = 101_325.0
LAPSE_PER_M = 2.25577e-5
LAPSE_EXPONENT = 5.25588
"""Dry air, and the pressure of the standard atmosphere (ISO 2533) up to 11 km."""

HIGHEST_M = 6000.0

Machines = Literal["air", "liquid", "either"]
"""What machines are made for."""


class CoolingChoice(msgspec.Struct, frozen=True):
    """A way to cool that bears a rack, with what it leaves to the room's air."""

    way: Cooling
    liquid_w: float
    air_w: float


def air_density_kg_per_m3(celsius: float = 20.0, altitude_m: float = 0.0) -> float:
    """Density of dry air: p / (R · T), p by the standard atmosphere. 1.20 at 20 °C and sea level."""
    if not 0 <= altitude_m <= HIGHEST_M or not -60 <= celsius <= 80:
        hint = "give an altitude of 0 to 6,000 m and -60 to 80 °C"
        raise PlanError(f"no air at {celsius} °C and {altitude_m} m", hint=hint)
    pressure = SEA_LEVEL_PA * math.pow(1 - LAPSE_PER_M * altitude_m, LAPSE_EXPONENT)
    return pressure / (AIR_GAS_J_PER_KG_K * (celsius + ZERO_C_K))


def air_m3_per_s(heat_w: float, rise_k: float, density_kg_per_m3: float = 1.2) -> float:
    """m³/s of air that take heat away while they warm by `rise_k`: P / (ρ · c · ΔT)."""
    carried = positive("density_kg_per_m3", density_kg_per_m3) * AIR_J_PER_KG_K
    return at_least_0("heat_w", heat_w) / (carried * positive("rise_k", rise_k))


def air_rise_k(heat_w: float, flow_m3_per_s: float, density_kg_per_m3: float = 1.2) -> float:
    """K by which a flow of air warms: the inverse of `air_m3_per_s`."""
    carried = positive("density_kg_per_m3", density_kg_per_m3) * AIR_J_PER_KG_K
    return at_least_0("heat_w", heat_w) / (carried * positive("flow_m3_per_s", flow_m3_per_s))


def liquid_m3_per_s(heat_w: float, rise_k: float, coolant: Coolant) -> float:
    """m³/s of a liquid that take heat away while it warms by `rise_k`."""
    carried = coolant.kg_per_m3 * coolant.j_per_kg_k
    return at_least_0("heat_w", heat_w) / (carried * positive("rise_k", rise_k))


def liquid_rise_k(heat_w: float, flow_m3_per_s: float, coolant: Coolant) -> float:
    """K by which a flow of a liquid warms: the inverse of `liquid_m3_per_s`."""
    carried = coolant.kg_per_m3 * coolant.j_per_kg_k
    return at_least_0("heat_w", heat_w) / (carried * positive("flow_m3_per_s", flow_m3_per_s))


def heat_ratio(coolant: Coolant, density_kg_per_m3: float = 1.2) -> float:
    """How many times the heat a volume of a liquid carries as the same volume of air."""
    air = positive("density_kg_per_m3", density_kg_per_m3) * AIR_J_PER_KG_K
    return coolant.kg_per_m3 * coolant.j_per_kg_k / air


def mover_w(flow_m3_per_s: float, pressure_pa: float, efficiency_frac: float) -> float:
    """W of a fan or a pump: V̇ · Δp / η, η of wheel and motor together."""
    work = at_least_0("flow_m3_per_s", flow_m3_per_s) * at_least_0("pressure_pa", pressure_pa)
    return work / efficiency("efficiency_frac", efficiency_frac)


def chip_c(coolant_c: float, rise_k: float, less_frac: float = 0.0) -> float:
    """°C of a chip: its coolant's temperature and its own rise above it, less what is taken off.

    Better cooling takes off the rise. Nothing cooled by a liquid is colder than the liquid.
    """
    return coolant_c + at_least_0("rise_k", rise_k) * (1 - share("less_frac", less_frac))


def air_left_w(heat_w: float, liquid_frac: float) -> float:
    """W that the room's air must take when a liquid takes a share."""
    return at_least_0("heat_w", heat_w) * (1 - share("liquid_frac", liquid_frac))


def ways(
    rack_w: float, known: tuple[Cooling, ...], machines: Machines = "either"
) -> tuple[CoolingChoice, ...]:
    """Every way that bears a rack, in the order of `known`; none is an empty tuple.

    machines: whether they are made for air, for liquid alone, or may be had for either.
    """
    heat = positive("rack_w", rack_w)
    return tuple(
        CoolingChoice(way, heat * way.liquid_frac, air_left_w(heat, way.liquid_frac))
        for way in _for(machines, known)
        if heat <= way.up_to_kw * KILO
    )


def choose(
    rack_w: float, known: tuple[Cooling, ...], machines: Machines = "either"
) -> CoolingChoice:
    """The first way that bears a rack. PlanError where none does, with the most that one bears."""
    found = ways(rack_w, known, machines)
    if not found:
        most = max(_for(machines, known), key=lambda way: way.up_to_kw, default=None)
        bears = f"{most.name} bears {most.up_to_kw:g} kW" if most else "none is known"
        raise PlanError(
            f"nothing cools a rack of {rack_w / KILO:g} kW: {bears}",
            hint="spread it over more racks, or take machines for liquid",
        )
    return found[0]


def _for(machines: Machines, known: tuple[Cooling, ...]) -> list[Cooling]:
    if machines == "either":
        return list(known)
    return [way for way in known if way.needs_liquid_ready == (machines == "liquid")]


def liquid_from_kw(known: tuple[Cooling, ...]) -> float:
    """kW of a rack at which air alone ends."""
    ends = [way.up_to_kw for way in known if way.liquid_frac == 0]
    if not ends:
        raise PlanError("no way to cool by air alone is known", hint="give a table that has one")
    return max(ends)


def face_velocity_m_per_s(flow_m3_per_s: float, area_m2: float) -> float:
    """m/s of air through the front of a rack; above 3 is loud, above 6 no fan of a server gives."""
    return at_least_0("flow_m3_per_s", flow_m3_per_s) / positive("area_m2", area_m2)


def dew_point_c(air_c: float, relative_humidity_frac: float) -> float:
    """°C at which air drops its water, by Magnus (a = 17.62, b = 243.12 °C; ±0.3 K, 0 to 60 °C)."""
    humidity = efficiency("relative_humidity_frac", relative_humidity_frac)
    gamma = math.log(humidity) + 17.62 * air_c / (243.12 + air_c)
    return 243.12 * gamma / (17.62 - gamma)
