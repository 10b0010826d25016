"""A month of the site read from the books: the one pass over its hours on which all reports stand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

from msgspec import Struct
from sqlalchemy import Connection

from wattmill.catalog.factory import Factory
from wattmill.core import roster
from wattmill.core.errors import UsageError
from wattmill.ledger.cost.hardware import HOUR_US, US_PER_S
from wattmill.ledger.cost.hours import (
    LOOKBACK_HOURS,
    UsageLine,
    Window,
    correction_lines,
    first_held_us,
    usage_lines,
)
from wattmill.ledger.cost.month import MonthCosts, MonthUse, Works, each_hour
from wattmill.ledger.cost.pools import PoolHour, PoolHours
from wattmill.ledger.cost.readings import metered
from wattmill.ledger.cost.resold import corrected_hops, hop_lines
from wattmill.ledger.cost.schedule import SCHEDULES, ScheduleName
from wattmill.ledger.entries import Settle
from wattmill.ledger.periods import Month, month_named
from wattmill.ledger.retention.reading import has_retired
from wattmill.ledger.store import Store
from wattmill.ledger.usage import books_begin_s, pending


class PoolTotals(Struct):
    """One pool over the window. ``working_pusd`` is electricity above idle, before cooling."""

    service_us: int = 0
    busy_us: int = 0
    measured_us: int = 0
    working_pusd: int = 0
    energy_pusd: int = 0
    energy_known: bool = True
    wear_pusd: dict[ScheduleName, int | None] = {}

    def add(self, hour: PoolHour, busy_us: int) -> None:
        """One more hour."""
        cost = hour.costs["book"]
        self.service_us += cost.service_us
        self.busy_us += busy_us
        self.measured_us += hour.metered.measured_us
        self.working_pusd += cost.working_pusd or 0
        self.energy_pusd += cost.energy_pusd
        # A part of an hour may be metered and the rest unknown.
        gap = hour.metered.measured_us < cost.service_us and not hour.modelled
        self.energy_known = self.energy_known and not gap
        for name, scheduled in hour.costs.items():
            lost, before = scheduled.amortisation_pusd, self.wear_pusd.get(name, 0)
            self.wear_pusd[name] = None if lost is None or before is None else before + lost


class SiteMonth(Struct):
    """Everything that the reports of a month are made of."""

    factory: Factory
    month: Month
    window: Window
    names: list[str]
    pools: dict[str, PoolHours]
    totals: dict[str, PoolTotals]
    use: MonthUse
    costs: dict[ScheduleName, MonthCosts]
    has_retired: bool = False
    """Whether details are retired of requests that may have worked in it."""


def read_month(
    store: Store,
    factory: Factory,
    served: Iterable[roster.Pool],
    month_name: str,
    *,
    until_s: float,
    names: Iterable[str],
) -> SiteMonth:
    """Go through the hours of a month up to ``until_s``. ``UsageError`` before it has begun."""
    month = month_named(month_name, factory.site.timezone)
    if until_s <= month.start_s:
        raise UsageError(f"the month {month.name} has not begun", hint="name one that has")
    waiting = pending(store, month.start_s, min(until_s, month.end_s))
    begin_s = books_begin_s(store)
    with store.reading() as connection:
        window = _window(connection, month, until_s, begin_s, waiting)
        return read_window(connection, factory, served, month, window, names, waiting)


def read_window(
    connection: Connection,
    factory: Factory,
    served: Iterable[roster.Pool],
    month: Month,
    window: Window,
    names: Iterable[str] = (),
    waiting: Iterable[Settle] = (),
) -> SiteMonth:
    """The same for whole hours of a month, in a transaction that is open."""
    found = _blank(factory, month, window, served, sorted(names))
    for pool in found.pools.values():
        if pool.own:
            pool.take_readings(metered(connection, pool.spec.name, pool.edges))
    _go_through(connection, found, waiting)
    reach_us = window.start_us - LOOKBACK_HOURS * HOUR_US
    found.has_retired = has_retired(connection, reach_us, window.until_us)
    return found


def _blank(
    factory: Factory,
    month: Month,
    window: Window,
    served: Iterable[roster.Pool],
    names: list[str],
) -> SiteMonth:
    rates = {pool.name: pool for pool in served}
    site = factory.site
    pools = {
        spec.name: PoolHours(spec, site, rates.get(spec.name), window) for spec in factory.pools
    }
    return SiteMonth(
        factory,
        month,
        window,
        names,
        pools,
        {name: PoolTotals() for name in pools},
        MonthUse(window, site.timezone),
        {name: MonthCosts(name) for name in SCHEDULES},
    )


def _window(
    connection: Connection,
    month: Month,
    until_s: float,
    begin_s: float | None,
    waiting: Iterable[Settle],
) -> Window:
    """Hours before the books begin were not metered: they are unknown, not idle."""
    month_us, month_end_us = round(month.start_s * US_PER_S), round(month.end_s * US_PER_S)
    until_us = min(round(until_s * US_PER_S), month_end_us)
    whole = Window(month_us, month_end_us, month_us, until_us)
    if begin_s is None:
        return whole
    seen = [round(settle.held_at_s * US_PER_S) for settle in waiting]
    first_us = first_held_us(connection, whole)
    begin_us = min(round(begin_s * US_PER_S), until_us, *seen, *filter(None, [first_us]))
    return Window(month_us, month_end_us, max(month_us, begin_us), until_us)


def _go_through(connection: Connection, found: SiteMonth, waiting: Iterable[Settle]) -> None:
    works = Works(found.pools, found.window)
    for line in (
        *_waiting_lines(waiting, found.window),
        *correction_lines(connection, found.window),
    ):
        found.use.add(line)
        if line.state == "pending":
            works.add(line)
    resold = hop_lines(connection, found.window), corrected_hops(connection, found.window)
    for hop in chain(*resold):
        found.use.add_hop(hop)
    for hour, lines in each_hour(usage_lines(connection, found.window), found.window):
        for line in lines:
            works.add(line)
            if hour >= found.window.first_hour:
                found.use.add(line)
        if hour >= found.window.first_hour:
            _close_hour(found, hour, works)


def _close_hour(found: SiteMonth, hour: int, works: Works) -> None:
    day, workers = found.use.day_of(hour), works.take(hour)
    for name, pool in found.pools.items():
        mine = workers.get(name, {})
        busy_us = sum(work.busy_us for work in mine.values())
        cost = pool.hour(hour - found.window.first_hour, busy_us)
        for costs in found.costs.values():
            costs.add(day, name, cost, mine)
        found.totals[name].add(cost, busy_us)
        for who, work in mine.items():
            found.use.by_whose[who].busy_us += work.busy_us


def _waiting_lines(waiting: Iterable[Settle], window: Window) -> Iterator[UsageLine]:
    """Settled, but delivery neither confirmed nor given up: work that nobody pays for yet."""
    for settle in waiting:
        held_us = round(settle.held_at_s * US_PER_S)
        yield UsageLine(
            window.hour_of(held_us),
            *(settle.tenant, settle.model, settle.pool, "pending", 1),
            *(held_us, round(settle.at_s * US_PER_S)),
            settle.usage.meters,
            settle.amount_pusd,
        )


def wear_known(found: SiteMonth, schedule: ScheduleName) -> bool:
    """Whether the wear of every own machine is known."""
    own = _own(found.pools, found.totals)
    return all(total.wear_pusd.get(schedule) is not None for total in own)


def energy_known(found: SiteMonth) -> bool:
    """Whether the electricity of every own machine is known."""
    return all(total.energy_known for total in _own(found.pools, found.totals))


def _own(pools: Mapping[str, PoolHours], totals: Mapping[str, PoolTotals]) -> Iterator[PoolTotals]:
    return (totals[name] for name, pool in pools.items() if pool.own)
