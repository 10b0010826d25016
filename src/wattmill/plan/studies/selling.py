"""What a factory sells: tokens or hours of cards, at which price, and how much of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from statistics import median

from wattmill.catalog.factory import Factory, Pool, RatePlan
from wattmill.catalog.market import Quote, quotes
from wattmill.catalog.models import model
from wattmill.catalog.staleness import DAYS_PER_MONTH, first_day
from wattmill.catalog.units import HOURS_PER_MONTH, MEGA, SECONDS_PER_MONTH
from wattmill.core.errors import PlanError
from wattmill.core.terms import Flat
from wattmill.finance.assets import Contract, Load, Sale
from wattmill.finance.demand import served_at_peaks
from wattmill.physics.performance import Workload
from wattmill.plan.offers import best_offer
from wattmill.plan.studies.demand import lengths
from wattmill.plan.studies.machines import Machines, Selling
from wattmill.plan.studies.running import moving
from wattmill.plan.studies.sourced import Sources

HARDWARE_FRAC_PER_YEAR = -0.27
"""How prices follow the cost of computing: 1 / 1.37 - 1, as operations per second and USD of machine
learning hardware grow by 37 % a year (Epoch AI, Trends in machine learning hardware, 2024)."""

RENT_MONTHS = 6
"""Rents that were seen within so many months of the newest are today's market."""

METERS = {"input": "input_uncached", "cached": "input_cached", "output": "output_text"}
"""What is sold by the token, and its meter in a rate plan."""

Prices = dict[str, float]


def workload(factory: Factory, sources: Sources) -> Workload:
    """The shape of requests, from `[demand]`; PlanError where it contradicts itself."""
    demand = factory.demand
    isl, osl = lengths(factory, demand, sources)
    return Workload(isl, osl, sources.told("demand.cached_frac", demand.cached_frac, "share"))


def drift(factory: Factory, sources: Sources) -> float:
    """How prices of what is sold move in a year without a random path."""
    path, given = "finance.price_frac_per_year", factory.finance.price_frac_per_year
    if given is not None:
        return sources.told(path, given, "1/year")
    said = "default: prices follow the cost of computing (Epoch AI, +37 % per USD and year)"
    return sources.add(path, HARDWARE_FRAC_PER_YEAR, "1/year", said)


def selling(
    factory: Factory, found: Machines, load: Workload, utilisation: float, sources: Sources
) -> Selling:
    """What one card of these machines sells in a month at full load."""
    growth = drift(factory, sources)
    if sources.told("finance.sells", factory.finance.sells, "kind") == "gpu_hours":
        usd = rent_usd_per_hour(factory, found.card, sources)
        sales: tuple[Sale, ...] = (Sale("gpu_hours", HOURS_PER_MONTH, moving(usd, growth, "rent")),)
    else:
        sales = _tokens(factory, found, load, growth, sources)
    return Selling(sales, _load(factory, utilisation, sales, sources), _contract(factory, sources))


# --- prices ---------------------------------------------------------------------------------------


def rent_usd_per_hour(factory: Factory, card: str, sources: Sources) -> float:
    """What a card is let for: `[finance] usd_per_hour`, or the median of the catalog's newest rents."""
    path, given = "finance.usd_per_hour", factory.finance.usd_per_hour
    if given is not None:
        return sources.told(path, given, "USD/h")
    found = market_rent(card)
    if found is None:
        raise PlanError(
            f"what a {card} is let for is not known",
            hint="give [finance] usd_per_hour",
            place=str(factory.path),
        )
    return sources.add(f"rent.{card}.usd_per_hour", found[0], "USD/h", found[1])


def market_rent(card: str) -> tuple[float, str] | None:
    """The median rent of a card near the newest quote, and where it is from; None if none is known."""
    seen = quotes(card, "rent")
    if not seen:
        return None
    newest = first_day(seen[-1].as_of)
    near = [quote for quote in seen if _months(quote, newest) <= RENT_MONTHS]
    said = f"catalog: median of {len(near)} rents of {card}, {near[0].as_of} to {near[-1].as_of}"
    return median(quote.value for quote in near), said


def _months(quote: Quote, newest: date) -> float:
    return (newest - first_day(quote.as_of)).days / DAYS_PER_MONTH


def token_prices(factory: Factory, pool: Pool, load: Workload, sources: Sources) -> Prices:
    """USD per Mtok of input, cached input and output: of the file, of its rate plans, or of an API."""
    given = factory.finance.usd_per_mtok
    if given is not None:
        sources.told("finance.usd_per_mtok", given, "USD/Mtok")
        return dict.fromkeys(METERS, given)
    found = _of_plans(factory, sources) or _of_api(factory, pool, load, sources)
    if found is None:
        raise PlanError(
            f"what a token of {pool.model} earns is not known",
            hint="give [finance] usd_per_mtok, or a [[rate_plan]]",
            place=str(factory.path),
        )
    return found


