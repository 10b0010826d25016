"""When machines and changes pay: let by the hour, instead of an API, and for demand that answers."""

from typing import Annotated

import numpy as np

from wattmill.core.errors import PlanError
from wattmill.finance import against_api, demand, savings
from wattmill.finance.against_api import ApiPrice, OwnMachine
from wattmill.finance.break_even import break_even_price
from wattmill.finance.cashflow import monthly_rate
from wattmill.finance.decisions import Effort, decide
from wattmill.finance.token_cost import payback_s
from wattmill.plan.questions.debt import whole_months
from wattmill.plan.questions.decay import Let
from wattmill.plan.questions.inputs import (
    MOST,
    Load,
    PowerPrice,
    Pue,
    Throughput,
    Usd,
    UsdPerMtok,
    Utilisation,
    number,
    positive,
    share,
)
from wattmill.plan.questions.registry import Bundle, Found, Input, question
from wattmill.plan.questions.units import MONTH_S

SIMPLE = "Price paid over what is left each month; no discounting"
LIST = "Price list: uncached and cached input, and output, each at its price"
PEAKS = "An assumed shape of demand with the right mean and peak (wattmill.finance.demand)"
ELASTIC = "Definition: constant elasticity, volume = price^-elasticity"
CENT_PER_KWH = 0.10 / 3.6e6
LONGEST_MONTHS = 240
MTOK = 1e6

Paid = Annotated[float, positive("price paid", "USD")]
Running = Annotated[float, number("space, staff and else", "USD/month")]
Discount = Annotated[float, Input("discount of a year", "", 0.0, 10.0)]
Output = Annotated[float, Input("output tokens of a month", "Mtok/month", 1e-6, MOST)]
Peak = Annotated[
    float, Input("busiest time over the mean of all hours, nights too", "", 1.0, 1000.0)
]
Elasticity = Annotated[float, Input("percent more volume for a percent less price", "", 0.0, 20.0)]
PriceFactor = Annotated[float, positive("price after over price before", high=1000)]


class Bought(Bundle, frozen=True):
    """What is asked of an API in a month, at its prices."""

    output: Output
    output_price: UsdPerMtok
    input: Annotated[float, number("input tokens of a month", "Mtok/month")] = 0.0
    input_price: UsdPerMtok = 0.0
    cached: Annotated[float, share("share of the input that hits a cache")] = 0.0
    cached_price: UsdPerMtok = 0.0

    @property
    def price(self) -> ApiPrice:
        """USD per Mtok."""
        paid = (self.input_price, self.cached_price, self.output_price)
        return ApiPrice(*(each * MTOK for each in paid))

    def tokens(self, peak: float = 1.0) -> against_api.Tokens:
        """Mtok of a month."""
        month = MONTH_S / MTOK
        return against_api.Tokens(self.input * month, self.cached, self.output * month, peak)


# --- let by the hour ------------------------------------------------------------------------------


@question("payback", gives="year", source=SIMPLE)
def let_payback(
    paid: Paid,
    rent: Annotated[float, positive("rent", "USD/h")],
    utilisation: Utilisation = 0.8,
    power: Annotated[float, number("power, busy or not", "W")] = 0.0,
    price: PowerPrice = CENT_PER_KWH,
    pue: Pue = 1.0,
    running: Running = 0.0,
) -> float:
    """Time until a machine that is let by the hour has paid for itself, if its rent never fell."""
    return payback_s(paid, utilisation, rent, power * pue * price + running)


@question("payback", gives="USD/h", source="Present value of costs over that of hours")
def least_rent(
    paid: Paid,
    months: Annotated[float, positive("time in use", "month", high=240)] = 36 * MONTH_S,
    running: Running = 0.0,
    utilisation: Let = 0.8,
    resale: Usd = 0.0,
    discount: Discount = 0.0,
) -> float:
    """The rent that just pays for a machine, its running and a return, if it never changed."""
    count = whole_months(months)
    costs = np.array([paid, *[running * MONTH_S] * count])
    costs[-1] -= resale
    sold = np.array([0.0, *[utilisation * MONTH_S] * count])
    return float(break_even_price(monthly_rate(discount), costs, sold))


# --- instead of an API ----------------------------------------------------------------------------


@question("payback", gives="USD/month", source=LIST)
def api_bill(bought: Bought) -> float:
    """What an API charges for a month, input as well as output."""
    return against_api.api_usd_per_month(bought.price, bought.tokens()) / MONTH_S


