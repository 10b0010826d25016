"""What a million tokens of each meter cost, as the factory file writes it."""

from __future__ import annotations

import msgspec


class Prices(msgspec.Struct, frozen=True):
    """Micro-USD per million tokens of each disjoint meter; exact integers."""

    input: int
    cached_input: int
    cache_write: int
    output: int
    reasoning: int
    audio_in: int
    audio_out: int
    image_in: int
