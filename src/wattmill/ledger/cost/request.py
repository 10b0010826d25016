"""The margin of one request, and how each part of it comes about.

The cost of an hour of a pool is split first over kinds of requests (tenant, model, whether they
pay), then over the requests of a kind, both by the time that they took and by largest remainder. So
the parts of all requests are what the report of the month says, to the pUSD.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from wattmill.catalog.factory import Factory
from wattmill.core import roster
from wattmill.core.money import split
from wattmill.core.records import METERS, Price
from wattmill.ledger.cost.attribution import DECODED, NOTHING, PREFILLED, Cost
from wattmill.ledger.cost.hardware import HOUR_US, US_PER_S
from wattmill.ledger.cost.hours import LOOKBACK_HOURS, UsageLine, Window
from wattmill.ledger.cost.loaded import loaded_shares
from wattmill.ledger.cost.month import Whose, hours_of_work, whose
from wattmill.ledger.cost.request_report import MeterCharge, RequestHour, RequestMargin
from wattmill.ledger.cost.request_rows import (
    LABEL,
    RequestHop,
    RequestRow,
    alike,
    find_request,
    hops_of,
    line_of,
    request_number,
)
from wattmill.ledger.cost.schedule import ScheduleName
from wattmill.ledger.cost.site_month import SiteMonth, read_month, read_window
from wattmill.ledger.periods import month_at
from wattmill.ledger.store import Store


def request_margin(
    store: Store,
    factory: Factory,
    pools: Iterable[roster.Pool],
    prices: Iterable[Price],
    text: str,
    *,
    until_s: float,
    schedule: ScheduleName = "book",
) -> RequestMargin:
    """Explain one request. ``UsageError`` when the books have none of that name."""
    served = {pool.name: pool for pool in pools}
    timezone = factory.site.timezone
    with store.reading() as connection:
        found = find_request(connection, request_number(text), timezone)
        hops = hops_of(connection, found.number)
    month = month_at(found.line.held_us / US_PER_S, timezone)
    whole = read_month(store, factory, served.values(), month.name, until_s=until_s, names=())
    with store.reading() as connection:
        hours = [
            _hour(connection, site, found, schedule)
            for site in _hours(connection, whole, served.values(), found, until_s)
        ]
    return _explained(found, hops, hours, whole, served, {p.version: p for p in prices}, schedule)


# --- its hours ------------------------------------------------------------------------------------


def _hours(
    connection: Connection,
    whole: SiteMonth,
    served: Iterable[roster.Pool],
    found: RequestRow,
    until_s: float,
) -> Iterator[SiteMonth]:
    """Every hour that has begun of the request's life, read for all who worked in it."""
    if found.line.pool not in whole.pools or not whole.pools[found.line.pool].own:
        return
    factory = whole.factory
    until_us = round(until_s * US_PER_S)
    at_us = found.line.held_us
    while at_us <= min(found.line.ended_us, until_us - 1, _last_us(found.line)):
        month = month_at(at_us / US_PER_S, factory.site.timezone)
        month_us, end_us = round(month.start_s * US_PER_S), round(month.end_s * US_PER_S)
        hour_us = at_us - (at_us - month_us) % HOUR_US
        stop_us = min(hour_us + HOUR_US, end_us, until_us)
        window = Window(month_us, end_us, max(hour_us, whole.window.start_us), stop_us)
        yield read_window(connection, factory, served, month, window)
        at_us = stop_us


def _last_us(line: UsageLine) -> int:
    return line.held_us + LOOKBACK_HOURS * HOUR_US - 1


def _hour(
    connection: Connection, site: SiteMonth, found: RequestRow, schedule: ScheduleName
) -> RequestHour:
    name, window = found.line.pool or "", site.window
    pool, total = site.pools[name], site.totals[name]
    who = whose(found.line)
    busy = {
        row.id: _busy_in(site, line_of(row, window.month_us))
        for row in alike(connection, found, window)
    }
    cell = site.costs[schedule].by_whose.get(who, NOTHING)
    time_cost = Cost(cell.energy_pusd, cell.amortisation_pusd)
    hour = pool.hour(0, total.busy_us)
    cost = hour.costs[schedule]
    return RequestHour(
        start=datetime.fromtimestamp(
            window.start_us / US_PER_S, ZoneInfo(site.factory.site.timezone)
        ),
        request_busy_s=busy.get(found.number, 0) / US_PER_S,
        pool_busy_s=total.busy_us / US_PER_S,
        service_s=cost.service_us / US_PER_S,
        measured_frac=hour.metered.measured_us / cost.service_us if cost.service_us else 0.0,
        amortisation_pusd=cost.amortisation_pusd,
        standing_pusd=cost.standing_pusd,
        working_pusd=cost.working_pusd,
        attributed=_part(time_cost, busy, found.number),
    )


