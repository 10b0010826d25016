"""What one engine iteration must move, compute, launch and send: counts alone, no efficiency.

Counts are per card of a replica. With attention data parallelism (dp) each group of tp cards has
its own share of the sequences, and routed experts are spread over all tp · dp cards.
Pipeline stages (pp) take turns for one step, so a step meets all layers whatever pp is.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import msgspec

from wattmill.catalog.models import ModelSpec
from wattmill.catalog.precision import KV_BITS
from wattmill.core.errors import PlanError
from wattmill.physics.deployment import Deployment
from wattmill.physics.links import all_reduce
from wattmill.physics.memory import weight_bytes

ACTIVATION_BYTES = 2.0
EXCHANGE_FRAC = 0.4
REDUCES_PER_LAYER = 2.0
"""One after attention, one after the MLP (Shoeybi et al., Megatron-LM, 2019)."""


class Demand(msgspec.Struct, frozen=True):
    """Bytes, operations, layers and messages of a step; numbers, or arrays of them.

    *_token_flop: operations per token of a step. kv_*: per token of context. pair_flop: per pair of
    prompt tokens. *_bytes_per_s, *_flops_per_s: rates of one card; the fp32 rate of its vector units
    is infinite where no data sheet states it.
    """

    bandwidth_bytes_per_s: Any
    dense_flops_per_s: Any
    expert_flops_per_s: Any
    wide_flops_per_s: Any
    vector_flops_per_s: Any
    dense_bytes: Any
    dense_token_flop: Any
    expert_bytes: Any
    expert_token_flop: Any
    expert_miss_frac: Any
    kv_bytes: Any
    kv_flop: Any
    window_kv_bytes: Any
    window_kv_flop: Any
    window_tokens: Any
    sparse_kv_bytes: Any
    sparse_kv_flop: Any
    sparse_tokens: Any
    state_bytes: Any
    pair_flop: Any
    window_pair_flop: Any
    attention_layers: Any
    latent_layers: Any
    sparse_layers: Any
    state_layers: Any
    mlp_layers: Any
    moe_layers: Any
    shared_layers: Any
    layers: Any
    reduces: Any
    reduce_token_bytes: Any
    reduce_latency_s: Any
    reduce_s_per_byte: Any
    exchanges: Any
    exchange_token_bytes: Any
    exchange_s_per_byte: Any
    copies: Any
    hops: Any


def demand(deployment: Deployment) -> Demand:
    """The counts of a deployment, per replica."""
    d, m = deployment, deployment.model
    weights = weight_bytes(m, d.precision, d.runtime)
    cards = d.tp * d.dp
    card = d.hardware.accelerator
    latency_s, s_per_byte = all_reduce(card.link, d.tp, card.link_devices)
    exchanges = 2.0 * m.moe_layers if d.dp > 1 else 0.0
    return Demand(
        bandwidth_bytes_per_s=card.bandwidth_bytes_per_s,
        dense_flops_per_s=d.dense_flops_per_s,
        expert_flops_per_s=d.flops_per_s,
        wide_flops_per_s=d.wide_flops_per_s,
        vector_flops_per_s=card.flops_per_s.get("fp32", math.inf),
        dense_bytes=weights.dense / d.tp,
        dense_token_flop=2.0 * dense_params(m) / d.tp,
        expert_bytes=weights.experts / cards,
        expert_token_flop=2.0 * m.expert_params * m.experts_per_token / m.experts / cards,
        expert_miss_frac=1.0 - m.experts_per_token / m.experts if m.moe_layers else 1.0,
        **_kv(d),
        **_kinds(m),
        layers=float(m.layers),
        reduces=REDUCES_PER_LAYER * m.layers if d.tp > 1 else 0.0,
        reduce_token_bytes=ACTIVATION_BYTES * m.hidden,
        reduce_latency_s=latency_s,
        reduce_s_per_byte=s_per_byte,
        exchanges=exchanges,
        exchange_token_bytes=ACTIVATION_BYTES * m.hidden * min(m.experts_per_token, d.dp),
        exchange_s_per_byte=s_per_exchanged_byte(d) if d.dp > 1 else 0.0,
        copies=float(d.dp),
        hops=d.pp - 1.0,
    )  # fmt: skip


def s_per_exchanged_byte(deployment: Deployment) -> float:
    """Of an all-to-all: 0.4 of the line rate, as DeepEP reaches within a node."""
    rate = deployment.hardware.accelerator.link_bytes_per_s
    if rate is None:
        raise PlanError(
            f"{deployment.hardware.accelerator.name} has no link to exchange tokens over",
            hint="set dp = 1",
        )
    return 1.0 / (EXCHANGE_FRAC * rate)


@lru_cache(maxsize=1024)
def dense_params(model: ModelSpec) -> float:
    """Weights that every token multiplies: all but experts, tables and towers."""
    looked_up = 0.0 if model.tied else model.embedding_params
    inner = model.params - model.expert_params - model.lookup_params - model.encoder_params
    return float(max(0.0, inner - looked_up))


def _kinds(m: ModelSpec) -> dict[str, float]:
    """Layers by what they launch."""
    attending = m.attention_layer_count
    sparse = min(m.index_layers, attending) if m.sparse_tokens else 0
    rest = attending - sparse
    return {
        "attention_layers": 0.0 if m.latent_dim else float(rest),
        "latent_layers": float(rest) if m.latent_dim else 0.0,
        "sparse_layers": float(sparse),
        "state_layers": float(m.state_layers),
        "mlp_layers": float(m.mlp_layer_count),
        "moe_layers": float(m.moe_layers),
        "shared_layers": float(m.moe_layers if m.shared_expert_hidden else 0),
    }


def _kv(d: Deployment) -> dict[str, float]:
    """KV read and attention computed per token of context, on one card."""
    m, element = d.model, KV_BITS[d.kv_precision] / 8
    shards = d.tp / d.kv_copies
    full = m.full_kv_elements_per_token * element / shards
    window = m.window_kv_elements_per_token * element / shards
    index = m.index_elements_per_token * 1.0
    full_flop = 2.0 * m.full_layer_count * m.latent_pair_elements / d.tp
    window_flop = 2.0 * m.window_layers * m.latent_pair_elements / d.tp
    state = 2.0 * m.state_elements_per_sequence * m.state_bits / 8 / min(d.tp, m.kv_heads)
    chosen = m.sparse_tokens > 0
    return {
        "kv_bytes": index if chosen else full,
        "kv_flop": 0.0 if chosen else full_flop,
        "window_kv_bytes": window,
        "window_kv_flop": window_flop,
        "window_tokens": float(m.window_tokens),
        "sparse_kv_bytes": full if chosen else 0.0,
        "sparse_kv_flop": full_flop if chosen else 0.0,
        "sparse_tokens": float(m.sparse_tokens),
        "state_bytes": state,
        "pair_flop": 2.0 * m.full_layer_count * m.pair_elements / d.tp,
        "window_pair_flop": 2.0 * m.window_layers * m.pair_elements / d.tp,
    }
