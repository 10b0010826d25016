"""What a place for the machines costs: a building of one's own, or colocation with its first year."""

from __future__ import annotations

import math

import msgspec

from wattmill.catalog import facilities
from wattmill.catalog.factory import Factory
from wattmill.catalog.market import latest
from wattmill.catalog.systems import systems
from wattmill.catalog.units import KILO
from wattmill.core.errors import PlanError
from wattmill.plan.studies.machines import Machines
from wattmill.plan.studies.site.report import Colo, ColoClass, Facility
from wattmill.plan.studies.site.room_report import Envelope, Stand
from wattmill.plan.studies.sourced import Sources, quoted
from wattmill.site import colo as colocation
from wattmill.site import facility as building
from wattmill.site.rack import slots_per_mw

NEW = {"US": "us-new", "world": "world-new"}
MONTHS = 12
HALL_KW = 50.0
"""Below this a hall is a few racks, and what comes later stands elsewhere."""

LATER = ("DGX-B300", "GB300-NVL72", "Vera-Rubin-NVL72")
"""Machines that may stand in the same racks later: one for air, two racks of liquid."""


def facility(
    factory: Factory,
    envelope: Envelope,
    found: tuple[Machines, ...],
    sources: Sources,
    notes: list[str],
) -> Facility:
    """A building for the machines at their peak, by the MW of machines."""
    usd_per_mw = _usd_per_mw(factory, sources)
    it_w = envelope.machines_kw * KILO
    usd = building.building_usd(it_w, usd_per_mw, "mw_it")
    cards = sum(each.cards for each in found)
    paid = [each.paid_usd for each in found if each.paid_usd is not None]
    hardware = sum(paid) / cards if len(paid) == len(found) else None
    slot_w = it_w / cards
    life = sources.told("site.facility_life_months", factory.site.facility_life_months, "months")
    slots = slots_per_mw(slot_w, envelope.pue)
    return Facility(
        usd_per_mw=usd_per_mw,
        usd=usd,
        usd_per_slot=building.usd_per_slot(usd_per_mw, slot_w, "mw_it"),
        hardware_usd_per_slot=hardware,
        all_in_usd_per_mw=None
        if hardware is None
        else building.all_in_usd_per_mw(usd_per_mw / envelope.pue, slots, hardware),
        per_year_usd=usd / life * MONTHS,
        builds=_builds(envelope, notes),
        uses=_uses(envelope, usd),
    )


def _usd_per_mw(factory: Factory, sources: Sources) -> float:
    given = factory.site.facility_usd_per_mw
    if given is not None:
        return sources.told("site.facility_usd_per_mw", given, "USD/MW of machines")
    row = _build_row(factory.site.region)
    assert row.usd is not None, "rows by the MW have a price"
    said = f"catalog: {row.name}, {row.source}, {row.as_of}"
    return sources.add("site.facility_usd_per_mw", row.usd, "USD/MW of machines", said)


def _build_row(region: str | None) -> facilities.Build:
    """The newest new building of the region, of its country, or of the world."""
    rows = [row for row in facilities.builds() if row.kind == "new" and row.per == "mw_it"]
    own = [row for row in rows if row.region == region]
    if own and region not in NEW:
        return own[-1]
    country = "US" if region is None else region.split("-")[0]
    return facilities.build(NEW.get(country, NEW["world"]))


def _builds(envelope: Envelope, notes: list[str]) -> tuple[building.RackBuild, ...]:
    """Building work by the rack, new and retrofit, for the machines as they are."""
    prices = [
        building.RackPrice(row.name, row.usd, row.rack_kw)
        for row in facilities.builds()
        if row.per == "rack" and row.usd is not None and row.rack_kw is not None
    ]
    unit_kw = max(each.machine_kw for each in envelope.stands)
    try:
        return building.cheapest_build(envelope.machines_kw, unit_kw, prices)
    except PlanError as error:
        notes.append(f"no rack of the catalog's building costs fits: {error.message}")
        return ()


