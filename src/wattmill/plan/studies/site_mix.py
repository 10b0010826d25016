"""The fleet that makes the most of the site's cap, for the model of its first pool.

Machines are those of `[[candidate]]`, or all that the catalog sells with a price.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import msgspec

from wattmill.catalog.factory import Candidate, Factory, Pool
from wattmill.catalog.hardware import hardware
from wattmill.catalog.units import KILO, MEGA, SECONDS_PER_MONTH
from wattmill.core.errors import PlanError
from wattmill.physics.performance import Workload
from wattmill.plan.fleet.candidates import Room, answer_usd_per_mtok, machine_types
from wattmill.plan.fleet.mix import best_mix
from wattmill.plan.fleet.records import Envelope, MachineType, Market, Objective
from wattmill.plan.sizing.money import Terms
from wattmill.plan.sizing.options import SizeQuestion
from wattmill.plan.sizing.slo import Slo
from wattmill.plan.studies.selling import token_prices
from wattmill.plan.studies.site_report import Fleet, FleetPoint
from wattmill.plan.studies.sourced import Sources

TTFT_S, TPOT_S = 2.0, 0.05
RACK_KW = 40.0
MANY = 100_000
"""Machines of a candidate where nobody says how many can be had."""

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
    if kw is None and limits.capital_usd is None:
        raise PlanError(
            "nothing bounds the fleet",
            hint="give [site] power_cap_kw, or --capital",
            place=str(factory.path),
        )
    question = _question(factory, pool, workload, load, usd_per_kwh, sources)
    types, stocks = _types(factory, pool, question, today, sources)
    markets = [Market(pool.model, _answer_usd(factory, pool, workload, limits, sources))]
    envelope = Envelope(kw, limits.capital_usd, limits.racks, stocks=stocks)
    mix = best_mix(types, markets, envelope, limits.objective)
    points = _points(types, markets, envelope, limits.objective)
    return Fleet(mix, len(types), points)


def _points(
    types: Sequence[MachineType], markets: Sequence[Market], envelope: Envelope, objective: Objective
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
    factory: Factory, pool: Pool, workload: Workload, load: float, usd_per_kwh: float, sources: Sources
) -> SizeQuestion:
    terms = Terms(usd_per_kwh, factory.site.pue, _life(factory, sources), max(load, 0.01), "own")
    return SizeQuestion(pool.model, workload, _slo(factory, sources), users=1, terms=terms)


def _life(factory: Factory, sources: Sources) -> int:
    return int(sources.add("mix.life_months", 36, "months", "default: wear of machines that are new"))


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


# --- machines to choose from ----------------------------------------------------------------------


def _types(
    factory: Factory, pool: Pool, question: SizeQuestion, today: date, sources: Sources
) -> tuple[tuple[MachineType, ...], dict[str, float]]:
    """Machine types, and how many cards of each candidate there are."""
    room = _room(factory, sources)
    if not factory.candidates:
        return machine_types(question, today, room), {}
    types: list[MachineType] = []
    stocks: dict[str, float] = {}
    for each in factory.candidates:
        if each.model not in (None, pool.model):
            continue
        found = _of(each, factory, question, room, today, sources)
        stocks[each.name] = float(hardware(each.hardware).count * (each.most or MANY))
        types += found
    if not types:
        raise PlanError(
            f"no [[candidate]] is for {pool.model}", hint="leave model out", place=str(factory.path)
        )
    return tuple(types), stocks


def _room(factory: Factory, sources: Sources) -> Room:
    site = factory.site
    rack_kw = RACK_KW if site.rack_kw is None else site.rack_kw
    sources.told("site.rack_kw", rack_kw, "kW", "default: a rack on contained air")
    return Room(rack_kw, usd_per_kw_month=site.colo_usd_per_kw_month)


def _of(
    each: Candidate, factory: Factory, question: SizeQuestion, room: Room, today: date, sources: Sources
) -> list[MachineType]:
    """The layouts of a candidate, with what the file says of one of its machines."""
    at, asked = f"candidate.{each.name}", hardware(each.hardware)
    for key, unit in (("usd", "USD"), ("kw", "kW"), ("tok_per_s", "tok/s"), ("most", "machines")):
        value = getattr(each, key)
        if value is not None:
            sources.told(f"{at}.{key}", value, unit)
    if each.usd is not None and each.kw is not None and each.tok_per_s is not None:
        return [_given(each, factory, question, room)]
    words = f"{asked.count * (each.most or MANY)}x {asked.accelerator.name}"
    own = msgspec.structs.replace(
        question,
        hardware=(words,),
        precisions=(each.precision,) if each.precision else (),
        terms=msgspec.structs.replace(question.terms, life_months=each.life_months),
    )
    return [_named(each, made, asked.count, question) for made in machine_types(own, today, room)]


def _named(each: Candidate, made: MachineType, count: int, question: SizeQuestion) -> MachineType:
    """A layout under the candidate's name; its price or power go before the catalog's."""
    cards = sum(made.uses.values())
    machines = cards / count
    capital = made.capital_usd if each.usd is None else each.usd * machines
    kw = made.kw if each.kw is None else each.kw * question.terms.pue * machines
    mtok = made.mtok_per_month
    if each.tok_per_s is not None:
        mtok = _mtok(each.tok_per_s * machines, question)
    fixed = made.fixed_usd_per_month + (capital - made.capital_usd) / each.life_months
    return msgspec.structs.replace(
        made, name=f"{each.name}: {made.name}", kw=kw, capital_usd=capital, mtok_per_month=mtok,
        fixed_usd_per_month=fixed, uses={each.name: cards},
    )  # fmt: skip


def _given(
    each: Candidate, factory: Factory, question: SizeQuestion, room: Room
) -> MachineType:
    """A machine all of whose figures are in the file; energy goes with the tokens."""
    assert each.usd is not None
    assert each.kw is not None
    assert each.tok_per_s is not None
    terms = question.terms
    kw = each.kw * terms.pue
    return MachineType(
        name=each.name,
        model=question.model,
        kw=kw,
        capital_usd=each.usd,
        racks=each.kw / room.rack_kw,
        mtok_per_month=_mtok(each.tok_per_s, question),
        fixed_usd_per_month=each.usd / each.life_months + kw * room.usd_per_kw_month,
        variable_usd_per_mtok=kw * terms.usd_per_kwh * MEGA / each.tok_per_s / 3600,
        uses={each.name: float(hardware(each.hardware).count)},
    )


def _mtok(tok_per_s: float, question: SizeQuestion) -> float:
    return tok_per_s * question.terms.load_frac * SECONDS_PER_MONTH / MEGA
