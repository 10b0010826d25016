"""Request prices: what holds, budgets and settlements use, as they follow from the terms of a plan.

A request price is by the token, so a request's amount is known as soon as its tokens are. Where the terms have tiers
it is the dearest of them: what a budget allows can be less than what the month's invoice leaves, never more. What is
not by the token comes on the invoice, outside of budgets: fees, seats, minimum and commitment, flat prices of tiers,
and what is left in the last package.
"""

from collections.abc import Iterable
from fractions import Fraction
from math import lcm

from wattmill.core.errors import LedgerError
from wattmill.core.records import METERS, Band, Price
from wattmill.core.terms import Card, Terms
from wattmill.tariff.schemes import dearest
from wattmill.tariff.usage_charges import pusd_per_token

MAX_METER = 2**63 - 1
NO_VERSION = 0
"""The version of a price to which the books have not given a number yet."""


def request_prices(
    plan: str, plan_version: int | None, valid_from_s: float, terms: Terms
) -> list[Price]:
    """One price for each card of the terms, yet without numbers. ``LedgerError`` when one is too fine for the books."""
    bands = {band.name: band for band in terms.bands}
    made = terms.commitment
    times = max(Fraction(made.overage), Fraction(1)) if made else Fraction(1)
    return [_price(plan, plan_version, valid_from_s, card, bands, times) for card in terms.cards]


def _price(
    plan: str,
    plan_version: int | None,
    valid_from_s: float,
    card: Card,
    bands: dict[str, Band],
    times: Fraction,
) -> Price:
    by_meter = {meter: dearest(rate.scheme) for rate in card.rates for meter in rate.meters}
    exact = [pusd_per_token(by_meter[meter]) * times for meter in METERS]
    denominator = lcm(*(price.denominator for price in exact))
    meters = [int(price * denominator) for price in exact]
    _require_room(plan, (*meters, denominator))
    return Price(
        NO_VERSION,
        plan,
        valid_from_s,
        *meters,
        model=card.model,
        pool=card.pool,
        band=None if card.band is None else bands[card.band],
        denominator=denominator,
        plan_version=plan_version,
    )


def _require_room(plan: str, numbers: Iterable[int]) -> None:
    if max(numbers) > MAX_METER:
        raise LedgerError(
            f"the prices of the rate plan {plan!r} are too high and too fine at once",
            hint="write them with fewer decimals",
        )
