"""From which load on a price pays for a pool: its fixed cost over what each hour of work earns.

A pool costs so much whether it works or not (wear, idle watts with cooling, space), and so much more
for each hour that it works (watts above idle with cooling, a cloud's charges). A price earns so much
for each hour of work, at the mix of tokens that tenants had of the pool. Exact until the last step.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from math import ceil
from typing import NamedTuple

from msgspec.structs import replace

from wattmill.core.records import Price
from wattmill.ledger.cost.attribution import charges_pusd
from wattmill.ledger.cost.hardware import US_PER_S, drawn_mwh, energy_pusd, exact
from wattmill.ledger.cost.month import Tally
from wattmill.ledger.cost.report import BreakEven
from wattmill.ledger.cost.schedule import ScheduleName
from wattmill.ledger.cost.site_month import SiteMonth


class Load(NamedTuple):
    """What a pool did in a time, and what it cost: pUSD that are fixed, and that work added.

    ``tokens`` of the mix took ``busy_us`` of the pool's ``service_us``.
    """

    service_us: int
    busy_us: int
    tokens: int
    fixed_pusd: int
    marginal_pusd: Fraction


def break_even_frac(load: Load, revenue_pusd: Fraction) -> Fraction | None:
    """The share of the pool's time from which ``revenue_pusd`` for the mix pays for everything.

    ``None`` when it does not even pay for what the mix adds: no load covers that. Above 1 the pool
    would have to do more than it can.
    """
    earned_pusd = revenue_pusd - load.marginal_pusd
    if earned_pusd <= 0:
        return None
    return load.fixed_pusd * load.busy_us / (earned_pusd * load.service_us)


def break_evens(
    found: SiteMonth, prices: Iterable[Price], schedule: ScheduleName
) -> list[BreakEven]:
    """Every price in force at the end of the window, on every pool that it can be paid for."""
    current = in_force(prices, found.window.until_us / US_PER_S)
    special = {(price.plan, price.pool) for price in current if price.model is None}
    return [
        _break_even(found, pool, price, schedule)
        for pool in found.pools
        for price in current
        if price.pool in (None, pool)
        and price.model in (None, *_models(found, pool))
        and (price.pool == pool or (price.plan, pool) not in special)
    ]


def in_force(prices: Iterable[Price], at_s: float) -> list[Price]:
    """The prices of each plan's latest terms that have begun, by plan."""
    newest: dict[tuple[str, str, str, str], Price] = {}
    terms: dict[str, int] = {}
    for price in sorted(prices, key=lambda price: (price.valid_from_s, price.version)):
        if price.valid_from_s <= at_s:
            newest[_key(price)] = price
            terms[price.plan] = price.plan_version or 0
    return [
        newest[key]
        for key in sorted(newest)
        if (newest[key].plan_version or 0) == terms[newest[key].plan]
    ]


def _key(price: Price) -> tuple[str, str, str, str]:
    band = price.band.name if price.band else ""
    return price.plan, price.model or "", price.pool or "", band


def _models(found: SiteMonth, pool: str) -> list[str]:
    return [model.alias for model in found.factory.models if pool in model.route]


def _break_even(found: SiteMonth, pool: str, price: Price, schedule: ScheduleName) -> BreakEven:
    band = price.band.name if price.band else None
    answer = BreakEven(pool, price.plan, price.version, "unknown", price.model, band)
    mix = _mix(found, pool, price)
    load = _load(found, pool, mix, schedule)
    if load is None:
        return answer
    earned = sum(tokens * each for tokens, each in zip(mix.meters, price.meters, strict=True))
    revenue_pusd = Fraction(earned, price.denominator)
    answer = replace(
        answer,
        price_uusd_per_mtok=round(revenue_pusd / load.tokens),
        marginal_uusd_per_mtok=round(load.marginal_pusd / load.tokens),
    )
    if not found.pools[pool].own:
        covers = revenue_pusd >= load.marginal_pusd
        return replace(answer, verdict="at any load" if covers else "never")
    month_us = found.window.month_end_us - found.window.month_us
    return _at_load(answer, load, break_even_frac(load, revenue_pusd), month_us)


def _at_load(answer: BreakEven, load: Load, frac: Fraction | None, month_us: int) -> BreakEven:
    if frac is None or frac <= 0:  # nothing is fixed where the market raised the machines' value
        return replace(answer, verdict="never" if frac is None else "at any load")
    return replace(
        answer,
        verdict="covered at a load" if frac <= 1 else "beyond full load",
        busy_frac=float(frac),
        tokens_per_month=ceil(frac * month_us * load.tokens / load.busy_us),
    )


def _mix(found: SiteMonth, pool: str, price: Price) -> Tally:
    """Tokens that tenants paid for on the pool, of the price's model where it names one.

    Those of the whole site where the pool had none.
    """
    paid = [
        (who, tally)
        for who, tally in found.use.by_whose.items()
        if who.charged and price.model in (None, who.model)
    ]
    own = [tally for who, tally in paid if who.pool == pool and tally.tokens > 0]
    mix = Tally()
    for tally in own or [tally for _, tally in paid]:
        mix = mix.merged(tally)
    return mix


def _load(found: SiteMonth, name: str, mix: Tally, schedule: ScheduleName) -> Load | None:
    """``None`` without tokens to take the mix from, or where a cost of the pool is not known."""
    pool, total, costs = found.pools[name], found.totals[name], found.costs[schedule]
    if mix.tokens <= 0:
        return None
    charged = Fraction(charges_pusd(pool.spec, mix.meters))
    if not pool.own:
        return Load(1, 0, mix.tokens, 0, charged)
    wear_pusd = total.wear_pusd.get(schedule)
    busy_us = pool.work(mix.meters).busy_us
    working_pusd = _working_pusd(found, name, busy_us)
    if not total.energy_known or wear_pusd is None or working_pusd is None or not busy_us:
        return None
    pue = exact(found.factory.site.pue)
    standing_pusd = (total.energy_pusd - total.working_pusd) * pue
    fixed_pusd = wear_pusd + round(standing_pusd) + costs.overhead[name].space_pusd
    marginal = working_pusd * pue + charged
    return Load(total.service_us, busy_us, mix.tokens, fixed_pusd, marginal)


def _working_pusd(found: SiteMonth, name: str, busy_us: int) -> Fraction | None:
    """Electricity above idle of so much work: as in the window, else by the watts of the pool."""
    pool, total = found.pools[name], found.totals[name]
    if total.busy_us:
        return Fraction(total.working_pusd * busy_us, total.busy_us)
    if pool.draw is None:
        return None
    above_w = exact(pool.draw.busy_w) - exact(pool.draw.idle_w)
    return Fraction(energy_pusd(drawn_mwh(above_w, busy_us), found.factory.site))
