"""What a kWh costs at a site: as the file says, else the catalog's price of its region, else a default."""

from __future__ import annotations

from wattmill.catalog.factory import Factory
from wattmill.catalog.hardware import hardware
from wattmill.catalog.market import Quote, all_quotes
from wattmill.catalog.tax import in_eu
from wattmill.catalog.units import KILO
from wattmill.plan.studies.sourced import Sources, quoted

LARGE_KW = 500.0
"""kW below which a site has what somebody else built, and buys power as an office does."""

PATH = "site.power_usd_per_kwh"


def power_usd_per_kwh(factory: Factory, sources: Sources) -> float:
    """USD per kWh of the tariff, before any contract; `sources` say which of the three it is."""
    site = factory.site
    if site.region is not None and not factory.says(*PATH.split(".")):
        kind = "industrial" if _cards_kw(factory) >= LARGE_KW else "commercial"
        quote = region_quote(site.region, kind)
        if quote is not None:
            return sources.add(PATH, quote.value, quote.unit, f"{quoted(quote)}, {quote.terms}")
    said = "default: a judgement; the catalog has a price for some regions"
    return sources.told(PATH, site.power_usd_per_kwh, "USD/kWh", said)


def region_quote(region: str, kind: str) -> Quote | None:
    """The price of a region, else of its country, else of the EU for those that are in it."""
    found = (quote_of(place, kind) for place in _wider(region))
    return next((quote for quote in found if quote is not None), None)


def quote_of(region: str, kind: str) -> Quote | None:
    """The newest price of just this region; of another kind for want of this one."""
    seen = [q for q in all_quotes() if q.of == region and q.what == "power_usd_per_kwh"]
    alike = [quote for quote in seen if quote.terms.startswith(kind)]
    return (alike or seen)[-1] if seen else None


def _wider(region: str) -> tuple[str, ...]:
    country = region.split("-")[0]
    return (region, country, *(["EU"] if in_eu(country) else []))


def _cards_kw(factory: Factory) -> float:
    """TDP of all cards of the file's machines; hosts are left out."""
    here = [hardware(pool.hardware) for pool in factory.pools if pool.hardware is not None]
    return sum(each.count * each.accelerator.tdp_w for each in here) / KILO
