"""How the racks of a site are cooled, and whether its floor bears them."""

from __future__ import annotations

from wattmill.catalog import electrical
from wattmill.catalog.factory import Factory
from wattmill.catalog.units import KILO
from wattmill.plan.studies.site.room_report import CoolingRow, Envelope, FloorRow, Stand
from wattmill.plan.studies.sourced import Sources
from wattmill.site import cooling, floor
from wattmill.site.effectiveness import pue_value_usd_per_year

CFM = 60 / 0.3048**3
"""Cubic feet a minute of a m³/s."""

LITRES_PER_MIN = 60_000.0
"""Of a m³/s."""

AIR_C = 25.0
COOLANT = "pg25"
FOOTPRINT = floor.Footprint(0.6, 1.2)
FLOOR = "tia-942-rated-1"


def cooling_rows(
    factory: Factory, envelope: Envelope, usd_per_kwh: float, sources: Sources, notes: list[str]
) -> tuple[CoolingRow, ...]:
    """For each pool every way that bears its racks, the one that is taken first."""
    site = factory.site
    sources.told("site.air_delta_k", site.air_delta_k, "K")
    sources.told("site.water_delta_k", site.water_delta_k, "K")
    sources.told("site.altitude_m", site.altitude_m, "m")
    sources.add("cooling.air_c", AIR_C, "°C", "default: air to the machines")
    sources.add("cooling.coolant", COOLANT, "coolant", "default: 25 % propylene glycol")
    if site.cooling is not None:
        sources.told("site.cooling", site.cooling, "way")
    rows: list[CoolingRow] = []
    for each in envelope.stands:
        found = _ways(factory, each, notes)
        rows += [_row(factory, envelope, each, way, way is found[0], usd_per_kwh) for way in found]
    return tuple(rows)


def _ways(factory: Factory, each: Stand, notes: list[str]) -> list[cooling.CoolingChoice]:
    """The ways that bear a rack, the site's own first where it is one of them."""
    kind: cooling.Machines = "liquid" if each.is_liquid else "air"
    found = list(cooling.ways(each.rack_kw * KILO, electrical.coolings(), kind))
    if factory.site.cooling is None:
        return found
    own = electrical.cooling(factory.site.cooling)
    if not any(choice.way.name == own.name for choice in found):
        notes.append(
            f"{each.pool}: {own.name} does not cool a rack of {each.rack_kw:.1f} kW of machines for"
            f" {'liquid' if each.is_liquid else 'air'}; it bears {own.up_to_kw:g} kW"
        )
    return sorted(found, key=lambda choice: choice.way.name != own.name)


def _row(
    factory: Factory, envelope: Envelope, each: Stand, choice: cooling.CoolingChoice, is_own: bool,
    usd_per_kwh: float,
) -> CoolingRow:  # fmt: skip
    site = factory.site
    density = cooling.air_density_kg_per_m3(AIR_C, site.altitude_m)
    air = cooling.air_m3_per_s(choice.air_w, site.air_delta_k, density)
    coolant = electrical.coolant(COOLANT)
    liquid = cooling.liquid_m3_per_s(choice.liquid_w, site.water_delta_k, coolant)
    whole = each.cards * each.slot_w / (each.rack_kw * KILO)
    pue, it_w = choice.way.pue, envelope.mean_machines_kw * KILO
    return CoolingRow(
        pool=each.pool,
        way=choice.way.name,
        is_own=is_own,
        up_to_kw=choice.way.up_to_kw,
        air_w=choice.air_w,
        liquid_w=choice.liquid_w,
        air_m3_per_s=air,
        air_cfm=air * CFM,
        liquid_l_per_min=liquid * LITRES_PER_MIN,
        total_cfm=air * CFM * whole,
        total_l_per_min=liquid * LITRES_PER_MIN * whole,
        pue=pue,
        saves_usd_per_year=None
        if pue is None
        else pue_value_usd_per_year(it_w, envelope.pue, pue, usd_per_kwh),
    )


# --- floor ----------------------------------------------------------------------------------------


def floor_rows(factory: Factory, envelope: Envelope, sources: Sources) -> tuple[FloorRow, ...]:
    """Each pool's rack on the floor of the site; masses that nobody knows are not checked."""
    limit = _floor(factory, sources)
    sources.add("rack.width_m", FOOTPRINT.width_m, "m", "default: a rack of 600 mm by 1,200 mm")
    sources.add(
        "rack.aisles_m", FOOTPRINT.front_m + FOOTPRINT.rear_m, "m", "default: half of both aisles"
    )
    return tuple(_floor_row(each, limit) for each in envelope.stands)


def _floor(factory: Factory, sources: Sources) -> electrical.Floor:
    given = factory.site.floor_kg_per_m2
    if given is not None:
        sources.told("site.floor_kg_per_m2", given, "kg/m²")
        return electrical.Floor(
            name="this floor", source=str(factory.path), as_of="", kg_per_m2=given
        )
    found = electrical.floor(FLOOR)
    sources.add(
        "site.floor_kg_per_m2", found.kg_per_m2, "kg/m²", f"catalog: {found.source}, {found.as_of}"
    )
    return found


def _floor_row(each: Stand, limit: electrical.Floor) -> FloorRow:
    m2 = FOOTPRINT.area_m2 * each.racks
    density = floor.watts_per_m2(each.rack_kw * KILO, FOOTPRINT)
    if each.rack_kg is None:
        return FloorRow(each.pool, None, limit.kg_per_m2, None, None, None, (), None, m2, density)
    checked = floor.check(each.rack_kg, FOOTPRINT, limit)
    aisle = None if checked.is_borne else floor.aisle_for_m(each.rack_kg, FOOTPRINT, limit)
    return FloorRow(
        each.pool, each.rack_kg, limit.kg_per_m2, checked.kg_per_m2, checked.foot_kg,
        checked.is_borne, checked.reasons, aisle, m2, density,
    )  # fmt: skip
