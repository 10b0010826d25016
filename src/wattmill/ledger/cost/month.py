"""Adds up a window hour by hour: whose work it was, what that cost, and what nobody used.

``MonthUse`` has what was used and charged, ``MonthCosts`` what it cost under one schedule. Both keep
totals by pool, tenant and model and by day, so their size does not depend on the number of requests.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from msgspec import Struct

from wattmill.core.errors import LedgerError
from wattmill.core.money import split
from wattmill.core.records import METERS
from wattmill.ledger.cost.attribution import NOTHING, Cost, Work, attribute
from wattmill.ledger.cost.hardware import HOUR_US, US_PER_S
from wattmill.ledger.cost.hours import LOOKBACK_HOURS, UsageLine, Window
from wattmill.ledger.cost.pools import PoolHour, PoolHours
from wattmill.ledger.cost.resold import HopLine
from wattmill.ledger.cost.schedule import ScheduleName


class Whose(NamedTuple):
    """Requests that are told apart: where they ran, for whom, as which model, and if they pay.

    ``pool`` is empty for what never reached an engine.
    """

    pool: str
    tenant: str
    model: str
    charged: bool


class Tally(Struct):
    """Sums over requests. ``busy_us`` is their work in the window, wherever they were held."""

    requests: int = 0
    meters: tuple[int, ...] = (0,) * len(METERS)
    revenue_pusd: int = 0
    absorbed_pusd: int = 0
    busy_us: int = 0

    @property
    def tokens(self) -> int:
        """Tokens of all meters."""
        return sum(self.meters)

    def add(self, line: UsageLine) -> None:
        self.requests += line.requests
        self.meters = tuple(map(sum, zip(self.meters, line.meters, strict=True)))
        if line.state in ("charged", "corrected"):
            self.revenue_pusd += line.amount_pusd
            self.absorbed_pusd += line.absorbed_pusd

    def merged(self, other: Tally) -> Tally:
        """The sum of two."""
        meters = tuple(map(sum, zip(self.meters, other.meters, strict=True)))
        return Tally(
            self.requests + other.requests,
            meters,
            self.revenue_pusd + other.revenue_pusd,
            self.absorbed_pusd + other.absorbed_pusd,
            self.busy_us + other.busy_us,
        )


class Trade(Struct):
    """What a reseller sold, and what it pays for the same."""

    requests: int = 0
    sold_pusd: int = 0
    bought_pusd: int = 0


class MonthUse:
    """What was used, by whom, and what is charged for it."""

    def __init__(self, window: Window, timezone: str) -> None:
        self._window, self._zone = window, ZoneInfo(timezone)
        self.by_whose: defaultdict[Whose, Tally] = defaultdict(Tally)
        self.by_day: defaultdict[date, Tally] = defaultdict(Tally)
        self.resellers: defaultdict[str, Trade] = defaultdict(Trade)

    def day_of(self, hour: int) -> date:
        """The day of the site's clock on which an hour begins."""
        begin_us = max(self._window.month_us + hour * HOUR_US, self._window.start_us)
        return datetime.fromtimestamp(begin_us / US_PER_S, self._zone).date()

    def add(self, line: UsageLine) -> None:
        """Requests or a correction, in the hour of their hold."""
        self.by_whose[whose(line)].add(line)
        self.by_day[self.day_of(line.hour)].add(line)

    def add_hop(self, line: HopLine) -> None:
        """What a reseller keeps is not the site's revenue."""
        trade = self.resellers[line.party]
        trade.requests += line.requests
        trade.sold_pusd += line.sold_pusd
        trade.bought_pusd += line.bought_pusd
        kept_pusd = line.sold_pusd - line.bought_pusd
        client = Whose(line.pool or "", line.tenant, line.model, True)
        self.by_whose[client].revenue_pusd -= kept_pusd
        self.by_day[self.day_of(line.hour)].revenue_pusd -= kept_pusd


class DayCosts(Struct):
    """What a day cost, by what it was for."""

    attributed: Cost = NOTHING
    unbilled: Cost = NOTHING
    idle: Cost = NOTHING
    overhead: Cost = NOTHING


