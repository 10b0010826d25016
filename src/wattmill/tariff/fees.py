"""What a plan adds to usage or takes off it: allowance, commitment, maximum, minimum, fees, seats."""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

from msgspec import Struct

from wattmill.core.terms import Commitment, Terms
from wattmill.tariff.charges import Charge, Kind, total_pusd

NOTHING = Fraction(0)
PUSD = 10**12


class Share(Struct, frozen=True):
    """A version of a plan and its share of the period: the whole is 1."""

    version: int
    plan: str
    terms: Terms
    of_period: Fraction


def fee_charges(shares: Iterable[Share]) -> Iterator[Charge]:
    """What is due whatever is used, for the time in which it was due."""
    for share in shares:
        terms = share.terms
        if terms.fee:
            yield Charge(
                "fee", share.plan, share.version, share.of_period, "month", Fraction(terms.fee)
            )
        if terms.seats and terms.seat_fee:
            quantity = share.of_period * terms.seats
            price = Fraction(terms.seat_fee)
            yield Charge("seats", share.plan, share.version, quantity, "seat-month", price)


def settle_up(
    counted: Sequence[Charge], shares: Sequence[Share], month: str, drawn_usd: Fraction
) -> tuple[list[Charge], Fraction]:
    """What the month's usage as a whole is short of, or beyond; and how much of it counts for a commitment.

    In this order: the allowance makes usage free; what is left draws on the commitment; maximum and minimum bound it.
    """
    if not shares:
        return [], NOTHING
    used = total_pusd(counted) / PUSD
    money = _Money(shares[-1])
    allowance = min(_whole(shares, "allowance"), max(used, NOTHING))
    money.add("allowance", -allowance)
    drawn = used - allowance
    overage = _commit(money, shares, month, drawn_usd, drawn)
    _bound(money, shares, drawn + overage)
    return money.charges, drawn


def _bound(money: "_Money", shares: Sequence[Share], usage: Fraction) -> None:
    maximums = [share for share in shares if share.terms.maximum is not None]
    if maximums and len(maximums) == len(shares):
        money.add("maximum", -max(usage - _whole(shares, "maximum"), NOTHING))
    money.add("minimum", max(_whole(shares, "minimum") - usage, NOTHING))


def _commit(
    money: "_Money", shares: Sequence[Share], month: str, before: Fraction, drawn: Fraction
) -> Fraction:
    """Charge or draw down a commitment; what overage costs on top of the usage itself."""
    made = shares[-1].terms.commitment
    at = None if made is None else _month_of_term(made, month)
    if made is None or at is None:
        return NOTHING
    amount = _committed(shares, made)
    left = max(amount - before, NOTHING)
    covered = min(max(drawn, NOTHING), left)
    if made.due == "start":
        money.add("commitment", amount if at == 0 else NOTHING)
        money.add("drawdown", -covered)
    elif at == made.months - 1:
        money.add("commitment", left - covered)
    beyond = drawn - covered
    return money.add("overage", beyond, Fraction(made.overage) - 1)


def _committed(shares: Sequence[Share], last: Commitment) -> Fraction:
    """Of one month: by the time in force; of a longer term: as it was last agreed."""
    if last.months > 1:
        return Fraction(last.amount)
    return sum(
        (
            share.of_period * Fraction(share.terms.commitment.amount)
            for share in shares
            if share.terms.commitment is not None
        ),
        NOTHING,
    )


def _month_of_term(made: Commitment, month: str) -> int | None:
    """Which month of the commitment's term it is, from 0; ``None`` before its first."""
    if made.starts is None:
        return 0
    since = _months(month) - _months(made.starts)
    return since % made.months if since >= 0 else None


def _months(name: str) -> int:
    year, _, month = name.partition("-")
    return int(year) * 12 + int(month)


def _whole(shares: Iterable[Share], field: str) -> Fraction:
    """A monthly amount, each version's for its share of the period."""
    return sum(
        (share.of_period * Fraction(getattr(share.terms, field)) for share in shares), NOTHING
    )


class _Money:
    """Charges that are an amount, under the version that was in force last."""

    def __init__(self, share: Share) -> None:
        self._share = share
        self.charges: list[Charge] = []

    def add(self, kind: Kind, usd: Fraction, times: Fraction = Fraction(1)) -> Fraction:
        if usd and times:
            share = self._share
            self.charges.append(Charge(kind, share.plan, share.version, usd, "USD", times))
        return usd * times
