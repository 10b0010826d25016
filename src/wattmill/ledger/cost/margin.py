"""The margin of a month: what tenants pay less what serving them cost on hardware really paid for.

The month is one of the site's calendar. Cost accrues for the hours that have passed and that the
books know of. Attributed + unbilled + idle + overhead is the cost, to the pUSD, or it is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from wattmill.catalog.factory import Factory
from wattmill.core import roster
from wattmill.ledger.cost.attribution import NOTHING, Cost
from wattmill.ledger.cost.break_even import break_evens
from wattmill.ledger.cost.hardware import HOUR_US, US_PER_S
from wattmill.ledger.cost.loaded import Loaded, loaded_shares, unbilled_of
from wattmill.ledger.cost.month import DayCosts, MonthCosts, Tally, Whose
from wattmill.ledger.cost.notes import notes, terms_notes
from wattmill.ledger.cost.report import (
    BreakEven,
    CostView,
    DayMargin,
    MarginReport,
    ModelMargin,
    PoolMargin,
    ResellerMargin,
    ScheduleMargin,
    TenantMargin,
)
from wattmill.ledger.cost.schedule import ScheduleName, value_pusd
from wattmill.ledger.cost.site_month import SiteMonth, energy_known, read_month, wear_known
from wattmill.ledger.registry import Registry
from wattmill.ledger.store import Store

K = TypeVar("K")


class _Known(NamedTuple):
    """Whether every own machine's electricity, and its wear, is known."""

    energy: bool
    wear: bool


class _Sums(NamedTuple):
    """Charged requests of one tenant or model."""

    requests: int
    tokens: int
    revenue_pusd: int
    attributed: Cost
    margin_before_idle_pusd: int
    idle_share: Cost
    margin_pusd: int
    views: tuple[CostView, ...]


def margin(
    store: Store,
    registry: Registry,
    factory: Factory,
    pools: Iterable[roster.Pool],
    month_name: str,
    *,
    until_s: float,
    schedule: ScheduleName = "book",
) -> MarginReport:
    """The margin of a month (``2026-11``) up to ``until_s``, on the pools of the factory.

    ``pools`` are those of the roster: they carry the rates that requests are attributed by.
    ``UsageError`` for a month that has not begun or a pool without rates.
    """
    names = [row.name for row in registry.tenants()]
    found = read_month(store, factory, pools, month_name, until_s=until_s, names=names)
    remarks = terms_notes(found, registry.plan_versions())
    return report(found, schedule, break_evens(found, registry.prices(), schedule), remarks)


def report(
    found: SiteMonth,
    schedule: ScheduleName,
    break_even: Sequence[BreakEven] = (),
    remarks: Iterable[str] = (),
) -> MarginReport:
    """The report of a month that was read; ``remarks`` come after its own notes."""
    costs, known = found.costs[schedule], _known(found, schedule)
    by_part = _parts(costs)
    loaded = loaded_shares(found, costs)
    tenants = _by(found, costs, loaded, known, lambda who: who.tenant, found.names)
    models = _by(found, costs, loaded, known, lambda who: who.model, ())
    revenue_pusd, tokens = _charged(found)
    zone = ZoneInfo(found.factory.site.timezone)
    return MarginReport(
        site=found.factory.site.name,
        month=found.month.name,
        timezone=found.factory.site.timezone,
        schedule=schedule,
        start=datetime.fromtimestamp(found.window.start_us / US_PER_S, zone),
        until=datetime.fromtimestamp(found.window.until_us / US_PER_S, zone),
        revenue_pusd=revenue_pusd,
        cost=costs.total,
        margin_pusd=revenue_pusd - costs.total.total_pusd,
        attributed=by_part.attributed,
        unbilled=by_part.unbilled,
        idle=by_part.idle,
        overhead=by_part.overhead,
        unshared=loaded.unshared,
        tenants=tuple(TenantMargin(name, *sums) for name, sums in tenants.items()),
        models=tuple(ModelMargin(name, *sums) for name, sums in models.items()),
        pools=tuple(_pool(found, costs, name) for name in found.pools),
        days=tuple(_days(found, costs, zone)),
        schedules=tuple(_scheduled(found, each) for each in found.costs.values()),
        resellers=tuple(_resellers(found)),
        break_even=tuple(break_even),
        views=_views(revenue_pusd, tokens, costs.total, known),
        notes=(*notes(found, schedule), *remarks),
    )


