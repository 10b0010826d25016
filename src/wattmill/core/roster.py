"""The roster: who may ask for what, at which price, served by which pools.

It is the whole configuration that the data plane needs, as one frozen value. The books write a new one whenever a
tenant, key, budget, price or route changes; the gateway swaps it in whole.
"""

from msgspec import Struct

from wattmill.core.records import Price


class Grant(Struct, frozen=True, array_like=True):
    """Prepaid credit of a tenant from ``granted_s`` on, until it is used up or ``expires_s`` has come."""

    id: str
    tenant: str
    amount_pusd: int
    priority: int
    granted_s: float
    expires_s: float | None = None

    def is_alive(self, at_s: float) -> bool:
        return self.granted_s <= at_s and not self.is_over(at_s)

    def is_over(self, at_s: float) -> bool:
        return self.expires_s is not None and self.expires_s <= at_s


class Tenant(Struct, frozen=True, array_like=True):
    """A customer. ``None`` means without such a limit.

    ``parent`` is the reseller who is billed for it. A ``prepaid`` tenant is served as far as its credit goes.
    """

    name: str
    plan: str
    timezone: str
    budget_pusd: int | None = None
    requests_per_minute: int | None = None
    max_concurrency: int | None = None
    parent: str | None = None
    prepaid: bool = False


class Key(Struct, frozen=True, array_like=True):
    """An API key, known only by the SHA-256 of its text. ``id`` is safe to print and to log."""

    id: str
    sha256: str
    tenant: str
    requests_per_minute: int | None = None
    max_concurrency: int | None = None
    budget_pusd: int | None = None


class Pool(Struct, frozen=True, array_like=True):
    """What serves: an engine's address and how fast it drains.

    ``prefill_tok_s`` and ``decode_tok_s`` are the rates of the whole pool when it is full; they come from physics
    where the catalog knows the hardware. Beyond ``slots`` up to ``max_waiting`` requests may queue. ``cost_*`` (pUSD
    per token) is set for a pool that charges by the token.
    """

    name: str
    url: str
    engine: str
    served_model: str
    api_key_env: str | None
    prefill_tok_s: float
    decode_tok_s: float
    slots: int
    max_waiting: int = 1024
    context: int | None = None
    cost_input: int | None = None
    cost_output: int | None = None

    @property
    def is_metered(self) -> bool:
        """Whether somebody else charges us for each token of this pool."""
        return self.cost_output is not None


class Model(Struct, frozen=True, array_like=True):
    """An alias that clients ask for, and the pools that may serve it, in order of preference."""

    alias: str
    route: tuple[str, ...]
    max_output_tokens: int | None = None


class Roster(Struct, frozen=True, array_like=True):
    """Everything that the data plane needs to know about tenants, keys, prices, models, pools and credit.

    All its money is in ``currency``, which words for clients name.
    """

    version: int
    tenants: tuple[Tenant, ...] = ()
    keys: tuple[Key, ...] = ()
    prices: tuple[Price, ...] = ()
    models: tuple[Model, ...] = ()
    pools: tuple[Pool, ...] = ()
    grants: tuple[Grant, ...] = ()
    currency: str = "USD"
