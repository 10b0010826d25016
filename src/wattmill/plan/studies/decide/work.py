"""What a `[[change]]` does to a pool: how much work a request is before and after it, and what that costs."""

from __future__ import annotations

import msgspec

from wattmill.catalog.factory import Change, Pool
from wattmill.core.errors import PlanError
from wattmill.finance.assets import Price
from wattmill.plan.studies.buy.apis import model_api
from wattmill.plan.studies.buy.capacity import Capacity, best_layout, capacity
from wattmill.plan.studies.buy.factory_reading import Reading
from wattmill.plan.studies.buy.machines import alike, upkeep
from wattmill.plan.studies.buy.racks_and_apis import Terms
from wattmill.plan.studies.decide.worth import alone_tok_per_s, values_usd, waiting_prices
from wattmill.plan.studies.demand import Asked
from wattmill.plan.studies.machines import resale
from wattmill.plan.studies.sourced import T

UNITS = {
    "usd": "USD",
    "usd_per_month": "USD/month",
    "months": "months",
    "repeat_months": "months",
    "repeat_usd": "USD",
    "traffic_frac": "share",
    "retry_frac": "share",
    "model": "model",
    "precision": "format",
    "hardware": "machines",
    "prompt_tokens": "tokens",
    "hit_frac": "share",
}


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """A change, ready to be reckoned.

    asked: the pool's part of the demand. before: the pool as it is; None for an API. factor: work of
    a request after the change over that before it, all traffic together; on an API, the bill. node:
    machines that come to it, bought for `node_usd`, and what they keep of their value. prices: of
    the tokens that wait, or of the API. value_usd: of the pool by month, which wears.
    """

    change: Change
    pool: Pool
    asked: Asked
    terms: Terms
    before: Capacity | None
    factor: float
    speed_up: float | None
    prices: dict[str, Price]
    node: Capacity | None = None
    node_usd: float = 0.0
    node_kept_frac_per_year: float | None = None
    node_curve: tuple[float, ...] | None = None
    node_upkeep_frac_per_year: float = 0.0
    value_usd: tuple[float, ...] = ()
    alone_tok_per_s: dict[str, float] = {}


def work(reading: Reading, change: Change, terms: Terms) -> Work:
    """A change of the file. PlanError where its pool or kind do not go together."""
    pool = _pool(reading, change)
    for key, unit in UNITS.items():
        value = getattr(change, key)
        if value is not None:
            _told(reading, change, key, value, unit)
    asked = _part_of_demand(reading, pool)
    if pool.hardware is None:
        return _on_api(reading, change, pool, asked, terms)
    return _on_own(reading, change, pool, asked, terms)


def _told(reading: Reading, change: Change, key: str, value: T, unit: str) -> T:
    return reading.sources.told(f"change.{change.name}.{key}", value, unit)


def _pool(reading: Reading, change: Change) -> Pool:
    factory = reading.factory
    if change.pool is not None:
        return factory.pool(change.pool)
    own = (pool for pool in factory.pools if pool.hardware is not None and not pool.embedded)
    pool = next(own, factory.pools[0])
    said = "default: the first pool with hardware"
    reading.sources.add(f"change.{change.name}.pool", pool.name, "pool", said)
    return pool


def _part_of_demand(reading: Reading, pool: Pool) -> Asked:
    """Pools with machines share the demand by what they can make; an API has all of it."""
    own = alike(reading, pool)
    if pool not in own or len(own) == 1:
        return reading.asked
    made = {
        p.name: capacity(reading.factory, f"pool.{p.name}", p, reading.asked, reading.sources)[0]
        for p in own
    }
    in_time = sum(each.output_mtok for each in made.values())
    share = made[pool.name].output_mtok / in_time if in_time else 1 / len(own)
    said = "computed by what the pools can make"
    reading.sources.add(f"pool.{pool.name}.share_of_demand", share, "share", said)
    return msgspec.structs.replace(
        reading.asked,
        input_mtok=reading.asked.input_mtok * share,
        output_mtok=reading.asked.output_mtok * share,
    )


# --- on an own machine ----------------------------------------------------------------------------


def _on_own(reading: Reading, change: Change, pool: Pool, asked: Asked, terms: Terms) -> Work:
    factory, sources = reading.factory, reading.sources
    before, catalog_usd = capacity(factory, f"pool.{pool.name}", pool, asked, sources)
    made = Work(
        change=change, pool=pool, asked=asked, terms=terms, before=before, factor=1.0, speed_up=1.0,
        prices=waiting_prices(reading, pool, asked),
        value_usd=values_usd(reading, pool, catalog_usd),
    )  # fmt: skip
    if change.kind == "second-node":
        return _with_node(reading, made)
    if before.output_mtok == 0:
        raise PlanError(
            f"{pool.name}: users would wait too long on it at any load, so no change of it can be weighed",
            hint="give [demand] a longer ttft_ms or tpot_ms, or see `wattmill buy`",
            place=str(factory.path),
        )
    after = _after(reading, change, pool, asked)
    if change.hardware is not None:
        left = change.traffic_frac * (1 - change.retry_frac)
        return _beside(reading, made, after, 1 - left)
    ratio = before.output_mtok / after.output_mtok
    moved = change.traffic_frac
    factor = 1 - moved + moved * (ratio + change.retry_frac)
    return msgspec.structs.replace(made, factor=factor, speed_up=1 / ratio)


