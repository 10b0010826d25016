"""Machines of a factory and of its offers, as parts that serve a demand."""

from __future__ import annotations

import msgspec

from wattmill.catalog.factory import Offer, Pool
from wattmill.catalog.factory.records import ENGINES
from wattmill.catalog.names import plain
from wattmill.catalog.units import HOURS_PER_MONTH
from wattmill.plan.studies.buy.capacity import Capacity, best_layout, capacity
from wattmill.plan.studies.buy.factory_reading import FOREVER, Reading
from wattmill.plan.studies.buy.racks_and_apis import Purchase, Rack
from wattmill.plan.studies.machines import resale
from wattmill.plan.studies.running import moving
from wattmill.plan.studies.selling import market_rent

DEFAULT_ENGINE = "vllm"
SERVED = ENGINES[DEFAULT_ENGINE]
"""The precision by default of engines that may hold a copy of a model on each card."""


def own_machines(reading: Reading) -> tuple[Rack, ...]:
    """The machines that the factory has; what was paid for them is paid."""
    found = []
    for pool in alike(reading):
        made, _ = capacity(
            reading.factory, f"pool.{pool.name}", pool, reading.asked, reading.sources
        )
        _warn(reading, made)
        found.append(Rack(name=pool.name, kind="own", capacity=made, first=0, last=FOREVER))
    return tuple(found)


def alike(reading: Reading, like: Pool | None = None) -> tuple[Pool, ...]:
    """Pools of machines with the model of `like`, or of the first pool: the demand is of one model."""
    pools = reading.factory.pools
    name = plain((like or pools[0]).model)
    own = [pool for pool in pools if pool.hardware is not None and not pool.embedded]
    for pool in own:
        if plain(pool.model) != name:
            reading.notes.append(
                f"{pool.name}: serves {pool.model}, another model than the demand is taken to be for"
            )
    return tuple(pool for pool in own if plain(pool.model) == name)


def machines_of(reading: Reading, offer: Offer) -> Rack:
    """Machines to rent, buy or lease. PlanError where they hold no request, or a price is not known."""
    made, catalog_usd = capacity(
        reading.factory,
        f"offer.{offer.name}",
        _pool(reading, offer),
        reading.asked,
        reading.sources,
    )
    if offer.kw is not None:
        kw = reading.told(offer, "kw", offer.kw, "kW")
        made = msgspec.structs.replace(made, busy_kw=kw, peak_kw=kw, idle_kw=min(kw, made.idle_kw))
    _warn(reading, made)
    setup, other = reading.fees(offer)
    rack = Rack(
        name=offer.name, kind=offer.kind, capacity=made, first=reading.first(offer), last=FOREVER,
        setup_usd=setup, other_usd_per_month=other,
    )  # fmt: skip
    if offer.kind == "rent":
        return _rented(reading, offer, rack)
    if offer.kind == "lease":
        return _leased(reading, offer, rack)
    return _bought(reading, offer, rack, catalog_usd)


def _warn(reading: Reading, made: Capacity) -> None:
    if made.in_time_frac == 0:
        said = f"{made.name}: users wait too long on it at any load, so it serves nothing"
        reading.notes.append(said)


def _pool(reading: Reading, offer: Offer) -> Pool:
    """The offer as a pool; what it does not say is as on the factory's machines."""
    pools = reading.factory.pools
    own = next((pool for pool in pools if pool.hardware is not None and not pool.embedded), None)
    name = reading.choice(
        offer, "model", offer.model or pools[0].model, "default: of the first pool"
    )
    engine = reading.choice(
        offer, "engine", offer.engine or (own.engine if own else DEFAULT_ENGINE),
        "default: of the factory's machines, or vllm",
    )  # fmt: skip
    is_like = own is not None and plain(own.model) == plain(name) and own.engine == engine
    default = own.precision if own is not None and is_like else ENGINES[engine]
    said = "default: of the factory's machines, or of the engine"
    precision = reading.choice(offer, "precision", offer.precision or default or "", said)
    assert offer.hardware is not None, "the file gives an offer of machines its hardware"
    hardware = reading.told(offer, "hardware", offer.hardware, "machines")
    pool = Pool(name=offer.name, model=name, hardware=hardware, precision=precision, engine=engine)
    return msgspec.structs.replace(pool, tp=_layout(reading, offer, pool))


