"""The factory file's pools and models as the data plane needs them."""

from wattmill.catalog import factory as catalog
from wattmill.core.errors import WattmillError
from wattmill.core.roster import Model, Pool
from wattmill.physics.deployment import deployment_of
from wattmill.physics.performance import step_rates

UNKNOWN_PREFILL_TOK_S = 1000.0
UNKNOWN_DECODE_TOK_S = 100.0
DEFAULT_SLOTS = 32
METERED_SLOTS = 256


def roster_models(factory: catalog.Factory) -> tuple[Model, ...]:
    """What clients may ask for."""
    return tuple(
        Model(model.alias, model.route, model.max_output_tokens) for model in factory.models
    )


def roster_pools(factory: catalog.Factory, urls: dict[str, str]) -> tuple[Pool, ...]:
    """What serves. ``urls`` gives the address of each embedded engine, by pool name."""
    return tuple(_pool(pool, urls, factory.serve.max_waiting) for pool in factory.pools)


def is_embedded(pool: catalog.Pool) -> bool:
    """Whether wattmill itself runs the engine."""
    return pool.url is None


def _pool(pool: catalog.Pool, urls: dict[str, str], max_waiting: int) -> Pool:
    prefill, decode = _rates(pool)
    prices = pool.uusd_per_mtok
    slots = pool.slots or (METERED_SLOTS if prices else DEFAULT_SLOTS)
    return Pool(
        name=pool.name,
        url=pool.url or urls.get(pool.name, "http://127.0.0.1:9/v1"),
        engine=pool.engine,
        served_model=pool.served_model or pool.model,
        api_key_env=pool.api_key_env,
        prefill_tok_s=prefill,
        decode_tok_s=decode,
        slots=slots,
        max_waiting=max_waiting,
        context=pool.context,
        cost_input=prices.input if prices else None,
        cost_output=prices.output if prices else None,
    )


def _rates(pool: catalog.Pool) -> tuple[float, float]:
    """Prefill and decode tokens per second of the full pool: from physics where the catalog knows the hardware."""
    try:
        deployment = deployment_of(pool)
        rates = deployment and step_rates(deployment, context_tokens=pool.context, slots=pool.slots)
    except WattmillError:
        rates = None
    if not rates:
        return UNKNOWN_PREFILL_TOK_S, UNKNOWN_DECODE_TOK_S
    return rates.prefill_tok_per_s, rates.decode_tok_per_s
