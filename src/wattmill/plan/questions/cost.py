"""What tokens cost: owned, rented or bought from an API, and when one beats the other."""

from typing import Annotated

from wattmill.finance import token_cost
from wattmill.finance.depreciation import amortisation_usd_per_month
from wattmill.physics.roofline import decode_bound_tok_s
from wattmill.plan.questions.inputs import (
    Bandwidth,
    Batch,
    Context,
    Hit,
    Isl,
    KvPerToken,
    Osl,
    Power,
    PowerPrice,
    Pue,
    Throughput,
    Tokens,
    Usd,
    UsdPerHour,
    UsdPerMtok,
    Utilisation,
    Weights,
    count,
    number,
    positive,
    share,
)
from wattmill.plan.questions.registry import question
from wattmill.plan.questions.units import MONTH_S, YEAR_S

DEFINED = "Definition: money per second over tokens per second"
OWNED = "Straight-line wear, energy at the meter and other running costs over tokens"
Life = Annotated[float, positive("time in use", "month")]
Resale = Annotated[float, number("value at the end of its life", "USD")]
Price = Annotated[float, positive("price of a million tokens", "USD/Mtok")]
OtherCost = Annotated[float, number("space, staff and else", "USD/month")]
CENT_PER_KWH = 0.10 / 3.6e6
THREE_YEARS = 36 * MONTH_S


@question("cost", gives="USD/Mtok", source=DEFINED)
def usd_per_mtok(
    hourly: UsdPerHour, throughput: Throughput, utilisation: Utilisation = 1.0
) -> float:
    """Cost of a million tokens of something that costs so much an hour, busy or not."""
    return token_cost.usd_per_token(hourly, throughput, utilisation)


@question("cost", gives="USD/Mtok", source=OWNED)
def owned_usd_per_mtok(
    paid: Usd,
    throughput: Throughput,
    power: Power,
    utilisation: Utilisation = 0.3,
    life: Life = THREE_YEARS,
    resale: Resale = 0.0,
    price: PowerPrice = CENT_PER_KWH,
    pue: Pue = 1.2,
    other: OtherCost = 0.0,
) -> float:
    """Cost of a million tokens on owned machines: wear, energy and what else runs on."""
    cost = token_cost.owned_usd_per_s(paid, resale, life, power, pue, price, other)
    return token_cost.usd_per_token(cost, throughput, utilisation)


@question("cost", gives="USD/h", source=OWNED)
def owned_usd_per_hour(
    paid: Usd,
    power: Power,
    life: Life = THREE_YEARS,
    resale: Resale = 0.0,
    price: PowerPrice = CENT_PER_KWH,
    pue: Pue = 1.2,
    other: OtherCost = 0.0,
) -> float:
    """Cost of an hour of owned machines: wear, energy and what else runs on."""
    return token_cost.owned_usd_per_s(paid, resale, life, power, pue, price, other)


@question("cost", gives="USD/month", source="Straight line from the price paid to the resale value")
def wear_usd_per_month(paid: Usd, life: Life = THREE_YEARS, resale: Resale = 0.0) -> float:
    """What machines lose in value each month."""
    return (
        amortisation_usd_per_month(paid, 1, resale) / life
    )  # all of it, over the seconds of a life


@question("cost", gives="USD/Mtok", source="Roofline of a decode step; " + DEFINED)
def decode_floor_usd_per_mtok(
    hourly: UsdPerHour,
    weights: Weights,
    bandwidth: Bandwidth,
    batch: Batch = 1,
    kv_per_token: KvPerToken = 0.0,
    context: Context = 1,
) -> float:
    """Least cost of a million output tokens when every step reads weights and KV once."""
    rate = decode_bound_tok_s(batch, weights, context * kv_per_token, bandwidth, 0.0, 1.0)
    return token_cost.usd_per_token(hourly, rate, 1.0)


@question("cost", gives="USD/h", source=DEFINED)
def implied_usd_per_hour(price: Price, throughput: Throughput) -> float:
    """What an hour may cost if tokens of a throughput are to cost so much."""
    return token_cost.implied_usd_per_s(price, throughput)


@question("cost", gives="USD/Mtok", source="Definition: weighted mean")
def blended_usd_per_mtok(
    input_price: UsdPerMtok,
    output_price: UsdPerMtok,
    output_share: Annotated[float, share("share of the tokens that is output")] = 0.25,
) -> float:
    """Mean price of input and output tokens in a proportion."""
    return token_cost.blended_usd_per_token(input_price, output_price, output_share)


