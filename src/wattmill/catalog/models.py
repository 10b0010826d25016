"""Open models: the shape that decides bytes and operations, from the published configurations."""

from __future__ import annotations

from functools import cache

import msgspec

from wattmill.catalog.names import plain
from wattmill.catalog.table import look_up, read_rows


class ModelSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A decoder-only transformer.

    params: all weights. experts, experts_per_token: routed experts of a mixture; 1 and 1 is dense.
    expert_hidden: inner width of one expert; moe_layers: layers that have experts.
    latent_dim: elements that multi-head latent attention keeps per token and layer; 0 is none.
    window_tokens, window_layers: layers whose attention sees only that many tokens.
    tied: the input embedding is also the output head.
    """

    name: str
    params: float
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    vocab: int
    max_context_tokens: int
    source: str
    as_of: str
    aliases: tuple[str, ...] = ()
    tied: bool = False
    experts: int = 1
    experts_per_token: int = 1
    expert_hidden: int = 0
    moe_layers: int = 0
    latent_dim: int = 0
    window_tokens: int = 0
    window_layers: int = 0
    confidence: str = "high"

    @property
    def embedding_params(self) -> float:
        """Weights of one embedding matrix."""
        return float(self.vocab * self.hidden)

    @property
    def expert_params(self) -> float:
        """Weights of all routed experts (three matrices each: gate, up, down)."""
        return 3.0 * self.hidden * self.expert_hidden * self.experts * self.moe_layers

    @property
    def active_params(self) -> float:
        """Weights that one token meets, embeddings included."""
        return self.params - self.expert_params * (1 - self.experts_per_token / self.experts)


@cache
def models() -> tuple[ModelSpec, ...]:
    """Every model of the catalog."""
    return read_rows("models.toml", "model", ModelSpec)


@cache
def _by_name() -> dict[str, ModelSpec]:
    return {plain(name): row for row in models() for name in (row.name, *row.aliases)}


def model(name: str) -> ModelSpec:
    """The model called `name`; CatalogError with the nearest names."""
    return look_up("model", name, _by_name())
