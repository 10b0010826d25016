"""Seconds of an all-reduce between the cards that share each layer."""

from __future__ import annotations

import math

from wattmill.core.errors import PlanError

# Cards: (latency in µs, bus bandwidth in GB/s), from the NCCL all-reduce tables of
# aiconfigurator-core 0.12.0: the time at 16 kB, and the geometric mean of the bandwidths at 16.8
# and 268 MB, for RTX PRO 6000 (pcie5), A100, H100 and B200 (nvlink3 to 5). pcie4 of 4 and 8 cards
# is the geometric mean of the L40S table (3.8 and 1.0 GB/s, a host without peer-to-peer) and half
# of pcie5. xgmi is an estimate; its cards are linked each to each, so more of them are faster.
LINKS: dict[str, dict[int, tuple[float, float]]] = {
    "pcie4": {2: (9.0, 14.0), 4: (20.0, 5.8), 8: (51.0, 2.8)},
    "pcie5": {2: (8.0, 26.0), 4: (16.0, 18.0), 8: (29.0, 16.0)},
    "nvlink3": {2: (12.8, 117.0), 4: (17.4, 133.0), 8: (26.0, 129.0)},
    "nvlink4": {2: (7.1, 186.0), 4: (11.2, 218.0), 8: (18.4, 224.0)},
    "nvlink5": {2: (10.8, 312.0), 4: (17.0, 347.0), 8: (27.0, 331.0)},
    "xgmi": {2: (12.0, 45.0), 4: (16.0, 120.0), 8: (22.0, 250.0)},
}


def all_reduce(link: str, cards: int) -> tuple[float, float]:
    """`(latency_s, seconds_per_byte)` of one all-reduce over `cards` cards of a `link`.

    time = latency + 2 (n-1)/n · bytes / bus bandwidth. Between the tabulated 2, 4 and 8 cards both
    constants are interpolated in log2 n. Error: 60 % from 16 kB to 268 MB on NVLink, a factor of
    two on PCIe, where the mainboard's topology decides. PlanError where there is no table.
    """
    if cards == 1:
        return 0.0, 0.0
    table = LINKS.get(link)
    if table is None or cards > max(table):
        raise PlanError(
            f"no all-reduce is known for {cards} cards over {link!r}",
            hint="set tp to 8 or less; cards without a link cannot share layers",
        )
    low = max(n for n in table if n <= cards)
    high = min(n for n in table if n >= cards)
    part = math.log2(cards / low) / math.log2(high / low) if high > low else 0.0
    latency_us = table[low][0] + part * (table[high][0] - table[low][0])
    gb_per_s = table[low][1] ** (1 - part) * table[high][1] ** part
    return latency_us * 1e-6, 2 * (cards - 1) / cards / (gb_per_s * 1e9)