def _after(reading: Reading, change: Change, pool: Pool, asked: Asked) -> Capacity:
    """The machines as they serve the requests that the change takes over."""
    changed = msgspec.structs.replace(
        pool,
        model=change.model or pool.model,
        precision=change.precision or pool.precision,
        hardware=change.hardware or pool.hardware,
    )
    shape = _shape(change, asked)
    if change.model is not None or change.hardware is not None:
        changed = msgspec.structs.replace(changed, tp=best_layout(changed, shape))
    if change.model is not None and change.hardware is None:
        reading.notes.append(
            f"{change.name}: both models are taken to fit on {pool.name} beside each other"
        )
    found, _ = capacity(reading.factory, f"change.{change.name}", changed, shape, reading.sources)
    if found.output_mtok == 0:
        raise PlanError(
            f"{change.name}: users would wait too long at any load", hint="give another precision, model or limit",
            place=str(reading.factory.path),
        )  # fmt: skip
    return found


def _shape(change: Change, asked: Asked) -> Asked:
    """Requests after the change: longer or shorter prompts, another share of them in the cache."""
    isl = asked.isl + change.prompt_tokens
    if isl < 1:
        raise PlanError(
            f"{change.name}: prompts of {asked.isl} tokens cannot be {-change.prompt_tokens} shorter",
            hint="give fewer prompt_tokens",
        )
    hit = asked.cached_frac if change.hit_frac is None else change.hit_frac
    return msgspec.structs.replace(
        asked, isl=isl, input_mtok=asked.input_mtok * isl / asked.isl, cached_frac=hit
    )


def _with_node(reading: Reading, made: Work) -> Work:
    """More of the same service: its machines stand beside the pool's."""
    change, pool = made.change, made.pool
    assert change.hardware is not None
    again = msgspec.structs.replace(
        pool,
        model=change.model or pool.model,
        hardware=change.hardware,
        precision=change.precision or pool.precision,
        tp=None, paid_usd=None, idle_w=None, busy_w=None, slots=None,
    )  # fmt: skip
    again = msgspec.structs.replace(again, tp=best_layout(again, made.asked))
    node, catalog_usd = capacity(
        reading.factory, f"change.{change.name}", again, made.asked, reading.sources
    )
    frac, curve = resale(reading.factory.finance, change.hardware, reading.sources)
    return msgspec.structs.replace(
        made, node=node, node_usd=_node_usd(reading, change, catalog_usd),
        node_kept_frac_per_year=frac, node_curve=curve, node_upkeep_frac_per_year=upkeep(reading),
        alone_tok_per_s=alone_tok_per_s(pool, again, made.asked.workload),
    )  # fmt: skip


def _beside(reading: Reading, made: Work, node: Capacity, factor: float) -> Work:
    """What is taken over goes to machines of its own."""
    change = made.change
    frac, curve = resale(reading.factory.finance, change.hardware, reading.sources)
    return msgspec.structs.replace(
        made, factor=factor, speed_up=None, node=node, node_usd=change.usd,
        node_upkeep_frac_per_year=upkeep(reading),
        node_kept_frac_per_year=frac, node_curve=curve,
    )  # fmt: skip


def _node_usd(reading: Reading, change: Change, catalog_usd: float | None) -> float:
    if reading.factory.says("change", change.name, "usd"):
        return change.usd
    if catalog_usd is None:
        raise PlanError(
            f"what {change.hardware} costs is not known", hint="give usd",
            place=f"{reading.factory.path}: [[change]] {change.name}",
        )  # fmt: skip
    said = "catalog: newest price of its cards; nothing else is in it"
    return reading.sources.add(f"change.{change.name}.usd", catalog_usd, "USD", said)


# --- on an API ------------------------------------------------------------------------------------


def _on_api(reading: Reading, change: Change, pool: Pool, asked: Asked, terms: Terms) -> Work:
    """Bills of requests after the change over those before it."""
    if change.kind in ("quantise", "second-node"):
        raise PlanError(
            f"{pool.name} is somebody else's machine, which you cannot {_verb(change.kind)}",
            hint="name a pool with hardware, or see `wattmill buy`",
            place=f"{reading.factory.path}: [[change]] {change.name}",
        )
    api = model_api(reading, pool, f"pool.{pool.name}")
    moved = api
    if change.model is not None:
        moved = model_api(
            reading, msgspec.structs.replace(pool, name=change.name, model=change.model,
                                             uusd_per_mtok=None),
            f"change.{change.name}",
        )  # fmt: skip
    shape = _shape(change, asked)
    before, after = (
        sum(made.by_meter[kind] * price.usd for kind, price in one.prices.items())
        for made, one in ((asked, api), (shape, moved))
    )
    share = change.traffic_frac
    factor = 1 - share + share * (after / before + change.retry_frac)
    return Work(
        change=change, pool=pool, asked=asked, terms=terms, before=None, factor=factor,
        speed_up=None, prices=api.prices,
    )  # fmt: skip


def _verb(kind: str) -> str:
    return "quantise" if kind == "quantise" else "add a node to"
