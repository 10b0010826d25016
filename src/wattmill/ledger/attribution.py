"""Who caused the cost of a pool: by the physics of the step, not by how long a request was open.

Under continuous batching requests overlap, so their seconds say little. A request's share of the
pool's time is ``uncached prompt tokens / prefill rate + output tokens / decode rate``, with the
rates of the full pool; a prefix hit costs no prefill. What nobody used is idle, a line of its own.
Everything is a whole number of pUSD, split by largest remainder: the parts are the cost, exactly.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

import msgspec
from msgspec import Struct

from wattmill.catalog.factory import Pool, Site
from wattmill.core import roster
from wattmill.core.errors import UsageError
from wattmill.core.money import split
from wattmill.core.records import METERS
from wattmill.ledger.hardware import US_PER_S, HardwareCost, hardware_cost, pue_loss_pusd
from wattmill.ledger.usage import UsageGroup

PREFILLED = ("input_uncached", "cache_write", "audio_in", "image_in")
DECODED = ("output_text", "output_reasoning", "audio_out")


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
        pairs = zip(msgspec.structs.astuple(self), msgspec.structs.astuple(other), strict=True)
        return Cost(*(mine + theirs for mine, theirs in pairs))

    def split(self, weights: Sequence[int]) -> list[Cost]:
        """Parts that add up exactly, each component by the same weights."""
        components = [split(part, weights) for part in msgspec.structs.astuple(self)]
        return [Cost(*parts) for parts in zip(*components, strict=True)]


class Work(Struct, frozen=True):
    """What somebody had a pool do: its time in µs, and what its owner charges us for the tokens."""

    busy_us: int = 0
    charges_pusd: int = 0


class Attribution(Struct, frozen=True):
    """Whose part of a pool's cost is whose; the parts add up to it."""

    tenants: dict[str, Cost]
    unbilled: Cost
    idle: Cost


class PoolAccount(Struct, frozen=True):
    """A pool over a time: its usage, how busy that kept it, what it cost, and whose that is."""

    spec: Pool
    groups: tuple[UsageGroup, ...]
    busy_us: int
    hardware: HardwareCost
    pue_loss_pusd: int
    attribution: Attribution

    @property
    def charges_pusd(self) -> int:
        """What a cloud charges us for the tokens, by its prices."""
        return sum(_charges_pusd(self.spec, group.meters) for group in self.groups)


def busy_us(meters: Sequence[int], pool: roster.Pool) -> int:
    """Microseconds of the full pool that tokens (in the order of ``METERS``) take.

    ``UsageError`` when the pool has no rates to tell it by.
    """
    tokens = dict(zip(METERS, meters, strict=True))
    prefilled = sum(tokens[meter] for meter in PREFILLED)
    decoded = sum(tokens[meter] for meter in DECODED)
    if not (pool.prefill_tok_s > 0 and pool.decode_tok_s > 0):
        raise UsageError(
            f"the pool {pool.name!r} has no rates, so its cost cannot be attributed",
            hint="name its hardware in the factory file",
        )
    seconds = prefilled / Fraction(pool.prefill_tok_s) + decoded / Fraction(pool.decode_tok_s)
    return round(US_PER_S * seconds)


def attribute(cost: HardwareCost, tenants: Mapping[str, Work], unbilled: Work) -> Attribution:
    """Split a pool's cost over its tenants, the work that nobody pays for, and idleness.

    Wear and idle watts go by time, and the time that nobody used is idle; the watts above idle go
    to those who worked. Where the rates say more time than there was, nothing is idle and everybody
    bears a part in proportion.
    """
    names = sorted(tenants)
    workers = [*(tenants[name] for name in names), unbilled]
    busy = [work.busy_us for work in workers]
    by_time = [*busy, max(0, cost.service_us - sum(busy))]
    wear = split(cost.amortisation_pusd or 0, by_time)
    standing = split(cost.standing_pusd or 0, by_time)
    working = [*split(cost.working_pusd or 0, busy), 0]
    charges = [*(work.charges_pusd for work in workers), 0]
    *shares, unbilled_cost, idle = [
        Cost(energy_pusd=base + above, amortisation_pusd=lost, charges_pusd=charged)
        for base, above, lost, charged in zip(standing, working, wear, charges, strict=True)
    ]
    return Attribution(dict(zip(names, shares, strict=True)), unbilled_cost, idle)


def pool_account(
    spec: Pool,
    site: Site,
    served: roster.Pool | None,
    start_us: int,
    until_us: int,
    groups: Iterable[UsageGroup],
) -> PoolAccount:
    """What a pool cost from one instant to another, and whose that is.

    ``served`` is the pool in the roster, which knows its rates; machines of ours need it as soon as
    they did any work.
    """
    own = tuple(group for group in groups if group.pool == spec.name)
    tenants, unbilled = _works(spec, served, own)
    busy = unbilled.busy_us + sum(work.busy_us for work in tenants.values())
    cost = HardwareCost()
    if has_hardware(spec):
        cost = hardware_cost(spec, site, start_us, until_us, busy)
    loss_pusd = pue_loss_pusd(site, cost.energy_pusd or 0)
    return PoolAccount(spec, own, busy, cost, loss_pusd, attribute(cost, tenants, unbilled))


def has_hardware(spec: Pool) -> bool:
    """Whether the pool is machines of ours. One that charges by the token and names none is not."""
    known = (spec.hardware, spec.paid_usd, spec.idle_w, spec.busy_w)
    return spec.uusd_per_mtok is None or any(value is not None for value in known)


def _works(
    spec: Pool, served: roster.Pool | None, groups: Iterable[UsageGroup]
) -> tuple[dict[str, Work], Work]:
    """What each tenant had the pool do, and what it did for requests that are not charged."""
    meters: defaultdict[str | None, list[tuple[int, ...]]] = defaultdict(list)
    for group in groups:
        meters[group.tenant if group.state == "charged" else None].append(group.meters)
    works = {who: _work(spec, served, rows) for who, rows in meters.items()}
    unbilled = works.pop(None, Work())
    return {who: work for who, work in works.items() if who is not None}, unbilled


def _work(spec: Pool, served: roster.Pool | None, rows: Sequence[tuple[int, ...]]) -> Work:
    meters = [sum(column) for column in zip(*rows, strict=True)]
    charges_pusd = _charges_pusd(spec, meters)
    if not has_hardware(spec):
        return Work(0, charges_pusd)
    if served is None:
        raise UsageError(f"the pool {spec.name!r} is not in the roster", hint="wattmill reload")
    return Work(busy_us(meters, served), charges_pusd)


def _charges_pusd(spec: Pool, meters: Sequence[int]) -> int:
    if spec.uusd_per_mtok is None:
        return 0
    prices = msgspec.structs.astuple(spec.uusd_per_mtok)
    return sum(tokens * price for tokens, price in zip(meters, prices, strict=True))
