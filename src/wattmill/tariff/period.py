"""What a period is charged under the terms of a plan: ``rate_period``, pure and exact.

- Each version of a plan rates the tokens of the requests that were held under it.
- Tiers go on through the period: a later version begins where earlier ones have come to. A volume's tier is that of
  the whole period.
- Fees, minimum, maximum and allowance count for the share of the period in which their version was in force.
- What becomes known later is the difference of two ratings: ``tariff.charges.difference``.
"""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Protocol

from msgspec import Struct

from wattmill.core.records import METERS, Price
from wattmill.core.terms import Terms
from wattmill.tariff.charges import NO_RATING as NO_RATING
from wattmill.tariff.charges import Charge as Charge
from wattmill.tariff.charges import Rating, merged
from wattmill.tariff.charges import difference as difference
from wattmill.tariff.fees import Share, fee_charges, settle_up
from wattmill.tariff.usage_charges import Quantity as Quantity
from wattmill.tariff.usage_charges import UsageBook


class PlanVersion(Struct, frozen=True):
    """Terms as the books keep them: ``version`` is their number there; in force from ``valid_from_us`` on."""

    version: int
    plan: str
    valid_from_us: int
    terms: Terms


class BillingPeriod(Struct, frozen=True):
    """``[start_us, end_us)``, named as its month: ``2026-11``.

    ``served_from_us`` and ``served_to_us`` are given when a tenant came or left within it; fees are for that time.
    """

    name: str
    start_us: int
    end_us: int
    served_from_us: int | None = None
    served_to_us: int | None = None


class Span(Struct, frozen=True):
    """A version and the part of a period in which it was in force, half-open; it may be empty."""

    plan: PlanVersion
    from_us: int
    to_us: int


class Used(Protocol):
    """A group of requests: how many tokens of each meter, at which version of a request price."""

    @property
    def price(self) -> int | None: ...
    @property
    def model(self) -> str: ...
    @property
    def pool(self) -> str | None: ...
    @property
    def meters(self) -> tuple[int, ...]: ...


def quantities(groups: Iterable[Used], prices: Mapping[int, Price]) -> list[Quantity]:
    """Tokens by plan version, model, pool, band and meter, of groups that are charged.

    ``KeyError`` for a price that is not among ``prices``; ``ValueError`` for one without a plan version.
    """
    found: dict[tuple[int, str, str | None, str | None, str], int] = {}
    for group in groups:
        if group.price is None:
            continue
        version, band = _terms_of(prices[group.price])
        for meter, tokens in zip(METERS, group.meters, strict=True):
            if tokens:
                cell = (version, group.model, group.pool, band, meter)
                found[cell] = found.get(cell, 0) + tokens
    return [Quantity(*cell, tokens) for cell, tokens in found.items() if tokens]


def _terms_of(price: Price) -> tuple[int, str | None]:
    if price.plan_version is None:
        raise ValueError(f"price {price.version} belongs to no version of a plan")
    return price.plan_version, price.band.name if price.band else None


def rerated(used: Iterable[Quantity], version: int, band: str | None = None) -> list[Quantity]:
    """The same tokens as if they had been held under another version, in a band of it or outside of all."""
    return [
        Quantity(version, each.model, each.pool, band, each.meter, each.tokens) for each in used
    ]


def spans(
    versions: Iterable[PlanVersion],
    period: BillingPeriod,
    plans: Sequence[tuple[str, int]] | None = None,
) -> tuple[Span, ...]:
    """Which version was in force when, in the order of time, clipped to the period.

    ``plans`` are the plans that the tenant was on, each from an instant (µs) on; without it there is one plan only.
    Of two versions that begin at one instant the later number holds. Versions that were not in force in the period
    follow with empty spans before its start, so that requests held under them are rated, too.
    """
    known = sorted(versions, key=lambda each: (each.valid_from_us, each.version))
    start, end = _served(period)
    found: list[Span] = []
    for (name, from_us), (_, to_us) in pairwise([*(plans or _one_plan(known)), ("", end)]):
        own = [each for each in known if each.plan == name]
        ends = [each.valid_from_us for each in own[1:]] + [end]
        for each, until in zip(own, ends, strict=False):
            begins = max(each.valid_from_us, from_us, start)
            found.append(Span(each, begins, min(until, to_us, end)))
    in_force = sorted((s for s in found if s.from_us < s.to_us), key=lambda s: s.from_us)
    idle = [each for each in known if all(span.plan is not each for span in in_force)]
    return (*(Span(each, start, start) for each in idle), *in_force)


def _one_plan(known: Sequence[PlanVersion]) -> list[tuple[str, int]]:
    names = {each.plan for each in known}
    if len(names) > 1:
        raise ValueError(f"on which plan from when? {', '.join(sorted(names))}")
    return [(name, -(2**63)) for name in names]


def _served(period: BillingPeriod) -> tuple[int, int]:
    start = max(period.start_us, period.served_from_us or period.start_us)
    end = period.end_us if period.served_to_us is None else min(period.end_us, period.served_to_us)
    return min(start, end), end


def rate_period(
    in_force: Sequence[Span],
    used: Iterable[Quantity],
    period: BillingPeriod,
    *,
    drawn_usd: Fraction = Fraction(0),
) -> Rating:
    """The charges of a period: what was used, then what fees, minimum and commitment add or take off.

    ``drawn_usd``: what earlier months of a commitment's term have drawn (the sum of their ``Rating.drawn_usd``).
    ``ValueError`` for tokens of a version that is not in ``in_force``, for tokens without a rate, and where more were
    taken back than there were of a rate that is counted over the period.
    """
    plans = {span.plan.version: span.plan for span in in_force}
    first = next((span.plan.version for span in in_force if span.from_us < span.to_us), None)
    book = UsageBook({number: plan.terms for number, plan in plans.items()}, used)
    counted = [
        charge
        for number, plan in plans.items()
        for charge in book.charges(number, plan.plan, opens=number == first)
    ]
    shares = _shares(in_force, period)
    money, drawn = settle_up(counted, shares, period.name, drawn_usd)
    return Rating(merged((*counted, *money, *fee_charges(shares))), drawn)


def _shares(in_force: Sequence[Span], period: BillingPeriod) -> list[Share]:
    """What each version has of the period, in the order of time; the last one says how to prorate."""
    held = [span for span in in_force if span.from_us < span.to_us]
    if held and held[-1].plan.terms.proration == "whole":
        return [_share(held[-1], Fraction(1))]
    length = period.end_us - period.start_us
    return [_share(span, Fraction(span.to_us - span.from_us, length)) for span in held]


def _share(span: Span, of_period: Fraction) -> Share:
    return Share(span.plan.version, span.plan.plan, span.plan.terms, of_period)
