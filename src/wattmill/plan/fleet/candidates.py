"""Machine types for a fleet, from what `wattmill size` knows: layouts that meet the SLO, in pieces.

A piece is what can be bought: whole systems where hardware is sold so, else the cards of a replica.
Each works at the largest batch that memory and SLO allow.
"""

from __future__ import annotations

from datetime import date

import msgspec
import numpy as np

from wattmill.catalog.systems import System
from wattmill.catalog.units import HOURS_PER_MONTH, KILO, SECONDS_PER_MONTH, TOKENS_PER_MTOK
from wattmill.core.errors import PlanError
from wattmill.physics.performance import Workload
from wattmill.physics.sweep import Outcomes
from wattmill.plan.fleet.records import Envelope, MachineType
from wattmill.plan.sizing.candidates import generator
from wattmill.plan.sizing.meeting import field_of, most_batches
from wattmill.plan.sizing.money import SECONDS_PER_HOUR, UNKNOWN
from wattmill.plan.sizing.options import SizeQuestion
from wattmill.plan.sizing.sweep import Field, at, idle_w
from wattmill.site.rack import RackLimits, RackLoad, fill

RACK_UNITS = 42


class Room(msgspec.Struct, frozen=True):
    """A rack of the site: kW of machines that it carries, and its height. usd_per_kw_month: what
    the space of a kW of machines costs."""

    rack_kw: float = 40.0
    rack_units: int = RACK_UNITS
    usd_per_kw_month: float = 0.0


class Piece(msgspec.Struct, frozen=True):
    """What is bought at once of one layout: cards, replicas on them, and their watts."""

    cards: float
    replicas: float
    tok_per_s: float
    power_w: float
    idle_w: float


def machine_types(
    question: SizeQuestion, today: date, room: Room | None = None
) -> tuple[MachineType, ...]:
    """One machine type for each layout of the question's hardware that meets its SLO and has a
    price; its users or requests are left out of account. PlanError if there is none. One whose
    system is too much for a rack says so in `why_not`.

    Wear is straight over the life in the question's terms; energy at idle is fixed, the rest goes with
    the tokens. Where hardware was asked for as `8x H100`, its cards are a stock: see `stocks`.
    """
    where = field_of(generator(question.model), question, today)
    if where is None:
        raise PlanError(
            f"no engine runs {question.model} on that hardware", hint="`wattmill fit` says why"
        )
    most = most_batches(where, question)
    seen = at(where, question.workload, np.maximum(most, 1.0))
    rows = [i for i in range(len(where)) if most[i, 0] >= 1 and where.own_usd[i, 0] < UNKNOWN]
    if not rows:
        raise PlanError(
            f"nothing with a price answers {question.model} within the SLO",
            hint="loosen the SLO, or give prices in a catalog file",
        )
    return tuple(
        _machine_type(where, i, _piece(where, i, seen), question, room or Room()) for i in rows
    )


def stocks(question: SizeQuestion, today: date) -> dict[str, float]:
    """Cards that there are of each accelerator that was asked for as `8x NAME`; for an Envelope."""
    where = field_of(generator(question.model), question, today)
    found = where.candidates if where else ()
    return {c.accelerator.name: float(c.most_cards) for c in found if c.most_cards is not None}


def within(envelope: Envelope, question: SizeQuestion, today: date) -> Envelope:
    """The envelope with the cards that the question counts."""
    held = envelope.stocks | stocks(question, today)
    return msgspec.structs.replace(envelope, stocks=held)


def answer_usd_per_mtok(
    workload: Workload, input_usd: float, output_usd: float, cached_input_usd: float | None = None
) -> float:
    """What a million answer tokens bring with the prompts they come after: output + input · ISL / OSL,
    the share of prompts that hits the cache at its own price (none: the input's)."""
    cached = input_usd if cached_input_usd is None else cached_input_usd
    prompt = (1 - workload.hit_frac) * input_usd + workload.hit_frac * cached
    return output_usd + prompt * workload.isl / workload.osl


def _piece(where: Field, i: int, seen: Outcomes) -> Piece:
    candidate, one = where.candidates[i], float(where.cards[i, 0])
    unit = float(candidate.system.hardware.count if candidate.system else 1)
    cards = float(np.ceil(one / unit) * unit)
    replicas = float(cards // one)
    waiting_w = float(idle_w(where)[i, 0]) / one
    spare_w = (cards - replicas * one) * waiting_w
    power_w = replicas * float(seen.power_w[i, 0]) + spare_w
    return Piece(
        cards, replicas, replicas * float(seen.tok_per_s[i, 0]), power_w, cards * waiting_w
    )


def _machine_type(
    where: Field, i: int, piece: Piece, question: SizeQuestion, room: Room
) -> MachineType:
    candidate, terms = where.candidates[i], question.terms
    kw = piece.power_w * terms.pue / KILO
    capital = float(where.own_usd[i, 0]) * piece.cards
    held = candidate.most_cards
    racks, why_not = _racks(candidate.system, piece, room)
    return MachineType(
        name=_name(where, i, piece),
        model=question.model,
        kw=kw,
        capital_usd=capital,
        racks=racks,
        mtok_per_month=piece.tok_per_s * terms.load_frac * SECONDS_PER_MONTH / TOKENS_PER_MTOK,
        fixed_usd_per_month=capital / terms.life_months
        + _energy_usd_per_hour(piece.idle_w, question) * HOURS_PER_MONTH
        + piece.power_w / KILO * room.usd_per_kw_month,
        variable_usd_per_mtok=_energy_usd_per_hour(piece.power_w - piece.idle_w, question)
        / (piece.tok_per_s * SECONDS_PER_HOUR / TOKENS_PER_MTOK),
        uses={candidate.accelerator.name: piece.cards} if held is not None else {},
        why_not=why_not,
    )


def _energy_usd_per_hour(watts: float, question: SizeQuestion) -> float:
    return watts / KILO * question.terms.pue * question.terms.usd_per_kwh


def _racks(system: System | None, piece: Piece, room: Room) -> tuple[float, str]:
    """Racks that a piece takes, and why it stands in none of them, or "".

    Whole systems go into a rack, as many as its power and height allow; one of 42 U and more is a
    rack of its own, which still needs the power. Cards without a system take a share of the power.
    """
    by_power = piece.power_w / KILO / room.rack_kw
    if system is None:
        return by_power, ""
    systems = piece.cards / system.hardware.count
    is_rack = (system.rack_units or 0) >= RACK_UNITS
    load = RackLoad(piece.power_w / systems, None if is_rack else system.rack_units)
    try:
        each = fill(load, RackLimits(room.rack_kw * KILO, room.rack_units)).systems
    except PlanError:
        kw, units = load.system_w / KILO, system.rack_units
        size = f"{kw:.3g} kW" + (f" and {units} U" if units and not is_rack else "")
        return by_power, f"needs {size} in a rack for {room.rack_kw:g} kW"
    return systems / (1 if is_rack else each), ""


def _name(where: Field, i: int, piece: Piece) -> str:
    """`2x 4x H100-SXM fp8 tp4 of llama-3.1-70b`, unlike that of any other layout."""
    d, candidate = where.deployments[i], where.candidates[i]
    sold = candidate.system.name if candidate.system else candidate.accelerator.name
    split = "".join(
        f" {word}{size}" for word, size in (("tp", d.tp), ("pp", d.pp), ("dp", d.dp)) if size > 1
    )
    count = int(
        piece.cards if candidate.system is None else piece.cards / candidate.system.hardware.count
    )
    return f"{count}x {sold} {d.precision}{split} {d.engine} of {d.model.name}"
