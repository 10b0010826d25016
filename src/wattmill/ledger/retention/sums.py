"""What the rows of retired requests add up to, block by block, in the shape in which it is kept."""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from wattmill.core.records import METERS
from wattmill.ledger.accounts import Balance
from wattmill.ledger.engines import Reading, lives
from wattmill.ledger.records import TenantSum
from wattmill.ledger.retention.reading import Range
from wattmill.ledger.rows import QuarterKey, quarters_of
from wattmill.ledger.schema import LIMB, QUARTER_US

Row = Sequence[Any]
_METERS = slice(8, 16)
_ID, _HELD, _TENANT, _KEY, _MODEL, _POOL, _PRICE = 0, 1, 3, 4, 5, 6, 7
_SOURCE, _STATE, _OUTCOME, _REASON, _AMOUNT = 16, 17, 18, 19, 20
"""Where a row of ``request`` without its block has what."""


class Bought(NamedTuple):
    """Alike requests as a reseller bought them in a quarter of an hour."""

    party: str
    tenant: str
    quarter: int
    model: str
    pool: str
    price: int
    source: str


class Group(NamedTuple):
    """Sums of alike requests of one block. ``money`` is amount and absorbed, or sold and bought, in pUSD."""

    requests: int
    first_held_us: int
    meters: tuple[int, ...]
    money: tuple[int, int]


class Block:
    """The requests of a block, added up as they are kept."""

    def __init__(self, number: int, requests: Sequence[Row], resales: Sequence[Row]) -> None:
        self.number, self.requests, self.resales = number, requests, resales
        quarters = quarters_of(requests, number)
        self.usage: dict[QuarterKey, Group] = {key: _group(sums) for key, sums in quarters.items()}
        self.bought: dict[Bought, Group] = _bought(requests, resales) if resales else {}


def _group(sums: Sequence[int]) -> Group:
    """From what ``quarters_of`` gives."""
    count, first_us, _, *rest = sums
    amount_high, amount_low, absorbed_high, absorbed_low = rest[len(METERS) :]
    money = amount_high * LIMB + amount_low, absorbed_high * LIMB + absorbed_low
    return Group(count, first_us, tuple(rest[: len(METERS)]), money)


