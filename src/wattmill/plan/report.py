"""What a factory can carry and earn, pool by pool: catalog, physics, site and finance joined.

Everything in a report is in SI units and USD, and None is what is not known.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import msgspec

from wattmill.catalog.factory import Factory, Pool
from wattmill.catalog.market import Quote, price_quote
from wattmill.catalog.models import ModelSpec
from wattmill.catalog.staleness import HALF_LIFE_MONTHS, dated, staleness
from wattmill.catalog.units import MEGA, SECONDS_PER_MONTH
from wattmill.core.errors import CatalogError, PlanError
from wattmill.finance.cashflow import lcot_usd_per_mtok, payback_periods
from wattmill.finance.depreciation import amortisation_usd_per_month
from wattmill.physics.deployment import Deployment, deployment_of
from wattmill.physics.memory import Fit, fit
from wattmill.physics.performance import Performance, Workload, performance
from wattmill.physics.power import peak_power_w
from wattmill.plan.offers import Offer, best_offer, pool_offer
from wattmill.plan.refusal import refuse
from wattmill.plan.studies.electricity import power_usd_per_kwh
from wattmill.plan.studies.sourced import Sources, in_other_currency
from wattmill.site.power import colo_usd_per_month, energy_usd_per_month, over_cap_kw, site_kw

DEFAULT_CONTEXT_TOKENS = 8192
MONTHS_PER_YEAR = 12


class Cost(msgspec.Struct, frozen=True):
    """USD per month at the load, by what it pays for, and per million tokens.

    usd_per_mtok counts prompt and answer tokens alike, usd_per_mtok_output lays all of it on the
    answers. lcot_usd_per_mtok is the levelised cost of token over the life of the machines: present
    value of the costs divided by present value of the tokens.
    """

    paid_usd: float | None
    paid_source: str
    amortisation_usd_per_month: float | None
    energy_usd_per_month: float
    colo_usd_per_month: float
    usd_per_month: float | None
    usd_per_mtok: float | None
    usd_per_mtok_output: float | None
    lcot_usd_per_mtok: float | None


class Payback(msgspec.Struct, frozen=True):
    """The pool held against an API that would answer the same tokens.

    months is until what the API would have charged has paid for the machines and their power; None
    if that does not happen within their life.
    """

    offer: Offer
    api_usd_per_month: float
    saved_usd_per_month: float
    months: float | None


class UsedPrice(msgspec.Struct, frozen=True):
    """A price of the catalog that a figure rests on.

    what: `new` or `resale` of hardware, or `api`. as_of: when it was seen; half_lives: how long ago,
    in half-lives of its kind; is_stale: longer than one. dated: the date as it is printed.
    """

    of: str
    what: str
    as_of: str
    half_lives: float
    is_stale: bool
    dated: str


class PoolPlan(msgspec.Struct, frozen=True):
    """One pool of machines."""

    name: str
    model: str
    hardware: str
    precision: str
    kv_precision: str
    engine: str
    tp: int
    replicas: int
    fit: Fit
    kv_free_bytes: float
    users: int
    workload: Workload
    performance: Performance
    error_frac: float
    committed_kw: float
    mean_kw: float
    tokens_per_month: float
    cost: Cost
    payback: Payback | None
    prices: tuple[UsedPrice, ...]
    binds: str


class CloudPlan(msgspec.Struct, frozen=True):
    """One pool that somebody else runs; the offer is None where its price is not given."""

    name: str
    model: str
    offer: Offer | None


class SitePlan(msgspec.Struct, frozen=True):
    """Power at the meter: what must be there, what flows on average, and the cap."""

    name: str
    committed_kw: float
    mean_kw: float
    power_cap_kw: float | None
    over_cap_kw: float | None


class PlanReport(msgspec.Struct, frozen=True):
    """A whole factory at one load."""

    factory: str
    load_frac: float
    discount_frac_per_year: float
    site: SitePlan
    pools: tuple[PoolPlan, ...]
    clouds: tuple[CloudPlan, ...]
    notes: tuple[str, ...]


class _Study(msgspec.Struct, frozen=True):
    """What every pool of one report is studied under."""

    factory: Factory
    today: date
    load_frac: float
    context_tokens: int | None
    workload: Workload
    discount_frac_per_year: float
    power_usd_per_kwh: float


def plan_factory(
    factory: Factory,
    today: date,
    *,
    load_frac: float = 0.3,
    context_tokens: int | None = None,
    isl: int = 1000,
    osl: int = 300,
    hit_frac: float = 0.0,
    discount_frac_per_year: float = 0.10,
) -> PlanReport:
    """What the factory carries and earns at `load_frac` of its full throughput, day and night.

    today: the day on which prices of the catalog are looked at.
    isl, osl: tokens of a prompt and of an answer; hit_frac: share of prompts found in the cache.
    context_tokens: the context to count users at (default: the pool's, or 8,192 or what the model
    takes). PlanError with the figures if a pool cannot hold its model, CatalogError for a name that
    the catalog does not know.
    """
    sources = Sources(factory)
    study = _Study(
        factory,
        today,
        load_frac,
        context_tokens,
        Workload(isl, osl, hit_frac),
        discount_frac_per_year,
        power_usd_per_kwh(factory, sources),
    )
    pools: list[PoolPlan] = []
    clouds: list[CloudPlan] = []
    notes: list[str] = []
    for pool in factory.pools:
        with _named(factory, pool):
            deployment = deployment_of(pool)
            if deployment is None:
                clouds.append(CloudPlan(pool.name, pool.model, pool_offer(pool, study.workload)))
            else:
                pools.append(_pool_plan(study, pool, deployment))
                notes += _notes(study, pools[-1], pool)
    if pools:
        notes += _power_notes(factory, sources)
    site = _site_plan(factory, pools)
    if site.over_cap_kw:
        pools = [msgspec.structs.replace(pool, binds="power cap") for pool in pools]
    return PlanReport(
        str(factory.path), load_frac, discount_frac_per_year,
        site, tuple(pools), tuple(clouds), tuple(notes),
    )  # fmt: skip


def _pool_plan(study: _Study, pool: Pool, deployment: Deployment) -> PoolPlan:
    workload = _within(study.workload, deployment.model)
    memory = fit(deployment, _context_tokens(study, pool, deployment.model))
    if memory.users < 1:
        refuse(deployment, memory)
    seen = performance(deployment, workload, load_frac=study.load_frac, slots=pool.slots)
    mean_w, peak_w = _watts(pool, deployment, seen)
    tokens_per_month = seen.tok_per_s * SECONDS_PER_MONTH * (1 + workload.isl / workload.osl)
    cost = _cost(study, pool, deployment, mean_w, peak_w, tokens_per_month, workload)
    payback = _payback(study, pool, deployment, workload, cost, tokens_per_month)
    pue = study.factory.site.pue
    return PoolPlan(
        name=pool.name,
        model=deployment.model.name,
        hardware=str(deployment.hardware),
        precision=deployment.precision,
        kv_precision=deployment.kv_precision,
        engine=deployment.engine,
        tp=deployment.tp,
        replicas=deployment.replicas,
        fit=memory,
        kv_free_bytes=memory.free_bytes * deployment.replicas,
        users=memory.users,
        workload=workload,
        performance=seen,
        error_frac=deployment.error_frac,
        committed_kw=site_kw(peak_w, pue),
        mean_kw=site_kw(mean_w, pue),
        tokens_per_month=tokens_per_month,
        cost=cost,
        payback=payback,
        prices=tuple(_prices(study, pool, deployment, payback)),
        binds=seen.binds,
    )


def _context_tokens(study: _Study, pool: Pool, model: ModelSpec) -> int:
    default = min(DEFAULT_CONTEXT_TOKENS, model.max_context_tokens)
    return study.context_tokens or pool.context or default


def _within(workload: Workload, model: ModelSpec) -> Workload:
    """The workload, or one of the same shape as long as the model takes; `_notes` says so."""
    most, tokens = model.max_context_tokens, workload.isl + workload.osl
    if tokens <= most:
        return workload
    isl = min(most - 1, max(1, most * workload.isl // tokens))
    return Workload(isl, most - isl, workload.hit_frac)


def _watts(pool: Pool, deployment: Deployment, seen: Performance) -> tuple[float, float]:
    """Mean and peak watts of the machines; the pool's own measurements come first."""
    peak_w = peak_power_w(deployment) if pool.busy_w is None else pool.busy_w
    if pool.idle_w is None or pool.busy_w is None:
        return min(seen.power_w, peak_w), peak_w
    active_frac = min(1.0, seen.batch / deployment.replicas)
    return pool.idle_w + (pool.busy_w - pool.idle_w) * active_frac, peak_w


