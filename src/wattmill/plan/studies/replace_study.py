"""`wattmill replace`: when to redeploy, sell or swap what stands in a slot whose power is scarce.

The slot of a pool is the kW that its machines take. All that it holds, or could hold, is weighed month by month under
random rents (`finance.replacement`). Amounts are for the whole pool, before tax; space is paid whatever stands there.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from wattmill.catalog.factory import Factory
from wattmill.core.errors import PlanError
from wattmill.finance.assets import Asset, Price, Sale
from wattmill.finance.processes import PriceProcess
from wattmill.finance.project import Project
from wattmill.finance.replacement import best_replacement
from wattmill.finance.slot import Machine, Slot
from wattmill.plan.studies.machines import Machines, machines
from wattmill.plan.studies.replace_earning import Terms, common
from wattmill.plan.studies.replace_knobs import moved
from wattmill.plan.studies.replace_machines import Unit, incumbent, option
from wattmill.plan.studies.replace_options import ReplaceOptions
from wattmill.plan.studies.replace_report import PoolReplacement, ReplaceReport
from wattmill.plan.studies.replace_value import (
    book_usd,
    dark,
    named,
    owed_usd,
    switch_off,
    worths,
)
from wattmill.plan.studies.selling import workload
from wattmill.plan.studies.sourced import Sources
from wattmill.plan.studies.timeline import Timeline
from wattmill.plan.studies.uncertainty import processes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

SWAP = "swap to "
DEFAULT_OPTIONS = ReplaceOptions()
NOTES = (
    "before tax; space is paid whatever stands in it, so it is not in these amounts",
    "new machines sell the same share of their hours or tokens as those that are here",
)


def study(
    factory: Factory, today: date, options: ReplaceOptions = DEFAULT_OPTIONS
) -> ReplaceReport:
    """For every pool of machines that the factory owns.

    PlanError if there is none, or a candidate has no price or no rent; CatalogError for an unknown name.
    """
    sources, notes = Sources(factory), list(NOTES)
    line = _line(factory, today, sources)
    load = workload(factory, sources)
    here = _pools(factory, load, line, sources, notes)
    terms = common(factory, load, options, line, sources)
    rent, follows = _random(factory, terms, sources)
    terms = msgspec.structs.replace(terms, follows=follows)
    discount = sources.told(
        "finance.discount_frac_per_year", factory.finance.discount_frac_per_year, "1/year"
    )
    paid = sum(m.paid_usd or 0.0 for m in here) + sum(c.usd for c in factory.capexes)
    owed = owed_usd(factory, paid, line, sources, notes)
    pools = tuple(
        _pool(factory, each, here, terms, rent, discount, owed / paid, sources, notes)
        for each in here
    )
    return ReplaceReport(
        factory=str(factory.path),
        currency=factory.site.currency,
        start=line.start,
        months=line.months,
        discount_frac_per_year=discount,
        is_random=rent is not None,
        pools=pools,
        inputs=sources.all,
        notes=tuple(dict.fromkeys(notes)),
    )


def _line(factory: Factory, today: date, sources: Sources) -> Timeline:
    """Month 0 is `[finance] starts`, else today: what is decided is decided now."""
    finance = factory.finance
    months = sources.told("finance.horizon_months", finance.horizon_months, "months")
    if finance.starts is not None:
        return Timeline(sources.told("finance.starts", finance.starts, "date"), months)
    return Timeline(sources.add("finance.starts", today, "date", "default: today"), months)


def _pools(
    factory: Factory, load: object, line: Timeline, sources: Sources, notes: list[str]
) -> tuple[Machines, ...]:
    """Pools that are owned and stand there; notes say why others are not in it."""
    leased = {lease.pool for lease in factory.leases}
    kept = []
    for pool in factory.pools:
        found = machines(pool, workload(factory, sources), sources)
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


def _random(
    factory: Factory, terms: Terms, sources: Sources
) -> tuple[PriceProcess | None, float]:
    """The rent level, 1 where it is expected, and how far prices of machines follow it."""
    name = "rent" if factory.finance.sells == "gpu_hours" else "token_price"
    drift = terms.drift_frac_per_year
    price = Price(1.0, drift, name)
    asset = Asset(
        name="any", paid_usd_per_unit=1.0, resale_frac_per_year=1.0, resale_path="resale",
        sales=(Sale(name, 1.0, price),),
    )  # fmt: skip
    found, correlation = processes(factory, Project(months=terms.line.months, assets=(asset,)), sources)
    rent, used = found.get(name), found.get("resale")
    if rent is None:
        return None, 0.0
    pair = correlation.get(f"{name}:resale", correlation.get(f"resale:{name}", 0.0))
    swing = 0.0 if used is None else used.volatility_frac_per_year
    wild = rent.volatility_frac_per_year
    follows = max(0.0, pair) * swing / wild if wild else 0.0
    said = "computed by the correlation and the volatilities of rents and used prices"
    sources.add("machines.follow_rents", follows, "exponent", said)
    return _level(factory, name, rent, drift), follows


def _level(factory: Factory, name: str, rent: PriceProcess, drift: float) -> PriceProcess:
    """Relative to the price of today and its drift; a `start` or `anchor` of the file is a price."""
    given = getattr(factory.finance, name)
    today = factory.finance.usd_per_hour if name == "rent" else factory.finance.usd_per_mtok
    start, anchor = rent.start, rent.anchor
    if given is not None and (given.start is not None or given.anchor is not None):
        if today is None:
            raise PlanError(
                f"start and anchor of [finance.{name}] are prices of one card, and no price is given",
                hint="give [finance] usd_per_hour or usd_per_mtok, or leave them out",
                place=str(factory.path),
            )
        start = start / today if given.start is not None else 1.0
        anchor = anchor / today if given.anchor is not None else 1.0
    falls = (1 + rent.anchor_frac_per_year) / (1 + drift) - 1
    return msgspec.structs.replace(rent, start=start, anchor=anchor, anchor_frac_per_year=falls)


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
            notes.append(f"{one.name}: left out for {found.pool.name}; it would take {unit.in_slot}")
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
    price, low, middle, high = _prices(slot, units[0], terms)
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
        do_today=max(best.today, key=lambda name: best.today[name]),
        action=None if first is None else first.action,
        month=None if first is None else first.month,
        at_move=worth[at],
        worth=worth,
        switch_off=switch_off(old.use, space * old.kw),
        dark=() if into is None else dark(slot, into, swap_month or 0, space * slot.kw),
        moved=moved(slot),
        price_of=price[0],
        price_unit=price[1],
        price_by_month=middle,
        price_low=low,
        price_high=high,
    )


def _space(factory: Factory, sources: Sources) -> float:
    """USD a month for a kW of machines: what colo charges for committed kW, cooling in it."""
    site = factory.site
    usd = sources.told("site.colo_usd_per_kw_month", site.colo_usd_per_kw_month, "USD/kW/month")
    return usd * sources.told("site.pue", site.pue, "ratio")


Line = tuple[float, ...]


def _prices(
    slot: Slot, here: Unit, terms: Terms
) -> tuple[tuple[str, str], Line, Line, Line]:
    """What it is, its unit; P5, P50 and P95 by month: the rent of a card, or the level of token prices."""
    grid = slot.grid()
    chance = np.zeros(grid.prices.shape[1])
    chance[grid.start] = 1.0
    usd = here.usd_per_card_hour or 1.0
    rows = []
    for month in range(slot.months + 1):
        scale = usd * (1 + terms.drift_frac_per_year) ** (month / 12)
        rows.append([scale * p for p in _percentiles(grid.prices[month], chance)])
        chance = chance @ grid.transition
    low, middle, high = (tuple(map(float, column)) for column in zip(*rows, strict=True))
    said = ("rent of a card", "an hour") if here.usd_per_card_hour else ("price of tokens", "of today's")
    return said, low, middle, high


def _percentiles(prices: Array, chance: Array) -> list[float]:
    order = np.argsort(prices)
    reached = np.cumsum(chance[order])
    return [float(prices[order][np.searchsorted(reached, share - 1e-12)]) for share in (0.05, 0.5, 0.95)]
