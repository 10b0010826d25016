"""Open models: the shape that decides bytes and operations, from the published configurations.

A shape is counted in *layers of a kind*. A layer mixes tokens (attention, a recurrent state, or
both side by side) and then widens (a dense MLP, routed experts, or both); an architecture that puts
only one of them in a block says so by `attention_layers` and `mlp_layers`. `shape_params` adds the
kinds up again, so that a row is checked against the total its publisher states.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Literal

import msgspec

from wattmill.catalog.names import plain
from wattmill.catalog.precision import WEIGHT_BITS
from wattmill.catalog.table import NAMES, Named, by_every_name, by_name, look_up, read_rows
from wattmill.catalog.user_file import user_catalog_path, user_rows
from wattmill.core.errors import CatalogError

Kind = Literal["decoder", "encoder", "encoder-decoder"]
Modality = Literal["text", "vision", "speech", "embedding"]
Bias = Literal["none", "qkv", "all"]


class ModelSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The shape of one model; widths in elements, params in weights, contexts in tokens.

    params: all weights that an engine loads to serve it, without multi-token-prediction heads.
    family: the architecture; derivatives under other names share it. kind, modality: what it does;
    "embedding" is rerankers, too. default_precision: as the publisher ships the weights.

    heads, kv_heads, head_dim, value_dim: attention; `value_dim` where values are wider or narrower
    than keys. attention_layers: None is all layers without recurrent state. kv_layers: layers that
    store KV of their own; None is all that attend. gated_attention: queries carry an output gate.
    window_*: layers whose attention sees that many tokens, and their heads where they differ.
    latent_dim, kv_lora, q_lora: multi-head latent attention keeps latent_dim elements per token and
    layer (kv_lora and a rotary part) and makes queries from q_lora. kv_kept_frac: entries kept per
    token by compressed attention, mean over layers. sparse_tokens: tokens that attention reads at
    most, chosen by an indexer (index_*) with keys of its own, kept for so many of the tokens.
    attention_weights: weights of one
    attention layer, where the widths do not give them.

    cross_layers, cross_tokens: attention to a fixed memory of an encoder.
    state_layers: layers with a constant state; state_elements: its elements per layer and sequence;
    state_params: weights of one such mixer; state_bits: of one element.

    mlp_hidden, mlp_layers, mlp_matrices: dense MLPs (mean width), 3 matrices if gated, 2 if not,
    for experts as well. experts, experts_per_token: routed experts; 1 and 1 is dense.
    expert_hidden, moe_layers: inner width of one, and layers that have them. expert_width: width
    of their input where it is not `hidden`. shared_expert_hidden: of all shared ones of a layer.

    tied: the input embedding is also the output head. lookup_params: tables of which a token reads
    single rows. position_rows: learned positions. bias: of attention inputs, or of everything.
    encoder_params, encoder_tokens: a tower for images or sound, part of params, and the tokens that
    one image of 1024 x 1024 pixels or 30 s of sound becomes. mtp_layers: prediction heads.
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
    family: str = ""
    kind: Kind = "decoder"
    modality: Modality = "text"
    default_precision: str = "bf16"
    tied: bool = False
    bias: Bias = "none"
    attention_layers: int | None = None
    kv_layers: int | None = None
    value_dim: int | None = None
    gated_attention: bool = False
    attention_weights: float | None = None
    window_tokens: int = 0
    window_layers: int = 0
    window_heads: int | None = None
    window_kv_heads: int | None = None
    window_head_dim: int | None = None
    latent_dim: int = 0
    kv_lora: int = 0
    q_lora: int = 0
    kv_kept_frac: float = 1.0
    sparse_tokens: int = 0
    index_layers: int = 0
    index_heads: int = 0
    index_dim: int = 0
    index_kept_frac: float = 1.0
    cross_layers: int = 0
    cross_tokens: int = 0
    state_layers: int = 0
    state_elements: int = 0
    state_params: float = 0.0
    state_bits: int = 16
    mlp_hidden: int = 0
    mlp_layers: int | None = None
    mlp_matrices: int = 3
    experts: int = 1
    experts_per_token: int = 1
    expert_hidden: int = 0
    expert_width: int | None = None
    moe_layers: int = 0
    shared_expert_hidden: int = 0
    lookup_params: float = 0.0
    position_rows: int = 0
    encoder_params: float = 0.0
    encoder_tokens: int = 0
    mtp_layers: int = 0
    confidence: str = "high"

    # --- layers by kind ---------------------------------------------------------------------------

    @property
    def attention_layer_count(self) -> int:
        """Layers whose tokens attend to the tokens before them."""
        if self.attention_layers is not None:
            return self.attention_layers
        return self.layers - self.state_layers

    @property
    def full_layer_count(self) -> int:
        """Attention layers that see the whole context."""
        return self.attention_layer_count - self.window_layers

    @property
    def kv_layer_count(self) -> int:
        """Layers that store KV; an encoder keeps none."""
        if self.kind == "encoder":
            return 0
        return self.attention_layer_count if self.kv_layers is None else self.kv_layers

    @property
    def window_kv_layer_count(self) -> int:
        """KV layers that forget what left their window; sharing keeps the pattern of layers."""
        if self.attention_layer_count == 0:
            return 0
        return self.kv_layer_count * self.window_layers // self.attention_layer_count

    @property
    def full_kv_layer_count(self) -> int:
        """KV layers that keep the whole context."""
        return self.kv_layer_count - self.window_kv_layer_count

    @property
    def mlp_layer_count(self) -> int:
        """Layers with a dense MLP."""
        return self.layers - self.moe_layers if self.mlp_layers is None else self.mlp_layers

    # --- weights ----------------------------------------------------------------------------------

    @property
    def embedding_params(self) -> float:
        """Weights of one embedding matrix."""
        return float(self.vocab * self.hidden)

    @property
    def head_params(self) -> float:
        """Weights that turn a state into logits; the embedding itself where they are tied."""
        return 0.0 if self.kind == "encoder" else self.embedding_params

    @property
    def query_dim(self) -> int:
        """Width of one query: head_dim, and the rotary part beside it in latent attention."""
        return self.head_dim + (self.latent_dim - self.kv_lora if self.kv_lora else 0)

    @property
    def head_value_dim(self) -> int:
        """Width of one value, as wide as a key unless the row says otherwise."""
        return self.head_dim if self.value_dim is None else self.value_dim

    @property
    def attention_params(self) -> float:
        """Weights of one full-context attention layer: queries, keys, values, output, gate."""
        if self.attention_weights is not None:
            return self.attention_weights
        if self.kv_lora:
            return self._latent_params()
        return self._attention_params(self.heads, self.kv_heads, self.head_dim, self.head_value_dim)

    @property
    def window_attention_params(self) -> float:
        """Weights of one windowed attention layer."""
        if self.kv_lora or self.attention_weights is not None:
            return self.attention_params
        heads = self.window_heads or self.heads
        return self._attention_params(
            heads, self._window_kv_heads, self._window_head_dim, self._window_value_dim
        )

    @property
    def index_params(self) -> float:
        """Weights of one indexer of sparse attention: its queries, its key, its head weights."""
        queries = self.q_lora or self.hidden
        return float(
            queries * self.index_heads * self.index_dim
            + self.hidden * (self.index_dim + self.index_heads)
        )

    @property
    def mlp_params(self) -> float:
        """Weights of one dense MLP."""
        return float(self.mlp_matrices * self.hidden * self.mlp_hidden)

    @property
    def params_per_expert(self) -> float:
        """Weights of one routed expert of one layer."""
        return float(self.mlp_matrices * (self.expert_width or self.hidden) * self.expert_hidden)

    @property
    def expert_params(self) -> float:
        """Weights of all routed experts of all layers."""
        return self.params_per_expert * self.experts * self.moe_layers

    @property
    def shared_expert_params(self) -> float:
        """Weights of the shared experts of one layer."""
        return float(self.mlp_matrices * self.hidden * self.shared_expert_hidden)

    @property
    def router_params(self) -> float:
        """Weights that choose experts in one layer, and that lead to and from a narrower width."""
        if not self.moe_layers:
            return 0.0
        return float(self.hidden * (self.experts + 2 * (self.expert_width or 0)))

    @property
    def active_params(self) -> float:
        """Weights that one text token meets in one step, embeddings included.

        Experts that it does not choose, tables of which it reads a row, and towers for images or
        sound are left out.
        """
        idle = self.expert_params * (1 - self.experts_per_token / self.experts)
        return self.params - idle - self.lookup_params - self.encoder_params

    @property
    def mtp_params(self) -> float:
        """Weights of the multi-token-prediction heads, which `params` leaves out.

        Each is one layer like the last of the model and a joint of two states; embedding and head
        are shared. Error: 5 %.
        """
        widening = self.params_per_expert * self.experts + self.shared_expert_params
        layer = self.attention_params + (widening if self.moe_layers else self.mlp_params)
        return self.mtp_layers * (layer + 2.0 * self.hidden**2)

    @property
    def shape_params(self) -> float:
        """All weights as the shape gives them: what `params` is checked against.

        Error: below 0.5 % for transformers, 3 % for hybrids and models with towers (small norms,
        gates and convolutions are left out).
        """
        matrices = 1 if self.tied or self.kind == "encoder" else 2
        return (
            self.embedding_params * matrices
            + self.lookup_params
            + self.position_rows * self.hidden
            + self._mixer_params()
            + self._widening_params()
            + self._small_params()
            + self.encoder_params
        )

    # --- what a sequence keeps --------------------------------------------------------------------

    @property
    def kv_elements_per_layer(self) -> int:
        """Elements that one full-context layer keeps per token: keys and values, or the latent."""
        if self.latent_dim:
            return self.latent_dim
        return self.kv_heads * (self.head_dim + self.head_value_dim)

    @property
    def window_kv_elements_per_layer(self) -> int:
        """Elements that one windowed layer keeps per token inside its window."""
        if self.latent_dim:
            return self.latent_dim
        return self._window_kv_heads * (self._window_head_dim + self._window_value_dim)

    @property
    def full_kv_elements_per_token(self) -> float:
        """KV elements that every token of a long context adds, over all full-context layers."""
        return self.full_kv_layer_count * self.kv_elements_per_layer * self.kv_kept_frac

    @property
    def window_kv_elements_per_token(self) -> float:
        """KV elements that a token adds over all windowed layers, until their window is full."""
        return float(self.window_kv_layer_count * self.window_kv_elements_per_layer)

    @property
    def index_elements_per_token(self) -> float:
        """Keys of the indexers of sparse attention, over all layers; engines keep them in 8 bits."""
        return self.index_layers * self.index_dim * self.index_kept_frac

    @property
    def cross_kv_elements(self) -> int:
        """KV of the encoder's memory, per sequence whatever its length."""
        return self.cross_layers * self.cross_tokens * self.kv_elements_per_layer

    @property
    def state_elements_per_sequence(self) -> int:
        """Elements of all recurrent states of one sequence, whatever its length."""
        return self.state_layers * self.state_elements

    @property
    def pair_elements(self) -> int:
        """Multiply-adds of one layer for a pair of tokens: the score and the weighted value."""
        return self.heads * (self.query_dim + self.head_value_dim)

    @property
    def latent_pair_elements(self) -> int:
        """The same in decode with latent attention, which works on the latent itself."""
        return self.heads * (self.latent_dim + self.kv_lora) if self.kv_lora else self.pair_elements

    # --- parts ------------------------------------------------------------------------------------

    @property
    def _window_kv_heads(self) -> int:
        return self.window_kv_heads or self.kv_heads

    @property
    def _window_head_dim(self) -> int:
        return self.window_head_dim or self.head_dim

    @property
    def _window_value_dim(self) -> int:
        return self.window_head_dim or self.head_value_dim

    def _attention_params(self, heads: int, kv_heads: int, key: int, value: int) -> float:
        queries = heads * key + (heads * value if self.gated_attention else 0)
        inputs = self.hidden * (queries + kv_heads * (key + value))
        biases = 0 if self.bias == "none" else queries + kv_heads * (key + value)
        return float(inputs + heads * value * self.hidden + biases)

    def _latent_params(self) -> float:
        """Projections down to the latents and up to the heads (DeepSeek-V2, arXiv 2405.04434)."""
        queries = self.heads * self.query_dim
        down_and_up = (
            self.q_lora * (self.hidden + queries) if self.q_lora else self.hidden * queries
        )
        keys_values = self.kv_lora * self.heads * (self.head_dim + self.head_value_dim)
        outputs = self.heads * self.head_value_dim * self.hidden
        gate = outputs if self.gated_attention else 0
        return float(down_and_up + self.hidden * self.latent_dim + keys_values + outputs + gate)

    def _mixer_params(self) -> float:
        return (
            (self.full_layer_count + self.cross_layers) * self.attention_params
            + self.window_layers * self.window_attention_params
            + self.index_layers * self.index_params
            + self.state_layers * self.state_params
        )

    def _widening_params(self) -> float:
        routed = self.shared_expert_params + self.router_params
        return (
            self.mlp_layer_count * self.mlp_params + self.expert_params + self.moe_layers * routed
        )

    def _small_params(self) -> float:
        """Two norms a layer and one at the end; biases of what follows attention."""
        norms = self.hidden * (2 * self.layers + 1)
        if self.bias != "all":
            return float(norms)
        mlp = self.mlp_hidden * (self.mlp_matrices - 1) + self.hidden
        experts = self.experts * (self.expert_hidden * (self.mlp_matrices - 1) + self.hidden)
        attention = (self.attention_layer_count + self.cross_layers) * self.hidden
        return float(norms + attention + self.mlp_layer_count * mlp + self.moe_layers * experts)


