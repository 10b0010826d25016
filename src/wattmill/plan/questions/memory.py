"""What memory holds: weights, KV cache, and the sequences that fit beside the weights."""

from typing import Annotated

from wattmill.core.errors import PlanError
from wattmill.physics import memory as physics
from wattmill.physics.calibration import runtime
from wattmill.plan.questions.deployments import Laid, Placed, within
from wattmill.plan.questions.inputs import (
    BITS_16,
    Batch,
    Bits,
    Bytes,
    Context,
    Engine,
    KvPerToken,
    KvPrecision,
    Layers,
    Memory,
    Model,
    Params,
    Precision,
    Users,
    count,
    share,
)
from wattmill.plan.questions.registry import Found, question

SHAPE = "Shape of the model as published (config.json); bytes per element of the format"
WEIGHTS = "Parameter count as published; bits per weight with scales (llama.cpp, OCP MX, NVFP4)"
FIT = "wattmill.physics.memory: engine reserves checked on vLLM logs (KV space within 2 %)"
Heads = Annotated[float, count("attention heads", 1e4)]
KvHeads = Annotated[float, count("heads that store keys and values", 1e4)]
HeadDim = Annotated[float, count("width of one head", 1e4)]
LatentDim = Annotated[float, count("elements kept per token and layer", 1e5)]


@question("memory", gives="B/token", source=SHAPE)
def kv_bytes_per_token(model: Model, kv_precision: KvPrecision = "fp16") -> float:
    """KV bytes that one more token takes, over all layers of a model.

    2 · layers · KV heads · head width · bytes; latent attention keeps one joint vector instead.
    """
    return physics.kv_bytes_per_token(model, kv_precision)


@question("memory", gives="GB", source=SHAPE)
def kv_cache_gb(
    model: Model, context: Context = 8192, batch: Batch = 1, kv_precision: KvPrecision = "fp16"
) -> float:
    """KV cache of `batch` sequences of `context` tokens; windowed layers stop at their window."""
    within(model, context)
    return batch * physics.kv_bytes(model, kv_precision, context)


@question("memory", gives="B/token", source=SHAPE)
def kv_bytes_of_shape(
    layers: Layers, kv_heads: KvHeads, head_dim: HeadDim, bits: Bits = BITS_16
) -> float:
    """KV bytes per token of any shape: 2 · layers · KV heads · head width · bytes."""
    return 2 * layers * kv_heads * head_dim * bits


@question(
    "memory", gives="B/token", source="DeepSeek-V2 technical report: one latent per token and layer"
)
def latent_kv_bytes(layers: Layers, latent_dim: LatentDim, bits: Bits = BITS_16) -> float:
    """KV bytes per token of multi-head latent attention: layers · latent elements · bytes."""
    return layers * latent_dim * bits


@question("memory", gives="x", source="Definition of grouped-query attention")
def gqa_reduction(heads: Heads, kv_heads: KvHeads) -> float:
    """How much smaller the KV cache is when `heads` query heads share `kv_heads`."""
    return heads / kv_heads


@question("memory", gives="%", source="DeepSeek-V2 technical report; definition of both caches")
def latent_kv_saving(latent_dim: LatentDim, kv_heads: KvHeads, head_dim: HeadDim) -> float:
    """Share of a per-head KV cache that latent attention saves at the same number format."""
    return 1 - latent_dim / (2 * kv_heads * head_dim)


@question("memory", gives="x", source="Definition of sliding-window attention")
def window_kv_reduction(
    context: Context,
    window: Annotated[float, count("tokens that a windowed layer keeps", unit="tokens")],
    windowed_share: Annotated[float, share("share of the layers that are windowed")] = 1.0,
) -> float:
    """How much smaller the KV cache is when a share of the layers keeps only a window."""
    kept = windowed_share * min(context, window) + (1 - windowed_share) * context
    return context / kept


@question("memory", gives="GB", source=WEIGHTS, error_frac=0.03)
def weights_gb(model: Model, precision: Precision = "bf16", engine: Engine = "vllm") -> float:
    """All weights of a model in a number format, scales and 16-bit embeddings included."""
    return physics.weight_bytes(model, precision, runtime(engine)).total


