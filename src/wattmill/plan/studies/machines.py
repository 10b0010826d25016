"""The machines of a factory as assets of a project: what they cost, draw, make and lose in value."""

from __future__ import annotations

from typing import get_args

import msgspec

from wattmill.catalog.factory import Factory, Finance, Pool
from wattmill.catalog.hardware import hardware
from wattmill.catalog.market import price_quote
from wattmill.catalog.units import KILO, MEGA
from wattmill.finance.assets import Asset, Contract, Load, Sale
from wattmill.finance.depreciation import Method, economic_value
from wattmill.ledger.cost.schedule import market_trend
from wattmill.physics.deployment import Deployment, deployment_of
from wattmill.physics.performance import Workload, performance
from wattmill.physics.power import peak_power_w, power_w
from wattmill.physics.step import step_cost
from wattmill.plan.studies.sourced import Sources, quoted
from wattmill.plan.studies.timeline import Timeline


class Machines(msgspec.Struct, frozen=True):
    """One pool of machines: kW before cooling, answer tokens per second at full load, USD for all.

    `error_frac` is the expected one of the tokens. `binds` is what limits them. `seconds_per_mtok`:
    of the full pool, for a Mtok of uncached input, cached input and output.
    """

    pool: Pool
    cards: int
    card: str
    idle_kw: float
    busy_kw: float
    peak_kw: float
    full_tok_per_s: float
    error_frac: float
    binds: str
    seconds_per_mtok: dict[str, float]
    paid_usd: float | None


def machines(pool: Pool, workload: Workload, sources: Sources) -> Machines | None:
    """What a pool is, by the catalog and by physics; None for one that somebody else runs."""
    deployment = deployment_of(pool)
    if deployment is None:
        return None
    seen = performance(deployment, workload, load_frac=1.0, slots=pool.slots)
    at = f"pool.{pool.name}"
    idle_w = _watts(sources, pool, "idle_w", power_w(deployment, 0.0, 0.0))
    busy_w = _watts(sources, pool, "busy_w", seen.power_full_w)
    peak_w = max(busy_w, peak_power_w(deployment) if pool.busy_w is None else pool.busy_w)
    basis = f"computed by physics, ±{deployment.error_frac:.0%}: {deployment.hardware}"
    return Machines(
        pool=pool,
        cards=deployment.hardware.count,
        card=deployment.hardware.accelerator.name,
        idle_kw=min(idle_w, busy_w) / KILO,
        busy_kw=busy_w / KILO,
        peak_kw=peak_w / KILO,
        full_tok_per_s=sources.add(f"{at}.full_tok_per_s", seen.full_tok_per_s, "tok/s", basis),
        error_frac=deployment.error_frac,
        binds=seen.binds,
        seconds_per_mtok=_seconds(deployment, workload, seen.full_tok_per_s),
        paid_usd=_paid_usd(pool, deployment.hardware.count, sources),
    )


def _seconds(deployment: Deployment, load: Workload, full_tok_per_s: float) -> dict[str, float]:
    """A request's work on the full pool: prefill of what is not cached, attention to what is, decode."""
    cost, copies = step_cost(deployment), deployment.replicas
    fresh = load.uncached_tokens
    cached = load.isl - fresh
    prompt_s = cost.shared_prefill_s(fresh, cached) / copies
    cached_s = prompt_s - cost.shared_prefill_s(fresh, 0.0) / copies
    decode_s = load.osl / full_tok_per_s - prompt_s
    return {
        "input_mtok": (prompt_s - cached_s) / fresh * MEGA if fresh else 0.0,
        "cached_mtok": cached_s / cached * MEGA if cached else 0.0,
        "output_mtok": decode_s / load.osl * MEGA,
    }


def _watts(sources: Sources, pool: Pool, key: str, computed: float) -> float:
    given: float | None = getattr(pool, key)
    path = f"pool.{pool.name}.{key}"
    if given is not None:
        return sources.told(path, given, "W")
    return sources.add(path, computed, "W", "computed by physics from data sheets")


def _paid_usd(pool: Pool, cards: int, sources: Sources) -> float | None:
    path = f"pool.{pool.name}.paid_usd"
    if pool.paid_usd is not None:
        return sources.told(path, pool.paid_usd, "USD")
    assert pool.hardware is not None
    quote = price_quote(hardware(pool.hardware).accelerator.name)
    if quote is None:
        return None
    return sources.add(path, quote.value * cards, "USD", f"{quoted(quote)}; cards alone")


def resale(
    finance: Finance, hardware_name: str | None, sources: Sources
) -> tuple[float | None, tuple[float, ...] | None]:
    """How machines lose value: (share kept each year, None), or (None, shares left after each)."""
    if finance.resale_curve is not None:
        return None, sources.told("finance.resale_curve", finance.resale_curve, "share")
    path = "finance.resale_frac_per_year"
    if finance.resale_frac_per_year is not None:
        return sources.told(path, finance.resale_frac_per_year, "1/year"), None
    trend = market_trend(hardware_name)
    said = f"catalog: {trend.basis}"
    return sources.add(path, float(trend.yearly_factor), "1/year", said), None


class Selling(msgspec.Struct, frozen=True):
    """What one card sells in a month at full load, how much of that is asked for, and what is sold ahead."""

    sales: tuple[Sale, ...]
    load: Load
    contract: Contract | None


def asset(
    factory: Factory,
    found: Machines,
    selling: Selling,
    line: Timeline,
    powered: int,
    sources: Sources,
) -> Asset:
    """Machines that are owned; what was bought before the start enters at its market value then."""
    pool, finance = found.pool, factory.finance
    at = f"pool.{pool.name}"
    frac, curve = resale(finance, pool.hardware, sources)
    month = line.month(pool.bought) if pool.bought is not None else 0
    if pool.bought is not None:
        sources.told(f"{at}.bought", pool.bought, "date")
    age = max(0, -month)
    paid = found.paid_usd or 0.0
    life = sources.told(f"{at}.life_months", pool.life_months, "months")
    resale_usd = sources.told(f"{at}.resale_usd", pool.resale_usd, "USD")
    if age:
        paid = _worth(paid, frac, curve, age)
        sources.add(f"{at}.worth_usd", paid, "USD", f"computed by its age of {age} months")
    bought = max(0, month)
    return Asset(
        name=pool.name,
        paid_usd_per_unit=paid / found.cards,
        units=found.cards,
        bought_month=bought,
        starts_month=powered if powered > bought else None,
        life_months=max(1, life - age),
        book_resale_usd_per_unit=min(resale_usd, paid) / found.cards,
        tax_depreciation=tax_method(finance, sources),
        tax_bonus_frac=sources.told("finance.bonus_frac", finance.bonus_frac, "share"),
        resale_frac_per_year=frac,
        resale_curve=curve,
        resale_path="resale",
        selling_cost_frac=sources.told(
            "finance.selling_cost_frac", finance.selling_cost_frac, "share"
        ),
        busy_kw_per_unit=found.busy_kw / found.cards,
        idle_kw_per_unit=found.idle_kw / found.cards,
        peak_kw_per_unit=found.peak_kw / found.cards,
        sales=selling.sales,
        load=selling.load,
        contract=selling.contract,
    )


def tax_method(finance: Finance, sources: Sources) -> Method:
    """How tax books write machines off."""
    name = sources.told("finance.depreciation", finance.depreciation, "method")
    return next(method for method in get_args(Method) if method == name)


def _worth(
    paid_usd: float, frac: float | None, curve: tuple[float, ...] | None, age_months: int
) -> float:
    return float(economic_value(paid_usd, age_months, frac, curve)[-1])