def possible(spec: ModelSpec, place: str = "") -> ModelSpec:
    """The same row, if a model can have that shape; CatalogError with the figures if not.

    `place` is the file that the row is from.
    """
    for wrong, message in _contradictions(spec):
        if wrong:
            hint = "compare with the model's config.json; `wattmill import model` reads one"
            raise CatalogError(f"[[model]] {spec.name}: {message}", hint=hint, place=place)
    return spec


def _contradictions(m: ModelSpec) -> tuple[tuple[bool, str], ...]:
    return (*_impossible_numbers(m), *_impossible_layers(m))


def _impossible_numbers(m: ModelSpec) -> tuple[tuple[bool, str], ...]:
    least_of_one = ("layers", "hidden", "heads", "kv_heads", "head_dim", "vocab")
    fractions = (m.kv_kept_frac, m.index_kept_frac)
    return (
        *((getattr(m, f) < 1, f"{f} = {getattr(m, f)}") for f in least_of_one),
        (m.max_context_tokens < 1, f"max_context_tokens = {m.max_context_tokens}"),
        *((value < 0, f"{name} = {value}") for name, value in _numbers(m)),
        (not 0 < m.params < 1e15, f"params = {m.params}"),
        (m.kv_heads < 1 or m.heads % m.kv_heads != 0, f"{m.kv_heads} KV heads for {m.heads} heads"),
        (not all(0 < f <= 1 for f in fractions), f"kept fractions {fractions}"),
        (
            not 1 <= m.experts_per_token <= m.experts,
            f"{m.experts_per_token} of {m.experts} experts",
        ),
        (m.encoder_params > m.params, f"encoder_params = {m.encoder_params} of {m.params}"),
        (m.default_precision not in WEIGHT_BITS, f"default_precision = {m.default_precision!r}"),
    )


