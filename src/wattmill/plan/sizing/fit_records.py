"""What is asked of `wattmill fit`, and what it answers, in records; and its short views."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from wattmill.catalog.precision import WEIGHT_BITS
from wattmill.physics.performance import Workload
from wattmill.plan.sizing.money import Terms


class FitQuestion(msgspec.Struct, frozen=True):
    """What to hold. context_tokens: None is 8,192, or what the model takes if that is less."""

    model: str
    context_tokens: int | None = None
    hardware: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ()
    kv_precision: str = "fp16"
    terms: Terms = Terms()


class FitRow(msgspec.Struct, frozen=True):
    """The fewest cards of one accelerator that hold the model in one format; None is not known.

    device_class: what it is grouped by. users: sequences of that context in memory. batch: of full
    load, as many of them as an engine takes. *_low, *_high: the 90 % interval. power_w: full load,
    cards and hosts. price_usd: of these cards. systems: that are sold with at least so many.
    """

    hardware: str
    accelerator: str
    device_class: str
    cards: int
    systems: tuple[str, ...]
    engine: str
    precision: str
    tp: int
    pp: int
    dp: int
    weights_bytes: float
    free_bytes: float
    memory_bytes: float
    users: int
    batch: int
    single_tok_per_s: float
    single_low_tok_per_s: float
    single_high_tok_per_s: float
    full_tok_per_s: float
    full_low_tok_per_s: float
    full_high_tok_per_s: float
    ttft_s: float
    power_w: float
    price_usd: float | None
    price_as_of: str | None
    is_price_stale: bool
    rent_usd_per_hour: float | None
    rent_as_of: str | None
    is_rent_stale: bool
    usd_per_hour: float | None
    usd_basis: str | None
    is_usd_stale: bool
    usd_per_mtok: float | None
    usd_per_mtok_output: float | None


class FitMiss(msgspec.Struct, frozen=True):
    """Hardware that does not hold it: what is missing in its narrowest format on its most cards."""

    hardware: str
    device_class: str
    precision: str
    missing_bytes: float


class FitReport(msgspec.Struct, frozen=True):
    """rows: by accelerator, the widest format first; misses: nearest first."""

    model: str
    params: float
    default_precision: str
    context_tokens: int
    workload: Workload
    terms: Terms
    rows: tuple[FitRow, ...]
    misses: tuple[FitMiss, ...]


# --- the short view -------------------------------------------------------------------------------


def by_device(rows: Sequence[FitRow]) -> tuple[tuple[FitRow, tuple[FitRow, ...]], ...]:
    """Each hardware once: its widest format that fits, and the narrower ones."""
    groups: dict[str, list[FitRow]] = {}
    for row in rows:
        groups.setdefault(row.hardware.split("x ")[-1], []).append(row)
    return tuple((own[0], tuple(own[1:])) for own in groups.values())


def one_per_class(rows: Sequence[FitRow]) -> tuple[tuple[FitRow, tuple[FitRow, ...]], ...]:
    """Of each class of devices what holds it on the fewest, widest, and with a known price."""

    def worth(found: tuple[FitRow, tuple[FitRow, ...]]) -> tuple[float, ...]:
        widest = found[0]
        price = np.inf if widest.usd_per_hour is None else widest.usd_per_hour
        return (widest.cards, -WEIGHT_BITS[widest.precision], price, widest.power_w)

    best: dict[str, tuple[FitRow, tuple[FitRow, ...]]] = {}
    for found in by_device(rows):
        name = found[0].device_class
        if name not in best or worth(found) < worth(best[name]):
            best[name] = found
    return tuple(found for found in by_device(rows) if best[found[0].device_class] == found)
