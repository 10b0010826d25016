"""Machines that a site may choose from: those of `[[candidate]]`, or all that the catalog prices."""

from __future__ import annotations

import math
from datetime import date

import msgspec

from wattmill.catalog.factory import Candidate, Factory, Pool
from wattmill.catalog.hardware import hardware
from wattmill.catalog.units import MEGA, SECONDS_PER_MONTH
from wattmill.core.errors import PlanError
from wattmill.plan.fleet.candidates import Room, machine_types
from wattmill.plan.fleet.records import MachineType
from wattmill.plan.sizing.money import SECONDS_PER_HOUR
from wattmill.plan.sizing.options import SizeQuestion
from wattmill.plan.studies.sourced import Sources

RACK_KW = 40.0
MANY = 99_999
"""Cards of a candidate where nobody says how many can be had."""


def types_of(
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
        if each.most is not None:
            stocks[each.name] = float(_cards(each))
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
    each: Candidate,
    factory: Factory,
    question: SizeQuestion,
    room: Room,
    today: date,
    sources: Sources,
) -> list[MachineType]:
    """The layouts of a candidate, with what the file says of one of its machines."""
    at, asked = f"candidate.{each.name}", hardware(each.hardware)
    for key, unit in (("usd", "USD"), ("kw", "kW"), ("tok_per_s", "tok/s"), ("most", "machines")):
        value = getattr(each, key)
        if value is not None:
            sources.told(f"{at}.{key}", value, unit)
    if each.usd is not None and each.kw is not None and each.tok_per_s is not None:
        return [_given(each, factory, question, room)]
    words = f"{_cards(each)}x {asked.accelerator.name}"
    own = msgspec.structs.replace(
        question,
        hardware=(words,),
        precisions=(each.precision,) if each.precision else (),
        terms=msgspec.structs.replace(question.terms, life_months=each.life_months),
    )
    return [_named(each, made, asked.count, question) for made in machine_types(own, today, room)]


def _cards(each: Candidate) -> int:
    """Cards of all the machines that can be had; more than any site takes where nobody says it."""
    count = hardware(each.hardware).count
    return count * (each.most or MANY // count)


def _named(each: Candidate, made: MachineType, count: int, question: SizeQuestion) -> MachineType:
    """A layout in whole machines of the candidate; its figures go before the catalog's."""
    whole = _whole(made, count)
    cards = sum(whole.uses.values())
    machines = cards / count
    capital = whole.capital_usd if each.usd is None else each.usd * machines
    kw = whole.kw if each.kw is None else each.kw * question.terms.pue * machines
    mtok = whole.mtok_per_month
    if each.tok_per_s is not None:
        mtok = _mtok(each.tok_per_s * machines, question)
    wear = (capital - whole.capital_usd) / each.life_months
    per_mtok = whole.variable_usd_per_mtok * (kw / whole.kw) * (whole.mtok_per_month / mtok)
    return msgspec.structs.replace(
        whole, name=f"{each.name}: {whole.name}", kw=kw, capital_usd=capital, mtok_per_month=mtok,
        fixed_usd_per_month=whole.fixed_usd_per_month + wear, variable_usd_per_mtok=per_mtok,
        uses={each.name: cards},
    )  # fmt: skip


def _whole(made: MachineType, count: int) -> MachineType:
    """So many pieces of a layout that they fill whole machines of `count` cards."""
    cards = int(sum(made.uses.values()))
    copies = math.lcm(cards, count) // cards
    if copies == 1:
        return made
    return msgspec.structs.replace(
        made,
        name=f"{copies} x {made.name}",
        kw=made.kw * copies,
        capital_usd=made.capital_usd * copies,
        racks=made.racks * copies,
        mtok_per_month=made.mtok_per_month * copies,
        fixed_usd_per_month=made.fixed_usd_per_month * copies,
        uses={name: used * copies for name, used in made.uses.items()},
    )


def _given(each: Candidate, factory: Factory, question: SizeQuestion, room: Room) -> MachineType:
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
        fixed_usd_per_month=each.usd / each.life_months + each.kw * room.usd_per_kw_month,
        variable_usd_per_mtok=kw * terms.usd_per_kwh * MEGA / each.tok_per_s / SECONDS_PER_HOUR,
        uses={each.name: float(hardware(each.hardware).count)},
    )


def _mtok(tok_per_s: float, question: SizeQuestion) -> float:
    return tok_per_s * question.terms.load_frac * SECONDS_PER_MONTH / MEGA
