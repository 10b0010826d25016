"""`wattmill replace`: when to redeploy, sell or swap what stands in a slot whose power is scarce.

The slot of a pool is the kW that its machines take. All that it holds, or could hold, is weighed month by month under
random rents (`finance.replacement`). Amounts are for the whole pool, before tax; space is paid whatever stands there.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

from wattmill.catalog.factory import Factory
from wattmill.core.errors import PlanError
from wattmill.finance.processes import PriceProcess
from wattmill.finance.replacement import best_replacement
from wattmill.finance.slot import Machine, Slot
from wattmill.physics.performance import Workload
from wattmill.plan.studies.machines import Machines, machines
from wattmill.plan.studies.replace.earning import Terms, common
from wattmill.plan.studies.replace.knobs import SWAP, moved, swaps_from
from wattmill.plan.studies.replace.machines import Unit, incumbent, option
from wattmill.plan.studies.replace.options import ReplaceOptions
from wattmill.plan.studies.replace.rents import percentiles, random_rents
from wattmill.plan.studies.replace.report import PoolReplacement, ReplaceReport
from wattmill.plan.studies.replace.value import (
    beside_slots,
    book_usd,
    dark,
    named,
    owed_usd,
    switch_off,
    worths,
)
from wattmill.plan.studies.selling import workload
from wattmill.plan.studies.sourced import Sources, in_other_currency
from wattmill.plan.studies.timeline import Timeline, decision_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

DEFAULT_OPTIONS = ReplaceOptions()
NOTES = (
    "before tax; space is paid whatever stands in it, so it is not in these amounts",
    "new machines sell the same share of their hours or tokens as those that are here",
)

TIER_NOTE = (
    "how the rent of a lower tier moves is a judgement: see --lower-drift; --lower 0 does without"
)


def study(
    factory: Factory, today: date, options: ReplaceOptions = DEFAULT_OPTIONS
) -> ReplaceReport:
    """For every pool of machines that the factory owns.

    PlanError if there is none, or a candidate has no price or no rent; CatalogError for an unknown name.
    """
    sources, notes = Sources(factory), list(NOTES)
    line = decision_line(factory, today, sources)
    load = workload(factory, sources)
    here = _pools(factory, load, line, sources, notes)
    terms = common(factory, load, options, line, sources)
    rent, follows = random_rents(factory, terms, sources)
    terms = msgspec.structs.replace(terms, follows=follows)
    discount = sources.told(
        "finance.discount_frac_per_year", factory.finance.discount_frac_per_year, "1/year"
    )
    paid = sum(m.paid_usd or 0.0 for m in here) + sum(c.usd for c in factory.capexes)
    owed = owed_usd(factory, paid, line, sources, notes)
    pools = tuple(
        _pool(
            factory,
            each,
            here,
            terms,
            rent,
            discount,
            owed / paid if paid else owed,
            sources,
            notes,
        )
        for each in here
    )
    notes += beside_slots(factory, sum(each.slot_kw for each in pools), sources)
    if not factory.candidates:
        notes.append(
            "no new machines are offered; a [[candidate]] is what could come into the slot"
        )
    if options.lower_frac is None:
        notes.append(TIER_NOTE)
    return ReplaceReport(
        factory=str(factory.path),
        currency=factory.site.currency,
        start=line.start,
        months=line.months,
        discount_frac_per_year=discount,
        is_random=rent is not None,
        pools=pools,
        inputs=sources.all,
        notes=(*dict.fromkeys(notes), *in_other_currency(factory, sources.all)),
    )


def _pools(
    factory: Factory, load: Workload, line: Timeline, sources: Sources, notes: list[str]
) -> tuple[Machines, ...]:
    """Pools that are owned and stand there; notes say why others are not in it."""
    leased = {lease.pool for lease in factory.leases}
    kept = []
    for pool in factory.pools:
        found = machines(pool, load, sources)
        why = _left_out(found, pool.name in leased, line.month(pool.bought) > 0)
        if why is None and found is not None:
            kept.append(found)
            if pool.bought is None:
                notes.append(f"{pool.name}: bought is not given, so it is taken as new")
        else:
            notes.append(f"{pool.name}: left out; {why}")
    if not kept:
        raise PlanError(
            "no pool of this factory can be replaced: " + "; ".join(notes[len(NOTES) :]),
            hint="give a pool with hardware its paid_usd and bought",
            place=str(factory.path),
        )
    return tuple(kept)


def _left_out(found: Machines | None, is_leased: bool, is_later: bool) -> str | None:
    if found is None:
        return "somebody else runs it"
    if is_leased:
        return "it is leased, and goes back when the lease ends"
    if is_later:
        return "it is not bought yet"
    return "give paid_usd, the catalog has no price" if found.paid_usd is None else None


# --- one pool -------------------------------------------------------------------------------------


def _pool(
    factory: Factory, found: Machines, here: tuple[Machines, ...], terms: Terms,
    rent: PriceProcess | None, discount: float, owed_frac: Array, sources: Sources,
    notes: list[str],
) -> PoolReplacement:  # fmt: skip
    pool, line = found.pool, terms.line
    age = max(0, -line.month(pool.bought))
    sources.told(f"pool.{pool.name}.bought", pool.bought or line.start, "date")
    sources.told(f"pool.{pool.name}.life_months", pool.life_months, "months")
    rows = [incumbent(factory, found, age, here, terms, sources)]
    rows += _options(factory, found, here, terms, sources, notes)
    slot = Slot(
        kw=found.peak_kw,
        machines=tuple(machine for machine, _ in rows),
        months=line.months,
        discount_frac_per_year=discount,
        incumbent=pool.name,
        age_months=age,
        rent=rent,
    )
    return _answer(factory, found, slot, tuple(unit for _, unit in rows), owed_frac, terms, sources)


def _options(
    factory: Factory, found: Machines, here: tuple[Machines, ...], terms: Terms,
    sources: Sources, notes: list[str],
) -> list[tuple[Machine, Unit]]:  # fmt: skip
    others = tuple(each for each in here if each is not found)
    kept = []
    for one in factory.candidates:
        machine, unit = option(factory, one, found, others, terms, sources)
        if unit.in_slot == 0:
            notes.append(f"{one.name}: left out for {found.pool.name}; one takes {unit.kw:g} kW")
        elif one.most is not None and one.most < unit.in_slot:
            notes.append(
                f"{one.name}: left out for {found.pool.name}; it would take {unit.in_slot}"
            )
        else:
            kept.append((machine, unit))
    return kept


def _answer(
    factory: Factory, found: Machines, slot: Slot, units: tuple[Unit, ...], owed_frac: Array,
    terms: Terms, sources: Sources,
) -> PoolReplacement:  # fmt: skip
    best = best_replacement(slot)
    first = best.plan[0] if best.plan else None
    into = next((s.action[len(SWAP) :] for s in best.plan if s.action.startswith(SWAP)), None)
    swap_month = next((s.month for s in best.plan if s.action.startswith(SWAP)), None)
    paid = found.paid_usd or 0.0
    book = book_usd(found.pool, paid, slot.age_months, slot.months)
    worth = worths(slot, book, owed_frac * paid, into)
    space = _space(factory, sources)
    old, count = named(slot, slot.incumbent or ""), units[0].in_slot
    low, middle, high = percentiles(slot, units[0], terms)
    at = slot.months if first is None else first.month
    return PoolReplacement(
        pool=found.pool.name,
        hardware=units[0].hardware,
        machines=count,
        age_months=slot.age_months,
        slot_kw=slot.kw,
        space_usd_per_kw_month=space,
        units=units,
        best=best,
        without_new_usd=best_replacement(msgspec.structs.replace(slot, machines=(old,))).value_usd,
        swaps_from_factor=swaps_from(slot),
        do_today=max(best.today, key=lambda name: best.today[name]),
        action=None if first is None else first.action,
        month=None if first is None else first.month,
        at_move=worth[at],
        worth=worth,
        switch_off=switch_off(old.use, space * old.kw),
        dark=() if into is None else dark(slot, into, swap_month or 0, space * slot.kw),
        moved=moved(slot),
        price_of="price of tokens" if units[0].usd_per_card_hour is None else "rent of a card",
        price_today=units[0].usd_per_card_hour or 1.0,
        price_drift_factor=1 + terms.drift_frac_per_year,
        price_by_month=middle,
        price_low=low,
        price_high=high,
    )


def _space(factory: Factory, sources: Sources) -> float:
    """USD a month for a kW of machines, as colocation is let."""
    usd = factory.site.colo_usd_per_kw_month
    return sources.told("site.colo_usd_per_kw_month", usd, "USD/kW/month")
