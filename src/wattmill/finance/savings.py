"""What a change to serving saves in a month: bills of an API, or room on an own machine and what that is worth.

USD per month, Mtok per month, shares of capacity.
"""

from __future__ import annotations

import math

from msgspec import Struct

from wattmill.finance.checks import require
from wattmill.finance.demand import served_at_peaks


def shorter_prompts_usd(requests: float, tokens_less: float, usd_per_mtok: float) -> float:
    """Fine-tuning instead of examples in the prompt: requests a month × tokens less × price."""
    return requests * tokens_less * usd_per_mtok / 1e6


def smaller_model_usd(
    mtok: float,
    large_usd_per_mtok: float,
    small_usd_per_mtok: float,
    moved_frac: float = 1.0,
    escalated_frac: float = 0.0,
) -> float:
    """Distillation: a share is moved to the small model; what it fails at is asked of the large one again."""
    _shares(moved_frac, escalated_frac)
    each = large_usd_per_mtok * (1 - escalated_frac) - small_usd_per_mtok
    return mtok * moved_frac * each


def cache_break_even_hit_frac(read_frac: float, write_frac: float) -> float:
    """Share of hits from which a cache with dearer writes saves: (write - 1) / (write - read)."""
    require(read_frac < 1 <= write_frac, "reads save or writes cost nothing", "read < 1 <= write")
    return (write_frac - 1) / (write_frac - read_frac)


def retrieval_usd(
    requests: float, tokens_less: float, usd_per_mtok: float, retrieval_usd_per_request: float
) -> float:
    """RAG instead of long prompts: what the tokens would have cost, less what finding the passages costs."""
    return (
        shorter_prompts_usd(requests, tokens_less, usd_per_mtok)
        - requests * retrieval_usd_per_request
    )


def freed_frac(load_frac: float, speed_up: float, part_frac: float = 1.0) -> float:
    """Share of the capacity that is no longer needed: load · part of it that is faster · (1 - 1 / speed-up).

    Quantisation and distillation on an own machine; part_frac: of the work that the change reaches. Below 0 where the
    speed-up is below 1.
    """
    _shares(load_frac, part_frac)
    require(speed_up > 0, f"a speed-up of {speed_up} cannot be", "give 1.6 for 1.6 times as fast")
    return load_frac * part_frac * (1 - 1 / speed_up)


class OwnWork(Struct, frozen=True):
    """Own machines at work; shares are of all their capacity together.

    busy: electricity above idle in a month at full load of all. waiting: demand that is turned away for lack of
    capacity, and earned: what serving a full month's worth of it would bring. machine: what ends when one machine is
    given away (wear to its resale value, idle power, space). peak_to_mean: the room that the load needs.
    """

    load_frac: float
    busy_usd_per_month: float
    waiting_frac: float = 0.0
    earned_usd_per_month: float = 0.0
    machines: int = 1
    machine_usd_per_month: float = 0.0
    peak_to_mean: float = 1.0


class Freed(Struct, frozen=True):
    """What freed capacity is worth in a month, by what becomes of it.

    idle_frac: of the capacity, what of the freed part stays unused; below 0 where a machine that goes takes room
    along that was idle before.
    """

    energy_usd: float
    sold_usd: float
    machines_less: int
    machines_usd: float
    idle_frac: float

    @property
    def usd(self) -> float:
        """All of it."""
        return self.energy_usd + self.sold_usd + self.machines_usd


def freed_usd(work: OwnWork, freed: float) -> Freed:
    """Freed capacity saves electricity; it earns only where demand was waiting, or a whole machine can go.

    Waiting demand takes the freed room first, and draws power again. Machines that could have gone before do not count.
    """
    _shares(work.load_frac, work.waiting_frac)
    require(freed <= work.load_frac, "more is freed than is in use", "give a share of the capacity")
    sold = min(max(freed, 0.0), work.waiting_frac)
    after = work.load_frac - freed + sold
    less = _needed(work, work.load_frac) - _needed(work, after)
    return Freed(
        energy_usd=(freed - sold) * work.busy_usd_per_month,
        sold_usd=sold * work.earned_usd_per_month,
        machines_less=less,
        machines_usd=less * work.machine_usd_per_month,
        idle_frac=freed - sold - less / work.machines,
    )


def _needed(work: OwnWork, load_frac: float) -> int:
    """Whole machines for this load at its peak; what they have is the most."""
    return min(work.machines, math.ceil(load_frac * work.peak_to_mean * work.machines - 1e-9))


def second_node_usd(
    asked_mtok: float,
    capacity_mtok: float,
    usd_per_mtok: float,
    busy_usd_per_mtok: float,
    running_usd_per_month: float,
    peak_to_mean: float = 1.0,
    nodes: int = 1,
) -> float:
    """One more node of the same kind: what it lets one serve × (price - electricity) - its own running cost.

    usd_per_mtok: what tenants pay, or what an API charges for what is spilled now. Nothing is gained where the nodes
    there are serve everything.
    """
    before = served_at_peaks(asked_mtok, nodes * capacity_mtok, peak_to_mean)
    after = served_at_peaks(asked_mtok, (nodes + 1) * capacity_mtok, peak_to_mean)
    return (after - before) * (usd_per_mtok - busy_usd_per_mtok) - running_usd_per_month


def _shares(*fracs: float) -> None:
    for frac in fracs:
        require(0 <= frac <= 1, f"a share of {frac} cannot be", "give 0 to 1")
