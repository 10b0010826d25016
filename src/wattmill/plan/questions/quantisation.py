"""Number formats: size, speed and error."""

from typing import Annotated

from wattmill.catalog.precision import WEIGHT_BITS
from wattmill.physics import quantisation as physics
from wattmill.physics.memory import weight_bytes
from wattmill.plan.questions.inputs import (
    Bits,
    Bytes,
    Memory,
    Model,
    Params,
    Precision,
    count,
    number,
)
from wattmill.plan.questions.registry import question

LAYOUT = "Block layouts of llama.cpp, OCP MX 1.0, NVIDIA NVFP4"
ROUNDING = "Uniform rounding error, largest of g normal weights; 20 % either way"


@question("quantisation", gives="bit", source="Definition: bits + (scale + zero point) / group")
def bits_with_scales(
    bits: Bits,
    group: Annotated[float, count("weights that share a scale", 1e9)],
    scale_bits: Annotated[float, number("bits of a scale", "bit", high=128)] = 2.0,
    zero_bits: Annotated[float, number("bits of a zero point", "bit", high=128)] = 0.0,
) -> float:
    """Bits that a weight truly takes when a group shares a scale."""
    return physics.scaled_bits(bits, group, scale_bits, zero_bits)


@question("quantisation", gives="x", source=LAYOUT)
def compression(from_precision: Precision, to_precision: Precision) -> float:
    """How much smaller weights are in one number format than in another, scales included."""
    return WEIGHT_BITS[from_precision] / WEIGHT_BITS[to_precision]


@question("quantisation", gives="x", source="Decode reads every weight once a step; " + LAYOUT)
def quantised_decode_bound(
    model: Model, from_precision: Precision = "bf16", to_precision: Precision = "fp8"
) -> float:
    """Most that decode at batch 1 can gain from another number format: bytes over bytes."""
    before = weight_bytes(model, from_precision)
    after = weight_bytes(model, to_precision)
    return (before.dense + before.experts) / (after.dense + after.experts)


@question("quantisation", gives="%", source="Definition: 1 - bits after / bits before")
def memory_saving(
    bits_before: Annotated[float, count("bits before", 128, unit="bit")],
    bits_after: Annotated[float, count("bits after", 128, low=0.1, unit="bit")],
) -> float:
    """Share of the bytes that fewer bits save."""
    return 1 - bits_after / bits_before


@question("quantisation", gives="x", source="Definition: memory left after over memory left before")
def free_memory_gain(memory: Memory, before: Bytes, after: Bytes) -> float:
    """How much more memory is left for KV cache when weights shrink."""
    return physics.free_memory_gain(memory, before, after)


@question("quantisation", gives="%", source=ROUNDING, error_frac=0.2)
def rounding_error(
    bits: Annotated[float, count("bits of an integer weight", 32, low=2, unit="bit")],
    group: Annotated[float, count("weights that share a scale", 1e9, low=2)] = 32,
) -> float:
    """Root mean square error of rounding weights to integers, over their own size."""
    return physics.rounding_error_frac(bits * 8, group)


@question("quantisation", gives="%", source="Uniform rounding error within a binade")
def float_rounding_error(
    mantissa: Annotated[float, number("stored mantissa bits (E4M3 has 3, E2M1 has 1)", high=64)],
) -> float:
    """Root mean square relative error of a float format, where nothing overflows."""
    return physics.float_error_frac(mantissa)


@question("quantisation", gives="dB", source="Definition: -20 log10 of the relative error")
def signal_to_noise(
    bits: Annotated[float, count("bits of an integer weight", 32, low=2, unit="bit")],
    group: Annotated[float, count("weights that share a scale", 1e9, low=2)] = 32,
) -> float:
    """Signal over rounding noise of integer weights."""
    return physics.signal_to_noise_db(physics.rounding_error_frac(bits * 8, group))


@question("quantisation", gives="bit", source="Definition: bytes of a file over its weights")
def bits_of_file(size: Memory, params: Params) -> float:
    """Bits per weight of a file of a model."""
    return size / params
