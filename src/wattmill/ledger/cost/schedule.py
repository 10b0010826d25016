"""How machines lose value: as the books write them off, and as the market for used cards has it.

``book``: a straight line from ``paid_usd`` to ``resale_usd`` over ``life_months``, then nothing.

``economic``: a market value of ``paid_usd × factor ^ years``, which never stops falling. The factor
is that of the card's own used prices in the catalog where they reach back two years, else the
median of all cards there with used prices half a year apart. It may be above 1: then the machines
gained, and their wear is negative. Rents are not used: their quotes mix sellers that differ by more
than a year's fall. The factor is an estimate and enters as a decimal of four places; what follows
from it is whole pUSD, so that consecutive times add up exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Context, Decimal
from functools import lru_cache
from itertools import combinations
from statistics import median
from typing import Literal, get_args

from msgspec import Struct

from wattmill.catalog import market
from wattmill.catalog.factory import Pool
from wattmill.catalog.hardware import hardware
from wattmill.catalog.names import nearest
from wattmill.catalog.staleness import first_day
from wattmill.catalog.units import SECONDS_PER_MONTH
from wattmill.core.errors import CatalogError, UsageError
from wattmill.core.money import PUSD_PER_USD
from wattmill.finance.token_cost import yearly_factor
from wattmill.ledger.cost.hardware import US_PER_S, exact, midnight_us, months_after

ScheduleName = Literal["book", "economic"]
SCHEDULES: tuple[ScheduleName, ...] = get_args(ScheduleName)

DAYS_PER_YEAR = 365.25
YEAR_US = int(DAYS_PER_YEAR * 86_400) * US_PER_S
OWN_TREND_YEARS = 2.0
"""A card's own used prices are a trend from this span on; shorter ones follow one shortage."""
TREND_YEARS = 0.5
"""The same for a card's part in the median of all."""
TREND_QUOTES = 3
_DIGITS = Context(prec=30)

LostBy = Callable[[int], int]
"""pUSD of value that a pool has lost by an instant in µs; differences of two are wear."""


class MarketTrend(Struct, frozen=True):
    """By how much the market value of a card is multiplied each year, and how that is known."""

    yearly_factor: Decimal
    basis: str


def require_schedule(name: str) -> ScheduleName:
    """The schedule of that name; ``UsageError`` with the nearest for another."""
    for known in SCHEDULES:
        if name == known:
            return known
    raise UsageError(f"there is no schedule {name!r}", hint=nearest(name, SCHEDULES))


def lost_by(pool: Pool, timezone: str, schedule: ScheduleName) -> LostBy | None:
    """The pool's loss of value; ``None`` where it is not known.

    Both need ``paid_usd``. Without ``bought`` a pool counts as within its life in the books, in
    months of 730 hours, and its market value is unknown.
    """
    if pool.paid_usd is None:
        return None
    if schedule == "book":
        return _book_undated(pool) if pool.bought is None else _book(pool, timezone)
    return None if pool.bought is None else _economic(pool, timezone)


def value_pusd(pool: Pool, timezone: str, schedule: ScheduleName, at_us: int) -> int | None:
    """What the pool is worth at an instant; ``None`` where not known or not bought yet."""
    lost = lost_by(pool, timezone, schedule)
    if lost is None or pool.bought is None or at_us < midnight_us(pool.bought, timezone):
        return None
    return _paid_pusd(pool) - lost(at_us)


def market_trend(hardware_name: str | None) -> MarketTrend:
    """How the market value of a pool's cards moves in a year.

    ``CatalogError`` when a catalog file of the user leaves no card with used prices.
    """
    card = _card(hardware_name)
    own = None if card is None else _card_factor(card, OWN_TREND_YEARS)
    if card is not None and own is not None:
        return MarketTrend(_rounded(own), f"used prices of {card}")
    found = [_card_factor(name, TREND_YEARS) for name in sorted(_cards_with_used_prices())]
    factors = [factor for factor in found if factor is not None]
    if not factors:
        raise CatalogError(
            "no card has used prices half a year apart",
            hint="add [[quote]] rows of what = 'resale', or use --schedule book",
        )
    return MarketTrend(_rounded(median(factors)), f"median used prices of {len(factors)} cards")


# --- the two lines --------------------------------------------------------------------------------


def _book(pool: Pool, timezone: str) -> LostBy:
    assert pool.bought is not None
    begin_us = midnight_us(pool.bought, timezone)
    life_us = midnight_us(months_after(pool.bought, pool.life_months), timezone) - begin_us
    whole_pusd = _depreciable_pusd(pool)
    return lambda at_us: whole_pusd * min(max(at_us - begin_us, 0), life_us) // life_us


def _book_undated(pool: Pool) -> LostBy:
    life_us = pool.life_months * int(SECONDS_PER_MONTH) * US_PER_S
    whole_pusd = _depreciable_pusd(pool)
    return lambda at_us: whole_pusd * at_us // life_us


def _economic(pool: Pool, timezone: str) -> LostBy:
    assert pool.bought is not None
    begin_us = midnight_us(pool.bought, timezone)
    paid_pusd = _paid_pusd(pool)
    factor = market_trend(pool.hardware).yearly_factor

    @lru_cache(maxsize=4)  # an hour ends where the next begins
    def lost(at_us: int) -> int:
        years = _DIGITS.divide(Decimal(max(0, at_us - begin_us)), Decimal(YEAR_US))
        return paid_pusd - int(_DIGITS.multiply(paid_pusd, _DIGITS.power(factor, years)))

    return lost


def _paid_pusd(pool: Pool) -> int:
    assert pool.paid_usd is not None
    return int(exact(pool.paid_usd) * PUSD_PER_USD)


def _depreciable_pusd(pool: Pool) -> int:
    return _paid_pusd(pool) - int(exact(pool.resale_usd) * PUSD_PER_USD)


# --- used prices ----------------------------------------------------------------------------------


def _card(hardware_name: str | None) -> str | None:
    try:
        return hardware(hardware_name).accelerator.name if hardware_name else None
    except CatalogError:
        return None


def _cards_with_used_prices() -> set[str]:
    return {quote.of for quote in market.all_quotes() if quote.what == "resale"}


def _card_factor(card: str, span_years: float) -> float | None:
    """The median yearly factor between any two used prices; ``None`` where they span too little."""
    try:
        quotes = market.quotes(card, "resale")
    except CatalogError:
        return None
    return _trend([(_year(quote), quote.value) for quote in quotes], span_years)


def _trend(points: Sequence[tuple[float, float]], span_years: float) -> float | None:
    """Theil and Sen's slope in the logarithm: one wrong price of several does not move it far."""
    if len(points) < TREND_QUOTES or points[-1][0] - points[0][0] < span_years:
        return None
    pairs = combinations(points, 2)
    apart = [(old, new) for old, new in pairs if new[0] - old[0] >= TREND_YEARS / 2]
    return median(1 / yearly_factor(old[1], new[1], new[0] - old[0]) for old, new in apart)


def _year(quote: market.Quote) -> float:
    return first_day(quote.as_of).toordinal() / DAYS_PER_YEAR


def _rounded(factor: float) -> Decimal:
    return Decimal(f"{factor:.4f}")
