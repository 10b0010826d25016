"""Who caused the cost of a pool: by the physics of the step, not by how long a request was open.

Under continuous batching requests overlap, so their seconds say little. A request's share of the
pool's time is ``uncached prompt tokens / prefill rate + output tokens / decode rate``, with the
rates of the full pool; a prefix hit costs no prefill. What nobody used is idle, a line of its own.
Everything is a whole number of pUSD, split by largest remainder: the parts are the cost, exactly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct

from wattmill.catalog.factory import Pool
from wattmill.core import roster
from wattmill.core.errors import UsageError
from wattmill.core.money import split
from wattmill.core.records import METERS
from wattmill.ledger.cost.hardware import US_PER_S

PREFILLED = ("input_uncached", "cache_write", "audio_in", "image_in")
DECODED = ("output_text", "output_reasoning", "audio_out")
_PREFILLED = tuple(METERS.index(meter) for meter in PREFILLED)
_DECODED = tuple(METERS.index(meter) for meter in DECODED)

K = TypeVar("K")


class Cost(Struct, frozen=True):
    """pUSD of electricity, wear of the machines, space, and charges of a cloud."""

    energy_pusd: int = 0
    amortisation_pusd: int = 0
    space_pusd: int = 0
    charges_pusd: int = 0

    @property
    def total_pusd(self) -> int:
        """All of it."""
        return self.energy_pusd + self.amortisation_pusd + self.space_pusd + self.charges_pusd

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.energy_pusd + other.energy_pusd,
            self.amortisation_pusd + other.amortisation_pusd,
            self.space_pusd + other.space_pusd,
            self.charges_pusd + other.charges_pusd,
        )

    def split(self, weights: Sequence[int]) -> list[Cost]:
        """Parts that add up exactly, each component by the same weights."""
        components = [split(part, weights) for part in msgspec.structs.astuple(self)]
        return [Cost(*parts) for parts in zip(*components, strict=True)]


NOTHING = Cost()


class HardwareCost(Struct, frozen=True):
    """What machines cost in a time in which they were in service, in pUSD; ``None`` is unknown.

    ``standing_pusd`` is the electricity of their idle watts over the whole time, ``working_pusd``
    what they drew above that. ``amortisation_pusd`` is negative where the market raised their value.
    """

    service_us: int = 0
    amortisation_pusd: int | None = None
    standing_pusd: int | None = None
    working_pusd: int | None = None

    @property
    def energy_pusd(self) -> int:
        """All electricity that is known, before cooling."""
        return (self.standing_pusd or 0) + (self.working_pusd or 0)


class Work(Struct, frozen=True):
    """What somebody had a pool do: its time in µs, and what its owner charges us for the tokens."""

    busy_us: int = 0
    charges_pusd: int = 0

    def __add__(self, other: Work) -> Work:
        return Work(self.busy_us + other.busy_us, self.charges_pusd + other.charges_pusd)


class Attribution(Struct, Generic[K], frozen=True):
    """Whose part of a pool's cost is whose, and the part of nobody; they add up to it."""

    parts: dict[K, Cost]
    idle: Cost


class Rates:
    """How long a pool takes over tokens: exact, from the rates of the full pool."""

    def __init__(self, pool: roster.Pool) -> None:
        """``UsageError`` when the pool has no rates to tell it by."""
        if not (pool.prefill_tok_s > 0 and pool.decode_tok_s > 0):
            raise UsageError(
                f"the pool {pool.name!r} has no rates, so its cost cannot be attributed",
                hint="name its hardware in the factory file",
            )
        prefill, decode = Fraction(pool.prefill_tok_s), Fraction(pool.decode_tok_s)
        self._per_prefilled = US_PER_S * prefill.denominator * decode.numerator
        self._per_decoded = US_PER_S * decode.denominator * prefill.numerator
        self._whole = prefill.numerator * decode.numerator

    def busy_us(self, meters: Sequence[int]) -> int:
        """Microseconds of the full pool that tokens (in the order of ``METERS``) take."""
        prefilled = sum(meters[index] for index in _PREFILLED)
        decoded = sum(meters[index] for index in _DECODED)
        parts = prefilled * self._per_prefilled + decoded * self._per_decoded
        return (2 * parts + self._whole) // (2 * self._whole)


def attribute(cost: HardwareCost, works: Mapping[K, Work]) -> Attribution[K]:
    """Split a pool's cost in a time over those who had it work, and idleness.

    Wear and idle watts go by time, and the time that nobody used is idle; the watts above idle go
    to those who worked. Where the rates say more time than there was, nothing is idle and everybody
    bears a part in proportion. ``works`` in an order of its own: ties go to the earlier.
    """
    if not works:
        return Attribution({}, Cost(cost.energy_pusd, cost.amortisation_pusd or 0))
    busy = [work.busy_us for work in works.values()]
    used_us = sum(busy)
    by_time = [*busy, max(0, cost.service_us - used_us)]
    by_work = [*busy, 0 if used_us else 1]
    charges = [*(work.charges_pusd for work in works.values()), 0]
    *shares, idle = [
        Cost(energy_pusd=standing + working, amortisation_pusd=lost, charges_pusd=charged)
        for standing, working, lost, charged in zip(
            split(cost.standing_pusd or 0, by_time),
            split(cost.working_pusd or 0, by_work),
            split(cost.amortisation_pusd or 0, by_time),
            charges,
            strict=True,
        )
    ]
    return Attribution(dict(zip(works, shares, strict=True)), idle)


def charges_pusd(spec: Pool, meters: Sequence[int]) -> int:
    """What a cloud charges us for tokens, by its prices in the factory file."""
    if spec.uusd_per_mtok is None:
        return 0
    prices = msgspec.structs.astuple(spec.uusd_per_mtok)
    return sum(tokens * price for tokens, price in zip(meters, prices, strict=True))
