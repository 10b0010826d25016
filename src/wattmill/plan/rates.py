"""How fast a pool of the factory file drains: the two numbers that a router wants."""

from __future__ import annotations

from wattmill.catalog.factory import Factory, Pool
from wattmill.core.errors import PlanError
from wattmill.physics.deployment import deployment_of
from wattmill.physics.performance import StepRates, step_rates


def pool_step_rates(pool: Pool) -> StepRates:
    """Seconds and rates of a pool that has hardware; PlanError or CatalogError otherwise."""
    deployment = deployment_of(pool)
    if deployment is None:
        raise PlanError(
            f"pool {pool.name!r} has no hardware", hint='add hardware = "4x L40S" to the pool'
        )
    most = deployment.model.max_context_tokens
    context = None if pool.context is None else min(pool.context, most)
    return step_rates(deployment, context_tokens=context, slots=pool.slots)


def pool_rates(factory: Factory, pool: Pool) -> tuple[float, float]:
    """(prefill, decode) tokens per second of the whole pool when it is full."""
    try:
        rates = pool_step_rates(pool)
    except PlanError as error:
        error.place = error.place or str(factory.path)
        raise
    return rates.prefill_tok_per_s, rates.decode_tok_per_s
