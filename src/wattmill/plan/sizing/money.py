"""USD per hour of hardware, owned or rented, from dated quotes."""

from __future__ import annotations

from datetime import date
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from wattmill.catalog.market import Quote, latest, price_quote
from wattmill.catalog.staleness import staleness
from wattmill.catalog.units import HOURS_PER_MONTH, KILO
from wattmill.core.errors import PlanError
from wattmill.finance.token_cost import owned_usd_per_s
from wattmill.plan.sizing.candidates import Candidate

Array = NDArray[np.float64]
Pay = Literal["cheaper", "own", "rent"]
PAYS: tuple[Pay, ...] = ("cheaper", "own", "rent")
SECONDS_PER_HOUR = 3600.0
JOULES_PER_KWH = 3.6e6
UNKNOWN = np.inf
"""Stands for a price that is not known while arrays are compared; it never leaves this package."""


class Terms(msgspec.Struct, frozen=True):
    """How hardware is paid: owned over its life with the energy it draws, or by the hour.

    load_frac (0..1]: share of the time at full load; the rest idles, which costs as well.
    """

    usd_per_kwh: float = 0.12
    pue: float = 1.30
    life_months: int = 36
    load_frac: float = 0.7
    pay: Pay = "cheaper"

    def __post_init__(self) -> None:
        for holds, name, hint in (
            (0 <= self.usd_per_kwh < 100, "usd_per_kwh", "give 0.12 for 12 cents"),
            (1 <= self.pue <= 10, "pue", "a PUE is 1 or more"),
            (1 <= self.life_months <= 600, "life_months", "give 36 for three years"),
            (0 < self.load_frac <= 1, "load", "give 0.7 for 70 %"),
        ):
            value = getattr(self, "load_frac" if name == "load" else name)
            if not holds:
                raise PlanError(f"{name} = {value} cannot be", hint=hint)


def terms_of(usd_per_kwh: float, pue: float, life_months: int, load_frac: float, pay: str) -> Terms:
    """Terms from the words of a command; PlanError for what cannot be."""
    if pay not in PAYS:
        raise PlanError(f"{pay!r} is no way to pay", hint="own, rent or cheaper", place="--pay")
    chosen = next(known for known in PAYS if known == pay)
    return Terms(usd_per_kwh, pue, life_months, load_frac, chosen)


class Rate(msgspec.Struct, frozen=True):
    """What one card costs: to buy, and by the hour; None is not known.

    is_machine: the price is of a whole machine; otherwise the host around the cards is not in it.
    """

    own: Quote | None
    rent: Quote | None
    is_machine: bool
    own_usd_per_card: float | None
    is_own_stale: bool
    is_rent_stale: bool


class Priced(msgspec.Struct, frozen=True):
    """USD per hour where one way of paying was chosen; None is not known.

    basis: `own` or `rent`; as_of: the day of the quote behind it.
    """

    usd_per_hour: float | None
    basis: str | None
    as_of: str | None
    is_stale: bool


def rate(candidate: Candidate, today: date) -> Rate:
    """The newest quotes for a candidate: of its system where that has one, else of its card."""
    card, bought = candidate.accelerator, candidate.system
    whole = latest(bought.name, "new") if bought else None
    own = whole or price_quote(card.name)
    rent = latest(card.name, "rent")
    share = bought.hardware.count if bought and whole else 1
    return Rate(
        own=own,
        rent=rent,
        is_machine=whole is not None or card.form == "soc",
        own_usd_per_card=own.value / share if own else None,
        is_own_stale=_is_stale(own, today),
        is_rent_stale=_is_stale(rent, today),
    )


def _is_stale(quote: Quote | None, today: date) -> bool:
    return quote is not None and staleness(quote.as_of, quote.what, today).is_stale


def hourly_usd(
    own_usd: Array, rent_usd: Array, cards: Array, mean_w: Array, terms: Terms
) -> tuple[Array, Array]:
    """(owned, rented) USD per hour of so many cards that draw so many watts; inf is not known.

    own_usd, rent_usd: of one card, to buy and by the hour; inf is not known.
    """
    life_s = terms.life_months * HOURS_PER_MONTH * SECONDS_PER_HOUR
    per_joule, nothing = terms.usd_per_kwh / JOULES_PER_KWH, 0.0 * mean_w
    owned: Array = SECONDS_PER_HOUR * owned_usd_per_s(
        own_usd * cards, nothing, nothing + life_s, mean_w, nothing + terms.pue,
        nothing + per_joule, nothing,
    )  # fmt: skip
    rented = rent_usd * cards
    return _unless(terms.pay == "rent", owned), _unless(terms.pay == "own", rented)


def _unless(is_excluded: bool, usd: Array) -> Array:
    return np.full_like(usd, UNKNOWN) if is_excluded else usd


def priced(found: Rate, owned_usd: float, rented_usd: float) -> Priced:
    """The cheaper of both, with the quote behind it."""
    if min(owned_usd, rented_usd) == UNKNOWN:
        return Priced(None, None, None, False)
    if owned_usd <= rented_usd:
        assert found.own is not None, "an owned price comes from a quote"
        return Priced(float(owned_usd), "own", found.own.as_of, found.is_own_stale)
    assert found.rent is not None, "a rent comes from a quote"
    return Priced(float(rented_usd), "rent", found.rent.as_of, found.is_rent_stale)


def usd_per_mtok(usd_per_hour: float | None, tok_per_s: float) -> float | None:
    """USD per million tokens at a rate; None without a price."""
    if usd_per_hour is None:
        return None
    return usd_per_hour / SECONDS_PER_HOUR / tok_per_s * KILO * KILO
