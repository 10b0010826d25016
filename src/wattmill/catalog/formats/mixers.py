"""Weights and states of layers that keep a constant state instead of keys and values.

Each function answers one layer: its weights, and the elements that it keeps for every sequence,
the convolution's window included. Small vectors (decays, step biases, norms) are left out; error
below 0.5 % of the layer.
"""

from __future__ import annotations

import math

import msgspec


class Mixer(msgspec.Struct, frozen=True):
    """One recurrent layer: weights, and state elements per sequence."""

    params: float
    elements: int


def mamba1(hidden: int, inner: int, state: int, kernel: int, rank: int | None = None) -> Mixer:
    """A selective state space (Gu & Dao, arXiv 2312.00752); `rank` None is hidden / 16."""
    steps = math.ceil(hidden / 16) if rank is None else rank
    weights = 3 * hidden * inner + inner * (kernel + 2 * steps + 3 * state)
    return Mixer(float(weights), inner * (state + kernel - 1))


def mamba2(hidden: int, inner: int, state: int, groups: int, heads: int, kernel: int) -> Mixer:
    """A state space with scalar decays per head (Dao & Gu, arXiv 2405.21060)."""
    convolved = inner + 2 * groups * state
    inputs = hidden * (inner + convolved + heads)
    weights = inputs + convolved * kernel + inner * hidden
    return Mixer(float(weights), inner * state + convolved * (kernel - 1))


def gated_delta(
    hidden: int, key_heads: int, key_dim: int, value_heads: int, value_dim: int, kernel: int
) -> Mixer:
    """A gated delta rule (arXiv 2412.06464), as Qwen3-Next has it: queries share key heads."""
    keys, values = key_heads * key_dim, value_heads * value_dim
    inputs = hidden * (2 * keys + 2 * values + 2 * value_heads)
    convolved = 2 * keys + values
    weights = inputs + convolved * kernel + values * hidden
    return Mixer(float(weights), value_heads * key_dim * value_dim + convolved * (kernel - 1))


def kimi_delta(
    hidden: int, heads: int, head_dim: int, kernel: int, full_rank_gate: bool = False
) -> Mixer:
    """A delta rule whose decay is per channel, made by a low-rank product (arXiv 2510.26692)."""
    width = heads * head_dim
    low_rank = head_dim * (hidden + width)
    gate = hidden * width if full_rank_gate else low_rank
    weights = 4 * hidden * width + low_rank + gate + hidden * heads + 3 * width * kernel
    return Mixer(float(weights), heads * head_dim**2 + 3 * width * (kernel - 1))


def lightning(hidden: int, heads: int, head_dim: int) -> Mixer:
    """Linear attention with a fixed decay and an output gate (MiniMax-01, arXiv 2501.08313)."""
    return Mixer(float(5 * hidden * heads * head_dim), heads * head_dim**2)


def rwkv7(hidden: int, head_dim: int, low_ranks: int) -> Mixer:
    """Time mixing of RWKV-7 (arXiv 2503.14456); `low_ranks` sums its four low-rank products.

    The state holds a matrix per head and the last token of the time and of the channel mixing.
    """
    return Mixer(float(4 * hidden**2 + 2 * hidden * low_ranks), hidden * (head_dim + 2))
