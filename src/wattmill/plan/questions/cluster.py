"""Sharing a model between cards and machines over links."""

from typing import Annotated

from wattmill.core.errors import PlanError
from wattmill.physics import cluster as physics
from wattmill.physics.links import all_reduce
from wattmill.plan.questions.deployments import step_weight_bytes
from wattmill.plan.questions.inputs import (
    BITS_16,
    Batch,
    Bits,
    Bytes,
    Cards,
    Device,
    Hidden,
    Latency,
    Layers,
    LinkBandwidth,
    Machines,
    Model,
    Precision,
    Weights,
    count,
    positive,
    whole,
)
from wattmill.plan.questions.registry import Bundle, Found, question

RING = "Ring all-reduce (Patarasuk and Yuan, 2009); two per layer (Megatron-LM, 2019)"
NCCL = "Measured collectives (wattmill.physics.links); a factor of two on PCIe"
Step = Annotated[float, positive("step on one card", "ms")]
Bandwidth0 = Annotated[float, positive("memory bandwidth of one node", "GB/s")]


@question("clustering", gives="us", source=RING)
def all_reduce_us(
    message: Bytes, cards: Cards, bandwidth: LinkBandwidth, latency: Latency = 0.0
) -> float:
    """Time of one ring all-reduce: latency + 2 (n-1)/n · bytes / bandwidth."""
    return physics.all_reduce_s(message, cards, bandwidth, latency)


@question("clustering", gives="us", source=NCCL)
def device_all_reduce_us(
    device: Device, cards: Annotated[int, whole("cards", 1024)], message: Bytes
) -> float:
    """Time of one all-reduce between accelerators over their own link, as collectives reach it."""
    latency_s, s_per_byte = all_reduce(device.link, cards, device.link_devices)
    return latency_s + message * s_per_byte


@question("clustering", gives="MB", source=RING)
def reduced_mb_per_step(
    hidden: Hidden, layers: Layers, batch: Batch = 1, bits: Bits = BITS_16
) -> float:
    """Activations that all-reduces of one step carry, two per layer."""
    return physics.REDUCES_PER_LAYER * layers * physics.reduced_bytes(batch, hidden, bits)


@question("clustering", gives="ms", source=RING)
def tp_link_ms(
    hidden: Hidden,
    layers: Layers,
    cards: Cards,
    bandwidth: LinkBandwidth,
    latency: Latency = 0.0,
    batch: Batch = 1,
    bits: Bits = BITS_16,
) -> float:
    """Time that all-reduces add to a step of cards that share every layer."""
    return physics.reduces_s(batch, hidden, layers, cards, bandwidth, latency, bits)


class Shared(Bundle, frozen=True):
    """A step of one card, and cards that share every layer of it over a link."""

    step: Step
    cards: Cards
    hidden: Hidden
    layers: Layers
    bandwidth: LinkBandwidth
    latency: Latency = 0.0
    batch: Batch = 1
    bits: Bits = BITS_16

    @property
    def speedup(self) -> float:
        """Of all cards over one."""
        link_s = physics.reduces_s(
            self.batch,
            self.hidden,
            self.layers,
            self.cards,
            self.bandwidth,
            self.latency,
            self.bits,
        )
        return physics.tp_speedup(self.step, self.cards, link_s)


@question("clustering", gives="x", source=RING)
def tp_speedup(shared: Shared) -> float:
    """How much faster a step is when cards share every layer over a link."""
    return shared.speedup


@question("clustering", gives="%", source=RING)
def tp_efficiency(shared: Shared) -> float:
    """Share of the ideal speed-up that is left when cards share every layer over a link."""
    return shared.speedup / shared.cards


@question("clustering", gives="tok/s", source=RING)
def link_latency_ceiling(layers: Layers, latency: Latency) -> float:
    """Most tokens per second of one sequence that two all-reduces per layer leave time for."""
    return physics.latency_ceiling_tok_s(layers, latency)


@question("clustering", gives="%", source="Huang et al., GPipe, NeurIPS 2019")
def pipeline_bubble(
    stages: Annotated[float, count("stages", 1e5)],
    microbatches: Annotated[float, count("microbatches in flight", 1e6)] = 1,
) -> float:
    """Share of the time that the stages of a pipeline wait."""
    return physics.pipeline_bubble_frac(stages, microbatches)


@question("clustering", gives="tok/s", source=RING)
def cluster_bound_tok_s(
    weights: Weights,
    nodes: Annotated[float, count("nodes", 1e4)],
    bandwidth: Bandwidth0,
    hidden: Hidden,
    layers: Layers,
    link: LinkBandwidth,
    latency: Latency = 0.0,
    bits: Bits = BITS_16,
) -> Found:
    """Most tokens per second of one sequence on nodes that share every layer over a link.

    1 / (weights / (nodes · bandwidth) + 2 · layers · all-reduce).
    """
    read_s = weights / (nodes * bandwidth)
    link_s = physics.reduces_s(1.0, hidden, layers, nodes, link, latency, bits)
    return Found(1 / (read_s + link_s), binds="link" if link_s > read_s else "memory bandwidth")


@question("clustering", gives="tok/s", source=RING)
def pipeline_bound_tok_s(
    weights: Weights,
    nodes: Annotated[float, count("nodes", 1e4)],
    bandwidth: Bandwidth0,
    hidden: Hidden,
    link: LinkBandwidth,
    latency: Latency = 0.0,
    bits: Bits = BITS_16,
) -> float:
    """Most tokens per second of one sequence on nodes that each hold a part of the layers."""
    step_s = weights / bandwidth
    return 1 / physics.pipeline_token_s(step_s, nodes, hidden * bits, link, latency)


@question("clustering", gives="tok/s", source="Data sheets and shape; " + RING)
def cluster_tok_s(
    model: Model,
    nodes: Machines,
    precision: Precision,
    link: LinkBandwidth,
    latency: Latency = 0.0,
) -> Found:
    """Most tokens per second of one sequence of a model on machines joined by a link."""
    weights = step_weight_bytes(model, precision, "llama.cpp", 1.0)
    memory = nodes.count * nodes.accelerator.memory_bytes
    if weights > memory:
        raise PlanError(
            f"{weights / 1e9:,.0f} GB of {model.name} do not fit into {memory / 1e9:,.0f} GB",
            hint="use more machines or fewer bits",
        )
    return cluster_bound_tok_s(
        weights, float(nodes.count), nodes.accelerator.bandwidth_bytes_per_s,
        float(model.hidden), float(model.layers), link, latency,
    )  # fmt: skip
