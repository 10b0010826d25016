"""What training costs: operations, hours of devices, utilisation. Numbers or NumPy arrays.

Six operations per weight and token (two forward, four backward); attention's own part and
recomputed activations are left out, so true operations are 5 to 20 % more.
Source: Kaplan et al., Scaling Laws for Neural Language Models, arXiv:2001.08361.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

N = TypeVar("N", float, "NDArray[np.float64]")

FLOP_PER_WEIGHT_AND_TOKEN = 6.0


def training_flop(params: N, tokens: N) -> N:
    """Operations of one pass over `tokens` with `params` weights that each token meets."""
    return FLOP_PER_WEIGHT_AND_TOKEN * params * tokens


def device_seconds(flop: N, flops_per_s: N, mfu_frac: N) -> N:
    """Seconds of all devices added up, at a share of their rate that is above 0."""
    return flop / (flops_per_s * mfu_frac)


def mfu_frac(flop: N, device_s: N, flops_per_s: N) -> N:
    """Share of the rate that was used; above 1 the figures contradict each other."""
    return flop / (device_s * flops_per_s)