# --- by tenant, model, pool and day ---------------------------------------------------------------


def _by(
    found: SiteMonth,
    costs: MonthCosts,
    loaded: Loaded,
    known: _Known,
    name_of: Callable[[Whose], str],
    names: Iterable[str],
) -> dict[str, _Sums]:
    """Charged requests under a name each; the ``names`` are there even without any."""
    groups: dict[str, list[Whose]] = {name: [] for name in names}
    for who in {**found.use.by_whose, **costs.by_whose}:
        if who.charged:
            groups.setdefault(name_of(who), []).append(who)
    return {name: _sums(found, costs, loaded, known, groups[name]) for name in sorted(groups)}


def _sums(
    found: SiteMonth,
    costs: MonthCosts,
    loaded: Loaded,
    known: _Known,
    members: Iterable[Whose],
) -> _Sums:
    tally, attributed, share = Tally(), NOTHING, NOTHING
    for who in members:
        tally = tally.merged(found.use.by_whose.get(who, Tally()))
        attributed += costs.by_whose.get(who, NOTHING)
        share += loaded.shares.get(who, NOTHING)
    cost, revenue_pusd = attributed + share, tally.revenue_pusd
    return _Sums(
        tally.requests,
        tally.tokens,
        revenue_pusd,
        attributed,
        revenue_pusd - attributed.total_pusd,
        share,
        revenue_pusd - cost.total_pusd,
        _views(revenue_pusd, tally.tokens, cost, known),
    )


def _pool(found: SiteMonth, costs: MonthCosts, name: str) -> PoolMargin:
    pool, total = found.pools[name], found.totals[name]
    members = [who for who in found.use.by_whose if who.pool == name]
    tallies = [found.use.by_whose[who] for who in members]
    revenue_pusd = sum(tally.revenue_pusd for tally in tallies)
    attributed = sum((costs.by_whose[who] for who in members if who.charged), NOTHING)
    unbilled, idle, overhead = unbilled_of(costs, name), costs.idle[name], costs.overhead[name]
    cost = attributed + unbilled + idle + overhead
    worth = (
        value_pusd(pool.spec, found.factory.site.timezone, line, found.window.until_us)
        for line in found.costs
    )
    book_value, market_value = worth if pool.own else (None, None)
    service_us = total.service_us
    return PoolMargin(
        pool=name,
        own_hardware=pool.own,
        requests=sum(tally.requests for tally in tallies),
        tokens=sum(tally.tokens for tally in tallies),
        revenue_pusd=revenue_pusd,
        service_s=service_us / US_PER_S if pool.own else 0.0,
        busy_s=total.busy_us / US_PER_S,
        busy_frac=total.busy_us / service_us if service_us and pool.own else None,
        measured_frac=total.measured_us / service_us if service_us and pool.own else None,
        energy_pusd=total.energy_pusd if pool.own and total.energy_known else None,
        amortisation_pusd=total.wear_pusd.get(costs.schedule) if pool.own else None,
        charges_pusd=attributed.charges_pusd + unbilled.charges_pusd,
        attributed=attributed,
        unbilled=unbilled,
        idle=idle,
        overhead=overhead,
        cost=cost,
        margin_pusd=revenue_pusd - cost.total_pusd,
        book_value_pusd=book_value,
        market_value_pusd=market_value,
    )