def _paid_usd(pool: Pool, deployment: Deployment) -> tuple[float | None, str]:
    if pool.paid_usd is not None:
        return pool.paid_usd, "factory file"
    quote = _card_quote(pool, deployment)
    if quote is None:
        return None, "not known"
    return quote.value * deployment.hardware.count, "catalog, cards alone"


def _card_quote(pool: Pool, deployment: Deployment) -> Quote | None:
    """The quote for a card, where the factory file does not say what was paid."""
    return price_quote(deployment.hardware.accelerator.name) if pool.paid_usd is None else None


def _prices(
    study: _Study, pool: Pool, deployment: Deployment, payback: Payback | None
) -> Iterator[UsedPrice]:
    quote = _card_quote(pool, deployment)
    if quote:
        yield _used(quote.of, quote.what, quote.as_of, study.today)
    offer = payback.offer if payback else None
    if offer and offer.as_of:
        yield _used(f"{offer.name} of {offer.provider}", "api", offer.as_of, study.today)


def _used(of: str, what: str, as_of: str, today: date) -> UsedPrice:
    age = staleness(as_of, what, today)
    return UsedPrice(of, what, as_of, age.half_lives, age.is_stale, dated(as_of, what, today))


def _cost(
    study: _Study, pool: Pool, deployment: Deployment, mean_w: float, peak_w: float,
    tokens_per_month: float, workload: Workload,
) -> Cost:  # fmt: skip
    site = study.factory.site
    paid_usd, source = _paid_usd(pool, deployment)
    energy_usd = energy_usd_per_month(mean_w, site.pue, study.power_usd_per_kwh)
    colo_usd = colo_usd_per_month(peak_w, site.colo_usd_per_kw_month)
    worn_usd = lcot = total_usd = per_mtok = None
    if paid_usd is not None:
        worn_usd = amortisation_usd_per_month(paid_usd, pool.life_months, pool.resale_usd)
        total_usd = worn_usd + energy_usd + colo_usd
        per_mtok = total_usd / tokens_per_month * MEGA
        lcot = _lcot(study, pool, paid_usd, energy_usd + colo_usd, tokens_per_month)
    return Cost(
        paid_usd=paid_usd,
        paid_source=source,
        amortisation_usd_per_month=worn_usd,
        energy_usd_per_month=energy_usd,
        colo_usd_per_month=colo_usd,
        usd_per_month=total_usd,
        usd_per_mtok=per_mtok,
        usd_per_mtok_output=None if per_mtok is None else _per_output(per_mtok, workload),
        lcot_usd_per_mtok=lcot,
    )


