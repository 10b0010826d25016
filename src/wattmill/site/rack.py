"""From a card's TDP to the system, the rack and the kW that a site must commit; and back to slots.

A slot is the place of one accelerator with its share of everything that serves it.
"""

from __future__ import annotations

import math

import msgspec

from wattmill.catalog.units import KILO, MEGA
from wattmill.core.errors import PlanError
from wattmill.site.checks import at_least_0, positive, pue_checked
from wattmill.site.power import site_kw


class RackLimits(msgspec.Struct, frozen=True):
    """What one rack may hold; None is no limit. power_w at the machines, mass with the enclosure.

    Space and mass count where the load states its own.
    """

    power_w: float
    units: float | None = None
    mass_kg: float | None = None


class RackLoad(msgspec.Struct, frozen=True):
    """What one system asks of a rack, and what stands in every rack besides (switches, enclosure)."""

    system_w: float
    system_units: float | None = None
    system_kg: float | None = None
    other_w: float = 0.0
    other_units: float = 0.0
    other_kg: float = 0.0


class RackFill(msgspec.Struct, frozen=True):
    """How many systems go into a rack, what binds (power, space, mass), and its draw and mass."""

    systems: int
    binds: str
    it_w: float
    mass_kg: float | None


def system_w(accelerator_w: float, count: float, host_w: float = 0.0) -> float:
    """W of a system: count · (TDP + host share for each accelerator)."""
    return positive("count", count) * (
        positive("accelerator_w", accelerator_w) + at_least_0("host_w", host_w)
    )


def rack_w(system_w: float, systems: float, other_w: float = 0.0) -> float:
    """W of the machines of a rack: systems · W of each, and switches and other."""
    return positive("systems", systems) * positive("system_w", system_w) + at_least_0(
        "other_w", other_w
    )


def site_w(it_w: float, pue: float) -> float:
    """W at the meter: machines times PUE (ISO/IEC 30134-2)."""
    return site_kw(positive("it_w", it_w), pue_checked(pue)) * KILO


def committed_kw(it_w: float, pue: float = 1.0, headroom_frac: float = 0.0) -> float:
    """kW to sign for: peak of the machines times PUE, and a reserve on top.

    A colocation that sells committed kW of machines has a PUE of its own: leave it at 1.
    """
    return site_w(it_w, pue) * (1 + at_least_0("headroom_frac", headroom_frac)) / KILO


def slot_w(system_w: float, count: float, shared_w: float = 0.0) -> float:
    """W of a slot at the machines: the system's over its accelerators, and a share of the fabric."""
    return positive("system_w", system_w) / positive("count", count) + at_least_0(
        "shared_w", shared_w
    )


def slots_per_mw(slot_w: float, pue: float) -> float:
    """Slots for each MW at the meter: 10⁶ / (W of a slot · PUE)."""
    return MEGA / site_w(slot_w, pue)


def slots_in(meter_w: float, slot_w: float, pue: float) -> int:
    """Whole slots that a connection of so many watts carries."""
    return math.floor(positive("meter_w", meter_w) / site_w(slot_w, pue) * (1 + 1e-12))


def fill(load: RackLoad, limits: RackLimits) -> RackFill:
    """As many systems as a rack's power, space and mass allow, and which of them ends it.

    PlanError where not one fits, with the figures.
    """
    room = _rooms(load, limits)
    binds = min(room, key=lambda limit: room[limit])
    systems = math.floor(room[binds] * (1 + 1e-12))
    if systems < 1:
        raise _refusal(binds, load, limits)
    mass = None if load.system_kg is None else systems * load.system_kg + load.other_kg
    return RackFill(systems, binds, systems * load.system_w + load.other_w, mass)


def racks_needed(systems: int, per_rack: int) -> int:
    """Whole racks for so many systems."""
    return math.ceil(at_least_0("systems", systems) / positive("per_rack", per_rack))


def supply_w(supplies: int, supply_each_w: float, redundant: int) -> float:
    """W that power supplies give when the redundant ones are away: (n - r) · W of each."""
    if not 0 <= redundant < supplies:
        raise PlanError(
            f"{redundant} of {supplies} supplies cannot be redundant",
            hint="fewer are redundant than there are: 8 supplies of 4+4 have 4",
        )
    return (supplies - redundant) * positive("supply_each_w", supply_each_w)


def _rooms(load: RackLoad, limits: RackLimits) -> dict[str, float]:
    """How many systems each limit allows, not rounded."""
    system = positive("system_w", load.system_w)
    other_w = at_least_0("other_w", load.other_w)
    room = {"power": (positive("power_w", limits.power_w) - other_w) / system}
    if limits.units is not None and load.system_units:
        room["space"] = (limits.units - load.other_units) / load.system_units
    if limits.mass_kg is not None and load.system_kg:
        room["mass"] = (limits.mass_kg - load.other_kg) / load.system_kg
    return room


def _refusal(binds: str, load: RackLoad, limits: RackLimits) -> PlanError:
    needs, has = {
        "power": (
            f"{(load.system_w + load.other_w) / 1000:g} kW",
            f"{limits.power_w / 1000:g} kW",
        ),
        "space": (f"{load.system_units} + {load.other_units:g} U", f"{limits.units} U"),
        "mass": (f"{load.system_kg} + {load.other_kg:g} kg", f"{limits.mass_kg} kg"),
    }[binds]
    hint = (
        "take a smaller system, or a rack for more: high density, liquid cooling, a stronger floor"
    )
    return PlanError(f"no system fits the rack: it needs {needs} and the rack has {has}", hint=hint)
