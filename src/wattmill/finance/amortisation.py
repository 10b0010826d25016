"""The table of a level loan as a bank prints it: whole cents, rounded half up, exact."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, localcontext

import msgspec

from wattmill.core.errors import PlanError

CENT = Decimal("0.01")


class AmortisationRow(msgspec.Struct, frozen=True):
    """One payment and what it does, in USD and whole cents."""

    period: int
    payment_usd: Decimal
    interest_usd: Decimal
    principal_usd: Decimal
    balance_usd: Decimal


def amortisation_table(
    principal_usd: Decimal | int | str, rate_frac: Decimal | int | str, periods: int
) -> tuple[AmortisationRow, ...]:
    """Level payments of whole cents; the last one takes what rounding has left.

    rate_frac per period. Interest is rounded half up each period. Give numbers as Decimal or text:
    a float has no exact cents. PlanError if they cannot be, or if a payment is only interest.
    """
    owed, rate = Decimal(principal_usd), Decimal(rate_frac)
    if not (owed > 0 and owed == _cents(owed) and rate >= 0 and periods >= 1):
        raise PlanError(
            f"a loan of {owed} USD at {rate} over {periods} periods cannot be",
            hint="principal above 0 in whole cents, rate 0 or more, a period or more",
        )
    payment = _cents(level_payment_usd(owed, rate, periods))
    rows = []
    for period in range(1, periods + 1):
        row = _row(period, owed, rate, payment, last=period == periods)
        rows.append(row)
        owed = row.balance_usd
    return tuple(rows)


def level_payment_usd(principal_usd: Decimal, rate_frac: Decimal, periods: int) -> Decimal:
    """The level payment at the end of each period, not rounded, to 40 digits."""
    with localcontext(prec=50):
        if rate_frac == 0:
            return principal_usd / periods
        return principal_usd * rate_frac / (1 - (1 + rate_frac) ** -periods)


def _row(
    period: int, owed: Decimal, rate: Decimal, payment: Decimal, last: bool
) -> AmortisationRow:
    interest = _cents(owed * rate)
    principal = owed if last else min(payment - interest, owed)
    if not last and principal <= 0 < owed:
        raise PlanError(
            f"a payment of {payment} USD repays nothing of {owed} USD",
            hint="the loan is too small, or its rate too high, for whole cents",
        )
    return AmortisationRow(period, interest + principal, interest, principal, owed - principal)


def _cents(usd: Decimal) -> Decimal:
    return usd.quantize(CENT, rounding=ROUND_HALF_UP)