def _of_plans(factory: Factory, sources: Sources) -> Prices | None:
    """Of the plan of the first tenant, or of the first plan, that has one price for each token."""
    named = [factory.rate_plan(tenant.rate_plan) for tenant in factory.tenants]
    for plan in (*named, *factory.rate_plans):
        prices = _flat(plan)
        if prices is not None:
            said = f"factory file [[rate_plan]] {plan.name}, usd_per_mtok"
            for meter, usd in prices.items():
                sources.add(f"price.{meter}", usd, "USD/Mtok", said)
            return prices
    return None


def _flat(plan: RatePlan) -> Prices | None:
    """The prices of a plan's general card; None where they have tiers or packages."""
    for card in plan.terms.cards:
        if card.model is card.pool is card.band is None:
            rates = {
                meter: float(rate.scheme.unit)
                for rate in card.rates
                for meter in rate.meters
                if isinstance(rate.scheme, Flat)
            }
            found = {kind: rates[meter] for kind, meter in METERS.items() if meter in rates}
            return found if len(found) == len(METERS) else None
    return None


def _of_api(factory: Factory, pool: Pool, load: Workload, sources: Sources) -> Prices | None:
    """Of the cheapest API that would answer the same; the price that a buyer has elsewhere."""
    offer = best_offer(factory, pool, model(pool.model), load)
    if offer is None:
        return None
    cached = offer.cached_input_usd_per_mtok
    usd_in = offer.input_usd_per_mtok
    prices = {
        "input": usd_in,
        "cached": usd_in if cached is None else cached,
        "output": offer.output_usd_per_mtok,
    }
    where = "factory file" if offer.as_of is None else f"catalog: API, {offer.as_of}"
    for meter, usd in prices.items():
        said = f"{where}: {offer.name} of {offer.provider} ({offer.basis})"
        sources.add(f"price.{meter}", usd, "USD/Mtok", said)
    return prices


# --- quantities -----------------------------------------------------------------------------------


def _tokens(
    factory: Factory, found: Machines, load: Workload, growth: float, sources: Sources
) -> tuple[Sale, ...]:
    prices = token_prices(factory, found.pool, load, sources)
    output = output_mtok_per_month(found) / found.cards
    prompt = output * load.isl / load.osl
    amounts = {
        "input": prompt * (1 - load.hit_frac),
        "cached": prompt * load.hit_frac,
        "output": output,
    }
    return tuple(
        Sale(f"{kind}_mtok", amount, moving(prices[kind], growth, "token_price"))
        for kind, amount in amounts.items()
        if amount > 0
    )


def output_mtok_per_month(found: Machines) -> float:
    """Mtok of answers in a month at full load, all cards."""
    return found.full_tok_per_s * SECONDS_PER_MONTH / MEGA


def utilisation(factory: Factory, pools: Sequence[Machines], sources: Sources) -> float:
    """Share of full load that is sold: by `[demand]` and its peaks for tokens, else as the file says."""
    finance, demand = factory.finance, factory.demand
    asked = demand.output_mtok_per_month
    if finance.sells != "tokens" or asked is None:
        return sources.told("finance.utilisation_frac", finance.utilisation_frac, "share")
    sources.told("demand.output_mtok_per_month", asked, "Mtok/month")
    peak = sources.told("demand.peak_to_mean", demand.peak_to_mean, "ratio")
    capacity = sum(map(output_mtok_per_month, pools))
    served = served_at_peaks(asked, capacity, peak)
    said = "computed by demand and its peaks over the capacity of the pools"
    return sources.add("finance.utilisation_frac", min(1.0, served / capacity), "share", said)


def _load(factory: Factory, frac: float, sales: tuple[Sale, ...], sources: Sources) -> Load:
    finance = factory.finance
    return Load(
        frac=frac,
        ramp_months=sources.told("finance.ramp_months", finance.ramp_months, "months"),
        growth_frac_per_year=sources.told(
            "demand.growth_frac_per_year", factory.demand.growth_frac_per_year, "1/year"
        ),
        elasticity=sources.told("finance.elasticity", finance.elasticity, "ratio"),
        price=sales[-1].price,
    )


def _contract(factory: Factory, sources: Sources) -> Contract | None:
    finance = factory.finance
    if not sources.told("finance.contracted_frac", finance.contracted_frac, "share"):
        return None
    return Contract(
        finance.contracted_frac,
        sources.told("finance.contract_months", finance.contract_months, "months"),
        sources.told("finance.contract_price_frac", finance.contract_price_frac, "ratio"),
        take_or_pay=sources.told("finance.take_or_pay", finance.take_or_pay, "flag"),
    )