class MonthCosts:
    """What a window cost under one schedule; every part of it is somebody's, or of nobody."""

    def __init__(self, schedule: ScheduleName) -> None:
        self.schedule = schedule
        self.by_whose: defaultdict[Whose, Cost] = defaultdict(Cost)
        self.idle: defaultdict[str, Cost] = defaultdict(Cost)
        self.overhead: defaultdict[str, Cost] = defaultdict(Cost)
        self.by_day: defaultdict[date, DayCosts] = defaultdict(DayCosts)
        self._whole_pusd = 0

    def add(self, day: date, pool: str, hour: PoolHour, works: Mapping[Whose, Work]) -> None:
        """One pool in one hour, and who had it work."""
        cost = hour.costs[self.schedule]
        attribution = attribute(cost, works)
        self.idle[pool] += attribution.idle
        self.overhead[pool] += hour.overhead
        today = self.by_day[day]
        today.idle += attribution.idle
        today.overhead += hour.overhead
        for who, part in attribution.parts.items():
            self.by_whose[who] += part
            if who.charged:
                today.attributed += part
            else:
                today.unbilled += part
        charges = sum(work.charges_pusd for work in works.values())
        wear_pusd = cost.amortisation_pusd or 0
        self._whole_pusd += hour.overhead.total_pusd + cost.energy_pusd + wear_pusd + charges

    @property
    def total(self) -> Cost:
        """All of it; ``LedgerError`` if the parts were not the cost that the pools had."""
        parts = [*self.by_whose.values(), *self.idle.values(), *self.overhead.values()]
        total = sum(parts, NOTHING)
        days = (
            part
            for day in self.by_day.values()
            for part in (day.attributed, day.unbilled, day.idle, day.overhead)
        )
        if not total.total_pusd == self._whole_pusd == sum(days, NOTHING).total_pusd:
            raise LedgerError(
                f"the cost is {self._whole_pusd} pUSD, its parts add up to {total.total_pusd} pUSD",
                hint="this is a fault of wattmill: please report it with your factory file",
            )
        return total


class Works:
    """Work by hour and pool; what reaches into later hours waits here until its hour comes."""

    def __init__(self, pools: Mapping[str, PoolHours], window: Window) -> None:
        self._pools, self._window = pools, window
        self._by_hour: defaultdict[int, defaultdict[str, dict[Whose, Work]]] = defaultdict(
            lambda: defaultdict(dict)
        )

    def add(self, line: UsageLine) -> None:
        """The work of requests, in the hours in which it was done."""
        pool = self._pools.get(line.pool or "")
        if pool is None:
            return
        work = pool.work(line.meters)
        if line.hour >= self._window.first_hour:
            self._put(line.hour, whose(line), Work(0, work.charges_pusd))
        for hour, busy_us in hours_of_work(line, work.busy_us, self._window):
            self._put(hour, whose(line), Work(busy_us))

    def take(self, hour: int) -> Mapping[str, dict[Whose, Work]]:
        """Who worked in an hour, by pool and in order; it is not needed any more after that."""
        if hour not in self._by_hour:
            return {}
        pools = self._by_hour.pop(hour)
        return {pool: dict(sorted(workers.items())) for pool, workers in pools.items()}

    def _put(self, hour: int, who: Whose, work: Work) -> None:
        workers = self._by_hour[hour][who.pool]
        workers[who] = workers.get(who, Work()) + work


def hours_of_work(line: UsageLine, busy_us: int, window: Window) -> Iterator[tuple[int, int]]:
    """The hours of the window in which work was done, evenly from the hold to the end.

    What lies before or after the window belongs to other reports.
    """
    last_us = line.held_us + LOOKBACK_HOURS * HOUR_US - 1
    begin_us, until_us = line.held_us, min(line.ended_us, last_us)
    first, last = line.hour, window.hour_of(until_us)
    final = window.hour_of(window.until_us - 1)
    if last <= first:
        yield from [(first, busy_us)] if window.first_hour <= first <= final else []
        return
    overlaps = [
        min(until_us, window.month_us + (hour + 1) * HOUR_US)
        - max(begin_us, window.month_us + hour * HOUR_US)
        for hour in range(first, last + 1)
    ]
    for hour, part_us in enumerate(split(busy_us, overlaps), start=first):
        if window.first_hour <= hour <= final:
            yield hour, part_us


def whose(line: UsageLine) -> Whose:
    """Whom a line is counted for."""
    charged = line.state in ("charged", "corrected")
    return Whose(line.pool or "", line.tenant, line.model, charged)


def each_hour(lines: Iterable[UsageLine], window: Window) -> Iterator[tuple[int, list[UsageLine]]]:
    """Every hour of the window with its lines (ascending by hour), and before it the earlier ones."""
    final = window.hour_of(window.until_us - 1)
    hour, batch = -LOOKBACK_HOURS, list[UsageLine]()
    for line in lines:
        while hour < line.hour:
            yield hour, batch
            hour, batch = hour + 1, []
        batch.append(line)
    while hour <= final:
        yield hour, batch
        hour, batch = hour + 1, []
