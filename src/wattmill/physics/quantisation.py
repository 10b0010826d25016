"""Number formats: bits that scales add, and the error that rounding makes."""

from __future__ import annotations

import math

from wattmill.core.errors import PlanError
from wattmill.physics.numbers import N, require, require_positive


def scaled_bits(bits: N, group: N, scale_bits: N, zero_bits: N) -> N:
    """Bits per weight where `group` weights share a scale, and perhaps a zero point. Exact."""
    require_positive(bits=bits, group=group)
    return bits + (scale_bits + zero_bits) / group


def rounding_error_frac(bits: float, group: float) -> float:
    """Root mean square error of integers with one scale per group, over the weights' own size.

    Step / √12, where the scale reaches the largest of `group` normal weights, √(2 ln g) of them:
    √(2 ln g) / ((2^(b-1) - 1) √12). Error: 20 % for round-to-nearest; AWQ, GPTQ and K-quants lower
    the error of outputs, not this one. bits 2 or more, group 2 or more. Numbers only.
    """
    if bits < 2 or group < 2:
        raise PlanError("rounding needs 2 bits and 2 weights", hint="give 2 or more of both")
    return math.sqrt(2 * math.log(group)) / ((2 ** (bits - 1) - 1) * math.sqrt(12))


def float_error_frac(mantissa_bits: N) -> N:
    """Root mean square relative error of a float format: 2^-(m+1) / √3 · 0.74.

    Within a binade the error is uniform up to half a step, whose relative size falls from 2^-(m+1)
    to half of it; 0.74 is the root of the mean square of that fall (values uniform in logarithm).
    Out of range is left out.
    """
    require(mantissa_bits >= 0, f"{mantissa_bits} mantissa bits cannot be", "give 0 or more")
    error: N = 2.0 ** -(mantissa_bits + 1)
    return error * (0.7355 / math.sqrt(3))


def signal_to_noise_db(error_frac: float) -> float:
    """Decibels of a relative error: -20 log10. Numbers only."""
    require_positive(error_frac=error_frac)
    return -20 * math.log10(error_frac)


def free_memory_gain(memory_bytes: N, before_bytes: N, after_bytes: N) -> N:
    """How much more memory is left for KV when weights shrink."""
    require(before_bytes < memory_bytes, "nothing is free before", "use more memory")
    require(after_bytes <= memory_bytes, "nothing is free after", "use fewer bits")
    return (memory_bytes - after_bytes) / (memory_bytes - before_bytes)
