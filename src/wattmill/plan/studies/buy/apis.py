"""APIs that a demand can be bought from: of the factory file, or of the catalog."""

from __future__ import annotations

import msgspec

from wattmill.catalog.apis import ApiPrice, api_prices
from wattmill.catalog.factory import Offer, Pool
from wattmill.catalog.models import model
from wattmill.catalog.names import nearest, plain
from wattmill.catalog.units import MEGA
from wattmill.core.errors import PlanError
from wattmill.plan.offers import best_offer
from wattmill.plan.studies.buy.case import Option
from wattmill.plan.studies.buy.factory_reading import Reading
from wattmill.plan.studies.buy.racks_and_apis import Api
from wattmill.plan.studies.running import moving


class Found(msgspec.Struct, frozen=True):
    """Prices of an API, and whose they are; cached None: it has no such price."""

    said: str
    name: str
    provider: str
    as_of: str | None
    basis: str
    input_usd: float
    cached_usd: float | None
    output_usd: float


def api_of(reading: Reading, offer: Offer) -> Api:
    """An API by its own prices, by its name in the catalog, or the cheapest of its model."""
    setup, other = reading.fees(offer)
    first = reading.first(offer)
    made = priced(reading, offer.name, f"offer.{offer.name}", _found(reading, offer))
    binds = 0
    if offer.months is not None:
        binds = first + reading.told(offer, "months", offer.months, "months")
    return msgspec.structs.replace(
        made, binds=binds, first=first, setup_usd=setup, other_usd_per_month=other
    )


def reference(reading: Reading, options: tuple[Option, ...]) -> Api:
    """The cheapest API that is offered from today on, else that of the factory or the catalog."""
    parts = [option.parts[0] for option in options if option.kind == "api"]
    found = [part for part in parts if isinstance(part, Api) and part.first == 0]
    if not found:
        cheapest = _cheapest(reading, None)
        return priced(reading, f"API {cheapest.name}", "api", cheapest)
    each = reading.asked.by_meter
    return min(found, key=lambda api: sum(each[k] * p.usd for k, p in api.prices.items()))


def model_api(reading: Reading, pool: Pool, at: str) -> Api:
    """The API that a cloud pool of the factory is: by its own prices, else the cheapest of its model."""
    given = pool.uusd_per_mtok
    if given is None:
        return priced(reading, pool.name, at, _cheapest(reading, pool.model))
    usd_in, usd_cached, usd_out = (
        n / MEGA for n in (given.input, given.cached_input, given.output)
    )
    said = f"factory file [[pool]] {pool.name}, usd_per_mtok"
    found = Found(said, pool.name, pool.name, None, "factory file", usd_in, usd_cached, usd_out)
    return priced(reading, pool.name, at, found)


def priced(reading: Reading, name: str, at: str, found: Found) -> Api:
    """Its prices with their source; they move as prices of tokens do."""
    usd = {"input": found.input_usd, "cached": found.cached_usd, "output": found.output_usd}
    prices = {}
    for kind, given in usd.items():
        price = found.input_usd if given is None else given
        none = "; it has no price for cached input" if given is None else ""
        reading.sources.add(f"{at}.usd_per_mtok.{kind}", price, "USD/Mtok", found.said + none)
        prices[kind] = moving(price, reading.growth, "token_price")
    return Api(
        name=name, provider=found.provider, as_of=found.as_of, basis=found.basis, prices=prices
    )


def _found(reading: Reading, offer: Offer) -> Found:
    given = offer.uusd_per_mtok
    if given is not None:
        usd_in, usd_cached, usd_out = (
            n / MEGA for n in (given.input, given.cached_input, given.output)
        )
        said = f"factory file [[offer]] {offer.name}, usd_per_mtok"
        return Found(
            said, offer.name, offer.name, None, "factory file", usd_in, usd_cached, usd_out
        )
    return _cheapest(reading, offer.model) if offer.api is None else _named(reading, offer)


def _named(reading: Reading, offer: Offer) -> Found:
    """`NAME` or `PROVIDER/NAME` of the catalog; of several providers the cheapest."""
    assert offer.api is not None
    wanted = plain(reading.told(offer, "api", offer.api, "API"))
    full = {f"{price.provider}/{price.name}": price for price in api_prices()}
    found = [p for name, p in full.items() if wanted in (plain(name), plain(p.name))]
    if not found:
        raise PlanError(
            f"there is no API {offer.api!r} in the catalog",
            hint=nearest(offer.api, full),
            place=f"{reading.factory.path}: [[offer]] {offer.name}, api",
        )
    return _of_catalog(min(found, key=lambda price: _mean(reading, price)))


def _mean(reading: Reading, price: ApiPrice) -> float:
    cached = price.cached_input_usd_per_mtok
    cached = price.input_usd_per_mtok if cached is None else cached
    each = reading.asked.by_meter
    return (
        each["input"] * price.input_usd_per_mtok
        + each["cached"] * cached
        + price.output_usd_per_mtok
    )


def _of_catalog(price: ApiPrice) -> Found:
    return Found(
        f"catalog: {price.name} of {price.provider}, {price.source}, {price.as_of}",
        price.name, price.provider, price.as_of, "by its name",
        price.input_usd_per_mtok, price.cached_input_usd_per_mtok, price.output_usd_per_mtok,
    )  # fmt: skip


def _cheapest(reading: Reading, name: str | None) -> Found:
    """Of the factory's own clouds with this model, else of the catalog, else of a model of like size."""
    pool = reading.factory.pools[0]
    wanted = pool if name is None else msgspec.structs.replace(pool, model=name)
    spec = model(wanted.model)
    found = best_offer(reading.factory, wanted, spec, reading.asked.workload)
    if found is None:
        raise PlanError(
            f"no API of a model like {wanted.model} is known",
            hint="give an [[offer]] of kind api with its usd_per_mtok",
            place=str(reading.factory.path),
        )
    if found.basis == "nearest size":
        reading.notes.append(
            f"no API of {spec.name} is known; {found.name} of {found.provider} is the nearest in size"
        )
    where = "factory file" if found.as_of is None else f"catalog: API, {found.as_of}"
    return Found(
        f"{where}: {found.name} of {found.provider} ({found.basis})",
        found.name, found.provider, found.as_of, found.basis,
        found.input_usd_per_mtok, found.cached_input_usd_per_mtok, found.output_usd_per_mtok,
    )  # fmt: skip
