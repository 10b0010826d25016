"""Mixtures of experts."""

from typing import Annotated

from wattmill.physics import moe as physics
from wattmill.plan.questions.deployments import step_weight_bytes
from wattmill.plan.questions.inputs import (
    Batch,
    Engine,
    Experts,
    Hidden,
    Layers,
    Model,
    Precision,
    TopK,
    count,
    number,
    positive,
    share,
    whole,
)
from wattmill.plan.questions.registry import question

RANDOM = "Each token picks its experts at random; routers are less even"
SHAPE = "Published configuration of the model"


@question("moe", gives="%", source=RANDOM)
def expert_coverage(experts: Experts, experts_per_token: TopK, batch: Batch) -> float:
    """Share of the experts that a step touches: 1 - (1 - k/E)^batch."""
    return physics.coverage_frac(experts, experts_per_token, batch)


@question("moe", gives="experts", source=RANDOM)
def experts_touched(experts: Experts, experts_per_token: TopK, batch: Batch) -> float:
    """Experts per layer that a step touches, on average."""
    return experts * physics.coverage_frac(experts, experts_per_token, batch)


@question("moe", gives="GB", source=SHAPE + "; " + RANDOM)
def active_weights_gb(
    model: Model, precision: Precision = "bf16", batch: Batch = 1, engine: Engine = "vllm"
) -> float:
    """Weights that a decode step reads: all dense ones, and the experts that its batch touches."""
    return step_weight_bytes(model, precision, engine, batch)


@question("moe", gives="tokens", source="Definition: batch · k / E")
def tokens_per_expert(experts: Experts, experts_per_token: TopK, batch: Batch) -> float:
    """Tokens that one expert gets in a step, on average."""
    return physics.tokens_per_expert(experts, experts_per_token, batch)


@question("moe", gives="x", source="Definition: each expert gets batch · k / E tokens")
def moe_saturation_batch(
    dense_batch: Annotated[float, positive("saturation batch of a dense model")],
    experts: Experts,
    experts_per_token: TopK,
) -> float:
    """Batch from which a mixture is bound by arithmetic, from that of a dense model."""
    return physics.saturation_batch(dense_batch, experts, experts_per_token)


@question("moe", gives="x", source="Expected maximum of Poisson loads: the floor of real imbalance")
def expert_imbalance(
    groups: Annotated[int, whole("cards, or experts, that share the tokens", 100_000)],
    tokens_per_group: Annotated[float, positive("mean tokens of each")],
) -> float:
    """Most loaded over mean card (or expert) if tokens fall at random."""
    return physics.expected_imbalance(groups, tokens_per_group)


@question("moe", gives="%", source="Definition: 1 - mean / most")
def expert_idle(
    imbalance: Annotated[float, count("most loaded over mean", 1e6)],
) -> float:
    """Share of the time that experts wait for the most loaded one."""
    return physics.idle_frac(imbalance)


@question("moe", gives="x", source="Definition: most / mean = 1 / (1 - idle)")
def imbalance_of_idle(
    idle: Annotated[float, share("share of the time that experts wait")],
) -> float:
    """Most loaded over mean expert, from the share of the time that experts wait."""
    return physics.imbalance_of_idle(idle)


@question("moe", source=SHAPE + "; norms, biases and routers left out")
def transformer_params(
    layers: Layers,
    hidden: Hidden,
    vocab: Annotated[float, count("entries of the vocabulary", 1e8)],
    attention_params: Annotated[float, positive("weights of one layer's attention")],
    moe_layers: Annotated[float, number("layers with experts", high=1e4)] = 0.0,
    experts: Annotated[float, number("experts of a layer, shared ones included", high=1e5)] = 0.0,
    expert_hidden: Annotated[float, number("inner width of an expert", high=1e6)] = 0.0,
    dense_hidden: Annotated[float, number("inner width of a dense MLP", high=1e6)] = 0.0,
) -> float:
    """Weights of a transformer from its shape; with the experts of one token, those that it meets.

    layers · attention + moe layers · experts · 3 · d · f + other layers · 3 · d · F + 2 · vocab · d.
    """
    return physics.transformer_params(
        layers, hidden, attention_params, vocab, moe_layers, experts, expert_hidden, dense_hidden
    )


@question("moe", source="Definition: queries and output square, keys and values of the KV width")
def attention_params(
    hidden: Hidden,
    heads: Annotated[float, count("attention heads", 1e4)],
    kv_heads: Annotated[float, count("heads that store keys and values", 1e4)],
    head_dim: Annotated[float, count("width of one head", 1e4)],
) -> float:
    """Weights of one layer's grouped-query attention: queries, keys, values, output."""
    return hidden * head_dim * (2 * heads + 2 * kv_heads)
