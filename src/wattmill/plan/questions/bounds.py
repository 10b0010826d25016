"""Rooflines: what memory and arithmetic allow at best, of any figures or of a model on a machine."""

from typing import Annotated

from wattmill.physics import roofline
from wattmill.plan.questions.deployments import (
    deployed,
    flop_per_token,
    kv_bytes,
    step_weight_bytes,
    within,
)
from wattmill.plan.questions.inputs import (
    BITS_16,
    Bandwidth,
    Batch,
    Bits,
    Bytes,
    Context,
    Device,
    Engine,
    Flops,
    Isl,
    KvPerToken,
    KvPrecision,
    Layers,
    Machines,
    Model,
    NumberFormat,
    Params,
    Precision,
    Tokens,
    Weights,
    count,
    positive,
    share,
)
from wattmill.plan.questions.registry import Bundle, Found, question

ROOFLINE = "Williams, Waterman, Patterson, Roofline, CACM 52(4), 2009"
SHEETS = "Data sheet of the accelerator, published shape of the model; " + ROOFLINE
Ridge = Annotated[float, positive("operations per byte at the ridge", "FLOP/B")]


@question("roofline", gives="FLOP/B", source=ROOFLINE)
def ridge_point(flops: Flops, bandwidth: Bandwidth) -> float:
    """Operations per byte at which memory and arithmetic take equally long."""
    return roofline.ridge_flop_per_byte(flops, bandwidth)


@question("roofline", gives="FLOP/B", source=SHEETS)
def device_ridge_point(
    device: Device,
    number_format: NumberFormat = "bf16",
) -> float:
    """Ridge point of an accelerator at its dense rate in a number format."""
    rate = device.rate_flops_per_s(number_format)
    return roofline.ridge_flop_per_byte(rate, device.bandwidth_bytes_per_s)


@question("roofline", gives="FLOP/B", source=ROOFLINE)
def decode_intensity(batch: Batch = 1, bits: Bits = BITS_16) -> float:
    """Operations per byte of weights in decode: 2 · batch over bytes per weight."""
    return roofline.weight_intensity_flop_per_byte(batch, bits)


@question("roofline", gives="FLOP/B", source=ROOFLINE)
def prefill_intensity(isl: Isl, bits: Bits = BITS_16) -> float:
    """Operations per byte of weights in prefill: 2 · prompt tokens over bytes per weight."""
    return roofline.weight_intensity_flop_per_byte(isl, bits)


@question("roofline", gives="FLOP/B", source=ROOFLINE + "; definition of grouped-query attention")
def attention_intensity(
    heads: Annotated[float, count("attention heads", 1e4)],
    kv_heads: Annotated[float, count("heads that store keys and values", 1e4)],
    bits: Bits = BITS_16,
) -> float:
    """Operations per byte of KV cache in decode; it does not rise with the batch."""
    return roofline.attention_intensity_flop_per_byte(heads, kv_heads, bits)


@question("roofline", gives="x", source=ROOFLINE)
def saturation_batch(ridge: Ridge, bits: Bits = BITS_16) -> float:
    """Batch from which decode is bound by arithmetic: ridge · bytes per weight / 2."""
    return roofline.saturation_batch(ridge, bits)


@question("roofline", gives="x", source=SHEETS)
def device_saturation_batch(
    device: Device,
    bits: Bits = BITS_16,
    number_format: NumberFormat = "bf16",
) -> float:
    """Batch from which decode of a dense model is bound by arithmetic on an accelerator."""
    return roofline.saturation_batch(device_ridge_point(device, number_format), bits)


@question("roofline", gives="tok/s", source=ROOFLINE)
def decode_bound_tok_s(
    bandwidth: Bandwidth,
    weights: Weights,
    batch: Batch = 1,
    kv_per_token: KvPerToken = 0.0,
    context: Context = 1,
    params: Annotated[float | None, positive("weights that a token meets, by number")] = None,
    flops: Annotated[float | None, positive("arithmetic rate, dense", "TFLOP/s")] = None,
) -> Found:
    """Most tokens per second of a batch, from bytes and operations; engines reach less.

    batch / max((weights + batch · context · KV per token) / bandwidth, batch · 2 · params / rate);
    without params and flops, arithmetic is taken to be no limit.
    """
    flop = roofline.forward_flop(params, 1.0) if params and flops else 0.0
    flops = flops or 1.0
    rate = roofline.decode_bound_tok_s(
        batch, weights, context * kv_per_token, bandwidth, flop, flops
    )
    read_s = (weights + batch * context * kv_per_token) / bandwidth
    return Found(rate, binds="compute" if batch * flop / flops > read_s else "memory bandwidth")


@question("roofline", gives="ms", source=ROOFLINE)
def read_time_ms(bytes_read: Bytes, bandwidth: Bandwidth) -> float:
    """Time to read so many bytes once: the floor of a decode step."""
    return bytes_read / bandwidth


