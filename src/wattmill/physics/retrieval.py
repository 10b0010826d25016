"""Retrieval: what passages add to a prompt, and what an index of vectors takes."""

from __future__ import annotations

from wattmill.physics.numbers import N, require_positive


def passage_tokens(passages: N, tokens_each: N, other_tokens: N) -> N:
    """Prompt tokens of a question with passages."""
    return passages * tokens_each + other_tokens


def index_bytes(vectors: N, dimensions: N, bytes_per_element: N, overhead_frac: N) -> N:
    """Bytes of an index: vectors · dimensions · bytes, and what its graph or lists add to them."""
    require_positive(dimensions=dimensions, bytes_per_element=bytes_per_element)
    return vectors * dimensions * bytes_per_element * (1 + overhead_frac)
