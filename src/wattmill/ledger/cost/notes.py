"""What a margin report does not know, and how it knows the rest: sentences for its foot."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from wattmill.core.money import format_usd
from wattmill.core.terms import Flat, Terms
from wattmill.ledger.cost.hardware import HOUR_US, US_PER_S
from wattmill.ledger.cost.pools import PoolHours
from wattmill.ledger.cost.schedule import ScheduleName, market_trend
from wattmill.ledger.cost.site_month import PoolTotals, SiteMonth
from wattmill.tariff.period import PlanVersion


def notes(found: SiteMonth, schedule: ScheduleName) -> Iterator[str]:
    """One sentence each, the time first, then pool by pool."""
    yield from _window_notes(found)
    yield from _power_notes(found)
    for name, pool in found.pools.items():
        if pool.own:
            yield from _pool_notes(found, pool, found.totals[name], schedule)
    yield from _gone_notes(found)
    yield from _absorbed_notes(found)


def _window_notes(found: SiteMonth) -> Iterator[str]:
    window, timezone = found.window, found.factory.site.timezone
    if window.start_us > window.month_us:
        begin = _shown(window.start_us, timezone)
        yield f"the books begin {begin}; cost before that is not counted"
    if window.until_us < window.month_end_us:
        until = _shown(window.until_us, timezone)
        yield f"the month is not over; cost is counted up to {until}"
    if found.has_retired:
        yield "details of requests are retired: their work is counted in the hour of their hold"


def _power_notes(found: SiteMonth) -> Iterator[str]:
    """A price that nobody gave is said, where something was modelled or metered at it."""
    factory, site = found.factory, found.factory.site
    if any(pool.own for pool in found.pools.values()) and not factory.says(
        "site", "power_usd_per_kwh"
    ):
        key = f"power_{site.currency.lower()}_per_kwh"
        yield f"power at {site.power_usd_per_kwh} {site.currency}/kWh is a guess; give {key}"


def _pool_notes(
    found: SiteMonth, pool: PoolHours, total: PoolTotals, schedule: ScheduleName
) -> Iterator[str]:
    spec = pool.spec
    yield from _wear_notes(pool, total, schedule)
    if not total.energy_known:
        space = " (and so its space)" if found.factory.site.colo_usd_per_kw_month else ""
        yield f"{spec.name}: its power{space} is unknown; give idle_w and busy_w"
    if total.measured_us > 0:
        share = 100 * total.measured_us / total.service_us
        yield f"{spec.name}: its energy is measured for {share:.1f} % of the time, else modelled"
    if total.busy_us > total.service_us:
        yield (
            f"{spec.name}: at its rates the work took {total.busy_us / HOUR_US:.2f} h of the"
            f" {total.service_us / HOUR_US:.2f} h in service; shares are scaled to fit,"
            " and the rates are too slow"
        )


def _wear_notes(pool: PoolHours, total: PoolTotals, schedule: ScheduleName) -> Iterator[str]:
    spec = pool.spec
    if spec.paid_usd is None:
        yield f"{spec.name}: its wear is unknown; give paid_usd"
    elif total.wear_pusd.get(schedule) is None:
        yield f"{spec.name}: its market value is unknown; give the date bought"
    elif spec.bought is None:
        yield f"{spec.name}: without the date bought it counts as within its life"
    elif schedule == "economic":
        trend = market_trend(spec.hardware)
        moved = 100 * (trend.yearly_factor - 1)
        yield f"{spec.name}: its market value moves by {moved:+.1f} % a year ({trend.basis})"


def _gone_notes(found: SiteMonth) -> Iterator[str]:
    tokens: defaultdict[str, int] = defaultdict(int)
    for who, tally in found.use.by_whose.items():
        if who.pool and who.pool not in found.pools:
            tokens[who.pool] += tally.tokens
    for pool, count in sorted(tokens.items()):
        yield (
            f"{pool}: it served {count:,} tokens and is not in the factory file;"
            " its cost is unknown"
        )


def _absorbed_notes(found: SiteMonth) -> Iterator[str]:
    absorbed_pusd = sum(tally.absorbed_pusd for tally in found.use.by_whose.values())
    if absorbed_pusd:
        yield f"{format_usd(absorbed_pusd, 6)} were not charged: prepaid credit had run out"


def terms_notes(found: SiteMonth, versions: Iterable[PlanVersion]) -> Iterator[str]:
    """Plans of which the month's invoice is not the sum of the requests."""
    plans = {
        version.plan
        for version in versions
        if version.valid_from_us < found.window.until_us and not _is_linear(version.terms)
    }
    for plan in sorted(plans):
        yield (
            f"{plan}: revenue is what requests were charged;"
            " what its terms add and take off by the month is on the invoices"
        )


def _is_linear(terms: Terms) -> bool:
    rates = [rate for card in terms.cards for rate in card.rates]
    by_token = all(isinstance(rate.scheme, Flat) and not rate.free for rate in rates)
    fees = (terms.fee, terms.seats, terms.minimum, terms.maximum, terms.allowance)
    return by_token and not any(fees) and terms.commitment is None


def _shown(at_us: int, timezone: str) -> str:
    return f"{datetime.fromtimestamp(at_us / US_PER_S, ZoneInfo(timezone)):%Y-%m-%d %H:%M %Z}"
