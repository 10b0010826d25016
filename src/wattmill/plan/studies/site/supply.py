"""Power of one's own, carbon, and how regions compare as places for this site."""

from __future__ import annotations

from wattmill.catalog import facilities
from wattmill.catalog.facilities import Generator
from wattmill.catalog.factory import Factory
from wattmill.catalog.market import Quote, all_quotes
from wattmill.catalog.units import HOURS_PER_MONTH, KILO
from wattmill.plan.studies.machines import Machines
from wattmill.plan.studies.site.report import (
    LARGE_KW,
    Carbon,
    Envelope,
    Generation,
    PlaceRow,
    Plant,
)
from wattmill.plan.studies.site.solar import sun_and_battery
from wattmill.plan.studies.sourced import Sources, quoted
from wattmill.site import carbon as emissions
from wattmill.site import generation as making

STORAGES = ("battery-4h", "hydrogen-fuel-cell")
SPARE = 4 / 3
"""kW built for each kW needed: a fourth machine for every three."""

WEIGHTS = {"usd_per_kwh": 0.5, "months_to_power": 0.3, "g_per_kwh": 0.2}
MONTHS = 12


def generation(
    factory: Factory,
    envelope: Envelope,
    usd_per_kwh: float,
    grid_months: float,
    margin_usd_per_kw_month: float | None,
    sources: Sources,
    notes: list[str],
) -> Generation | None:
    """Plants behind the meter, and what waiting for each loses; None for a site too small for one."""
    if not envelope.is_large:
        notes.append(f"own generation, a PPA and other places are left out below {LARGE_KW:g} kW")
        return None
    plants = tuple(
        _plant(factory, envelope, each, sources)
        for each in facilities.generators()
        if each.kind != "solar"
    )
    plants = (*plants, sun_and_battery(factory, sources))
    stored = {
        each.name: making.stored_usd_per_kwh(usd_per_kwh, each.round_trip_frac)
        for each in map(facilities.storage, STORAGES)
    }
    if margin_usd_per_kw_month is None:
        return Generation(plants, (), stored)
    horizon, rate = factory.finance.horizon_months, factory.finance.discount_frac_per_year
    options = [making.PowerOption("grid", usd_per_kwh, grid_months)]
    options += [
        making.PowerOption(each.name, each.usd_per_kwh, each.months[1])
        for each in plants
        if each.months is not None
    ]
    late = [each.name for each in options if each.months > horizon]
    if late:
        notes.append(f"{', '.join(late)}: power comes after the {horizon} months of the study")
    in_time = [each for each in options if each.months <= horizon]
    margin = sources.add(
        "site.margin_usd_per_kw_month", margin_usd_per_kw_month, "USD/kW/month",
        "computed by the first month at the planned load, before power",
    )  # fmt: skip
    kw = envelope.committed_kw
    return Generation(plants, making.compare(in_time, kw, margin, horizon, rate), stored)


def _plant(factory: Factory, envelope: Envelope, each: Generator, sources: Sources) -> Plant:
    fuel = facilities.fuel(each.fuel) if each.fuel else None
    if fuel is not None:
        said = f"catalog: {fuel.terms}; {fuel.source}, {fuel.as_of}"
        sources.add(f"fuel.{fuel.name}", fuel.usd_per_mmbtu, "USD/MMBtu", said)
    used = envelope.mean_kw / envelope.committed_kw
    spare = SPARE if each.kind == "thermal" else 1.0
    sources.add(
        "plant.built_per_kw", SPARE, "ratio", "default: a fourth machine for three, thermal"
    )
    said = f"catalog: {each.terms}; {each.source}, {each.as_of}"
    sources.add(f"plant.{each.name}.capital", each.capital_usd_per_kw, "USD/kW", said)
    rate = factory.finance.discount_frac_per_year
    found = making.lcoe(each, rate, fuel, load_frac=used, built_per_kw=spare)
    months = next((t.months for t in facilities.lead_times() if t.name == each.name), None)
    return Plant(each.name, found, found.usd_per_kwh, found.g_per_kwh, 0.0, months, each.terms)


# --- carbon ---------------------------------------------------------------------------------------


def carbon(
    factory: Factory, envelope: Envelope, found: tuple[Machines, ...], load: float, sources: Sources
) -> Carbon:
    """What the planned load emits, by month and by a million answer tokens."""
    grams = _grams(factory, sources)
    it_w = envelope.mean_machines_kw * KILO
    tok_per_s = sum(each.full_tok_per_s for each in found) * load
    per_mtok = None
    if tok_per_s > 0:
        per_mtok = emissions.kg_per_mtok(it_w / tok_per_s, envelope.pue, grams)
    return Carbon(grams, emissions.kg_per_month(it_w, envelope.pue, grams), per_mtok)


def _grams(factory: Factory, sources: Sources) -> float:
    site, path = factory.site, "site.carbon_g_per_kwh"
    if site.carbon_g_per_kwh is not None:
        return sources.told(path, site.carbon_g_per_kwh, "g/kWh")
    known = {row.region for row in facilities.grids()}
    region = site.region if site.region in known else _country(site.region, known)
    row = facilities.grid(region)
    said = f"catalog: {row.region}, {row.basis}, {row.source}, {row.as_of}"
    return sources.add(path, row.g_per_kwh, "g/kWh", said)


def _country(region: str | None, known: set[str]) -> str:
    country = "" if region is None else region.split("-")[0]
    return country if country in known else "world"


# --- places ---------------------------------------------------------------------------------------


def places(factory: Factory, envelope: Envelope, sources: Sources) -> tuple[PlaceRow, ...]:
    """Regions whose price of power, carbon and months to power are all known, best first.

    Only grids whose carbon was counted in one way (combustion) are held against each other.
    """
    if not envelope.is_large:
        return ()
    priced = {}
    grids = (each for each in facilities.lead_times() if each.kind == "grid")
    months = {each.region: each.months[1] for each in grids if "-" in each.region}
    for row in facilities.grids():
        quote = _power_quote(row.region)
        if row.basis == "combustion" and quote is not None and row.region in months:
            priced[row.region] = (quote, row.g_per_kwh, months[row.region])
    known = [
        emissions.Place(region, quote.value, grams, wait)
        for region, (quote, grams, wait) in priced.items()
    ]
    for name, weight in WEIGHTS.items():
        sources.add(f"weight.{name}", weight, "share", "default: a judgement")
    for region, (quote, _, _) in priced.items():
        sources.add(f"place.{region}.usd_per_kwh", quote.value, quote.unit, quoted(quote))
    scores = emissions.siting_scores(known, WEIGHTS)
    rows = {place.name: place for place in known}
    return tuple(_place_row(rows[score.name], score, envelope) for score in scores)


def _power_quote(region: str) -> Quote | None:
    """The newest industrial price of a region, else the newest of any."""
    seen = [q for q in all_quotes() if q.of == region and q.what == "power_usd_per_kwh"]
    industrial = [quote for quote in seen if quote.terms.startswith("industrial")]
    return industrial[-1] if industrial else seen[-1] if seen else None


def _place_row(place: emissions.Place, score: emissions.Score, envelope: Envelope) -> PlaceRow:
    usd, grams, wait = place.usd_per_kwh, place.g_per_kwh, place.months_to_power
    assert usd is not None
    assert grams is not None
    assert wait is not None
    yearly = envelope.mean_kw * HOURS_PER_MONTH * MONTHS * usd
    return PlaceRow(place.name, usd, grams, wait, yearly, score)
