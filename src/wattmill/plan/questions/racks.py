"""Racks: from cards to kW to commit, slots of a megawatt, and what a floor bears."""

from typing import Annotated

from wattmill.catalog import electrical
from wattmill.catalog.electrical import Floor
from wattmill.catalog.units import MEGA
from wattmill.core.errors import PlanError
from wattmill.plan.questions.catalog import SystemName
from wattmill.plan.questions.inputs import (
    Machines,
    Power,
    Pue,
    count,
    named,
    number,
    positive,
    whole,
)
from wattmill.plan.questions.registry import Bundle, Found, Input, question
from wattmill.site import floor as floors
from wattmill.site import rack
from wattmill.site.floor import Footprint

SUM = "Definition: what stands in the rack draws together"
PUE_DEFINITION = "ISO/IEC 30134-2: power at the meter over power at the machines"
SYSTEMS = "systems.toml of the catalog, each row with its source"
IBM_RULE = (
    "IBM, floor construction and floor loading: mass and people over the area with its aisles"
)

FloorName = Annotated[Floor, named("a floor", "floor", electrical.floor)]
Systems = Annotated[float, count("systems in the rack", 1000)]
Accelerators = Annotated[float, count("accelerators", 1e9)]
OtherPower = Annotated[float, number("switches and other in the rack", "W")]
Mass = Annotated[float, positive("mass of the rack, filled", "kg", high=1e6)]
Width = Annotated[float, positive("width of the rack", "m", high=10)]
Depth = Annotated[float, positive("depth of the rack", "m", high=10)]
Front = Annotated[float, number("the rack's half of the aisle before it", "m", high=10)]
Rear = Annotated[float, number("the rack's half of the aisle behind it", "m", high=10)]
Units = Annotated[float, positive("rack units", high=100)]


@question("racks", gives="kW", source=SYSTEMS)
def cards_power(hardware: Machines) -> float:
    """Power of accelerators at TDP with their share of the host, as the catalog estimates it."""
    card = hardware.accelerator
    return rack.system_w(card.tdp_w, hardware.count, card.host_w)


@question("racks", gives="kW", source=SUM)
def rack_power(system: Power, systems: Systems, other: OtherPower = 0.0) -> float:
    """Power of a rack: its systems, and switches and other."""
    return rack.rack_w(system, systems, other)


@question("racks", gives="x", source=SUM)
def systems_per_rack(limit: Power, system: Power, other: OtherPower = 0.0) -> float:
    """Whole systems that the power of a rack allows; none is no answer but a refusal."""
    load = rack.RackLoad(system, other_w=other)
    return float(rack.fill(load, rack.RackLimits(limit)).systems)


@question("racks", gives="W", source=SUM)
def slot_power(
    system: Power,
    accelerators: Accelerators,
    shared: Annotated[float, number("its share of switches and storage", "W")] = 0.0,
    pue: Pue = 1.0,
) -> float:
    """Power of the place of one accelerator: its share of the system and of the fabric, times PUE."""
    return rack.site_w(rack.slot_w(system, accelerators, shared), pue)


@question("racks", gives="1/MW", source=PUE_DEFINITION)
def accelerators_per_mw(
    slot: Annotated[float, positive("power of one accelerator's place, without cooling", "W")],
    pue: Pue = 1.2,
) -> float:
    """Accelerators for each megawatt at the meter."""
    return rack.slots_per_mw(slot, pue) / MEGA


@question("racks", gives="kW", source=PUE_DEFINITION)
def committed_power(
    power: Power,
    pue: Pue = 1.0,
    headroom: Annotated[float, number("reserve on top, as a share", high=10)] = 0.0,
) -> float:
    """Power to sign for: the peak of the machines times PUE, and a reserve."""
    return rack.committed_kw(power, pue, headroom) * 1000


@question("racks", gives="kW", source="Definition: supplies that are not redundant · power of each")
def supply_capacity(
    supplies: Annotated[int, whole("power supplies")],
    supply: Power,
    redundant: Annotated[int, whole("of which redundant", low=0)] = 0,
) -> float:
    """Power that supplies give while the redundant ones are away."""
    return rack.supply_w(supplies, supply, redundant)


@question("racks", gives="kg", source=SYSTEMS)
def system_mass(system: SystemName) -> Found:
    """Mass of a node, rack or desk machine."""
    if system.weight_kg is None:
        raise PlanError(f"no mass of {system.name} is known", hint="ask its maker")
    return Found(system.weight_kg, note=system.source)


@question("racks", gives="m", source="EIA-310: a rack unit is 1.75 inch")
def rack_height(units: Units) -> float:
    """Height of so many rack units."""
    return floors.rack_height_m(units)


@question("racks", gives="m3", source="Definition: height · width · depth")
def rack_volume(
    height: Annotated[float, positive("height of the rack", "m", high=10)],
    width: Width,
    depth: Depth,
) -> float:
    """Volume of a rack."""
    return floors.volume_m3(height, width, depth)


class Ground(Bundle, frozen=True):
    """A rack with its half of the aisles."""

    width: Width = 0.6
    depth: Depth = 1.2
    front: Front = 0.6
    rear: Rear = 0.45

    @property
    def footprint(self) -> Footprint:
        """In metres."""
        return Footprint(self.width, self.depth, self.front, self.rear)


@question("racks", gives="W/m2", source="Definition: power over the area with its aisles")
def floor_density(power: Power, ground: Ground) -> float:
    """Watts for each square metre of a room of rows."""
    return floors.watts_per_m2(power, ground.footprint)


@question("racks", gives="kg/m2", source=IBM_RULE)
def floor_load(mass: Mass, ground: Ground) -> float:
    """Load on a building's floor, spread over the rack and its half of the aisles."""
    return floors.spread_kg_per_m2(mass, ground.footprint)


@question("racks", gives="kg/m2", source="Definition: mass over the rack's own ground")
def rack_load(mass: Mass, width: Width = 0.6, depth: Depth = 1.2) -> float:
    """Load right under a rack, its aisles left out."""
    return floors.direct_kg_per_m2(mass, Footprint(width, depth))


@question("racks", gives="kg", source="Definition: mass over feet; IBM plans for 4/3 to 2 of it")
def foot_load(
    mass: Mass,
    feet: Annotated[int, whole("feet or casters", 100)] = 4,
    uneven: Annotated[float, Input("the heaviest foot over a fair share", "", 1.0, 10.0)] = 1.0,
) -> float:
    """Load under one foot of a rack."""
    return floors.foot_kg(mass, feet, uneven)


@question("racks", gives="kg/m2", source="ANSI/TIA-942 and makers, as the catalog names them")
def floor_bears(floor: FloorName) -> Found:
    """What a floor bears when the load is spread."""
    return Found(floor.kg_per_m2, note=floor.source)
