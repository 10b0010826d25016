"""An own machine against an API: what it can take over, what that saves, when it has paid.

Honest about three things that are usually left out: input tokens, cached ones at their own price; peaks that the
machine cannot serve, which stay with the API; and that the machine costs money while nobody asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from wattmill.finance.cashflow import monthly_rate, payback_periods
from wattmill.finance.checks import require
from wattmill.finance.demand import growth_factors, served_at_peaks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


class ApiPrice(Struct, frozen=True):
    """USD per Mtok of an API; cached input at the price of a hit."""

    input_usd: float
    cached_usd: float
    output_usd: float


class Tokens(Struct, frozen=True):
    """Demand of a month: Mtok in, the share of them that hits a cache, Mtok out; and its peaks.

    peak_to_mean: the busiest time over the mean of all hours of the month, nights included.
    """

    input_mtok: float
    cached_frac: float
    output_mtok: float
    peak_to_mean: float = 1.0


class OwnMachine(Struct, frozen=True):
    """A machine at this mix of tokens. All USD per month but what is paid.

    full_output_mtok: output Mtok of a month at full load, at the input that comes with them. fixed: power at idle,
    space, staff, maintenance. busy: electricity above idle in a month at full load. resale: what is left of the price
    after a year, as a share; the sale counts at the end of the study.
    """

    paid_usd: float
    full_output_mtok: float
    fixed_usd_per_month: float
    busy_usd_per_month: float = 0.0
    resale_frac_per_year: float = 0.0


class Payback(Struct, frozen=True):
    """The comparison. Months are counted from the purchase; None is never within the study.

    flow_usd: what owning brings against staying with the API, month by month, month 0 being the purchase; resale is
    in its last month. served_frac: of the tokens that are asked for, in the first month and in the last.
    """

    months: float | None
    discounted_months: float | None
    npv_usd: float
    api_usd_per_month: float
    saved_usd_per_month: float
    own_usd_per_mtok_output: float
    served_frac: float
    last_served_frac: float
    load_frac: float
    flow_usd: Array


def api_usd_per_month(price: ApiPrice, tokens: Tokens) -> float:
    """What the API charges for a month: uncached and cached input, and output, each at its price."""
    _checked(tokens)
    cached = tokens.cached_frac
    per_input = (1 - cached) * price.input_usd + cached * price.cached_usd
    return tokens.input_mtok * per_input + tokens.output_mtok * price.output_usd


def payback(
    price: ApiPrice,
    tokens: Tokens,
    machine: OwnMachine,
    months: int,
    demand_growth_frac_per_year: float = 0.0,
    price_growth_frac_per_year: float = 0.0,
    discount_frac_per_year: float = 0.0,
) -> Payback:
    """Own machine against API over `months`.

    Each month: saved = bill of the API × served share - fixed - busy × load. What the machine cannot serve at peaks
    stays with the API, at the same mix. Payback leaves resale out until the last month; it is simple, and discounted.
    """
    require(
        machine.full_output_mtok > 0, "the machine makes no tokens", "give full_output_mtok above 0"
    )
    asked = tokens.output_mtok * growth_factors(months, demand_growth_frac_per_year)
    made = served_at_peaks(asked, machine.full_output_mtok, tokens.peak_to_mean)
    share = made / asked
    bill = api_usd_per_month(price, tokens) / tokens.output_mtok * asked
    bill = bill * growth_factors(months, price_growth_frac_per_year)
    load = made / machine.full_output_mtok
    own = machine.fixed_usd_per_month + machine.busy_usd_per_month * load
    flow = bill * share - own
    flow[0] = -machine.paid_usd
    flow[-1] += machine.paid_usd * machine.resale_frac_per_year ** (months / 12)
    rate = monthly_rate(discount_frac_per_year)
    wear = machine.paid_usd * (1 - machine.resale_frac_per_year ** (months / 12)) / months
    return Payback(
        months=payback_periods(flow.tolist()),
        discounted_months=payback_periods(flow.tolist(), rate),
        npv_usd=float(flow @ (1 + rate) ** -np.arange(months + 1.0)),
        api_usd_per_month=float(bill[1]),
        saved_usd_per_month=float(bill[1] * share[1] - own[1]),
        own_usd_per_mtok_output=float((own[1] + wear) / made[1]),
        served_frac=float(share[1]),
        last_served_frac=float(share[-1]),
        load_frac=float(load[1]),
        flow_usd=flow,
    )


def break_even_output_mtok(
    price: ApiPrice, tokens: Tokens, own_usd_per_month: float, busy_usd_per_output_mtok: float = 0.0
) -> float | None:
    """Output Mtok a month, at this mix, from which owning costs less than the API; None if never.

    own_usd_per_month: everything that does not depend on the load, wear too. No limit of capacity is looked at.
    """
    earned = api_usd_per_month(price, tokens) / tokens.output_mtok - busy_usd_per_output_mtok
    return own_usd_per_month / earned if earned > 0 else None


def _checked(tokens: Tokens) -> None:
    require(
        tokens.output_mtok > 0 and tokens.input_mtok >= 0 and 0 <= tokens.cached_frac <= 1,
        f"a demand of {tokens} cannot be",
        "give some output, input of 0 or more, a cached share of 0 to 1",
    )