def _busy_in(site: SiteMonth, line: UsageLine) -> int:
    """How long a request worked in the hour of a window."""
    work = site.pools[line.pool or ""].work(line.meters)
    return sum(part for _, part in hours_of_work(line, work.busy_us, site.window))


def _part(cost: Cost, busy: dict[int, int], number: int) -> Cost:
    if not busy.get(number):
        return NOTHING
    index, weights = list(busy).index(number), list(busy.values())
    return Cost(
        energy_pusd=split(cost.energy_pusd, weights)[index],
        amortisation_pusd=split(cost.amortisation_pusd, weights)[index],
    )


# --- the answer -----------------------------------------------------------------------------------


def _explained(
    found: RequestRow,
    hops: tuple[RequestHop, ...],
    hours: Sequence[RequestHour],
    whole: SiteMonth,
    served: dict[str, roster.Pool],
    prices: dict[int, Price],
    schedule: ScheduleName,
) -> RequestMargin:
    line, charged = found.line, found.line.state == "charged"
    paid_pusd = hops[-1].bought_pusd if hops else line.amount_pusd
    revenue_pusd = paid_pusd if charged else 0
    pool = whole.pools.get(line.pool or "")
    cloud_pusd = pool.work(line.meters).charges_pusd if pool else 0
    attributed = sum((hour.attributed for hour in hours), Cost(charges_pusd=cloud_pusd))
    share = _idle_share(whole, found, schedule) if charged else NOTHING
    rates = served.get(line.pool or "") if pool and pool.own else None
    tokens = dict(zip(METERS, line.meters, strict=True))
    return RequestMargin(
        request=f"{LABEL}{found.number:x}",
        tenant=line.tenant,
        model=line.model,
        pool=line.pool,
        state=line.state,
        outcome=found.outcome,
        held=datetime.fromtimestamp(line.held_us / US_PER_S, UTC),
        ended=datetime.fromtimestamp(line.ended_us / US_PER_S, UTC),
        schedule=schedule,
        charges=_charges(line, prices.get(found.price or 0)),
        resale=hops,
        revenue_pusd=revenue_pusd,
        prefill_tok_s=rates.prefill_tok_s if rates else None,
        decode_tok_s=rates.decode_tok_s if rates else None,
        prefilled_tokens=sum(tokens[meter] for meter in PREFILLED),
        decoded_tokens=sum(tokens[meter] for meter in DECODED),
        busy_s=pool.work(line.meters).busy_us / US_PER_S if pool else 0.0,
        hours=tuple(hours),
        charged_to_us_pusd=cloud_pusd,
        attributed=attributed,
        margin_before_idle_pusd=revenue_pusd - attributed.total_pusd,
        idle_share=share,
        margin_pusd=revenue_pusd - attributed.total_pusd - share.total_pusd,
    )


def _charges(line: UsageLine, price: Price | None) -> tuple[MeterCharge, ...]:
    """Each meter with tokens at the price of the request; nothing for what was voided."""
    if price is None:
        return ()
    rows = zip(METERS, line.meters, price.meters, strict=True)
    return tuple(
        MeterCharge(
            meter,
            tokens,
            _usd_per_mtok(Fraction(each, price.denominator)),
            round(Fraction(tokens * each, price.denominator)),
        )
        for meter, tokens, each in rows
        if tokens
    )


def _usd_per_mtok(pusd_per_token: Fraction) -> str:
    """pUSD per token is µUSD per million tokens."""
    return f"{Decimal(round(pusd_per_token * 10**6)).scaleb(-12).normalize():f}"


def _idle_share(whole: SiteMonth, found: RequestRow, schedule: ScheduleName) -> Cost:
    """By the request's part of the time, or of the cloud's charges, of its kind."""
    who: Whose = whose(found.line)
    costs = whole.costs[schedule]
    share = loaded_shares(whole, costs).shares.get(who, NOTHING)
    pool = whole.pools.get(who.pool)
    if pool is None:
        return NOTHING
    if pool.own:
        part, all_of_it = _busy_in(whole, found.line), whole.use.by_whose[who].busy_us
    else:
        part, all_of_it = (
            pool.work(found.line.meters).charges_pusd,
            costs.by_whose[who].charges_pusd,
        )
    return _scaled(share, part, all_of_it)


def _scaled(cost: Cost, part: int, whole: int) -> Cost:
    if not whole:
        return NOTHING
    return Cost(
        cost.energy_pusd * part // whole,
        cost.amortisation_pusd * part // whole,
        cost.space_pusd * part // whole,
        cost.charges_pusd * part // whole,
    )
