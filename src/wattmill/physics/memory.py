"""What the memory must hold and what is left for users."""

from __future__ import annotations

import msgspec

from wattmill.catalog.models import ModelSpec
from wattmill.catalog.precision import KV_BITS, WEIGHT_BITS
from wattmill.core.errors import PlanError
from wattmill.physics.deployment import EXPERTS_ONLY, Deployment
from wattmill.physics.efficiency import (
    ACTIVATION_TOKENS,
    ACTIVATION_WIDTHS,
    CONTEXT_BYTES,
    UNIFIED_USABLE_FRAC,
    USABLE_FRAC,
    Runtime,
)

WHOLE_FILE = ("fp32", "bf16", "fp16", "f16")
REST_BITS: dict[Runtime, float] = {"server": 16.0, "llama": 8.5}


class WeightBytes(msgspec.Struct, frozen=True):
    """Bytes of a model's weights by how a step reads them.

    dense: read by every step. experts: read as far as tokens choose them. lookup: the input
    embedding and tables, of which a step reads single rows, and towers that text does not meet.
    """

    dense: float
    experts: float
    lookup: float

    @property
    def total(self) -> float:
        """All bytes that memory must hold."""
        return self.dense + self.experts + self.lookup


def weight_bytes(model: ModelSpec, precision: str, kind: Runtime = "server") -> WeightBytes:
    """Bytes of the weights of `model` in `precision`, scales included.

    Servers keep embedding and head in 16 bits; a GGUF mixes types over the whole file, which its
    bits per weight already average. The 4-bit float formats cover the experts of a mixture alone:
    the rest is 16-bit in a server's checkpoint and q8_0 in a GGUF. Error: 1 % for 16-bit and fp8,
    3 % for K-quants, 5 % for 4-bit floats (published checkpoints: gpt-oss-20b 13.8 GB, as GGUF
    12.1 GB).
    """
    bits = WEIGHT_BITS[precision]
    outer_bits = bits if precision in WHOLE_FILE or _is_gguf(precision) else REST_BITS[kind]
    is_mixture = precision in EXPERTS_ONLY and model.experts > 1
    read_once = model.head_params if model.kind != "encoder" else 0.0
    looked_up = 0.0 if model.tied else model.embedding_params
    beside = read_once + looked_up + model.lookup_params + model.encoder_params
    inner = max(0.0, model.params - model.expert_params - beside)
    return WeightBytes(
        dense=(inner * (REST_BITS[kind] if is_mixture else bits) + read_once * outer_bits) / 8,
        experts=model.expert_params * bits / 8,
        lookup=(looked_up + model.lookup_params + model.encoder_params) * outer_bits / 8,
    )


def kv_bytes_per_token(model: ModelSpec, kv_precision: str = "fp16") -> float:
    """KV bytes that one more token of a short context takes, over all layers.

    2 · layers · kv_heads · head_dim · bytes, or layers · latent_dim · bytes with latent attention
    (which stores one joint vector); indexers keep 8 bits. Exact but for block rounding.
    """
    elements = model.full_kv_elements_per_token + model.window_kv_elements_per_token
    return elements * KV_BITS[kv_precision] / 8 + model.index_elements_per_token


def kv_bytes(model: ModelSpec, kv_precision: str, context_tokens: float) -> float:
    """KV bytes of one sequence of that context: windowed layers stop growing at their window.

    Recurrent states and the memory of an encoder are in it; they do not grow.
    """
    windowed = min(context_tokens, model.window_tokens) * model.window_kv_elements_per_token
    growing = context_tokens * model.full_kv_elements_per_token + windowed + model.cross_kv_elements
    state = model.state_elements_per_sequence * model.state_bits / 8
    index = context_tokens * model.index_elements_per_token
    return growing * KV_BITS[kv_precision] / 8 + index + state


class Fit(msgspec.Struct, frozen=True):
    """Where the bytes of one replica go. `free_bytes` is for KV and may be negative: no fit."""

    memory_bytes: float
    usable_bytes: float
    weights_bytes: float
    reserve_bytes: float
    kv_bytes_per_user: float
    context_tokens: int
    replicas: int

    @property
    def free_bytes(self) -> float:
        """What weights and reserve leave for KV."""
        return self.usable_bytes - self.weights_bytes - self.reserve_bytes

    @property
    def users(self) -> int:
        """Sequences of that context that all replicas hold at once; 0 if nothing fits."""
        return max(0, int(self.free_bytes // max(1.0, self.kv_bytes_per_user))) * self.replicas


def fit(deployment: Deployment, context_tokens: int) -> Fit:
    """What the memory of a deployment holds at a context of `context_tokens` (1 or more).

    Error: KV space within 2 % of what vLLM logged on RTX 4090 (8B bf16: 2,588 blocks of 16) and
    B200 (70B NVFP4: 773,312 tokens); the engine's own number is better where there is one.
    """
    model = deployment.model
    if not 1 <= context_tokens <= model.max_context_tokens:
        raise PlanError(
            f"a context of {context_tokens} tokens is not within 1 to {model.max_context_tokens}"
            f" of {model.name}",
            hint="give a context the model was made for",
        )
    return Fit(
        memory_bytes=deployment.cards * deployment.hardware.accelerator.memory_bytes,
        usable_bytes=usable_bytes(deployment),
        weights_bytes=held_weight_bytes(deployment),
        reserve_bytes=reserve_bytes(deployment),
        kv_bytes_per_user=deployment.kv_copies
        * kv_bytes(model, deployment.kv_precision, context_tokens),
        context_tokens=context_tokens,
        replicas=deployment.replicas,
    )


def held_weight_bytes(deployment: Deployment) -> float:
    """Weights of one replica: copies of attention each hold all that is no expert."""
    d = deployment
    weights = weight_bytes(d.model, d.precision, d.runtime)
    return d.dp * (weights.dense + weights.lookup) + weights.experts


def usable_bytes(deployment: Deployment) -> float:
    """What the engine may take of the memory of one replica."""
    accelerator = deployment.hardware.accelerator
    share = UNIFIED_USABLE_FRAC.get(accelerator.family, USABLE_FRAC[deployment.runtime])
    return deployment.cards * accelerator.memory_bytes * share


def reserve_bytes(deployment: Deployment) -> float:
    """Contexts of every card, and the activations of the largest step."""
    kind = deployment.runtime
    activations = ACTIVATION_TOKENS[kind] * ACTIVATION_WIDTHS * deployment.model.hidden * 2
    return deployment.cards * CONTEXT_BYTES[kind] + deployment.pp * activations


def _is_gguf(precision: str) -> bool:
    return precision.startswith(("q", "iq"))
