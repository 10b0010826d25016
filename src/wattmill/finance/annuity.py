"""Level payments: the seven quantities of an annuity, in the spreadsheets' own names.

All hold to  present (1+r)^n + payment (1 + r·begin) ((1+r)^n - 1)/r + future = 0  with r per period
and n periods, so money that is paid is negative and money that is received positive. `begin`: each
payment is at the start of its period. Numbers or NumPy arrays, which broadcast. Exact to rounding.
Names and signs are those of Excel's PMT, PPMT, IPMT, CUMIPMT, CUMPRINC, NPER, RATE, FV and PV.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from wattmill.finance import cashflow
from wattmill.finance.checks import require

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Number = float | NDArray[np.float64]


def compounded(rate_frac: Number, periods: Number) -> Number:
    """(1 + r)^n, kept exact where r is small."""
    grown: Number = np.exp(np.asarray(periods) * np.log1p(_rate(rate_frac)))[()]
    return grown


def annuity_factor(rate_frac: Number, periods: Number) -> Number:
    """((1 + r)^n - 1) / r: what payments of 1 at the ends of n periods come to; n where r is 0."""
    r, n = np.broadcast_arrays(_rate(rate_frac), np.asarray(periods, dtype=float))
    some = np.where(r == 0, 1.0, r)
    log = np.log1p(r)  # 0 where there is no rate, so that the branch not taken stays finite
    return np.where(r == 0, n, np.expm1(n * log) / some)[()]


def pmt(
    rate_frac: Number,
    periods: Number,
    present_usd: Number,
    future_usd: Number = 0.0,
    begin: bool = False,
) -> Number:
    """The level payment that turns `present_usd` into -`future_usd`. USD per period."""
    _more_than_none(periods)
    each = annuity_factor(rate_frac, periods) * (1 + rate_frac * begin)
    return -(present_usd * compounded(rate_frac, periods) + future_usd) / each


def fv(
    rate_frac: Number,
    periods: Number,
    payment_usd: Number,
    present_usd: Number = 0.0,
    begin: bool = False,
) -> Number:
    """What is there after the last period, with its sign turned. USD."""
    paid = payment_usd * (1 + rate_frac * begin) * annuity_factor(rate_frac, periods)
    return -(present_usd * compounded(rate_frac, periods) + paid)


def pv(
    rate_frac: Number,
    periods: Number,
    payment_usd: Number,
    future_usd: Number = 0.0,
    begin: bool = False,
) -> Number:
    """What level payments and a last sum are worth at the start, with the sign turned. USD."""
    paid = payment_usd * (1 + rate_frac * begin) * annuity_factor(rate_frac, periods)
    return -(paid + future_usd) / compounded(rate_frac, periods)


def nper(
    rate_frac: Number,
    payment_usd: Number,
    present_usd: Number,
    future_usd: Number = 0.0,
    begin: bool = False,
) -> Number:
    """Periods until the balance is met; PlanError if payments never meet it."""
    r = _rate(rate_frac)
    some = np.where(r == 0, 1.0, r)
    each = np.asarray(payment_usd) * (1 + some * begin) / some
    _require(np.asarray(payment_usd) != 0, "a payment of 0 ends nothing")
    _require((r == 0) | (each + present_usd != 0), "the payments are just the interest")
    left = (each - future_usd) / np.where(each + present_usd == 0, 1.0, each + present_usd)
    _require((r == 0) | (left > 0), "payments so small never meet the balance")
    level = -(np.asarray(present_usd) + future_usd) / payment_usd
    log = np.log(np.where(left > 0, left, 1.0)) / np.log1p(some)
    return np.where(r == 0, level, log)[()]


def rate(
    periods: int,
    payment_usd: float,
    present_usd: float,
    future_usd: float = 0.0,
    begin: bool = False,
) -> float:
    """The one rate per period in (-1, 10] that joins the other four; numbers only.

    NoRoot if none does, MultipleRoots if several do.
    """
    _more_than_none(periods)
    flows = [present_usd, *[payment_usd] * periods]
    if begin:
        flows = [present_usd + payment_usd, *[payment_usd] * (periods - 1), 0.0]
    flows[-1] += future_usd
    return cashflow.irr(flows)


def ipmt(
    rate_frac: Number,
    period: Number,
    periods: Number,
    present_usd: Number,
    future_usd: Number = 0.0,
    begin: bool = False,
) -> Number:
    """The interest within payment `period` (1 to `periods`). USD, negative where it is paid."""
    _within(period, periods)
    payment = pmt(rate_frac, periods, present_usd, future_usd, begin)
    before = fv(rate_frac, np.asarray(period) - 1.0, payment, present_usd, begin)
    interest = np.asarray(before * rate_frac)
    if begin:
        interest = np.where(np.asarray(period) == 1, 0.0, interest / (1 + np.asarray(rate_frac)))
    return interest[()]


def ppmt(
    rate_frac: Number,
    period: Number,
    periods: Number,
    present_usd: Number,
    future_usd: Number = 0.0,
    begin: bool = False,
) -> Number:
    """The principal within payment `period` (1 to `periods`). USD, negative where it is paid."""
    payment = pmt(rate_frac, periods, present_usd, future_usd, begin)
    return payment - ipmt(rate_frac, period, periods, present_usd, future_usd, begin)


def cumipmt(
    rate_frac: float, periods: int, present_usd: float, first: int, last: int, begin: bool = False
) -> float:
    """The interest of payments `first` to `last`, both within. USD; numbers only."""
    return _sum(ipmt(rate_frac, _span(first, last), periods, present_usd, 0.0, begin))


def cumprinc(
    rate_frac: float, periods: int, present_usd: float, first: int, last: int, begin: bool = False
) -> float:
    """The principal of payments `first` to `last`, both within. USD; numbers only."""
    return _sum(ppmt(rate_frac, _span(first, last), periods, present_usd, 0.0, begin))


def crf(rate_frac: Number, periods: Number) -> Number:
    """Capital recovery factor r / (1 - (1+r)^-n): the payment per period for 1 of capital."""
    return pmt(rate_frac, periods, -1.0)


def levelised_by_fixed_charge(
    charge_frac: Number, capital_usd: Number, fixed_usd: Number, output: Number, variable: Number
) -> Number:
    """(charge · capital + fixed) / output + variable: levelised cost by a fixed-charge rate.

    charge_frac, fixed_usd and output are per year; variable is USD per unit of output. Source: the
    LCOE calculator of NREL's System Advisor Model (cmod_lcoefcr).
    """
    _require(np.asarray(output) > 0, "without output there is no cost of it")
    return (charge_frac * capital_usd + fixed_usd) / output + variable


def _rate(rate_frac: Number) -> NDArray[np.float64]:
    r = np.asarray(rate_frac, dtype=float)
    _require(r > -1, f"a rate of {rate_frac} is not above -1")
    return r


def _more_than_none(periods: Number) -> None:
    _require(np.asarray(periods) > 0, f"{periods} periods are none")


def _within(period: Number, periods: Number) -> None:
    inside = (np.asarray(period) >= 1) & (np.asarray(period) <= periods)
    _require(inside, f"period {period} is not one of 1 to {periods}")


def _span(first: int, last: int) -> NDArray[np.float64]:
    _require(first <= last, f"periods {first} to {last} are none")
    return np.arange(first, last + 1, dtype=float)


def _sum(values: Number) -> float:
    return float(np.sum(values))


def _require(holds: Any, message: str) -> None:
    require(holds, message, "rates are per period, 0.01 for 1 %; paid money is negative")
