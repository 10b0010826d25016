"""What an API would charge for the tokens of a pool: the factory's own clouds, or the catalog."""

from __future__ import annotations

import math

import msgspec

from wattmill.catalog.apis import ApiPrice, api_prices, api_prices_of
from wattmill.catalog.factory import Factory, Pool
from wattmill.catalog.models import ModelSpec, model
from wattmill.catalog.names import plain
from wattmill.catalog.units import MEGA
from wattmill.physics.performance import Workload


class Offer(msgspec.Struct, frozen=True):
    """USD per million tokens of an API; usd_per_mtok is its mean over the workload's tokens.

    basis: `factory file`, `same model` or `nearest size`. cached_input None is no such price.
    """

    name: str
    provider: str
    basis: str
    as_of: str | None
    input_usd_per_mtok: float
    cached_input_usd_per_mtok: float | None
    output_usd_per_mtok: float
    usd_per_mtok: float


def pool_offer(pool: Pool, workload: Workload) -> Offer | None:
    """The price of a cloud pool of the factory file; None if it gives none."""
    prices = pool.uusd_per_mtok
    if prices is None:
        return None
    uusd = (prices.input, prices.cached_input, prices.output)
    usd_in, usd_cached, usd_out = (price / MEGA for price in uusd)
    mean = _mean(workload, usd_in, usd_cached, usd_out)
    return Offer(pool.name, pool.name, "factory file", None, usd_in, usd_cached, usd_out, mean)


LIKE_SIZE = 4.0
"""Models whose weights differ by more than this factor are not held against each other."""


def best_offer(factory: Factory, pool: Pool, spec: ModelSpec, workload: Workload) -> Offer | None:
    """The cheapest API for a pool: a cloud of the factory with the same model, else the catalog.

    The catalog's cheapest price of the same model, else of the open model nearest in size (by the
    ratio of all weights); ties go to the earlier row. None if no model is of like size.
    """
    own = [pool_offer(p, workload) for p in factory.pools if _is_cloud_of(p, pool)]
    given = [offer for offer in own if offer is not None]
    same = [_offer(p, "same model", workload) for p in api_prices_of(spec.name)]
    offers = given or same or _nearest_size(spec, workload)
    return min(offers, key=lambda offer: offer.usd_per_mtok, default=None)


def _is_cloud_of(candidate: Pool, pool: Pool) -> bool:
    return candidate.hardware is None and plain(candidate.model) == plain(pool.model)


def _nearest_size(spec: ModelSpec, workload: Workload) -> list[Offer]:
    def distance(price: ApiPrice) -> float:
        assert price.open_model is not None
        return abs(math.log(model(price.open_model).params / spec.params))

    open_prices = [p for p in api_prices() if p.open_model]
    nearest = min(math.log(LIKE_SIZE), *map(distance, open_prices))
    return [
        _offer(p, "nearest size", workload) for p in open_prices if distance(p) <= nearest + 1e-9
    ]


def _offer(price: ApiPrice, basis: str, workload: Workload) -> Offer:
    usd_in, usd_out = price.input_usd_per_mtok, price.output_usd_per_mtok
    usd_cached = price.cached_input_usd_per_mtok
    mean = _mean(workload, usd_in, usd_in if usd_cached is None else usd_cached, usd_out)
    return Offer(price.name, price.provider, basis, price.as_of, usd_in, usd_cached, usd_out, mean)


def _mean(workload: Workload, usd_in: float, usd_cached: float, usd_out: float) -> float:
    cached = workload.isl * workload.hit_frac
    usd = (workload.isl - cached) * usd_in + cached * usd_cached + workload.osl * usd_out
    return usd / (workload.isl + workload.osl)
