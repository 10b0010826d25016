"""What a floor bears: spread loads, feet, rows and aisles, and watts for each square metre."""

from __future__ import annotations

import msgspec

from wattmill.catalog.electrical import Floor
from wattmill.core.errors import PlanError
from wattmill.site.checks import at_least_0, positive

UNIT_M = 0.04445
"""Height of a rack unit (EIA-310): 1.75 inch."""

CLEARANCE_KG_PER_M2 = 73.0
RAISED_FLOOR_KG_PER_M2 = 49.0
"""What IBM's rule adds: 15 lb/ft² on the rack's half of the aisles, 10 lb/ft² of raised floor everywhere."""


class Footprint(msgspec.Struct, frozen=True):
    """A rack's own ground, and half of the aisle before and behind it that it has to itself, m."""

    width_m: float
    depth_m: float
    front_m: float = 0.6
    rear_m: float = 0.45

    @property
    def rack_m2(self) -> float:
        """The rack alone."""
        return positive("width_m", self.width_m) * positive("depth_m", self.depth_m)

    @property
    def clearance_m2(self) -> float:
        """Its half of both aisles."""
        half = at_least_0("front_m", self.front_m) + at_least_0("rear_m", self.rear_m)
        return self.width_m * half

    @property
    def area_m2(self) -> float:
        """Both: what one rack takes of a room full of rows."""
        return self.rack_m2 + self.clearance_m2


class FloorCheck(msgspec.Struct, frozen=True):
    """Loads of a rack on a floor; reasons is empty where it bears them."""

    kg_per_m2: float
    foot_kg: float
    reasons: tuple[str, ...]

    @property
    def is_borne(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.reasons


def rack_height_m(units: float) -> float:
    """m of so many rack units."""
    return positive("units", units) * UNIT_M


def volume_m3(height_m: float, width_m: float, depth_m: float) -> float:
    """m³ of a rack."""
    return (
        positive("height_m", height_m) * positive("width_m", width_m) * positive("depth_m", depth_m)
    )


def direct_kg_per_m2(mass_kg: float, footprint: Footprint) -> float:
    """kg/m² under the rack alone: the harshest way to count."""
    return positive("mass_kg", mass_kg) / footprint.rack_m2


def spread_kg_per_m2(mass_kg: float, footprint: Footprint, is_raised: bool = False) -> float:
    """kg/m² of a rack over its ground and its half of the aisles, with people in them.

    (mass + 73 · half of the service clearance + 49 · area of a raised floor) / area, area = rack and
    half of the service clearance: IBM's rule for a building's floor. `front_m` and `rear_m` are that
    half already; the rule counts up to 0.76 m of each, which is not checked here.
    """
    people = CLEARANCE_KG_PER_M2 * footprint.clearance_m2
    raised = RAISED_FLOOR_KG_PER_M2 * footprint.area_m2 if is_raised else 0.0
    return (positive("mass_kg", mass_kg) + people + raised) / footprint.area_m2


def foot_kg(mass_kg: float, feet: int = 4, uneven: float = 1.0) -> float:
    """kg under one foot; uneven: how much more the heaviest bears than a fair share (IBM: 4/3, 2)."""
    return positive("mass_kg", mass_kg) / positive("feet", feet) * positive("uneven", uneven)


def check(mass_kg: float, footprint: Footprint, floor: Floor, feet: int = 4) -> FloorCheck:
    """Whether a floor bears a rack, spread and under each foot, and what speaks against it."""
    spread, foot = spread_kg_per_m2(mass_kg, footprint), foot_kg(mass_kg, feet)
    reasons = []
    if spread > floor.kg_per_m2:
        reasons.append(f"{spread:,.0f} kg/m2 on a floor for {floor.kg_per_m2:,.0f}")
    if floor.foot_kg is not None and foot > floor.foot_kg:
        reasons.append(f"{foot:,.0f} kg under a foot on panels for {floor.foot_kg:,.0f}")
    return FloorCheck(spread, foot, tuple(reasons))


def aisle_for_m(mass_kg: float, footprint: Footprint, floor: Floor) -> float:
    """m of its half of the aisles, front and rear together, from which a floor bears a rack; 0 if it
    does anyway. More than 1.52 m is beyond IBM's rule (0.76 m on each side): take a stronger floor.

    PlanError where no aisle helps, because people alone load the floor as much.
    """
    spare = floor.kg_per_m2 - CLEARANCE_KG_PER_M2
    if spare <= 0:
        hint = "take a floor that bears more than its people"
        raise PlanError(f"a floor for {floor.kg_per_m2:g} kg/m2 bears no racks", hint=hint)
    over = positive("mass_kg", mass_kg) - floor.kg_per_m2 * footprint.rack_m2
    return max(0.0, over / (spare * footprint.width_m))


def watts_per_m2(rack_w: float, footprint: Footprint) -> float:
    """W for each m² of a room full of rows."""
    return positive("rack_w", rack_w) / footprint.area_m2