def _days(found: SiteMonth, costs: MonthCosts, zone: ZoneInfo) -> Iterator[DayMargin]:
    for day in sorted({*costs.by_day, *found.use.by_day}):
        spent, tally = costs.by_day.get(day, DayCosts()), found.use.by_day.get(day, Tally())
        cost = spent.attributed + spent.unbilled + spent.idle + spent.overhead
        yield DayMargin(
            day=day,
            hours=_hours(found, day, zone),
            requests=tally.requests,
            tokens=tally.tokens,
            revenue_pusd=tally.revenue_pusd,
            attributed=spent.attributed,
            unbilled=spent.unbilled,
            idle=spent.idle,
            overhead=spent.overhead,
            cost=cost,
            margin_pusd=tally.revenue_pusd - cost.total_pusd,
        )


def _hours(found: SiteMonth, day: date, zone: ZoneInfo) -> float:
    """Hours of a day that lie in the window."""
    begin_us, end_us = (
        round(datetime(at.year, at.month, at.day, tzinfo=zone).timestamp()) * US_PER_S
        for at in (day, day + timedelta(days=1))
    )
    window = found.window
    return (min(end_us, window.until_us) - max(begin_us, window.start_us)) / HOUR_US


def _resellers(found: SiteMonth) -> Iterator[ResellerMargin]:
    for party, trade in sorted(found.use.resellers.items()):
        sold, bought = trade.sold_pusd, trade.bought_pusd
        yield ResellerMargin(party, trade.requests, sold, bought, sold - bought)


# --- the whole site -------------------------------------------------------------------------------


class _Parts(NamedTuple):
    attributed: Cost
    unbilled: Cost
    idle: Cost
    overhead: Cost


def _parts(costs: MonthCosts) -> _Parts:
    def of(charged: bool) -> Cost:
        parts = (cost for who, cost in costs.by_whose.items() if who.charged is charged)
        return sum(parts, NOTHING)

    idle, overhead = _all(costs.idle), _all(costs.overhead)
    return _Parts(of(True), of(False), idle, overhead)


def _all(by_pool: Mapping[str, Cost]) -> Cost:
    return sum(by_pool.values(), NOTHING)


def _charged(found: SiteMonth) -> tuple[int, int]:
    """Revenue in pUSD and tokens of charged requests."""
    charged = [tally for who, tally in found.use.by_whose.items() if who.charged]
    return sum(one.revenue_pusd for one in charged), sum(one.tokens for one in charged)


def _scheduled(found: SiteMonth, costs: MonthCosts) -> ScheduleMargin:
    revenue_pusd, tokens = _charged(found)
    cost = costs.total
    return ScheduleMargin(
        schedule=costs.schedule,
        amortisation_pusd=cost.amortisation_pusd,
        cost=cost,
        margin_pusd=revenue_pusd - cost.total_pusd,
        uusd_per_mtok=_per_mtok(cost.total_pusd, tokens),
        complete=all(_known(found, costs.schedule)),
    )


def _known(found: SiteMonth, schedule: ScheduleName) -> _Known:
    return _Known(energy_known(found), wear_known(found, schedule))


def _views(revenue_pusd: int, tokens: int, cost: Cost, known: _Known) -> tuple[CostView, ...]:
    def view(name: str, cost_pusd: int, complete: bool) -> CostView:
        per_mtok = _per_mtok(cost_pusd, tokens)
        return CostView(name, cost_pusd, revenue_pusd - cost_pusd, per_mtok, complete)

    return (
        view("zero", cost.charges_pusd, True),
        view("electricity", cost.charges_pusd + cost.energy_pusd, known.energy),
        view("loaded", cost.total_pusd, known.energy and known.wear),
    )


def _per_mtok(cost_pusd: int, tokens: int) -> int | None:
    """pUSD per token is µUSD per million tokens; halves go up."""
    return (2 * cost_pusd + tokens) // (2 * tokens) if tokens > 0 else None
