"""What a request costs, and which price it has.

Exact: a price is pUSD per ``denominator`` tokens. With a denominator of 1, which all but the finest prices have, the
charge is a whole number of pUSD; otherwise it is rounded by ``ENTRY_ROUNDING`` as it is entered into the books.
"""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from math import inf
from typing import Generic, TypeVar

from wattmill.core.money import round_whole
from wattmill.core.records import Band, Price, Usage
from wattmill.core.roster import Model
from wattmill.tariff.bands import band_at, even_around

ENTRY_ROUNDING = "half_up"

T = TypeVar("T")


def rate(usage: Usage, price: Price) -> int:
    """The charge in pUSD for a request's usage."""
    amount = (
        usage.input_uncached * price.input_uncached
        + usage.input_cached * price.input_cached
        + usage.cache_write * price.cache_write
        + usage.output_text * price.output_text
        + usage.output_reasoning * price.output_reasoning
        + usage.audio_in * price.audio_in
        + usage.audio_out * price.audio_out
        + usage.image_in * price.image_in
    )
    if price.denominator == 1:
        return amount
    return round_whole(Fraction(amount, price.denominator), ENTRY_ROUNDING)


def dearest_meters(price: Price) -> tuple[int, int]:
    """The price of the dearest meter of a prompt and of an answer."""
    dearest_input = max(
        price.input_uncached,
        price.input_cached,
        price.cache_write,
        price.audio_in,
        price.image_in,
    )
    return dearest_input, max(price.output_text, price.output_reasoning, price.audio_out)


class Quote:
    """What a plan asks for a model at an instant: the price on each pool of its route that has one."""

    __slots__ = ("_bounds", "prices")

    def __init__(self, prices: Mapping[str, Price]) -> None:
        self.prices = prices
        distinct = {price.version: price for price in prices.values()}.values()
        self._bounds = [(*dearest_meters(price), price.denominator, price) for price in distinct]

    def dearest(self, input_tokens: int, output_tokens: int) -> tuple[int, Price]:
        """The most in pUSD that so many tokens can cost, wherever they are served, and at which price."""
        most, at = -1, self._bounds[0][3]
        for dearest_input, dearest_output, denominator, price in self._bounds:
            amount = input_tokens * dearest_input + output_tokens * dearest_output
            if denominator != 1:
                amount = -(-amount // denominator)
            if amount > most:
                most, at = amount, price
        return most, at


class _Version:
    """The prices of one version of a plan."""

    def __init__(self, prices: list[Price]) -> None:
        self.valid_from_s = prices[0].valid_from_s
        self.number = max(price.version for price in prices)
        self._prices = sorted(prices, key=_how_special, reverse=True)
        self.bands: list[Band] = list({p.band.name: p.band for p in prices if p.band}.values())
        self.is_one = len(prices) == 1 and not _how_special(prices[0])[-1]

    def price(self, model: str, pool: str | None, band: Band | None) -> Price | None:
        """The most special one that fits: for the pool, then the model, then the band."""
        for price in self._prices:
            if (
                price.pool in (None, pool)
                and price.model in (None, model)
                and (price.band is None or price.band == band)
            ):
                return price
        return None


def _how_special(price: Price) -> tuple[bool, bool, bool]:
    return price.pool is not None, price.model is not None, price.band is not None


class _Kept(Generic[T]):
    """An answer, and the stretch of time in which it stays the same."""

    __slots__ = ("from_s", "until_s", "value")

    def __init__(self, from_s: float, until_s: float, value: T) -> None:
        self.from_s = from_s
        self.until_s = until_s
        self.value = value


class PriceBook:
    """Every version of every plan's prices, and which one holds. An answer is kept until a price or a band changes.

    Of the versions of a plan the last that has begun holds; of two that begin at one instant the later number.
    """

    def __init__(self, prices: Iterable[Price]) -> None:
        self._plans: dict[str, list[_Version]] = {}
        self._version_of: dict[int, _Version] = {}
        self._quotes: dict[tuple[str, str], _Kept[Quote | None]] = {}
        self._settled: dict[tuple[int, str, str], _Kept[Price | None]] = {}
        for together in _by_version(prices):
            version = _Version(together)
            self._plans.setdefault(together[0].plan, []).append(version)
            self._version_of.update({price.version: version for price in together})
        for versions in self._plans.values():
            versions.sort(key=lambda version: (version.valid_from_s, version.number))

    def quote(self, plan: str, model: Model, at_s: float) -> Quote | None:
        """The prices of a model's route; ``None`` when the plan has none there at that time."""
        kept = self._quotes.get((plan, model.alias))
        if kept is None or not kept.from_s <= at_s < kept.until_s:
            kept = self._quotes[plan, model.alias] = self._quote(plan, model, at_s)
        return kept.value

    def price(self, plan: str, model: str, pool: str | None, at_s: float) -> Price | None:
        """The price of one model on one pool; looked up anew each time."""
        version, _, _ = self._in_force(plan, at_s)
        return None if version is None else version.price(model, pool, band_at(version.bands, at_s))

    def settled(self, held: Price, model: str, pool: str, held_at_s: float) -> Price:
        """The price on the pool that served, of the version and time of the hold."""
        version = self._version_of[held.version]
        if version.is_one:
            return held
        key = (version.number, model, pool)
        kept = self._settled.get(key)
        if kept is None or not kept.from_s <= held_at_s < kept.until_s:
            found = version.price(model, pool, band_at(version.bands, held_at_s))
            kept = self._settled[key] = _Kept(*even_around(version.bands, held_at_s), found)
        return kept.value or held

    def _quote(self, plan: str, model: Model, at_s: float) -> _Kept[Quote | None]:
        version, from_s, until_s = self._in_force(plan, at_s)
        if version is None:
            return _Kept(from_s, until_s, None)
        even_from_s, even_until_s = even_around(version.bands, at_s)
        band = band_at(version.bands, at_s)
        found = {pool: version.price(model.alias, pool, band) for pool in model.route}
        prices = {pool: price for pool, price in found.items() if price is not None}
        quote = Quote(prices) if prices else None
        return _Kept(max(from_s, even_from_s), min(until_s, even_until_s), quote)

    def _in_force(self, plan: str, at_s: float) -> tuple[_Version | None, float, float]:
        """The version in force, and from when until when it is."""
        until_s = inf
        for version in reversed(self._plans.get(plan, ())):
            if version.valid_from_s <= at_s:
                return version, version.valid_from_s, until_s
            until_s = version.valid_from_s
        return None, -inf, until_s


def _by_version(prices: Iterable[Price]) -> list[list[Price]]:
    """Prices that belong to one version of a plan; one that names none is a version of its own."""
    found: dict[tuple[str, int], list[Price]] = {}
    for price in sorted(prices, key=lambda price: price.version):
        own = ("price", price.version)
        key = own if price.plan_version is None else ("plan", price.plan_version)
        found.setdefault(key, []).append(price)
    return list(found.values())
