"""What the answer of `wattmill buy` hangs on: one input at a time, and the load."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np

from wattmill.finance.assets import Power, Price
from wattmill.finance.sensitivity import Bar
from wattmill.plan.studies.buy.capacity import Capacity
from wattmill.plan.studies.buy.case import Case, Option, cheapest, present_costs, run, runner_up
from wattmill.plan.studies.buy.option_reports import blended_usd_per_mtok
from wattmill.plan.studies.buy.racks_and_apis import Api, Part, Purchase, Rack
from wattmill.plan.studies.buy.report import Curve, Knob, Turn
from wattmill.plan.studies.demand import Asked
from wattmill.plan.studies.timeline import Timeline, reached_by

replace = msgspec.structs.replace
LOADS = np.geomspace(0.01, 100.0, 61)
"""Multiples of the demand that are tried."""
STEPS = 30
LEAST_USD = 0.5
"""What moves the answer by less is left out."""
FACTOR, POINTS = "×", "points"


# --- one input at a time --------------------------------------------------------------------------


def knobs(case: Case) -> tuple[Knob, ...]:
    """By how much the cheapest option beats the next, at both ends of each input; the longest bar first."""
    base = present_costs(case)
    best = cheapest(base)
    other = runner_up(base, best)
    found = []
    for name, (low, high, unit, turned) in TURNS.items():
        ends = [present_costs(turned(case, at)) for at in (low, high)]
        bar = Bar(name, low, high, *(end[other] - end[best] for end in ends))
        if bar.swing < LEAST_USD and {cheapest(end) for end in ends} == {best}:
            continue
        found.append(Knob(bar, unit, cheapest(ends[0]), cheapest(ends[1])))
    return tuple(sorted(found, key=lambda knob: (-knob.bar.swing, knob.bar.name)))


def loaded(case: Case, factor: float) -> Case:
    """The same mix and peaks, so many times as much."""
    asked = case.asked
    return replace(
        case,
        asked=replace(
            asked, input_mtok=asked.input_mtok * factor, output_mtok=asked.output_mtok * factor
        ),
    )


def _each_part(case: Case, change: Callable[[Part], Part]) -> Case:
    def of_option(option: Option) -> Option:
        return replace(option, parts=tuple(map(change, option.parts)))

    reference = change(case.reference)
    assert isinstance(reference, Api)
    own = tuple(part for part in map(change, case.own) if isinstance(part, Rack))
    return replace(case, own=own, options=tuple(map(of_option, case.options)), reference=reference)


def _each_rack(case: Case, change: Callable[[Rack], Rack]) -> Case:
    return _each_part(case, lambda part: change(part) if isinstance(part, Rack) else part)


def _asked(case: Case, asked: Asked) -> Case:
    return replace(case, asked=asked)


def _peaks(case: Case, factor: float) -> Case:
    return _asked(
        case, replace(case.asked, peak_to_mean=max(1.0, case.asked.peak_to_mean * factor))
    )


def _growth(case: Case, more: float) -> Case:
    rate = max(-0.99, case.asked.growth_frac_per_year + more)
    return _asked(case, replace(case.asked, growth_frac_per_year=rate))


def _cached(case: Case, more: float) -> Case:
    """Another share of prompts in the cache: APIs charge less for it, and machines take less time."""
    share = min(0.99, max(0.0, case.asked.cached_frac + more))
    turned = _asked(case, replace(case.asked, cached_frac=share))

    def change(rack: Rack) -> Rack:
        before, after = (
            sum(
                rack.capacity.seconds_per_mtok[kind] * mtok for kind, mtok in asked.by_meter.items()
            )
            for asked in (case.asked, turned.asked)
        )
        return _faster(rack, before / after if after else 1.0)

    return _each_rack(turned, change)


def _faster(rack: Rack, factor: float) -> Rack:
    made: Capacity = rack.capacity
    return replace(rack, capacity=replace(made, full_output_mtok=made.full_output_mtok * factor))


def _speed(case: Case, more: float) -> Case:
    """By so many times the error that physics expects."""
    return _each_rack(case, lambda rack: _faster(rack, 1 + more * rack.capacity.error_frac))


def _api_price(case: Case, factor: float) -> Case:
    def change(part: Part) -> Part:
        if not isinstance(part, Api):
            return part
        return replace(part, prices={k: _times(p, factor) for k, p in part.prices.items()})

    return _each_part(case, change)


def _times(price: Price, factor: float) -> Price:
    return replace(price, usd=price.usd * factor)


def _drift(case: Case, more: float) -> Case:
    def moved(price: Price) -> Price:
        rate = max(-0.99, price.growth_frac_per_year + more)
        return replace(price, growth_frac_per_year=rate)

    def change(part: Part) -> Part:
        if isinstance(part, Api):
            return replace(part, prices={k: moved(p) for k, p in part.prices.items()})
        return part if part.rent is None else replace(part, rent=moved(part.rent))

    return _each_part(case, change)


def _rents(case: Case, factor: float) -> Case:
    return _each_rack(
        case,
        lambda rack: replace(
            rack,
            rent=None if rack.rent is None else _times(rack.rent, factor),
            lease_usd_per_month=rack.lease_usd_per_month * factor,
        ),
    )


def _bought(case: Case, change: Callable[[Purchase], Purchase]) -> Case:
    def of_rack(rack: Rack) -> Rack:
        return rack if rack.purchase is None else replace(rack, purchase=change(rack.purchase))

    return _each_rack(case, of_rack)


def _paid(case: Case, factor: float) -> Case:
    return _bought(case, lambda bought: replace(bought, usd=bought.usd * factor))


def _used(case: Case, more: float) -> Case:
    def change(bought: Purchase) -> Purchase:
        if bought.curve is not None:
            return replace(bought, curve=tuple(max(0.0, left + more) for left in bought.curve))
        kept = bought.kept_frac_per_year or 0.0
        return replace(bought, kept_frac_per_year=max(0.0, kept + more))

    return _bought(case, change)


def _life(case: Case, more: float) -> Case:
    """What is bought is kept so many months longer."""

    def change(rack: Rack) -> Rack:
        bought = rack.purchase
        if bought is None:
            return rack
        last = max(bought.month + 1, rack.last + int(more))
        return replace(rack, last=last, purchase=replace(bought, sold_month=last))

    return _each_rack(case, change)


def _power(case: Case, factor: float) -> Case:
    power: Power = case.terms.power
    locked = None if power.locked is None else _times(power.locked, factor)
    dearer = replace(power, price=_times(power.price, factor), locked=locked)
    return replace(case, terms=replace(case.terms, power=dearer))


Turned = tuple[float, float, str, Callable[[Case, float], Case]]
TURNS: dict[str, Turned] = {
    "demand": (0.5, 2.0, FACTOR, loaded),
    "peaks over the mean": (0.5, 2.0, FACTOR, _peaks),
    "growth of demand": (-0.3, 0.3, POINTS, _growth),
    "share of prompts in the cache": (-0.2, 0.2, POINTS, _cached),
    "price of APIs": (0.5, 1.5, FACTOR, _api_price),
    "yearly fall of API prices and rents": (-0.15, 0.15, POINTS, _drift),
    "price of machines": (0.8, 1.2, FACTOR, _paid),
    "rents and leases": (0.7, 1.3, FACTOR, _rents),
    "what machines keep of their value": (-0.15, 0.15, POINTS, _used),
    "months that machines are kept": (-12, 12, "months", _life),
    "speed of machines, by its error": (-1.0, 1.0, FACTOR + " error", _speed),
    "price of power": (0.7, 1.5, FACTOR, _power),
}
"""Name, low end, high end, unit, and how a case is turned."""


# --- the load -------------------------------------------------------------------------------------


def turns(case: Case, line: Timeline) -> tuple[Turn, ...]:
    """Loads at which another option becomes the cheapest, from a hundredth to a hundred times the demand."""

    def best(factor: float) -> str:
        return cheapest(present_costs(loaded(case, factor)))

    winners = [best(float(factor)) for factor in LOADS]
    found = []
    for index in range(len(LOADS) - 1):
        below, above = winners[index], winners[index + 1]
        if below != above:
            at = _between(best, float(LOADS[index]), float(LOADS[index + 1]), below)
            after = best(at * (1 + 1e-6))
            reached = reached_by(at, case.asked.growth_frac_per_year, line)
            found.append(Turn(at * case.asked.output_mtok, at, below, after, reached))
    return tuple(found)


def _between(best: Callable[[float], str], low: float, high: float, below: str) -> float:
    for _ in range(STEPS):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if best(middle) == below else (low, middle)
    return high


def curve(case: Case) -> Curve:
    """What a Mtok costs, by option, over the load."""
    cases = [loaded(case, float(factor)) for factor in LOADS]
    return Curve(
        output_mtok=tuple(each.asked.output_mtok for each in cases),
        usd_per_mtok={
            option.name: tuple(blended_usd_per_mtok(each, run(each, option)) for each in cases)
            for option in case.all_options
        },
    )
