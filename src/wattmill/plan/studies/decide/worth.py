"""What the pools of a factory are worth to a decision: their tokens, their machines, and two of them together."""

from __future__ import annotations

import numpy as np

from wattmill.catalog.factory import Pool
from wattmill.catalog.systems import systems
from wattmill.finance.assets import Price
from wattmill.finance.depreciation import economic_value
from wattmill.physics.cluster import REDUCES_PER_LAYER, reduced_bytes, tp_speedup
from wattmill.physics.deployment import deployment_of
from wattmill.physics.links import all_reduce
from wattmill.physics.performance import Workload, performance
from wattmill.plan.studies.buy.apis import reference
from wattmill.plan.studies.buy.factory_reading import Reading
from wattmill.plan.studies.demand import Asked
from wattmill.plan.studies.machines import resale
from wattmill.plan.studies.running import moving
from wattmill.plan.studies.selling import token_prices

LINKS = ("ethernet-10", "ethernet-100")
"""What joins two machines in a room, where the catalog knows no link of their own."""
BYTES_PER_ACTIVATION = 2


def alone_tok_per_s(pool: Pool, node: Pool, shape: Workload) -> dict[str, float]:
    """Of one answer at a time: on the pool, and shared layer by layer with the same machines again."""
    one, two = deployment_of(pool), deployment_of(node)
    assert one is not None and two is not None
    if one.hardware != two.hardware or one.model != two.model:
        return {}
    step_s = 1 / performance(one, shape, load_frac=1.0).single_tok_per_s
    own = {s.scale_out.name for s in systems() if s.hardware == one.hardware and s.scale_out}
    found = {"on the pool": 1 / step_s}
    for link in sorted(own) or LINKS:
        latency_s, s_per_byte = all_reduce(link, 2)
        message = reduced_bytes(1, one.model.hidden, BYTES_PER_ACTIVATION)
        link_s = REDUCES_PER_LAYER * one.model.layers * (latency_s + message * s_per_byte)
        found[f"shared over {link}"] = tp_speedup(step_s, 2, link_s) / step_s
    return found


def waiting_prices(reading: Reading, pool: Pool, asked: Asked) -> dict[str, Price]:
    """What a waiting token is worth: the cloud that it spills to, else what tenants pay, else an API."""
    has_cloud = any(p.hardware is None and p.uusd_per_mtok for p in reading.factory.pools)
    if has_cloud or not reading.factory.rate_plans:
        return reference(reading, ()).prices
    usd = token_prices(reading.factory, pool, asked.workload, reading.sources)
    return {kind: moving(price, reading.growth, "token_price") for kind, price in usd.items()}


def values_usd(reading: Reading, pool: Pool, catalog_usd: float | None) -> tuple[float, ...]:
    """Market value of the pool at the end of each month of the study; nothing if its price is not known."""
    at = f"pool.{pool.name}.paid_usd"
    if pool.paid_usd is not None:
        paid = reading.sources.told(at, pool.paid_usd, "USD")
    elif catalog_usd is not None:
        paid = reading.sources.add(at, catalog_usd, "USD", "catalog: newest price of its cards")
    else:
        reading.notes.append(f"{pool.name}: what it cost is not known, so its wear is left out")
        return ()
    frac, curve = resale(reading.factory.finance, pool.hardware, reading.sources)
    age = 0
    if pool.bought is not None:
        bought = reading.sources.told(f"pool.{pool.name}.bought", pool.bought, "date")
        age = max(0, -reading.line.month(bought))
    worth = economic_value(paid, age + reading.line.months, frac, curve)
    return tuple(np.asarray(worth)[age:].tolist())