def _numbers(m: ModelSpec) -> list[tuple[str, float]]:
    return [
        (name, value)
        for name in m.__struct_fields__
        if isinstance(value := getattr(m, name), int | float)
    ]


def _impossible_layers(m: ModelSpec) -> tuple[tuple[bool, str], ...]:
    parts = {
        "attention_layers": m.attention_layer_count,
        "state_layers": m.state_layers,
        "cross_layers": m.cross_layers,
        "moe_layers": m.moe_layers,
        "mlp_layers": m.mlp_layer_count,
    }
    return (
        *(
            (not 0 <= n <= m.layers, f"{name} = {n} of {m.layers} layers")
            for name, n in parts.items()
        ),
        (m.kv_layer_count > m.attention_layer_count, f"kv_layers = {m.kv_layers}"),
        (m.window_layers > m.attention_layer_count, f"window_layers = {m.window_layers}"),
        (m.window_layers > 0 and m.window_tokens < 1, f"window_tokens = {m.window_tokens}"),
        (m.moe_layers > 0 and m.experts < 2, f"{m.moe_layers} layers of {m.experts} experts"),
    )


@cache
def models() -> tuple[ModelSpec, ...]:
    """Every model of the catalog; CatalogError for a row of the user that no model can have."""
    return tuple(_checked(row) for row in read_rows("models.toml", "model", ModelSpec))


@cache
def _mine() -> set[str]:
    return {by_name(row) for row in user_rows("model")}


def _checked(row: ModelSpec) -> ModelSpec:
    return possible(row, str(user_catalog_path())) if plain(row.name) in _mine() else row


@cache
def _by_name() -> dict[str, Named[ModelSpec]]:
    return by_every_name("models.toml", "model", ModelSpec, _checked)


@lru_cache(NAMES)
def model(name: str) -> ModelSpec:
    """The model called `name`; CatalogError with the nearest names."""
    return look_up("model", name, _by_name())
