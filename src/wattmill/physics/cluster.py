"""Sharing a model between machines: what crosses the link each step, and what is left of the gain.

Ring all-reduce: 2 (n - 1) / n of the bytes through every link (Patarasuk and Yuan, JPDC 2009).
`wattmill.physics.links` has measured collectives; here bandwidth and latency are the caller's.
"""

from __future__ import annotations

from wattmill.physics.numbers import N, require, require_positive

REDUCES_PER_LAYER = 2.0
"""One all-reduce after attention, one after the MLP (Shoeybi et al., Megatron-LM, 2019)."""


def all_reduce_s(message_bytes: N, cards: N, bytes_per_s: N, latency_s: N) -> N:
    """Seconds of one ring all-reduce: latency + 2 (n-1)/n · bytes / bandwidth; 0 for one card."""
    require_positive(bytes_per_s=bytes_per_s)
    require(cards >= 1, f"{cards} cards cannot be", "give 1 or more")
    many = (cards > 1) * 1.0
    return many * (latency_s + 2 * (cards - 1) / cards * message_bytes / bytes_per_s)


def reduced_bytes(batch: N, hidden: N, bytes_per_element: N) -> N:
    """Bytes of one all-reduce: the activations of a batch."""
    return batch * hidden * bytes_per_element


def reduces_s(
    batch: N, hidden: N, layers: N, cards: N, bytes_per_s: N, latency_s: N, bytes_per_element: N
) -> N:
    """Seconds of all all-reduces of one step, two per layer."""
    message = reduced_bytes(batch, hidden, bytes_per_element)
    return REDUCES_PER_LAYER * layers * all_reduce_s(message, cards, bytes_per_s, latency_s)


def tp_speedup(step_s: N, cards: N, link_s: N) -> N:
    """A step on one card over the same on `cards` cards that share every layer: t / (t/n + link)."""
    require_positive(step_s=step_s, cards=cards)
    return step_s / (step_s / cards + link_s)


def tp_efficiency_frac(step_s: N, cards: N, link_s: N) -> N:
    """Share of the ideal n-fold speed-up that is left."""
    return tp_speedup(step_s, cards, link_s) / cards


def latency_ceiling_tok_s(layers: N, latency_s: N) -> N:
    """Most tokens per second and sequence that the latency of two all-reduces per layer allows."""
    require_positive(layers=layers, latency_s=latency_s)
    return 1 / (REDUCES_PER_LAYER * layers * latency_s)


def pipeline_bubble_frac(stages: N, microbatches: N) -> N:
    """Share of the time that stages idle: (s - 1) / (m + s - 1) (Huang et al., GPipe, 2019)."""
    require_positive(microbatches=microbatches)
    require(stages >= 1, f"{stages} stages cannot be", "give 1 or more")
    return (stages - 1) / (microbatches + stages - 1)


def pipeline_token_s(step_s: N, stages: N, hop_bytes: N, bytes_per_s: N, latency_s: N) -> N:
    """Seconds of one token through a pipeline: the whole step, and a hop between stages.

    `step_s` is the step of the whole model on one stage's machine; a pipeline makes no single token
    faster, it holds larger models.
    """
    require_positive(bytes_per_s=bytes_per_s)
    return step_s + (stages - 1) * (latency_s + hop_bytes / bytes_per_s)