def _bought(requests: Sequence[Row], resales: Sequence[Row]) -> dict[Bought, Group]:
    """Charged requests by who resold them; what a hop sells them for is what the one below it pays."""
    by_id = {row[_ID]: row for row in requests}
    sold: dict[tuple[int, int], int] = {(row[0], row[1] + 1): row[4] for row in resales}
    found: dict[Bought, Group] = {}
    for request, hop, party, price, amount in resales:
        row = by_id[request]
        if row[_STATE] != "charged":
            continue
        key = Bought(
            *(party, row[_TENANT], row[_HELD] // QUARTER_US, row[_MODEL]),
            *(row[_POOL] or "", price, row[_SOURCE]),
        )
        below = row[_AMOUNT] if hop == 1 else sold[request, hop]
        one = Group(1, row[_HELD], tuple(row[_METERS]), (below, amount))
        found[key] = _added(found[key], one) if key in found else one
    return found


def _added(one: Group, other: Group) -> Group:
    meters = tuple(map(sum, zip(one.meters, other.meters, strict=True)))
    first_us = min(one.first_held_us, other.first_held_us)
    money = one.money[0] + other.money[0], one.money[1] + other.money[1]
    return Group(one.requests + other.requests, first_us, meters, money)


class Runs:
    """Numbers in any order, put together to ranges without a gap."""

    def __init__(self) -> None:
        self._first_by_last: dict[int, int] = {}
        self._last_by_first: dict[int, int] = {}

    def add(self, number: int) -> None:
        first = self._first_by_last.pop(number - 1, number)
        last = self._last_by_first.pop(number + 1, number)
        self._last_by_first.pop(first, None)
        self._first_by_last.pop(last, None)
        self._first_by_last[last] = first
        self._last_by_first[first] = last

    @property
    def ranges(self) -> list[Range]:
        """Rising, none of them touching the next."""
        return [Range(first, last) for first, last in sorted(self._last_by_first.items())]


class _Span:
    """Alike requests of several blocks."""

    def __init__(self, block: int, group: Group) -> None:
        self.first_block = self.last_block = block
        self.group = group

    def add(self, block: int, group: Group) -> None:
        self.last_block = block
        self.group = _added(self.group, group)

    def values(self, money: tuple[str, str]) -> dict[str, int]:
        """By column; ``money`` names the two amounts."""
        group = self.group
        limbs = [(name, *divmod(pusd, LIMB)) for name, pusd in zip(money, group.money, strict=True)]
        return {
            "requests": group.requests,
            "first_held_us": group.first_held_us,
            "first_block": self.first_block,
            "last_block": self.last_block,
            **dict(zip(METERS, group.meters, strict=True)),
            **{f"{name}_high": high for name, high, _ in limbs},
            **{f"{name}_low": low for name, _, low in limbs},
        }


class Sums:
    """All blocks that are retired together. ``keys`` and ``readings`` say what else must stay known of them."""

    def __init__(
        self, keys: Mapping[str, Balance], readings: Mapping[str, Sequence[Reading]]
    ) -> None:
        self.blocks: list[Range] = []
        self.requests = self.resales = 0
        self._ids = Runs()
        self._usage: dict[tuple[QuarterKey, int], _Span] = {}
        self._bought: dict[tuple[Bought, int], _Span] = {}
        self._months = {name: _bounds(balance) for name, balance in keys.items()}
        self._keys: Counter[str] = Counter()
        self._marks = {pool: marks(found) for pool, found in readings.items()}
        self._work: defaultdict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0, 0, 0])

    def add(self, block: Block, covered: Mapping[Any, int], *, follows: bool) -> None:
        """One more block, behind all others. ``follows``: no block of requests between it and the last one stays.

        ``covered`` has the block of the first invoice of each group of ``block.usage`` and ``block.bought``.
        """
        first = self.blocks.pop().first if follows and self.blocks else block.number
        self.blocks.append(Range(first, block.number))
        self.requests += len(block.requests)
        self.resales += len(block.resales)
        for key, group in block.usage.items():
            _put(self._usage, (key, covered[key]), block.number, group)
        for bought, group in block.bought.items():
            _put(self._bought, (bought, covered[bought]), block.number, group)
        for row in block.requests:
            self._ids.add(row[_ID])
        self._add_keys(block.requests)
        self._add_work(block.requests)

    def _add_keys(self, requests: Iterable[Row]) -> None:
        for row in requests:
            month = self._months.get(row[_KEY])
            if month and month[0] <= row[_HELD] < month[1] and row[_STATE] == "charged":
                self._keys[row[_KEY]] += row[_AMOUNT]

    def _add_work(self, requests: Iterable[Row]) -> None:
        if not self._marks:
            return
        for row in requests:
            for pool in self._pools_of(row):
                at = bisect_right(self._marks[pool], row[_HELD])
                if at:
                    self._add_one(pool, self._marks[pool][at - 1], row)

    def _pools_of(self, row: Row) -> Iterable[str]:
        """Where a gateway died with a request, nobody knows which pool had it: it counts for each."""
        if row[_POOL] in self._marks:
            return (row[_POOL],)
        return self._marks if row[_POOL] is None and row[_REASON] == "crash" else ()

    def _add_one(self, pool: str, after_us: int, row: Row) -> None:
        meters = dict(zip(METERS, row[_METERS], strict=True))
        note = row[_OUTCOME] if row[_OUTCOME] is not None else row[_REASON]
        uncached = ("input_uncached", "cache_write", "audio_in", "image_in")
        output = ("output_text", "output_reasoning", "audio_out")
        sums = self._work[pool, after_us, row[_STATE] != "void", note or "", row[_SOURCE]]
        sums[0] += 1
        sums[1] += sum(meters[name] for name in uncached)
        sums[2] += meters["input_cached"]
        sums[3] += sum(meters[name] for name in output)

    # --- as it is kept -----------------------------------------------------------------------------------------------

    @property
    def ids(self) -> list[Range]:
        """The numbers of the requests."""
        return self._ids.ranges

    def usage_rows(self) -> Iterator[dict[str, Any]]:
        """For ``retired_usage``."""
        names = ("tenant", "quarter", "model", "pool", "price", "source", "state")
        for (key, covered_by), span in self._usage.items():
            who = dict(zip(names, key, strict=True))
            yield {**who, "covered_by": covered_by, **span.values(("amount", "absorbed"))}

    def resale_rows(self) -> Iterator[dict[str, Any]]:
        """For ``retired_resale``."""
        for (key, covered_by), span in self._bought.items():
            yield {**key._asdict(), "covered_by": covered_by, **span.values(("sold", "amount"))}

    def key_rows(self) -> Iterator[dict[str, Any]]:
        """For ``retired_key``."""
        for key, amount_pusd in self._keys.items():
            yield {"key": key, "start_us": self._months[key][0], "amount": str(amount_pusd)}

    def work_rows(self) -> Iterator[dict[str, Any]]:
        """For ``retired_work``."""
        names = ("pool", "after_us", "settled", "note", "source")
        figures = ("requests", "input_uncached", "input_cached", "output")
        for key, sums in self._work.items():
            yield dict(zip((*names, *figures), (*key, *sums), strict=True))

    def of_tenants(self) -> tuple[TenantSum, ...]:
        """By tenant and state, for the record."""
        return added(
            [_tenant_sum(key[0], key[6], one.group) for (key, _), one in self._usage.items()]
        )


def added(sums: Iterable[TenantSum]) -> tuple[TenantSum, ...]:
    """One of each tenant and state, in their order."""
    found: dict[tuple[str, str], Group] = {}
    for one in sums:
        who = one.tenant, one.state
        group = Group(one.requests, 0, one.meters, (one.amount_pusd, one.absorbed_pusd))
        found[who] = _added(found[who], group) if who in found else group
    return tuple(_tenant_sum(*who, group) for who, group in sorted(found.items()))


def marks(readings: Sequence[Reading]) -> list[int]:
    """The first and the last reading of each life of an engine: between them it is held against the books."""
    ends = {one.at_us for life in lives(readings) for one in (life[0], life[-1])}
    return sorted(ends)


def _tenant_sum(tenant: str, state: str, group: Group) -> TenantSum:
    return TenantSum(
        tenant=tenant,
        state=state,
        requests=group.requests,
        meters=group.meters,
        amount_pusd=group.money[0],
        absorbed_pusd=group.money[1],
    )


def _put(spans: dict[Any, _Span], key: Any, block: int, group: Group) -> None:
    if key in spans:
        spans[key].add(block, group)
    else:
        spans[key] = _Span(block, group)


def _bounds(balance: Balance) -> tuple[int, int]:
    return round(balance.month.start_s * 1e6), round(balance.month.end_s * 1e6)


def first_bound(bounds: Sequence[int], block: int) -> int | None:
    """The least of rising bounds that is not before a block."""
    at = bisect_left(bounds, block)
    return bounds[at] if at < len(bounds) else None
