"""From tokens to charges: which rate prices them, and at which position of the period's count."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from functools import cached_property

from msgspec import Struct

from wattmill.core.money import UUSD_PER_USD
from wattmill.core.terms import Card, Flat, Rate, Terms
from wattmill.tariff import schemes
from wattmill.tariff.charges import Charge, Kind, TierRange, Unit

TOKENS_PER_MTOK = 10**6
UNITS: dict[str, tuple[Kind, Unit]] = {
    "usage": ("usage", "Mtok"),
    "package": ("package", "package"),
    "tier_fee": ("tier_fee", "tier"),
}


class Quantity(Struct, frozen=True):
    """Tokens of a meter that were held under a version of a plan; below zero where a correction takes them back."""

    version: int
    model: str
    pool: str | None
    band: str | None
    meter: str
    tokens: int


def card_for(cards: Iterable[Card], model: str, pool: str | None, band: str | None) -> Card | None:
    """The card that prices a model on a pool in a band: one for the pool first, then the model, then the band."""
    fitting = [
        card
        for card in cards
        if card.model in (None, model) and card.pool in (None, pool) and card.band in (None, band)
    ]
    return max(fitting, key=_how_special, default=None)


def _how_special(card: Card) -> tuple[bool, bool, bool]:
    return card.pool is not None, card.model is not None, card.band is not None


class UsageBook:
    """A period's tokens, and where each version of the terms puts them."""

    def __init__(self, terms: Mapping[int, Terms], used: Iterable[Quantity]) -> None:
        self._terms = terms
        self._order = {version: at for at, version in enumerate(terms)}
        self._used = list(used)
        for each in self._used:
            if each.version not in terms:
                raise ValueError(f"tokens were held under version {each.version}, which is unknown")

    def charges(self, version: int, plan: str, *, opens: bool) -> Iterator[Charge]:
        """What a version charges for its own tokens. ``opens``: what is due once in a period is due under this one."""
        placed = self._placed(self._terms[version])
        for card in self._terms[version].cards:
            for rate in card.rates:
                counted = placed.get((id(card), rate.meters), [])
                count = _Count(version, plan, card, rate, counted, self._order)
                yield from count.charges(opens)

    def _placed(self, terms: Terms) -> dict[tuple[int, tuple[str, ...]], list[Quantity]]:
        """The period's tokens of all versions, by the rate that these terms have for them."""
        found: dict[tuple[int, tuple[str, ...]], list[Quantity]] = {}
        cards: dict[tuple[str, str | None, str | None], Card | None] = {}
        for each in self._used:
            where = (each.model, each.pool, each.band)
            if where not in cards:
                cards[where] = card_for(terms.cards, *where)
            card = cards[where]
            if card is not None:
                found.setdefault((id(card), _rate_of(card, each.meter).meters), []).append(each)
            elif self._terms[each.version] is terms:
                raise ValueError(f"no rate for {each.model} on {each.pool} at {each.band}")
        return found


def _rate_of(card: Card, meter: str) -> Rate:
    for rate in card.rates:
        if meter in rate.meters:
            return rate
    raise ValueError(f"no rate for {meter}")


class _Count:
    """The tokens of one rate in a period: before a version's own, its own, and in all."""

    def __init__(
        self,
        version: int,
        plan: str,
        card: Card,
        rate: Rate,
        counted: list[Quantity],
        order: Mapping[int, int],
    ) -> None:
        self.version, self.plan, self.card, self.rate = version, plan, card, rate
        self._counted = counted
        self._order = order
        self._own = [each for each in counted if each.version == version]

    def charges(self, opens: bool) -> Iterator[Charge]:
        if isinstance(self.rate.scheme, Flat) and not self.rate.free:
            yield from self._flat(self.rate.scheme)
            return
        if self._own:
            yield from self._counted_together()
        if opens and (once := schemes.opening(self.rate.scheme, self._beyond(self._total))):
            yield self._charge(once)

    def _flat(self, scheme: Flat) -> Iterator[Charge]:
        """Where every token costs the same, each model and meter has a line of its own."""
        for each in self._own:
            part = schemes.units(mtok(each.tokens), Fraction(scheme.unit))
            yield self._charge(part, each.model, (each.meter,))

    def _counted_together(self) -> Iterator[Charge]:
        free = self._own_mtok - (self._beyond(self._after) - self._beyond(self._before))
        if free:
            yield self._charge(schemes.units(free, NOTHING))
        before, after = self._beyond(self._before), self._beyond(self._after)
        for part in schemes.parts(self.rate.scheme, before, after, self._beyond(self._total)):
            yield self._charge(part)

    def _beyond(self, quantity: Fraction) -> Fraction:
        return schemes.beyond(quantity, self.rate.free)

    @cached_property
    def _before(self) -> Fraction:
        own = self._order[self.version]
        return mtok(sum(e.tokens for e in self._counted if self._order[e.version] < own))

    @cached_property
    def _own_mtok(self) -> Fraction:
        return mtok(sum(each.tokens for each in self._own))

    @property
    def _after(self) -> Fraction:
        return self._before + self._own_mtok

    @property
    def _total(self) -> Fraction:
        return mtok(sum(each.tokens for each in self._counted))

    def _charge(
        self,
        part: schemes.Part,
        model: str | None = None,
        meters: tuple[str, ...] | None = None,
    ) -> Charge:
        kind, unit = UNITS[part.kind]
        return Charge(
            kind=kind,
            plan=self.plan,
            version=self.version,
            quantity=part.quantity,
            unit=unit,
            unit_price_usd=part.unit_price,
            model=model or self.card.model,
            pool=self.card.pool,
            band=self.card.band,
            meters=meters or self.rate.meters,
            tier=_tier(part),
            note=self.card.note,
            tokens=int(part.covers * TOKENS_PER_MTOK),
        )


NOTHING = Fraction(0)


def mtok(tokens: int) -> Fraction:
    """Tokens as millions of them, exactly."""
    return Fraction(tokens, TOKENS_PER_MTOK)


def pusd_per_token(usd_per_mtok: Fraction | Decimal) -> Fraction:
    """A price in the unit of the books: µUSD per Mtok is the same number."""
    return Fraction(usd_per_mtok) * UUSD_PER_USD


def _tier(part: schemes.Part) -> TierRange | None:
    if part.tier is None or part.low is None:
        return None
    return part.tier, part.low, part.high