class Read(Bundle, frozen=True):
    """What one decode step of a batch reads."""

    model: Model
    precision: Precision = "bf16"
    batch: Batch = 1
    context: Context = 2048
    kv_precision: KvPrecision = "fp16"
    engine: Engine = "vllm"

    @property
    def weights(self) -> float:
        """Bytes, as far as the batch touches them."""
        return step_weight_bytes(self.model, self.precision, self.engine, self.batch)

    @property
    def kv(self) -> float:
        """Bytes of the cache of one sequence; PlanError for a context that the model was not made for."""
        within(self.model, self.context)
        return kv_bytes(self.model, self.kv_precision, self.context)

    @property
    def bytes(self) -> float:
        """Both, of the whole batch."""
        return self.weights + self.batch * self.kv


@question("roofline", gives="tok/s", source=SHEETS)
def roofline_tok_s(
    model: Model,
    hardware: Machines,
    precision: Precision = "bf16",
    batch: Batch = 1,
    context: Context = 2048,
    kv_precision: KvPrecision = "fp16",
    engine: Engine = "vllm",
) -> Found:
    """Most tokens per second of a batch on machines that share it perfectly: the roofline.

    No engine reaches it: see decode_tok_s for what to expect. Links cost nothing here.
    """
    read = Read(model, precision, batch, context, kv_precision, engine)
    deployment = deployed(model, hardware, precision, engine, kv_precision, 1)
    flops = deployment.flops_per_s * hardware.count
    bandwidth = hardware.accelerator.bandwidth_bytes_per_s * hardware.count
    flop = flop_per_token(model)
    rate = roofline.decode_bound_tok_s(batch, read.weights, read.kv, bandwidth, flop, flops)
    is_compute = batch * flop / flops > read.bytes / bandwidth
    return Found(rate, binds="compute" if is_compute else "memory bandwidth")


@question("roofline", gives="GB", source=SHEETS)
def bytes_per_step_gb(read: Read) -> float:
    """Bytes that one decode step of a batch reads: weights as far as touched, and the KV cache."""
    return read.bytes


@question("roofline", gives="GB/token", source=SHEETS)
def bytes_per_token_gb(read: Read) -> float:
    """Bytes read for each output token: those of a step over its batch."""
    return read.bytes / read.batch


@question("roofline", gives="tok/s", source=ROOFLINE)
def offload_tok_s(
    fast: Bytes,
    fast_bandwidth: Bandwidth,
    slow: Bytes,
    slow_bandwidth: Bandwidth,
) -> Found:
    """Most tokens per second of one sequence when a part of the weights lies in slower memory."""
    seconds = roofline.mixed_read_s(fast, fast_bandwidth, slow, slow_bandwidth)
    is_slow = slow / slow_bandwidth > fast / fast_bandwidth
    return Found(1 / seconds, binds="slow memory" if is_slow else "fast memory")


@question("roofline", gives="%", source="Definition of memory bandwidth utilisation")
def mbu(
    throughput: Annotated[float, positive("tokens per second", "tok/s")],
    bytes_per_token: Annotated[float, positive("bytes read per token", "GB/token")],
    bandwidth: Bandwidth,
) -> float:
    """Share of the memory bandwidth that a measured throughput used."""
    return roofline.mbu_frac(throughput, bytes_per_token, bandwidth)


@question("roofline", gives="%", source="Definition of model FLOP utilisation (PaLM, 2022)")
def mfu(
    throughput: Annotated[float, positive("tokens per second", "tok/s")],
    params: Params,
    flops: Flops,
) -> float:
    """Share of the arithmetic rate that a measured throughput used: 2 · weights · tok/s / rate."""
    return roofline.mfu_frac(throughput, roofline.forward_flop(params, 1.0), flops)


@question("roofline", gives="TFLOP", source="2 operations per weight and token")
def prefill_flop(params: Params, isl: Isl) -> float:
    """Operations of the weights for a prompt: 2 · weights that a token meets · tokens."""
    return roofline.forward_flop(params, isl)


@question(
    "roofline", gives="TFLOP", source="4 operations per pair of tokens, layer and head element"
)
def attention_flop(
    isl: Isl,
    layers: Layers,
    heads: Annotated[float, count("attention heads", 1e4)],
    head_dim: Annotated[float, count("width of one head", 1e4)],
    prior: Tokens = 0.0,
) -> float:
    """Operations of attention for a prompt: quadratic in its length."""
    return roofline.attention_flop(isl, layers, heads, head_dim, prior)


@question("roofline", gives="ms", source=ROOFLINE)
def prefill_bound_ms(
    params: Params,
    isl: Isl,
    flops: Flops,
    efficiency: Annotated[float, share("share of the rate that is reached")] = 1.0,
) -> float:
    """Time to prefill a prompt at a share of an arithmetic rate; attention is left out."""
    return roofline.forward_flop(params, isl) / (flops * efficiency)
