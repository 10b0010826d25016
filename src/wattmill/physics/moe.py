"""Mixtures of experts: which weights a batch touches, and how unevenly it loads them."""

from __future__ import annotations

import math

from wattmill.core.errors import PlanError
from wattmill.physics.numbers import N, require, require_positive

LARGE_MEAN = 500.0
"""From this many tokens per expert on, a normal distribution stands for Poisson's."""


def coverage_frac(experts: N, experts_per_token: N, tokens: N) -> N:
    """Expected share of the experts that a step of `tokens` tokens touches: 1 - (1 - k/E)^m.

    Exact if every expert is equally likely; routers prefer some, so real coverage is lower.
    """
    _require_routing(experts, experts_per_token)
    require(tokens >= 0, f"{tokens} tokens cannot be", "give 0 or more")
    missed: N = (1 - experts_per_token / experts) ** tokens
    return 1 - missed


def tokens_per_expert(experts: N, experts_per_token: N, tokens: N) -> N:
    """Mean tokens that one expert gets in a step: m · k / E."""
    _require_routing(experts, experts_per_token)
    return tokens * experts_per_token / experts


def saturation_batch(dense_batch: N, experts: N, experts_per_token: N) -> N:
    """Batch that loads each expert like `dense_batch` loads a dense model: · E / k."""
    _require_routing(experts, experts_per_token)
    return dense_batch * experts / experts_per_token


def expected_imbalance(groups: int, tokens_per_group: float) -> float:
    """Most loaded over mean group of `groups`, if tokens fall at random (Poisson). Numbers only.

    E[max] = Σ (1 - F(x)^groups) over x. Real routers are more uneven: this is the floor that no
    balancing loss gets below. Beyond 500 tokens per group the normal limit, good to 1 %.
    """
    if groups < 1 or not tokens_per_group > 0:
        raise PlanError("no groups or no tokens", hint="give 1 group or more, tokens above 0")
    if groups == 1:
        return 1.0
    if tokens_per_group > LARGE_MEAN:
        return 1 + _normal_maximum(groups) / math.sqrt(tokens_per_group)
    return _poisson_maximum(groups, tokens_per_group) / tokens_per_group


def idle_frac(imbalance: N) -> N:
    """Share of the experts' time that waits for the most loaded one: 1 - mean / max."""
    require(
        imbalance >= 1, f"{imbalance} is no imbalance", "give the most over the mean, 1 or more"
    )
    return 1 - 1 / imbalance


def imbalance_of_idle(idle_frac: N) -> N:
    """Most loaded over mean expert, from the share of time that experts wait (below 1)."""
    require(
        (idle_frac >= 0) & (idle_frac < 1), f"{idle_frac} is no idle share", "give 0 to below 1"
    )
    return 1 / (1 - idle_frac)


def transformer_params(
    layers: N, hidden: N, attention_params: N, vocab: N,
    moe_layers: N, experts: N, expert_hidden: N, dense_hidden: N,
) -> N:  # fmt: skip
    """Weights of a gated transformer: three matrices per MLP or expert, embedding and head.

    layers · attention + moe layers · experts · 3 · d · f + other layers · 3 · d · F + 2 · vocab · d.
    `experts`: all of a layer (total), or those that a token meets (active), shared ones included.
    Norms, biases and routers are left out, below 0.5 %.
    """
    require_positive(layers=layers, hidden=hidden)
    mixture = moe_layers * experts * 3 * hidden * expert_hidden
    dense = (layers - moe_layers) * 3 * hidden * dense_hidden
    return layers * attention_params + mixture + dense + 2 * vocab * hidden


def _require_routing(experts: N, experts_per_token: N) -> None:
    holds = (experts_per_token >= 1) & (experts_per_token <= experts)
    require(
        holds,
        f"{experts_per_token} of {experts} experts per token cannot be",
        "a token meets 1 or more of the experts",
    )


def _poisson_maximum(groups: int, mean: float) -> float:
    """The sum stops where no group is left above x; rounding may keep the sum of chances a hair below 1 for ever."""
    chance = below = math.exp(-mean)
    total, x = 0.0, 0
    while True:
        above = -math.expm1(groups * math.log(below)) if below < 1 else 0.0
        total += above
        if x > mean and min(above, groups * chance) < 1e-12:
            return total
        x += 1
        chance *= mean / x
        below = min(1.0, below + chance)


def _normal_maximum(groups: int) -> float:
    """Expected maximum of so many standard normals (Blom's approximation, within 1 % from 2 on)."""
    return _normal_quantile((groups - 0.375) / (groups + 0.25))


def _normal_quantile(p: float) -> float:
    low, high = 0.0, 10.0
    for _ in range(80):
        middle = (low + high) / 2
        is_low = 0.5 * (1 + math.erf(middle / math.sqrt(2))) < p
        low, high = (middle, high) if is_low else (low, middle)
    return high
