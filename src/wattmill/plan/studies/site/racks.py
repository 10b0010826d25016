"""The machines of a site in racks, and the kW that they make the site commit."""

from __future__ import annotations

import msgspec

from wattmill.catalog import electrical
from wattmill.catalog.factory import Factory
from wattmill.catalog.hardware import hardware
from wattmill.catalog.systems import System, systems
from wattmill.catalog.units import KILO
from wattmill.core.errors import PlanError
from wattmill.plan.studies.machines import Machines
from wattmill.plan.studies.site.distribution import own_chain
from wattmill.plan.studies.site.room_report import Envelope, PowerStep, Stand
from wattmill.plan.studies.sourced import Sources
from wattmill.site import cooling, delivery, rack
from wattmill.site.power import over_cap_kw

RACK_UNITS = 42.0
SWITCH_UNITS = 2.0
EMPTY_RACK_KG = 150.0
"""A rack of 42 U, two of them switches; the rack, its PDUs and cables weigh about 150 kg."""

WHOLE_RACK_UNITS = 40
"""A system of so many units is a rack itself."""

MACHINE = "machine of "
MOST_CARDS = 8
"""What a machine is called that the catalog does not know, and how many cards it has at the most."""


class Box(msgspec.Struct, frozen=True):
    """One machine of a pool: system None is one that the catalog does not know."""

    system: System | None
    cards: int
    w: float

    @property
    def name(self) -> str:
        """The system, or what it may look like."""
        return self.system.name if self.system else f"{MACHINE}{self.cards}"

    @property
    def is_liquid(self) -> bool:
        """Whether it is made for liquid."""
        return self.system is not None and self.system.cooling == "liquid"

    @property
    def is_whole_rack(self) -> bool:
        """Whether it is bought as a rack."""
        units = self.system.rack_units if self.system else None
        return units is not None and units >= WHOLE_RACK_UNITS


def envelope(
    factory: Factory, found: tuple[Machines, ...], load: float, sources: Sources
) -> Envelope:
    """kW from cards to meter, and the racks. PlanError, with the pool, where a machine fits no rack."""
    site = factory.site
    pue = sources.told("site.pue", site.pue, "ratio")
    stands = tuple(stand(factory, each, sources) for each in found)
    peak = sum(each.peak_kw for each in found)
    mean = sum(each.idle_kw + (each.busy_kw - each.idle_kw) * load for each in found)
    committed = rack.committed_kw(peak * KILO, pue)
    cap = site.power_cap_kw
    if cap is not None:
        sources.told("site.power_cap_kw", cap, "kW")
    over = over_cap_kw(committed, cap)
    free = None
    if cap is not None:
        left = cap - committed
        free = rack.slots_in(left * KILO, stands[0].slot_w, pue) if left > 0 else 0
    return Envelope(
        machines_kw=peak,
        mean_machines_kw=mean,
        pue=pue,
        committed_kw=committed,
        mean_kw=mean * pue,
        cap_kw=cap,
        over_kw=over,
        free_slots=free,
        racks=sum(each.racks for each in stands),
        steps=_steps(factory, found, peak, pue, sources),
        stands=stands,
    )


def stand(factory: Factory, found: Machines, sources: Sources) -> Stand:
    """A pool in racks of its own."""
    box = box_of(found)
    limit_w = _limit_w(factory, box, found.pool.name, sources)
    load = _load(box)
    limits = _limits(factory, box, limit_w, sources)
    try:
        full = rack.fill(load, limits)
    except PlanError as error:
        raise PlanError(
            f"pool {found.pool.name}: {error.message}", hint=error.hint, place=str(factory.path)
        ) from None
    count = round(found.cards / box.cards)
    each = min(full.systems, count)
    units = None if load.system_units is None else each * load.system_units + load.other_units
    slot = rack.slot_w(box.w, box.cards)
    return Stand(
        pool=found.pool.name,
        card=found.card,
        cards=found.cards,
        system=box.name,
        machines=count,
        machine_kw=box.w / KILO,
        is_liquid=box.is_liquid,
        per_rack=full.systems,
        racks=rack.racks_needed(count, full.systems),
        binds=full.binds,
        limit_kw=limit_w / KILO,
        rack_kw=each * box.w / KILO,
        rack_kg=None if load.system_kg is None else each * load.system_kg + load.other_kg,
        rack_units=units,
        slot_w=slot,
        slots_per_mw=rack.slots_per_mw(slot, factory.site.pue),
    )