@question("memory", gives="GB", source="Definition: number of weights · bits per weight / 8")
def weights_of_size(params: Params, bits: Bits = BITS_16) -> float:
    """Weights of so many parameters at so many bits each."""
    return params * bits


@question("memory", source="Definition: memory / bits per weight")
def params_that_fit(memory: Memory, bits: Bits = BITS_16, reserve: Bytes = 0.0) -> float:
    """How many parameters fit into memory, with `reserve` kept for KV cache and buffers."""
    _left(memory, reserve)
    return (memory - reserve) / bits


@question("memory", gives="bit", source="Definition: memory / number of weights")
def bits_that_fit(memory: Memory, params: Params, reserve: Bytes = 0.0) -> float:
    """Bits per weight at which so many parameters just fit into memory."""
    _left(memory, reserve)
    return (memory - reserve) / params


@question("memory", gives="tokens", source="Definition: free memory / KV bytes per token")
def kv_tokens_that_fit(
    memory: Memory,
    weights: Bytes,
    kv_per_token: KvPerToken,
    usable: Annotated[float, share("share of the memory that the engine takes")] = 1.0,
) -> float:
    """Tokens of KV cache that fit beside the weights."""
    _left(memory * usable, weights)
    return (memory * usable - weights) / kv_per_token


@question("memory", gives="x", source="Definition: free memory / (KV bytes per token · context)")
def sequences_that_fit(
    memory: Memory,
    weights: Bytes,
    kv_per_token: KvPerToken,
    context: Context,
    usable: Annotated[float, share("share of the memory that the engine takes")] = 1.0,
) -> float:
    """Sequences of `context` tokens whose KV cache fits beside the weights."""
    return kv_tokens_that_fit(memory, weights, kv_per_token, usable) / context


@question("memory", gives="x", source=SHAPE)
def kv_over_weights(
    model: Model,
    context: Context = 8192,
    batch: Batch = 1,
    precision: Precision = "bf16",
    kv_precision: KvPrecision = "fp16",
) -> float:
    """KV cache of a batch over the weights: above 1, memory goes to users, not to the model."""
    return kv_cache_gb(model, context, batch, kv_precision) / weights_gb(model, precision)


@question(
    "memory", gives="%", source="Kwon et al., SOSP 2023: half of the last block is empty on average"
)
def kv_block_waste(
    tokens: Annotated[float, count("mean tokens of a sequence", unit="tokens")],
    block: Annotated[float, count("tokens of a KV block", unit="tokens")] = 16,
) -> float:
    """Share of the handed-out KV cache that is empty because blocks come whole."""
    empty = (block - 1) / 2
    return empty / (tokens + empty)


@question("memory", source=FIT)
def fits(laid: Laid, context: Context = 8192, users: Users = 1) -> Found:
    """Whether a model with `users` sequences of `context` tokens fits into machines."""
    found = physics.fit(laid.deployment, int(context))
    need = found.kv_bytes_per_user * users / found.replicas
    note = f"{found.free_bytes / 1e9:,.1f} GB free for KV in each copy, {need / 1e9:,.1f} GB needed"
    return Found(found.users >= users, note=note)


@question("memory", gives="users", source=FIT)
def max_users(laid: Laid, context: Context = 8192) -> float:
    """Sequences of `context` tokens that the memory of machines holds at once; 0: it does not fit."""
    return float(physics.fit(laid.deployment, int(context)).users)


@question("memory", gives="GB", source=FIT)
def free_kv_gb(placed: Placed) -> float:
    """What weights and the engine's reserves leave for KV cache in all machines; negative: no fit."""
    found = physics.fit(placed.deployment, 1)
    return found.free_bytes * found.replicas


@question("memory", gives="tokens", source=FIT)
def max_context(laid: Laid, users: Users = 1) -> float:
    """Longest context that each of `users` sequences can have at once; 0: the model does not fit."""
    deployment = laid.deployment
    low, high = 0, laid.model.max_context_tokens
    while low < high:
        middle = (low + high + 1) // 2
        enough = physics.fit(deployment, middle).users >= users
        low, high = (middle, high) if enough else (low, middle - 1)
    return float(low)


def _left(memory: float, taken: float) -> None:
    if taken > memory:
        raise PlanError(
            f"{taken / 1e9:,.1f} GB do not fit into {memory / 1e9:,.1f} GB",
            hint="use more memory or fewer bits",
        )
