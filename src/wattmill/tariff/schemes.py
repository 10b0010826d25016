"""What a quantity comes to under a scheme, exactly: ``Fraction`` in, ``Fraction`` out, in the scheme's own units.

Quantities accumulate over a period. What is new since a position costs ``amount(after) - amount(before)``, and
``parts`` says of what that consists. Only for ``Volume`` does the price of what is new depend on what comes later.
"""

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from math import ceil

from msgspec import Struct

from wattmill.core.terms import Flat, Graduated, Package, Percentage, Scheme, Tier, Volume

NOTHING = Fraction(0)


class Part(Struct, frozen=True):
    """So many units at one price. ``tier`` counts from 1; it holds what lies between ``low`` and ``high``.

    ``covers`` is the quantity that this is the price of; 0 for a price that comes on top.
    """

    kind: str
    quantity: Fraction
    unit_price: Fraction
    covers: Fraction
    tier: int | None = None
    low: Fraction | None = None
    high: Fraction | None = None

    @property
    def amount(self) -> Fraction:
        return self.quantity * self.unit_price


def amount(scheme: Scheme, quantity: Fraction | Decimal | int, events: int = 0) -> Fraction:
    """What a whole period's quantity comes to. ``ValueError`` when it is negative or beyond the last tier.

    ``events`` counts what a ``Percentage`` charges by the piece.
    """
    whole = _not_negative(Fraction(quantity))
    match scheme:
        case Flat(unit):
            return whole * Fraction(unit)
        case Graduated() | Volume():
            return _tiered(scheme, whole)
        case Package(size, price):
            return packages(whole, size) * Fraction(price)
        case Percentage(share, free, fixed, free_events):
            by_piece = max(events - free_events, 0) * Fraction(fixed)
            return beyond(whole, free) * Fraction(share) + by_piece


def dearest(scheme: Scheme) -> Fraction:
    """The most that one unit can cost; flat prices, and what is left in a package, come on top."""
    match scheme:
        case Flat(unit):
            return Fraction(unit)
        case Graduated(tiers) | Volume(tiers):
            return max(Fraction(tier.unit) for tier in tiers)
        case Package(size, price):
            return Fraction(price) / Fraction(size)
        case Percentage(share):
            return Fraction(share)


def beyond(quantity: Fraction, free: Decimal) -> Fraction:
    """What of a quantity is not free; ``ValueError`` when it is negative."""
    return max(_not_negative(quantity) - Fraction(free), NOTHING)


def packages(quantity: Fraction, size: Decimal) -> int:
    """Whole packages; one that is begun counts."""
    return ceil(quantity / Fraction(size))


def units(quantity: Fraction, price: Fraction) -> Part:
    """So many units, each at one price."""
    return Part("usage", quantity, price, quantity)


def parts(scheme: Scheme, before: Fraction, after: Fraction, total: Fraction) -> list[Part]:
    """What comes between two positions of a period in which ``total`` is used in all, by price.

    The amounts of the parts add up to ``amount(after) - amount(before)``, and over a whole period to its amount, but
    for the flat price of a ``Volume`` and of a tier at zero: these are not of any one stretch. Going back
    (``after`` < ``before``) gives the same parts with quantities below zero.
    """
    if after < before:
        return [_reversed(part) for part in parts(scheme, after, before, total)]
    _not_negative(before)
    match scheme:
        case Flat(unit):
            return [units(after - before, Fraction(unit))] if after > before else []
        case Graduated():
            return list(_slices(scheme, before, after))
        case Volume():
            return _at_volume(scheme, after - before, total)
        case Package(size, price):
            count = packages(after, size) - packages(before, size)
            begun = Part("package", Fraction(count), Fraction(price), after - before)
            return [begun] if after > before else []
        case Percentage():
            raise ValueError("a percentage is of an amount, and tokens are none")


def opening(scheme: Scheme, total: Fraction) -> Part | None:
    """The flat price that is due once in a period: of the volume's tier, or of a first tier at zero."""
    if not isinstance(scheme, Graduated | Volume):
        return None
    if isinstance(scheme, Volume):
        if not total and not scheme.flat_at_zero:
            return None
        number, low, high, tier = _tier_of(scheme, total)
    else:
        number, low, high, tier = next(_ranges(scheme.tiers))
        if not scheme.flat_at_zero:
            return None
    return _flat_price(number, low, high, tier) if tier.flat else None


Range = tuple[int, Fraction, Fraction | None, Tier]


def _ranges(tiers: tuple[Tier, ...]) -> Iterator[Range]:
    """Each tier with its number and where it begins and ends."""
    low = NOTHING
    for number, tier in enumerate(tiers, 1):
        high = None if tier.up_to is None else Fraction(tier.up_to)
        yield number, low, high, tier
        low = low if high is None else high


def _tiered(scheme: Graduated | Volume, quantity: Fraction) -> Fraction:
    found = parts(scheme, NOTHING, quantity, quantity)
    once = opening(scheme, quantity)
    return sum((part.amount for part in found), once.amount if once else NOTHING)


def _slices(scheme: Graduated, before: Fraction, after: Fraction) -> Iterator[Part]:
    _tier_of(scheme, after)
    for number, low, high, tier in _ranges(scheme.tiers):
        inside = _up_to(after, high) - max(before, low)
        if inside > 0:
            price = Fraction(tier.unit)
            yield Part("usage", inside, price, inside, number, low, high)
        entered = _is_entered(scheme, low, after) and not _is_entered(scheme, low, before)
        if entered and tier.flat:
            yield _flat_price(number, low, high, tier)


def _is_entered(scheme: Graduated, low: Fraction, position: Fraction) -> bool:
    """Whether the flat price of the tier from ``low`` on is due at a position."""
    if low == 0:
        return scheme.flat_at_zero or position > 0
    return position > low or (position == low and scheme.tier_bounds == "up_to_excluded")


def _at_volume(scheme: Volume, quantity: Fraction, total: Fraction) -> list[Part]:
    number, low, high, tier = _tier_of(scheme, total)
    price = Fraction(tier.unit)
    return [Part("usage", quantity, price, quantity, number, low, high)] if quantity else []


def _tier_of(scheme: Graduated | Volume, total: Fraction) -> Range:
    """The tier in which a quantity lies."""
    for found in _ranges(scheme.tiers):
        high = found[2]
        at_bound = total == high and scheme.tier_bounds == "up_to_included"
        if high is None or total < high or at_bound:
            return found
    raise ValueError(f"no tier reaches {total}")


def _flat_price(number: int, low: Fraction, high: Fraction | None, tier: Tier) -> Part:
    return Part("tier_fee", Fraction(1), Fraction(tier.flat), NOTHING, number, low, high)


def _reversed(part: Part) -> Part:
    return Part(
        part.kind, -part.quantity, part.unit_price, -part.covers, part.tier, part.low, part.high
    )


def _up_to(position: Fraction, high: Fraction | None) -> Fraction:
    return position if high is None else min(position, high)


def _not_negative(quantity: Fraction) -> Fraction:
    if quantity < 0:
        raise ValueError(f"a quantity is negative: {quantity}")
    return quantity