def box_of(found: Machines) -> Box:
    """The largest system of the catalog that the pool can be made of, else machines of up to 8 cards."""
    card_w = found.peak_kw * KILO / found.cards
    fits = [
        each
        for each in systems()
        if each.hardware.accelerator.name == found.card
        and found.cards % each.hardware.count == 0
        and each.rack_units is not None
    ]
    if fits:
        best = max(fits, key=lambda each: each.hardware.count)
        return Box(best, best.hardware.count, card_w * best.hardware.count)
    cards = max(n for n in range(1, MOST_CARDS + 1) if found.cards % n == 0)
    return Box(None, cards, card_w * cards)


def _load(box: Box) -> rack.RackLoad:
    units = float(box.system.rack_units) if box.system and box.system.rack_units else None
    mass = box.system.weight_kg if box.system else None
    if box.is_whole_rack:
        return rack.RackLoad(box.w, units, mass)
    return rack.RackLoad(box.w, units, mass, 0.0, SWITCH_UNITS, EMPTY_RACK_KG)


def _limits(factory: Factory, box: Box, limit_w: float, sources: Sources) -> rack.RackLimits:
    units = RACK_UNITS
    if box.is_whole_rack and box.system and box.system.rack_units:
        units = float(box.system.rack_units)
    else:
        sources.add("rack.units", units, "U", "default: a rack of 42 U, 2 for switches")
        sources.add("rack.empty_kg", EMPTY_RACK_KG, "kg", "default: a rack with PDUs and cables")
    mass = factory.site.rack_kg
    if mass is not None:
        sources.told("site.rack_kg", mass, "kg")
    return rack.RackLimits(limit_w, units, mass)


def _limit_w(factory: Factory, box: Box, pool: str, sources: Sources) -> float:
    """What a rack may draw: as the file says, as its cooling bears, or as the simplest way that does."""
    site = factory.site
    if site.rack_kw is not None:
        return sources.told("site.rack_kw", site.rack_kw, "kW") * KILO
    if site.cooling is not None:
        way = electrical.cooling(sources.told("site.cooling", site.cooling, "way"))
    else:
        way = _simplest(box)
    said = f"catalog: {way.name} bears so much, {way.source}, {way.as_of}"
    return sources.add(f"rack.{pool}.kw", way.up_to_kw, "kW", said) * KILO


def _simplest(box: Box) -> electrical.Cooling:
    """Contained air where a machine can be cooled so, else the first way that bears it."""
    air = electrical.cooling("air-contained")
    if not box.is_liquid and box.w <= air.up_to_kw * KILO:
        return air
    kind: cooling.Machines = "liquid" if box.is_liquid else "air"
    return cooling.choose(box.w, electrical.coolings(), kind).way


# --- from cards to meter --------------------------------------------------------------------------


def _steps(
    factory: Factory, found: tuple[Machines, ...], peak: float, pue: float, sources: Sources
) -> tuple[PowerStep, ...]:
    """Parts of what is committed; hosts are what is above the cards' TDP."""
    cards = sum(
        hardware(each.pool.hardware).accelerator.tdp_w * each.cards / KILO
        for each in found
        if each.pool.hardware is not None
    )
    over = peak * (pue - 1)
    lost = delivery.deliver(peak, own_chain(factory, sources)).pue_part * peak - peak
    parts = [PowerStep("machines, as measured", peak)]
    if cards <= peak:
        parts = [PowerStep("cards at TDP", cards), PowerStep("hosts, fans, supplies", peak - cards)]
    if lost <= over:
        return (*parts, PowerStep("lost before the machines", lost),
                PowerStep("cooling and the rest", over - lost))  # fmt: skip
    return (*parts, PowerStep("losses, cooling and the rest", over))
