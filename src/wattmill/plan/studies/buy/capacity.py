"""What machines can make of a demand: Mtok a month in time, kW, seconds of each kind of token."""

from __future__ import annotations

import msgspec

from wattmill.catalog.factory import Factory, Pool
from wattmill.catalog.hardware import hardware
from wattmill.catalog.models import model
from wattmill.catalog.units import MEGA, SECONDS_PER_MONTH
from wattmill.core.errors import PlanError
from wattmill.physics.deployment import Deployment, deployment_of, layouts
from wattmill.physics.performance import full_batch, performance
from wattmill.plan.studies.demand import Asked
from wattmill.plan.studies.machines import Machines, machines
from wattmill.plan.studies.sourced import Sources

LEAST_LOAD = 0.01
"""Where users must wait too long at this share of full load already, machines cannot serve them."""


class Capacity(msgspec.Struct, frozen=True):
    """Machines under a demand. kW before cooling, for all of them; Mtok of output a month.

    full: at full load; in_time: as far as users wait no longer than they will. `error_frac`: the
    expected one of both. `seconds_per_mtok`: of the full pool, by kind of token. `copies`: of the
    model, which could do without each other.
    """

    name: str
    cards: int
    card: str
    copies: int
    full_output_mtok: float
    in_time_frac: float
    idle_kw: float
    busy_kw: float
    peak_kw: float
    error_frac: float
    binds: str
    seconds_per_mtok: dict[str, float]
    tpot_s: float

    @property
    def output_mtok(self) -> float:
        """Mtok of output in a month, in time."""
        return self.full_output_mtok * self.in_time_frac


def capacity(
    factory: Factory, at: str, pool: Pool, asked: Asked, sources: Sources
) -> tuple[Capacity, float | None]:
    """A pool under the demand, and its price in the catalog (None: none). `at`: what its sources are called.

    PlanError if it holds not one request.
    """
    own = Sources(factory)
    try:
        found = machines(pool, asked.workload, own)
    except PlanError as error:
        where = f"{factory.path}: {at}"
        raise PlanError(error.message, hint=error.hint, place=where) from None
    deployment = deployment_of(pool)
    assert found is not None and deployment is not None, "machines have hardware"
    for each in own.all:
        name = each.name.replace(f"pool.{pool.name}", at, 1)
        if not name.endswith("paid_usd"):
            sources.add(name, each.value, each.unit, each.source)  # type: ignore[type-var]
    share = _in_time(deployment, asked, pool)
    if asked.ttft_s is not None or asked.tpot_s is not None:
        said = "computed by physics: the most load at which users do not wait too long"
        sources.add(f"{at}.in_time_frac", share, "share", said)
    return _capacity(found, deployment, share, asked, pool), found.paid_usd


def best_layout(pool: Pool, asked: Asked) -> int | None:
    """By how many cards each layer is shared, so that most is made in time; None where none holds a request."""
    assert pool.hardware is not None
    cards, heads = hardware(pool.hardware).count, model(pool.model).heads
    made = {}
    for tp in layouts(cards, heads):
        laid = msgspec.structs.replace(pool, tp=tp)
        deployment = deployment_of(laid)
        assert deployment is not None
        if full_batch(deployment, asked.workload) >= 1:
            seen = performance(deployment, asked.workload, load_frac=1.0)
            made[tp] = seen.full_tok_per_s * _in_time(deployment, asked, laid)
    return max(made, key=lambda tp: made[tp], default=None)


def _capacity(
    found: Machines, deployment: Deployment, share: float, asked: Asked, pool: Pool
) -> Capacity:
    seen = performance(
        deployment, asked.workload, load_frac=max(share, LEAST_LOAD), slots=pool.slots
    )
    return Capacity(
        name=pool.name,
        cards=found.cards,
        card=found.card,
        copies=deployment.replicas,
        full_output_mtok=found.full_tok_per_s * SECONDS_PER_MONTH / MEGA,
        in_time_frac=share,
        idle_kw=found.idle_kw,
        busy_kw=found.busy_kw,
        peak_kw=found.peak_kw,
        error_frac=found.error_frac,
        binds=found.binds,
        seconds_per_mtok={
            name.removesuffix("_mtok"): s for name, s in found.seconds_per_mtok.items()
        },
        tpot_s=seen.tpot_s,
    )


def _in_time(deployment: Deployment, asked: Asked, pool: Pool) -> float:
    """The most load at which TTFT and TPOT are within their limits; 0 if at none."""

    def waits(load: float) -> bool:
        seen = performance(deployment, asked.workload, load_frac=load, slots=pool.slots)
        late = asked.ttft_s is not None and seen.ttft_s > asked.ttft_s
        return late or (asked.tpot_s is not None and seen.tpot_s > asked.tpot_s)

    if (asked.ttft_s is None and asked.tpot_s is None) or not waits(1.0):
        return 1.0
    low, high = LEAST_LOAD, 1.0
    if waits(low):
        return 0.0
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (low, middle) if waits(middle) else (middle, high)
    return low
