"""Seconds of an all-reduce between the cards that share each layer."""

from __future__ import annotations

import math
from functools import cache

from wattmill.catalog import links as catalog
from wattmill.core.errors import CatalogError, PlanError

# Cards: (latency in µs, bus bandwidth in GB/s). nvlink4, nvlink5, nvlink3: engines' own all-reduce in
# a captured graph at 16 kB, and NCCL at 16.8 and 268 MB (geometric mean), from the tables of
# aiconfigurator-core 0.12.0. pcie5: RTX PRO 6000, same tables; pcie4: between the L40S table (a host
# without peer-to-peer) and half of pcie5. xgmi is an estimate; its cards are linked each to each, so
# more of them are faster.
LINKS: dict[str, dict[int, tuple[float, float]]] = {
    "pcie4": {2: (9.0, 14.0), 4: (20.0, 5.8), 8: (51.0, 2.8)},
    "pcie5": {2: (8.0, 26.0), 4: (16.0, 18.0), 8: (29.0, 16.0)},
    "nvlink3": {2: (6.5, 117.0), 4: (7.5, 133.0), 8: (9.0, 129.0)},
    "nvlink4": {2: (4.3, 186.0), 4: (4.8, 218.0), 8: (5.5, 224.0)},
    "nvlink5": {2: (6.5, 312.0), 4: (7.0, 347.0), 8: (7.8, 331.0)},
    "xgmi": {2: (12.0, 45.0), 4: (16.0, 120.0), 8: (22.0, 250.0)},
}

OTHERS: dict[str, tuple[float, float]] = {
    "scale-up": (10.0, 0.5),
    "host": (12.0, 0.5),
    "scale-out": (30.0, 0.6),
    "desk": (60.0, 0.6),
    "package": (3.0, 0.6),
}
"""By kind of link, where nobody measured it: µs for two cards, share of the line rate (estimates)."""

SLOWER_PER_DOUBLING = 1.3


@cache
def all_reduce(link: str, cards: int, domain: int | None = None) -> tuple[float, float]:
    """`(latency_s, seconds_per_byte)` of one all-reduce over `cards` cards of a `link`.

    time = latency + 2 (n-1)/n · bytes / bus bandwidth. Between the tabulated cards both constants
    are interpolated in log2 n; beyond them the latency goes on growing. Error: 60 % from 16 kB to
    268 MB on NVLink, a factor of two elsewhere. domain: the cards that the link joins where it is
    built in, if not as many as usual (72 in an NVL72 rack, 8 in an HGX board). PlanError without a
    link, or with more cards than a domain.
    """
    if cards == 1:
        return 0.0, 0.0
    try:
        wire = catalog.link(link)
    except CatalogError:
        raise _refusal(link, cards) from None
    most = domain or wire.max_devices or math.inf
    if cards < 1 or cards > most:
        raise _refusal(link, cards, f"set tp to {most} or less")
    latency_us, gb_per_s = _constants(wire, cards)
    return latency_us * 1e-6, 2 * (cards - 1) / cards / (gb_per_s * 1e9)


def _constants(wire: catalog.Link, cards: int) -> tuple[float, float]:
    table = LINKS.get(wire.name) or LINKS.get(wire.generation) or _estimate(wire)
    widest = catalog.link(wire.generation) if wire.generation in LINKS else wire
    narrower = min(1.0, wire.bytes_per_s / widest.bytes_per_s)
    low = max(n for n in table if n <= cards)
    high = min((n for n in table if n >= cards), default=low)
    part = math.log2(cards / low) / math.log2(high / low) if high > low else 0.0
    latency_us = table[low][0] + part * (table[high][0] - table[low][0])
    beyond = SLOWER_PER_DOUBLING ** max(0.0, math.log2(cards / max(table)))
    gb_per_s = table[low][1] ** (1 - part) * table[high][1] ** part
    return latency_us * beyond, gb_per_s * narrower


def _estimate(wire: catalog.Link) -> dict[int, tuple[float, float]]:
    latency_us, share = OTHERS[wire.kind]
    gb_per_s = wire.bytes_per_s / 1e9 * share
    return {
        cards: (latency_us * SLOWER_PER_DOUBLING ** math.log2(cards / 2), gb_per_s)
        for cards in (2, 4, 8)
    }


def _refusal(
    link: str, cards: int, hint: str = "cards without a link cannot share layers"
) -> PlanError:
    return PlanError(f"no all-reduce is known for {cards} cards over {link!r}", hint=hint)
