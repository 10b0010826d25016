"""The fleet that makes the most of the site's cap, for the model of its first pool.

Machines are those of `[[candidate]]`, or all that the catalog sells with a price.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import msgspec

from wattmill.catalog.factory import Factory, Pool
from wattmill.catalog.units import KILO
from wattmill.core.errors import PlanError
from wattmill.physics.performance import Workload
from wattmill.plan.fleet.candidates import answer_usd_per_mtok
from wattmill.plan.fleet.mix import best_mix
from wattmill.plan.fleet.records import Envelope, MachineType, Market, Objective
from wattmill.plan.sizing.money import Terms
from wattmill.plan.sizing.options import SizeQuestion
from wattmill.plan.sizing.slo import Slo
from wattmill.plan.studies.selling import token_prices
from wattmill.plan.studies.site.candidates import types_of
from wattmill.plan.studies.site.report import Fleet, FleetPoint
from wattmill.plan.studies.sourced import Sources

TTFT_S, TPOT_S = 2.0, 0.05
NO_LIMIT_USD = 1e15
"""Capital that bounds nothing."""
POINTS = (0.25, 0.5, 0.75, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0)
"""Caps that are tried, as shares of the site's."""


class Limits(msgspec.Struct, frozen=True):
    """What bounds the fleet beside the cap; None is no limit."""

    objective: Objective = "margin"
    capital_usd: float | None = None
    racks: float | None = None


def fleet(
    factory: Factory, limits: Limits, workload: Workload, load: float, usd_per_kwh: float,
    today: date, sources: Sources,
) -> Fleet:  # fmt: skip
    """The best mix within the cap, and at other caps. PlanError where nothing bounds or answers it."""
    pool = next((each for each in factory.pools if each.hardware is not None), None)
    if pool is None:
        raise PlanError("no pool has hardware", hint="give one", place=str(factory.path))
    kw = factory.site.power_cap_kw
    if kw is None and (limits.capital_usd is None or limits.capital_usd >= NO_LIMIT_USD):
        raise PlanError(
            "nothing bounds the fleet",
            hint="give [site] power_cap_kw, or --capital",
            place=str(factory.path),
        )
    question = _question(
        factory, pool, workload, _load(factory, load, sources), usd_per_kwh, sources
    )
    types, stocks = types_of(factory, pool, question, today, sources)
    markets = [_market(factory, pool, workload, limits, sources)]
    envelope = Envelope(kw, limits.capital_usd, limits.racks, stocks=stocks)
    mix = best_mix(types, markets, envelope, limits.objective)
    points = _points(types, markets, envelope, limits.objective)
    return Fleet(mix, len(types), markets[0].usd_per_mtok, _least_usd(types), points)


def _least_usd(types: Sequence[MachineType]) -> float:
    """USD per Mtok of answers from which the cheapest machine is worth having, fully at work."""
    return min(
        each.fixed_usd_per_month / each.mtok_per_month + each.variable_usd_per_mtok
        for each in types
        if each.mtok_per_month > 0
    )


def _points(
    types: Sequence[MachineType],
    markets: Sequence[Market],
    envelope: Envelope,
    objective: Objective,
) -> tuple[FleetPoint, ...]:
    """The same at other caps; the slope is that of machines in parts."""
    if envelope.kw is None or objective == "cost":
        return ()
    found = []
    for share in POINTS:
        kw = envelope.kw * share
        wider = msgspec.structs.replace(envelope, kw=kw)
        mix = best_mix(types, markets, wider, objective, steps=False)
        per_kw = next(s.relaxed for s in mix.shadows if s.what == "kw")
        found.append(FleetPoint(kw, mix.value, per_kw))
    return tuple(found)


def _question(
    factory: Factory,
    pool: Pool,
    workload: Workload,
    load: float,
    usd_per_kwh: float,
    sources: Sources,
) -> SizeQuestion:
    terms = Terms(usd_per_kwh, factory.site.pue, _life(factory, sources), max(load, 0.01), "own")
    return SizeQuestion(pool.model, workload, _slo(factory, sources), terms=terms)


def _load(factory: Factory, load: float, sources: Sources) -> float:
    """Mean over full load: what peaks leave where the demand is known, else what is planned."""
    demand = factory.demand
    if demand.output_mtok_per_month is None:
        return load
    peak = sources.told("demand.peak_to_mean", demand.peak_to_mean, "ratio")
    return sources.add("mix.load_frac", 1 / peak, "share", "computed by the peaks of the demand")


def _market(
    factory: Factory, pool: Pool, workload: Workload, limits: Limits, sources: Sources
) -> Market:
    """What answers bring. The demand is the most that is sold, and for least cost what is promised."""
    asked = factory.demand.output_mtok_per_month
    if asked is not None:
        sources.told("demand.output_mtok_per_month", asked, "Mtok/month")
    if limits.objective == "cost":
        if asked is None:
            raise PlanError(
                "least cost of what?",
                hint="give [demand] output_mtok_per_month",
                place=str(factory.path),
            )
        return Market(pool.model, least_mtok=asked)
    usd = _answer_usd(factory, pool, workload, limits, sources)
    return Market(pool.model, usd, most_mtok=asked if limits.objective == "margin" else None)


def _life(factory: Factory, sources: Sources) -> int:
    return int(
        sources.add("mix.life_months", 36, "months", "default: wear of machines that are new")
    )


def _slo(factory: Factory, sources: Sources) -> Slo:
    demand = factory.demand
    return Slo(
        _seconds("demand.ttft_ms", demand.ttft_ms, TTFT_S, sources),
        _seconds("demand.tpot_ms", demand.tpot_ms, TPOT_S, sources),
    )


def _seconds(path: str, given_ms: float | None, default_s: float, sources: Sources) -> float:
    if given_ms is not None:
        return sources.told(path, given_ms, "ms") / KILO
    return sources.add(path, default_s * KILO, "ms", "default: a chat that nobody waits for") / KILO


def _answer_usd(
    factory: Factory, pool: Pool, workload: Workload, limits: Limits, sources: Sources
) -> float:
    """What a million answer tokens bring with their prompts; 0 where only tokens count."""
    if limits.objective != "margin":
        return 0.0
    prices = token_prices(factory, pool, workload, sources)
    usd = answer_usd_per_mtok(workload, prices["input"], prices["output"], prices["cached"])
    return sources.add(
        "mix.usd_per_mtok", usd, "USD/Mtok", "computed by prices of answers and their prompts"
    )
