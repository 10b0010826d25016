"""An engine's own token counters, read from its metrics: what the books are held against.

Names drift between versions of an engine: a name that is not there makes the whole *unknown*, never 0.
"""

from wattmill.gateway.health import gauge
from wattmill.ledger.reconcile import Tokens

_NAMES = {
    "llama.cpp": (
        "llamacpp:prompt_tokens_total",
        "llamacpp:prompt_tokens_cached_total",
        "llamacpp:tokens_predicted_total",
    ),
}
"""Counters of uncached input, cached input and output, by engine."""


def token_counters(engine: str, metrics: str) -> Tokens | None:
    """What an engine has counted since it started; ``None`` when its metrics do not say."""
    counts = [gauge(metrics, name) for name in _NAMES.get(engine, ())]
    if not counts or None in counts:
        return None
    return Tokens(*(count for count in counts if count is not None))
