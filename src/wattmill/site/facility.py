"""What a building costs by the megawatt, slot, rack and square metre, and what of it is stranded.

A slot is the room, power and cooling of one accelerator with its share of the host. Prices are of
today; a building lasts longer than what stands in it, so the last part asks what later racks leave.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor
from typing import Literal

import msgspec

from wattmill.catalog.units import KILO, MEGA
from wattmill.core.errors import PlanError
from wattmill.site.checks import at_least_0, positive, pue_checked
from wattmill.site.power import site_kw

M2_PER_SQFT = 0.09290304
"""Exact: a foot is 0.3048 m."""

Per = Literal["mw_it", "mw"]


def usd_per_slot(usd_per_mw: float, w_per_slot: float, per: Per, pue: float | None = None) -> float:
    """USD of building for one slot: usd_per_mw · w_per_slot · PUE / 10^6.

    per: `mw` where the price is per megawatt at the meter, which takes a PUE; `mw_it` where it is per
    megawatt of machines, so that the PUE is in it already. PlanError for a PUE that is lacking, or
    one that would count twice.
    """
    watts = positive("w_per_slot", w_per_slot) * _above_machines(per, pue)
    return positive("usd_per_mw", usd_per_mw) * watts / MEGA


def all_in_usd_per_mw(usd_per_mw: float, slots: float, usd_per_accelerator: float) -> float:
    """USD of a megawatt with what stands in it: building + slots · price of one slot's hardware."""
    return usd_per_mw + at_least_0("slots", slots) * at_least_0(
        "usd_per_accelerator", usd_per_accelerator
    )


def building_usd(it_w: float, usd_per_mw: float, per: Per, pue: float | None = None) -> float:
    """USD of a building for `it_w` watts of machines; per and pue as in `usd_per_slot`."""
    kw = site_kw(it_w, _above_machines(per, pue))
    return kw / KILO * positive("usd_per_mw", usd_per_mw)


def _above_machines(per: Per, pue: float | None) -> float:
    """Watts that a price is for, over those of the machines."""
    if per == "mw_it":
        if pue is not None:
            raise PlanError(
                "a price per megawatt of machines has the PUE in it", hint="leave the PUE out"
            )
        return 1.0
    if pue is None:
        raise PlanError("a price per megawatt at the meter needs a PUE", hint="1.3 is usual")
    return pue_checked(pue)


def with_premium_usd(usd: float, *premiums_frac: float) -> float:
    """USD with premiums on top of one another: usd · Π(1 + premium). For cooling by liquid, years."""
    for premium in premiums_frac:
        if not premium > -1:
            raise PlanError(f"a premium of {premium:g} cannot be", hint="0.08 is 8 % more")
        usd *= 1 + premium
    return usd


def w_per_m2(usd_per_m2: float, usd_per_mw: float) -> float:
    """Watts per square metre that two prices of one building imply: usd_per_m2 / usd_per_mw · 10^6."""
    return positive("usd_per_m2", usd_per_m2) / positive("usd_per_mw", usd_per_mw) * MEGA


def usd_per_m2(usd_per_mw: float, watts_per_m2: float) -> float:
    """USD per square metre of a building of so many USD per megawatt, at a density."""
    return positive("usd_per_mw", usd_per_mw) * positive("watts_per_m2", watts_per_m2) / MEGA


# --- retrofit or new ------------------------------------------------------------------------------


class RackPrice(msgspec.Struct, frozen=True):
    """One way to get room for a rack: USD of building work each, and the most it can carry."""

    name: str
    usd_per_rack: float
    most_kw: float


class RackBuild(msgspec.Struct, frozen=True):
    """Room for a load. later_kw: what it can carry of racks to come; 0 is a wall."""

    name: str
    racks: int
    usd: float
    usd_per_kw: float
    later_kw: float


def rack_build(it_kw: float, unit_kw: float, price: RackPrice, later_unit_kw: float) -> RackBuild:
    """Racks and USD for `it_kw` of machines of `unit_kw` each, that cannot be cut in pieces.

    later_unit_kw: one machine of the generation to come. PlanError where not even one fits a rack.
    """
    each = floor(positive("most_kw", price.most_kw) / positive("unit_kw", unit_kw) + 1e-9)
    if not each:
        raise PlanError(
            f"a machine of {unit_kw:g} kW is more than the {price.most_kw:g} kW of a rack by"
            f" {price.name}",
            hint="take a way with denser racks",
        )
    units = ceil(positive("it_kw", it_kw) / unit_kw - 1e-9)
    racks = ceil(units / each)
    later = floor(price.most_kw / positive("later_unit_kw", later_unit_kw) + 1e-9)
    usd = racks * at_least_0("usd_per_rack", price.usd_per_rack)
    return RackBuild(price.name, racks, usd, usd / it_kw, racks * later * later_unit_kw)


def cheapest_build(
    it_kw: float, unit_kw: float, prices: Sequence[RackPrice], later_unit_kw: float | None = None
) -> tuple[RackBuild, ...]:
    """Every way that carries the machines, cheapest first; PlanError if none does.

    later_unit_kw: count only ways that carry one machine of the next generation, too.
    """
    found = [
        rack_build(it_kw, unit_kw, price, later_unit_kw or unit_kw)
        for price in prices
        if price.most_kw + 1e-9 >= max(unit_kw, later_unit_kw or 0)
    ]
    if not found:
        raise PlanError(
            f"none of {len(prices)} ways carries a machine of {max(unit_kw, later_unit_kw or 0):g} kW",
            hint="build for denser racks, or cut the machines smaller",
        )
    return tuple(sorted(found, key=lambda built: (built.usd, built.name)))


# --- what later racks leave -----------------------------------------------------------------------


class Hall(msgspec.Struct, frozen=True):
    """A hall as built: power for machines, places for racks, the most that one place can carry."""

    it_kw: float
    places: int
    kw_per_place: float
    usd: float


class Use(msgspec.Struct, frozen=True):
    """What a generation of machines can use of a hall.

    binds: `power`, `places`, or `density` where not even one machine fits a place.
    stranded_usd: the share of the hall's cost whose power cannot be used.
    """

    name: str
    units: int
    used_kw: float
    stranded_kw: float
    stranded_usd: float
    binds: str


def use(hall: Hall, name: str, unit_kw: float, units_per_rack: int = 1) -> Use:
    """How much of a hall machines of `unit_kw` can use; at most `units_per_rack` in a rack."""
    positive("unit_kw", unit_kw)
    each = min(units_per_rack, floor(positive("kw_per_place", hall.kw_per_place) / unit_kw + 1e-9))
    by_places = hall.places * each
    by_power = floor(positive("it_kw", hall.it_kw) / unit_kw + 1e-9)
    units = min(by_places, by_power)
    used = units * unit_kw
    binds = "density" if not each else "power" if by_power <= by_places else "places"
    stranded = max(0.0, hall.it_kw - used)
    return Use(name, units, used, stranded, hall.usd * stranded / hall.it_kw, binds)


class Generation(msgspec.Struct, frozen=True):
    """A machine of a roadmap: in so many months, with so many kW, which cannot be cut in pieces."""

    month: float
    unit_kw: float


def density_wall(kw_per_place: float, generations: Sequence[Generation]) -> Generation | None:
    """The first generation of which a place cannot carry one machine; None if it carries them all."""
    positive("kw_per_place", kw_per_place)
    over = [each for each in generations if each.unit_kw > kw_per_place + 1e-9]
    return min(over, key=lambda each: each.month, default=None)