def _per_output(usd_per_mtok: float, workload: Workload) -> float:
    return usd_per_mtok * (1 + workload.isl / workload.osl)


def _lcot(
    study: _Study, pool: Pool, paid_usd: float, running_usd: float, tokens_per_month: float
) -> float:
    months = pool.life_months
    costs_usd = [paid_usd, *[running_usd] * months]
    costs_usd[-1] -= pool.resale_usd
    tokens = [0.0, *[tokens_per_month] * months]
    return lcot_usd_per_mtok(_per_month(study.discount_frac_per_year), costs_usd, tokens)


def _per_month(frac_per_year: float) -> float:
    """The monthly rate that compounds to the yearly one."""
    if not frac_per_year > -1:
        raise PlanError(f"a discount of {frac_per_year} cannot be", hint="give 0.10 for 10 %")
    return float((1 + frac_per_year) ** (1 / MONTHS_PER_YEAR) - 1)


def _payback(
    study: _Study, pool: Pool, deployment: Deployment, workload: Workload, cost: Cost,
    tokens_per_month: float,
) -> Payback | None:  # fmt: skip
    if cost.paid_usd is None:
        return None
    offer = best_offer(study.factory, pool, deployment.model, workload)
    if offer is None:
        return None
    api_usd = offer.usd_per_mtok * tokens_per_month / MEGA
    saved_usd = api_usd - cost.energy_usd_per_month - cost.colo_usd_per_month
    flows = [-cost.paid_usd, *[saved_usd] * pool.life_months]
    return Payback(offer, api_usd, saved_usd, payback_periods(flows))


def _site_plan(factory: Factory, pools: list[PoolPlan]) -> SitePlan:
    committed_kw = sum(pool.committed_kw for pool in pools)
    return SitePlan(
        name=factory.site.name,
        committed_kw=committed_kw,
        mean_kw=sum(pool.mean_kw for pool in pools),
        power_cap_kw=factory.site.power_cap_kw,
        over_cap_kw=over_cap_kw(committed_kw, factory.site.power_cap_kw),
    )


def _notes(study: _Study, plan: PoolPlan, pool: Pool) -> Iterator[str]:
    if plan.workload != study.workload:
        yield (
            f"{plan.name}: {plan.model} takes {plan.workload.isl + plan.workload.osl} tokens, so "
            f"requests are {plan.workload.isl} in and {plan.workload.osl} out"
        )
    if plan.cost.paid_usd is None:
        yield f"{plan.name}: give paid_usd, and the cost of a token and the payback follow"
    elif pool.paid_usd is None:
        yield f"{plan.name}: paid_usd is not given; {plan.cost.paid_usd:,.0f} USD is the catalog's"
    for price in plan.prices:
        if price.is_stale:
            yield (
                f"{plan.name}: the price of {price.of} ({price.what}, {price.dated}) is older than its"
                f" half-life of {HALF_LIFE_MONTHS[price.what]} months"
            )
    if plan.payback is None and plan.cost.paid_usd is not None:
        yield f"{plan.name}: no API of a model like {plan.model} is known, so no payback"
    if plan.payback and plan.payback.offer.basis == "nearest size":
        offer = plan.payback.offer
        yield (
            f"{plan.name}: no price of {plan.model} is known; held against {offer.name} of"
            f" {offer.provider}, the nearest in size"
        )


def _power_notes(factory: Factory, sources: Sources) -> Iterator[str]:
    """What a kWh costs, where the file does not say it."""
    if not factory.says("site", "power_usd_per_kwh"):
        (price,) = sources.all
        yield f"power at {price.value} {price.unit} ({price.source}); give power_usd_per_kwh"
    yield from in_other_currency(factory, sources.all)


@contextmanager
def _named(factory: Factory, pool: Pool) -> Iterator[None]:
    """Errors about a pool say which one, and of which file."""
    try:
        yield
    except (CatalogError, PlanError) as error:
        error.place = error.place or f"{factory.path}: pool {pool.name}"
        raise
