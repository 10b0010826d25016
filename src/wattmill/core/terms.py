"""The terms of a rate plan: what a tenant is billed by, as data that can be kept for ever.

Everything is frozen and goes through JSON and back unchanged. Money is a ``Decimal`` of the site's currency, token
quantities are a ``Decimal`` of millions (Mtok); nothing is a float. What follows from terms is in ``tariff``: request
prices in ``tariff.prices``, the charges of a month in ``tariff.period``.
"""

from decimal import Decimal
from typing import Literal

import msgspec
from msgspec import Struct

from wattmill.core.records import METERS, Band

ZERO = Decimal(0)

TierBounds = Literal["up_to_included", "up_to_excluded"]
"""Both are half-open: a tier holds quantities in (from, up_to], or in [from, up_to)."""


class Tier(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A range of quantity that ends at ``up_to`` (``None``: never), with a price by the unit and a ``flat`` one."""

    up_to: Decimal | None = None
    unit: Decimal = ZERO
    flat: Decimal = ZERO


class Flat(Struct, frozen=True, tag="flat", forbid_unknown_fields=True):
    """Every unit costs the same."""

    unit: Decimal


class Graduated(Struct, frozen=True, tag="graduated", omit_defaults=True):
    """Each unit costs what the tier says in which it lies; each tier that is entered adds its flat price.

    ``flat_at_zero``: the flat price of the first tier is due before anything is used.
    """

    tiers: tuple[Tier, ...]
    flat_at_zero: bool = False
    tier_bounds: TierBounds = "up_to_included"


class Volume(Struct, frozen=True, tag="volume", omit_defaults=True):
    """All units cost what the tier says in which the whole quantity lies, with that tier's flat price once.

    The price of a sum is not the sum of prices, so it can be told only when the period is over.
    """

    tiers: tuple[Tier, ...]
    flat_at_zero: bool = False
    tier_bounds: TierBounds = "up_to_included"


class Package(Struct, frozen=True, tag="package", forbid_unknown_fields=True):
    """Sold by whole packages of ``size`` units at ``price``; one that is begun is due."""

    size: Decimal
    price: Decimal


class Percentage(
    Struct, frozen=True, tag="percentage", omit_defaults=True, forbid_unknown_fields=True
):
    """A share of an amount above ``free``, and ``fixed`` for each event beyond ``free_events``."""

    share: Decimal
    free: Decimal = ZERO
    fixed: Decimal = ZERO
    free_events: int = 0


Scheme = Flat | Graduated | Volume | Package | Percentage
"""How a quantity becomes an amount."""


class Rate(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What some meters cost. Their tokens are counted together: by tiers, in packages, and for ``free`` Mtok."""

    meters: tuple[str, ...]
    scheme: Scheme
    free: Decimal = ZERO


class Card(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Rates that together cover every meter, for the model, pool and band that it names; ``None`` is any.

    Of the cards that fit, one for a pool goes before one for a model, and that before one for a band.
    ``note`` says where its prices come from, if not from the plan itself.
    """

    rates: tuple[Rate, ...]
    model: str | None = None
    pool: str | None = None
    band: str | None = None
    note: str = ""


class Commitment(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Spending that is promised for ``months`` at a time, the first of them named by ``starts`` (``2026-01``).

    ``due`` *start*: paid up front, usage draws on it. ``due`` *end*: what is missing is charged in the last month.
    Usage beyond it costs ``overage`` times the normal rates. With ``months`` 1 the amount is that of each month.
    """

    amount: Decimal
    months: int = 1
    starts: str | None = None
    due: Literal["start", "end"] = "end"
    overage: Decimal = Decimal(1)


class Terms(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """All of one version of a rate plan. Money by the month; ``None`` or 0 is without.

    ``fee`` is due whatever is used, ``seat_fee`` for each of ``seats``. ``allowance`` is usage, in money, that is free.
    Usage below ``minimum`` is filled up to it, usage above ``maximum`` is not charged; fees and seats come on top.
    ``proration``: fees, minimum, maximum and allowance count for the *elapsed* share of the month, or *whole*.
    """

    cards: tuple[Card, ...]
    bands: tuple[Band, ...] = ()
    fee: Decimal = ZERO
    seats: int = 0
    seat_fee: Decimal = ZERO
    minimum: Decimal = ZERO
    maximum: Decimal | None = None
    allowance: Decimal = ZERO
    commitment: Commitment | None = None
    proration: Literal["elapsed", "whole"] = "elapsed"


def flat_card(prices: dict[str, Decimal]) -> Card:
    """A card with one price for each meter, in the currency per Mtok."""
    return Card(tuple(Rate((meter,), Flat(prices[meter])) for meter in METERS))


def encode_terms(terms: Terms) -> str:
    """The terms as JSON, as the books keep them."""
    return msgspec.json.encode(terms).decode()


def decode_terms(text: str) -> Terms:
    """The terms that were written by ``encode_terms``; ``msgspec.ValidationError`` for anything else."""
    return msgspec.json.decode(text, type=Terms)