@question("payback", gives="%", source=PEAKS)
def served_share(output: Output, throughput: Throughput, peak: Peak = 1.0) -> float:
    """Share of a demand that a machine serves; what comes above its throughput goes elsewhere."""
    return demand.served_at_peaks(output, throughput, peak) / output


@question("payback", gives="month", source=SIMPLE + "; " + PEAKS)
def api_payback(
    paid: Paid,
    throughput: Throughput,
    bought: Bought,
    running: Running = 0.0,
    peak: Peak = 1.0,
    price_fall: Annotated[
        float, Input("share that a year takes off the API's prices", "", 0.0, 0.99)
    ] = 0.0,
) -> Found:
    """Time until a machine has saved its price on an API's bill, of what it can really serve."""
    full = throughput * MONTH_S / MTOK
    if full * MTOK < 1:
        raise PlanError("the machine makes no token in a month", hint="give tokens per second")
    machine = OwnMachine(paid, full, running * MONTH_S)
    tokens = bought.tokens(peak)
    found = against_api.payback(
        bought.price, tokens, machine, LONGEST_MONTHS, price_growth_frac_per_year=-price_fall
    )
    note = (
        f"{found.served_frac:.0%} of the demand served, {found.saved_usd_per_month:,.0f} USD saved"
    )
    if found.months is None:
        raise PlanError(f"it never pays back: {note} in the first month", hint="send more tokens")
    return Found(found.months * MONTH_S, note=f"{note} in the first month")


# --- a change to serving --------------------------------------------------------------------------


@question("payback", gives="month", source="Definition: once / (saved - upkeep)")
def change_payback(
    once: Usd,
    saved: Annotated[float, number("what it saves", "USD/month")],
    upkeep: Annotated[float, number("what keeping it up costs", "USD/month")] = 0.0,
) -> float:
    """Time until fine-tuning, distilling or another change has paid for itself and its upkeep."""
    found = decide("change", Effort(once, upkeep * MONTH_S), saved * MONTH_S)
    if found.break_even_months is None:
        raise PlanError(found.because, hint="leave it as it is")
    return found.break_even_months * MONTH_S


@question(
    "payback", gives="USD/month", source="Definition: tokens moved · difference of the prices"
)
def smaller_model_saving(
    tokens: Annotated[float, number("tokens of a month", "Mtok/month")],
    large_price: UsdPerMtok,
    small_price: UsdPerMtok,
    moved: Annotated[float, share("share that the small model is asked")] = 1.0,
    escalated: Annotated[float, share("share of those that the large one is asked again")] = 0.0,
) -> float:
    """What a distilled or smaller model saves on bills; below 0 it costs more."""
    return savings.smaller_model_usd(tokens, large_price, small_price, moved, escalated)


@question("payback", gives="%", source="Definition: load · part · (1 - 1 / speed-up)")
def freed_share(
    load: Load,
    speed_up: Annotated[float, positive("how many times as fast", high=1000)],
    part: Annotated[float, share("share of the work that becomes faster")] = 1.0,
) -> float:
    """Share of machines that a faster way to serve frees; it saves only if it is sold or given away."""
    return savings.freed_frac(load, speed_up, part)


@question("payback", gives="%", source="Definition: (write - 1) / (write - read)")
def cache_break_even_hit(
    read: Annotated[float, Input("price of a hit over that of input", "", 0.0, 0.99)] = 0.1,
    write: Annotated[float, Input("price of a write over that of input", "", 1.0, 100.0)] = 1.25,
) -> float:
    """Share of hits from which a prompt cache saves that charges for writing."""
    return savings.cache_break_even_hit_frac(read, write)


# --- demand that answers --------------------------------------------------------------------------


@question("payback", gives="x", source=ELASTIC)
def demand_factor(price_factor: PriceFactor, elasticity: Elasticity) -> float:
    """By how many times demand grows when a price changes."""
    return demand.volume_factor(price_factor, elasticity)


@question("payback", gives="x", source=ELASTIC)
def revenue_factor(price_factor: PriceFactor, elasticity: Elasticity) -> float:
    """By how many times revenue changes with a price; above 1 for a fall is Jevons' paradox."""
    return demand.revenue_factor(price_factor, elasticity)


@question("payback", gives="", source=ELASTIC)
def implied_elasticity(
    price_factor: PriceFactor,
    demand_factor: Annotated[float, positive("demand after over demand before", high=1e9)],
) -> float:
    """The elasticity that a change of price and one of demand imply."""
    return demand.implied_elasticity(price_factor, demand_factor)