def _layout(reading: Reading, offer: Offer, pool: Pool) -> int | None:
    """Servers may share layers among all cards or hold a copy on each; llama.cpp has one way."""
    if ENGINES[pool.engine] != SERVED:
        return None
    tp = best_layout(pool, reading.asked)
    if tp is not None:
        said = "computed by physics: the layout that makes most in time"
        reading.sources.add(f"offer.{offer.name}.tp", tp, "cards per copy", said)
    return tp


def _rented(reading: Reading, offer: Offer, rack: Rack) -> Rack:
    found = market_rent(rack.capacity.card)
    if offer.usd_per_hour is not None:
        hourly = reading.told(offer, "usd_per_hour", offer.usd_per_hour, "USD/h")
    elif found is not None:
        at = f"offer.{offer.name}.usd_per_hour"
        hourly = reading.sources.add(at, found[0], "USD/h", found[1])
    else:
        raise reading.missing(offer, "usd_per_hour", f"what a {rack.capacity.card} is let for")
    billed = reading.told(offer, "billed_frac", offer.billed_frac, "share")
    monthly = hourly * rack.capacity.cards * billed * HOURS_PER_MONTH
    return msgspec.structs.replace(
        rack,
        rent=moving(monthly, reading.growth, "rent"),
        rent_binds=0 if offer.months is None else rack.first + _months(reading, offer),
        billed_frac=billed,
    )


def _bought(reading: Reading, offer: Offer, rack: Rack, catalog_usd: float | None) -> Rack:
    usd = _price_usd(reading, offer, catalog_usd)
    life = reading.told(offer, "life_months", offer.life_months, "months")
    last = rack.first + (life if offer.months is None else _months(reading, offer))
    frac, curve = _worth(reading, offer, usd, life)
    return msgspec.structs.replace(
        rack,
        last=reading.ends(offer, last),
        purchase=Purchase(rack.first, usd, life, last, frac, curve),
        upkeep_frac_per_year=upkeep(reading),
    )


def upkeep(reading: Reading) -> float:
    """Maintenance and insurance of what is bought: share of its price a year."""
    finance, told = reading.factory.finance, reading.sources.told
    maintenance = finance.maintenance_frac_per_year
    insurance = finance.insurance_frac_per_year
    return told("finance.maintenance_frac_per_year", maintenance, "1/year") + told(
        "finance.insurance_frac_per_year", insurance, "1/year"
    )


def _price_usd(reading: Reading, offer: Offer, catalog_usd: float | None) -> float:
    if offer.usd is not None:
        return reading.told(offer, "usd", offer.usd, "USD")
    if catalog_usd is None:
        raise reading.missing(offer, "usd", f"what {offer.hardware} costs")
    said = "catalog: newest price of its cards; nothing else is in it"
    reading.notes.append(
        f"{offer.name}: usd is not given; {catalog_usd:,.0f} is the catalog's, cards alone"
    )
    return reading.sources.add(f"offer.{offer.name}.usd", catalog_usd, "USD", said)


def _leased(reading: Reading, offer: Offer, rack: Rack) -> Rack:
    """Given back at the end of the term; or bought then, and kept to the end of its life."""
    assert offer.usd_per_month is not None
    term, ends = _months(reading, offer), rack.first + _months(reading, offer)
    leased = msgspec.structs.replace(
        rack,
        last=ends,
        lease_usd_per_month=reading.told(offer, "usd_per_month", offer.usd_per_month, "USD/month"),
        lease_months=term,
        deposit_usd=reading.told(offer, "deposit_usd", offer.deposit_usd, "USD"),
    )
    life = reading.told(offer, "life_months", offer.life_months, "months")
    if offer.buyout_usd is None or life <= term:
        reading.ends(offer, ends)
        return leased
    usd = reading.told(offer, "buyout_usd", offer.buyout_usd, "USD")
    frac, curve = _worth(reading, offer, usd, life - term)
    last = reading.ends(offer, rack.first + life)
    bought = Purchase(ends, usd, life - term, last, frac, curve)
    return msgspec.structs.replace(leased, last=last, purchase=bought)


def _months(reading: Reading, offer: Offer) -> int:
    assert offer.months is not None
    return reading.told(offer, "months", offer.months, "months")


def _worth(
    reading: Reading, offer: Offer, usd: float, life_months: int
) -> tuple[float | None, tuple[float, ...] | None]:
    """Share of the value kept each year, or shares of the price that are left after each."""
    if offer.resale_usd is None:
        return resale(reading.factory.finance, offer.hardware, reading.sources)
    left = reading.told(offer, "resale_usd", offer.resale_usd, "USD")
    return ((left / usd) ** (12 / life_months) if usd else 0.0), None
