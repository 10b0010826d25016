"""What the place means for carbon, and how regions compare as places for this site."""

from __future__ import annotations

from wattmill.catalog import facilities
from wattmill.catalog.factory import Factory
from wattmill.catalog.market import Quote
from wattmill.catalog.units import HOURS_PER_MONTH, KILO
from wattmill.plan.studies.electricity import quote_of
from wattmill.plan.studies.machines import Machines
from wattmill.plan.studies.site.report import Carbon, PlaceRow
from wattmill.plan.studies.site.room_report import Envelope
from wattmill.plan.studies.sourced import Sources, quoted
from wattmill.site import carbon as emissions

WEIGHTS = {"usd_per_kwh": 0.5, "months_to_power": 0.3, "g_per_kwh": 0.2}
MONTHS = 12
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
    """Regions whose price of power and carbon are known, and for large loads the months to power.

    Best first. Only grids whose carbon was counted in one way (combustion) are held against each other.
    """
    if not envelope.is_large:
        return ()
    found = _known(envelope)
    known = [place for place, _ in found]
    weights = {name: weight for name, weight in WEIGHTS.items() if _has(known, name)}
    for name, weight in weights.items():
        sources.add(f"weight.{name}", weight, "share", "default: a judgement")
    for place, quote in found:
        sources.add(f"place.{place.name}.usd_per_kwh", quote.value, quote.unit, quoted(quote))
    rows = {place.name: place for place in known}
    scores = emissions.siting_scores(known, weights)
    return tuple(_place_row(rows[score.name], score, envelope) for score in scores)


def _known(envelope: Envelope) -> list[tuple[emissions.Place, Quote]]:
    """Regions with their price; months only for a site that waits in the queue of large loads."""
    months = {
        each.region: each.months[1] for each in facilities.lead_times() if each.kind == "grid"
    }
    found = []
    for row in facilities.grids():
        quote, wait = quote_of(row.region, "industrial"), months.get(row.region)
        is_known = quote is not None and row.basis == "combustion" and "-" in row.region
        if quote is None or not is_known or (envelope.is_on_transmission and wait is None):
            continue
        waits = wait if envelope.is_on_transmission else None
        found.append((emissions.Place(row.region, quote.value, row.g_per_kwh, waits), quote))
    return found


def _has(known: list[emissions.Place], figure: str) -> bool:
    return all(getattr(place, figure) is not None for place in known)


def _place_row(place: emissions.Place, score: emissions.Score, envelope: Envelope) -> PlaceRow:
    usd, grams = place.usd_per_kwh, place.g_per_kwh
    assert usd is not None
    assert grams is not None
    yearly = envelope.mean_kw * HOURS_PER_MONTH * MONTHS * usd
    return PlaceRow(place.name, usd, grams, place.months_to_power, yearly, score)
