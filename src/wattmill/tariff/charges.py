"""What a period is charged: lines that multiply out exactly, and the difference of two ratings."""

from collections.abc import Iterable
from fractions import Fraction
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from wattmill.core.money import PUSD_PER_USD
from wattmill.core.records import METERS

Kind = Literal[
    "usage",
    "package",
    "tier_fee",
    "allowance",
    "drawdown",
    "overage",
    "maximum",
    "minimum",
    "commitment",
    "fee",
    "seats",
]
KINDS: tuple[Kind, ...] = Kind.__args__  # type: ignore[attr-defined]
"""In the order in which they stand on an invoice."""

FEES = {"minimum", "commitment", "drawdown", "fee", "seats"}

CLOSING = {"allowance", "drawdown", "overage", "maximum", "minimum", "commitment"}
"""What brings the usage of a month to a sum that was agreed, and so is rounded together with it."""

Unit = Literal["Mtok", "package", "tier", "USD", "month", "seat-month"]

TierRange = tuple[int, Fraction, Fraction | None]
"""Number from 1, and the Mtok between which it lies; ``None`` is no end."""


class Charge(Struct, frozen=True):
    """``quantity`` units at ``unit_price_usd``: their product is ``amount_pusd``, exactly.

    usage       tokens at a price; those that are free are there, too, at 0
    package     whole packages of tokens
    tier_fee    the flat price of a tier that was entered
    allowance   usage that is free, in money (negative)
    drawdown    usage that was paid up front by a commitment (negative)
    overage     what usage beyond a commitment costs more
    maximum     usage above the plan's maximum (negative)
    minimum     what usage lacks to the plan's minimum
    commitment  what is paid up front, or what usage lacks at the end
    fee, seats  due whatever is used

    ``tokens`` are those that the charge is for: over all charges they add up to what was used. ``model``, ``pool`` and
    ``band`` are ``None`` where a price is the same for all. ``note`` says where a price comes from.
    """

    kind: Kind
    plan: str
    version: int
    quantity: Fraction
    unit: Unit
    unit_price_usd: Fraction
    model: str | None = None
    pool: str | None = None
    band: str | None = None
    meters: tuple[str, ...] = ()
    tier: TierRange | None = None
    note: str = ""
    tokens: int = 0

    @property
    def amount_usd(self) -> Fraction:
        return self.quantity * self.unit_price_usd

    @property
    def amount_pusd(self) -> Fraction:
        """Exact; an invoice rounds it once."""
        return self.amount_usd * PUSD_PER_USD

    @property
    def is_fee(self) -> bool:
        """Whether it is income from fees; all else is income from usage."""
        return self.kind in FEES

    @property
    def key(self) -> tuple[object, ...]:
        """What makes it the same line in two ratings: all but how much."""
        what = (self.kind, self.plan, self.version, self.unit, self.unit_price_usd)
        return (
            *what,
            self.model,
            self.pool,
            self.band,
            self.meters,
            self.tier,
            self.note,
        )


class Rating(Struct, frozen=True):
    """The charges of a period. ``drawn_usd`` is the usage that counts towards a commitment."""

    charges: tuple[Charge, ...]
    drawn_usd: Fraction = Fraction(0)

    @property
    def total_pusd(self) -> Fraction:
        return total_pusd(self.charges)

    @property
    def usage_pusd(self) -> Fraction:
        return total_pusd(charge for charge in self.charges if not charge.is_fee)


NO_RATING = Rating(())
"""Before anything was invoiced."""


def total_pusd(charges: Iterable[Charge]) -> Fraction:
    """What charges come to, exactly."""
    return sum((charge.amount_pusd for charge in charges), Fraction(0))


def merged(charges: Iterable[Charge]) -> tuple[Charge, ...]:
    """One charge for each key, in the order of an invoice; what comes to nothing is left out."""
    found: dict[tuple[object, ...], Charge] = {}
    for charge in charges:
        same = found.get(charge.key)
        found[charge.key] = charge if same is None else _sum(same, charge)
    kept = (charge for charge in found.values() if charge.quantity or charge.tokens)
    return tuple(sorted(kept, key=_place))


def difference(now: Rating, before: Rating) -> tuple[Charge, ...]:
    """What is to be charged on top of what was: delta rating. It adds up to the difference of the totals.

    A tier or price that no longer applies comes back with a negative quantity, beside the one that does.
    """
    undone = (_negative(charge) for charge in before.charges)
    return merged((*now.charges, *undone))


def _sum(one: Charge, other: Charge) -> Charge:
    return replace(one, quantity=one.quantity + other.quantity, tokens=one.tokens + other.tokens)


def _negative(charge: Charge) -> Charge:
    return replace(charge, quantity=-charge.quantity, tokens=-charge.tokens)


def _place(charge: Charge) -> tuple[object, ...]:
    meter = METERS.index(charge.meters[0]) if charge.meters else -1
    tier = charge.tier[0] if charge.tier else 0
    who = (charge.model or "", charge.version, charge.pool or "", charge.band or "")
    return (_is_money(charge), *who, meter, tier, KINDS.index(charge.kind), charge.unit_price_usd)


def _is_money(charge: Charge) -> int:
    """0 for what is counted in tokens; else where its kind stands."""
    counted = charge.kind in ("usage", "package", "tier_fee")
    return 0 if counted else KINDS.index(charge.kind)