@question("cost", gives="USD/req", source="Price list · tokens by meter")
def request_usd(
    isl: Isl,
    osl: Osl,
    input_price: UsdPerMtok,
    output_price: UsdPerMtok,
    hit: Hit = 0.0,
    cached_price: UsdPerMtok = 0.0,
) -> float:
    """Price of one request at an API's prices, its cached input at a price of its own."""
    return token_cost.request_usd(isl, osl, hit, input_price, cached_price, output_price)


@question("cost", gives="USD", source="Definition: tokens · price")
def tokens_usd(tokens: Tokens, price: UsdPerMtok) -> float:
    """Price of so many tokens."""
    return tokens * price


@question("cost", gives="Mtok", source="Definition: money over price")
def tokens_for(budget: Usd, price: Price) -> float:
    """Tokens that a budget buys."""
    return budget / price


@question("cost", gives="%", source="Definition: 1 - cost / price")
def gross_margin(price: Annotated[float, positive("price", "USD/Mtok")], cost: UsdPerMtok) -> float:
    """Share of the price that is left after cost; any unit of money will do for both."""
    return token_cost.margin_frac(price, cost)


@question("cost", gives="%", source="Definition: 1 - cost / price")
def hardware_margin(price: Annotated[float, positive("price", "USD")], cost: Usd) -> float:
    """Share of a price that is left after the cost of making it."""
    return token_cost.margin_frac(price, cost)


@question("cost", gives="%", source="Definition: tokens made over tokens that could have been")
def utilisation_of_tokens(
    tokens: Tokens,
    throughput: Throughput,
    time: Annotated[float, positive("time", "month")] = MONTH_S,
) -> float:
    """Share of full load that so many tokens in a month (or another time) are."""
    return tokens / (throughput * time)


@question("cost", gives="Mtok/month", source=DEFINED)
def break_even_tokens(
    monthly: Annotated[float, positive("cost of owning, whether used or not", "USD/month")],
    api_price: Price,
) -> float:
    """Tokens a month from which owning costs less than an API."""
    return token_cost.break_even_tok_per_s(monthly, api_price)


@question("cost", gives="%", source=DEFINED)
def break_even_utilisation(
    monthly: Annotated[float, positive("cost of owning, whether used or not", "USD/month")],
    api_price: Price,
    throughput: Throughput,
) -> float:
    """Share of full load from which owning costs less than an API; above 100 %: never."""
    return token_cost.break_even_tok_per_s(monthly, api_price) / throughput


@question("cost", gives="month", source="Price paid over what is saved each month; no discounting")
def payback_months(
    paid: Usd,
    throughput: Throughput,
    api_price: Price,
    utilisation: Utilisation = 0.3,
    running: Annotated[float, number("energy, space, staff", "USD/month")] = 0.0,
) -> float:
    """Time until what an API would have charged has paid for machines and their running."""
    return token_cost.payback_s(paid, throughput * utilisation, api_price, running)


@question("cost", gives="x", source="Definition: (before / after)^(1 / years)")
def price_fall_per_year(
    before: Annotated[float, positive("price then", "USD/Mtok")],
    after: Annotated[float, positive("price now", "USD/Mtok")],
    time: Annotated[float, positive("time between", "year")],
) -> float:
    """By how many times a price falls each year."""
    return token_cost.yearly_factor(before, after, time / YEAR_S)


@question("routing", gives="x", source="Definition: small + share escalated · large, over large")
def cascade_cost(
    small: Annotated[float, number("cost of the small model")],
    large: Annotated[float, positive("cost of the large model")],
    escalated: Annotated[float, share("share of the requests that goes on to the large one")],
) -> float:
    """Cost of asking a small model first, over that of always asking the large one."""
    return token_cost.cascade_cost_frac(small, large, escalated)


@question("routing", gives="%", source="Definition: 1 - small / large")
def cascade_break_even(
    small: Annotated[float, number("cost of the small model")],
    large: Annotated[float, positive("cost of the large model")],
) -> float:
    """Share of escalations at which asking a small model first no longer saves anything."""
    return token_cost.cascade_break_even_frac(small, large)


@question("cost", gives="USD/device", source="Definition: total over count")
def usd_per_device(price: Usd, devices: Annotated[float, count("devices", 1e9)]) -> float:
    """Price of one device of many."""
    return price / devices