def _uses(envelope: Envelope, usd: float) -> tuple[building.Use, ...]:
    """What machines that come later could use of the same racks and power; nothing of a small hall."""
    if envelope.machines_kw < HALL_KW:
        return ()
    most = max(each.limit_kw for each in envelope.stands)
    hall = building.Hall(envelope.machines_kw, envelope.racks, most, usd)
    later = [each for each in systems() if each.name in LATER and each.max_w is not None]
    return tuple(
        building.use(hall, each.name, each.max_w.value / KILO, _each_rack(each.rack_units))
        for each in later
        if each.max_w is not None
    )


def _each_rack(units: int | None) -> int:
    """How many of a system a rack of 42 U takes; those that are a rack count as one."""
    return max(1, 40 // units) if units else 1


# --- colocation -----------------------------------------------------------------------------------


def colo(factory: Factory, envelope: Envelope, usd_per_kwh: float, sources: Sources) -> Colo:
    """Which classes take the machines, and what the first year there costs, line by line."""
    stands = envelope.stands
    rules = facilities.colo_rules()
    classes = tuple(ColoClass(rule.name, _reasons(envelope, rule)) for rule in rules)
    racks = sum(each.racks for each in stands)
    deployment = colocation.Deployment(
        racks, envelope.machines_kw / racks, any(each.is_liquid for each in stands)
    )
    price, use = _price(factory, envelope, usd_per_kwh, sources)
    return Colo(classes, colocation.quote(deployment, price, use))


def _reasons(envelope: Envelope, rule: facilities.ColoRule) -> tuple[str, ...]:
    """Of all pools by their density, and of all of them by the least that the class lets."""
    any_kw = msgspec.structs.replace(rule, least_kw=0.0)
    found = [
        reason
        for each in envelope.stands
        for reason in colocation.refusals(_as_all(envelope, each), any_kw)
    ]
    if envelope.machines_kw < rule.least_kw:
        kw = f"{envelope.machines_kw:.3g} kW"
        found.append(f"{kw} is less than the {rule.least_kw:g} kW it takes")
    return tuple(dict.fromkeys(found))


def _as_all(envelope: Envelope, each: Stand) -> colocation.Deployment:
    racks = math.ceil(envelope.machines_kw / each.rack_kw * (1 - 1e-12))
    return colocation.Deployment(racks, round(each.rack_kw, 3), each.is_liquid)


def _price(
    factory: Factory, envelope: Envelope, usd_per_kwh: float, sources: Sources
) -> tuple[colocation.ColoPrice, colocation.ColoUse]:
    """By kW of machines, as it is let; energy comes on top."""
    site = factory.site
    if site.colo_usd_per_kw_month:
        per_kw = sources.told(
            "site.colo_usd_per_kw_month", site.colo_usd_per_kw_month, "USD/kW/month"
        )
    else:
        quote = latest("US", "colo_usd_per_kw_month")
        assert quote is not None, "the catalog has a price of colocation"
        per_kw = sources.add("site.colo_usd_per_kw_month", quote.value, quote.unit, quoted(quote))
    cross, hands = facilities.colo_fee("cross-connect"), facilities.colo_fee("remote-hands")
    for fee in (cross, hands):
        said = f"catalog: middle of {fee.low:g} to {fee.high:g}, {fee.source}, {fee.as_of}"
        sources.add(f"colo.{fee.name}", fee.middle, fee.unit.replace("_", " "), said)
    connects = int(sources.add("colo.cross_connects", 2, "count", "default: two ways out"))
    hours = sources.add("colo.hands_hours_per_month", 2.0, "hours", "default")
    price = colocation.ColoPrice(
        per_kw, usd_per_kwh, envelope.pue,
        cross_connect_usd_per_month=cross.middle, remote_hands_usd_per_hour=hands.middle,
    )  # fmt: skip
    mean = envelope.mean_machines_kw
    return price, colocation.ColoUse(envelope.machines_kw, mean, connects, hours)
