"""What stands in a slot and what could: machines of a factory file as `finance.slot` has them."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from wattmill.catalog.factory import Candidate, Factory
from wattmill.catalog.hardware import hardware
from wattmill.catalog.market import latest, price_quote, quotes
from wattmill.catalog.staleness import DAYS_PER_MONTH, first_day
from wattmill.catalog.systems import systems
from wattmill.core.errors import PlanError
from wattmill.finance.depreciation import economic_value
from wattmill.finance.slot import Machine, Use
from wattmill.ledger.cost.schedule import market_trend
from wattmill.plan.studies.machines import Machines, machines, resale
from wattmill.plan.studies.replace.earning import Earning, Terms, earning
from wattmill.plan.studies.replace.options import Tier, install, last, tier
from wattmill.plan.studies.sourced import Sources, quoted

NEVER = 10_000
"""A month that no study reaches."""

TREND_MONTHS = 6.0
"""Prices of new cards that are nearer to each other show no trend."""


class Unit(msgspec.Struct, frozen=True):
    """One machine as it is shown; kW before cooling, USD of one machine today, by the month or the card's hour.

    usd: what it sells for (is_here) or costs. in_slot: how many the slot holds. unused_kw: what they leave of it.
    """

    name: str
    hardware: str
    kw: float
    in_slot: int
    unused_kw: float
    usd: float
    usd_per_card_hour: float | None
    rent_usd_per_month: float
    running_usd_per_month: float
    available_month: int
    is_here: bool


def unit(machine: Machine, cards: str, earns: Earning, slot_kw: float, *, is_here: bool) -> Unit:
    """As it is shown."""
    count = int(slot_kw / machine.kw + 1e-9)
    return Unit(
        name=machine.name,
        hardware=cards,
        kw=machine.kw,
        in_slot=count,
        unused_kw=max(0.0, slot_kw - count * machine.kw),
        usd=machine.usd,
        usd_per_card_hour=earns.usd_per_card_hour,
        rent_usd_per_month=earns.rent_usd_per_month,
        running_usd_per_month=earns.running_usd_per_month,
        available_month=0 if is_here else machine.available_month,
        is_here=is_here,
    )


# --- what stands there ----------------------------------------------------------------------------


def cards_per_machine(card: str, cards: int) -> int:
    """Of the largest system of the catalog that divides them; all of them without one."""
    counts = [
        s.hardware.count
        for s in systems()
        if s.hardware.accelerator.name == card and cards % s.hardware.count == 0
    ]
    return max(counts, default=cards)


def incumbent(
    factory: Factory, found: Machines, age: int, all_here: tuple[Machines, ...], terms: Terms,
    sources: Sources,
) -> tuple[Machine, Unit]:  # fmt: skip
    """The machines of a pool, `age` months old; they can be sold, and not be bought again."""
    cards = cards_per_machine(found.card, found.cards)
    units = found.cards // cards
    paid = (found.paid_usd or 0.0) / units
    earns = earning(factory, found, cards, paid, terms, sources, slot=all_here)
    kept = kept_frac(factory, found.pool.hardware, age, terms.line.months, sources)
    below = tier(factory, terms.options, found.card, terms.drift_frac_per_year, sources)
    use = earns.use(terms)
    machine = Machine(
        name=found.pool.name,
        kw=found.peak_kw / units,
        use=use,
        usd=_worth_usd(factory, found, age, sources) / units,
        usd_frac_per_year=kept - 1,
        usd_follows=terms.follows,
        available_month=NEVER,
        resale_frac=1 - _selling_cost(factory, sources),
        life_months=max(last(terms.options, sources), age + 1),
        lower=None if below is None else _lower(use, below),
    )
    return machine, unit(machine, f"{cards}x {found.card}", earns, found.peak_kw, is_here=True)


def _lower(use: Use, below: Tier) -> Use:
    return replace(
        use,
        rent_usd_per_month=use.rent_usd_per_month * below.frac,
        rent_frac_per_year=below.drift_frac_per_year,
        follows=below.follows,
    )


def _worth_usd(factory: Factory, found: Machines, age: int, sources: Sources) -> float:
    """What the pool sells for today: by the file's loss of value, else by the newest used price."""
    name = f"pool.{found.pool.name}.worth_usd"
    finance = factory.finance
    quote = latest(found.card, "resale")
    is_said = finance.resale_frac_per_year is not None or finance.resale_curve is not None
    if quote is not None and not is_said and age:
        said = f"{quoted(quote)}; cards alone"
        return sources.add(name, quote.value * found.cards, "USD", said)
    frac, curve = resale(finance, found.pool.hardware, sources)
    worth = float(economic_value(found.paid_usd or 0.0, age, frac, curve)[-1])
    return sources.add(name, worth, "USD", f"computed by its age of {age} months")


def kept_frac(
    factory: Factory, hardware_name: str | None, age: int, months: int, sources: Sources
) -> float:
    """Share of the market value that a year leaves, in the mean of the study."""
    frac, curve = resale(factory.finance, hardware_name, sources)
    if curve is None:
        assert frac is not None, "there is one or the other"
        return frac
    value = economic_value(1.0, age + months, None, curve)
    return float((value[-1] / value[age]) ** (12 / months)) if value[age] else 1.0


# --- what could stand there -----------------------------------------------------------------------


def option(
    factory: Factory, one: Candidate, slot: Machines, others: tuple[Machines, ...], terms: Terms,
    sources: Sources,
) -> tuple[Machine, Unit]:  # fmt: skip
    """A `[[candidate]]` for the slot of a pool; PlanError if its price or its rent is not known."""
    found = _machines(factory, one, slot, terms, sources)
    price = _price(factory, one, found, sources)
    count = int(slot.peak_kw / found.peak_kw + 1e-9)
    filled = replace(found, full_tok_per_s=found.full_tok_per_s * max(1, count))
    earns = earning(
        factory, found, found.cards, price, terms, sources, slot=(*others, filled), one=one
    )
    grows = _new_trend(found.card, one.name, sources)
    dark, cost_frac = install(terms.options, sources)
    machine = Machine(
        name=one.name,
        kw=found.peak_kw,
        use=earns.use(terms),
        usd=price,
        usd_frac_per_year=grows - 1,
        usd_follows=terms.follows,
        available_month=_available(one, terms, sources),
        install_usd=cost_frac * price,
        install_months=dark,
        resale_frac=1 - _selling_cost(factory, sources),
        resale_frac_per_year=min(1.0, _kept_new(factory, one, terms, sources) / grows) - 1,
        life_months=_life(factory, one, terms, sources),
    )
    cards = f"{found.cards}x {found.card}"
    return machine, unit(machine, cards, earns, slot.peak_kw, is_here=False)


def _available(one: Candidate, terms: Terms, sources: Sources) -> int:
    if one.available is None:
        return 0
    day = sources.told(f"candidate.{one.name}.available", one.available, "date")
    return max(0, terms.line.month(day))


def _life(factory: Factory, one: Candidate, terms: Terms, sources: Sources) -> int:
    if factory.says("candidate", one.name, "life_months"):
        return sources.told(f"candidate.{one.name}.life_months", one.life_months, "months")
    return last(terms.options, sources)


def _machines(
    factory: Factory, one: Candidate, slot: Machines, terms: Terms, sources: Sources
) -> Machines:
    """One of them, by physics; what the file says of kW and tokens goes before it."""
    at, pool = f"candidate.{one.name}", slot.pool
    stand_in = replace(
        pool, name=one.name, hardware=one.hardware, model=one.model or pool.model,
        precision=one.precision or pool.precision, tp=None, slots=None, idle_w=None, busy_w=None,
        paid_usd=1.0,
    )  # fmt: skip
    found = machines(stand_in, terms.load, Sources(factory))
    assert found is not None, "a candidate has hardware"
    if one.kw is None:
        sources.add(f"{at}.kw", found.peak_kw, "kW", "computed by physics from data sheets")
    else:
        kw = sources.told(f"{at}.kw", one.kw, "kW")
        by = kw / found.peak_kw
        found = replace(found, peak_kw=kw, busy_kw=found.busy_kw * by, idle_kw=found.idle_kw * by)
    if factory.finance.sells == "gpu_hours":
        return found
    if one.tok_per_s is not None:
        rate = sources.told(f"{at}.tok_per_s", one.tok_per_s, "tok/s")
        return replace(found, full_tok_per_s=rate)
    said = f"computed by physics, ±{found.error_frac:.0%}: {hardware(one.hardware)}"
    sources.add(f"{at}.tok_per_s", found.full_tok_per_s, "tok/s", said)
    return found


def _price(factory: Factory, one: Candidate, found: Machines, sources: Sources) -> float:
    path = f"candidate.{one.name}.usd"
    if one.usd is not None:
        return sources.told(path, one.usd, "USD")
    quote = price_quote(found.card)
    if quote is None:
        raise PlanError(
            f"what a {found.card} costs is not known",
            hint=f"give usd of the [[candidate]] {one.name}",
            place=str(factory.path),
        )
    return sources.add(path, quote.value * found.cards, "USD", f"{quoted(quote)}; cards alone")


def _new_trend(card: str, name: str, sources: Sources) -> float:
    """How the price of a new one moves, as a yearly factor, by the catalog's first and newest quote."""
    path, seen = f"candidate.{name}.price_factor_per_year", quotes(card, "new")
    if seen:
        months = (first_day(seen[-1].as_of) - first_day(seen[0].as_of)).days / DAYS_PER_MONTH
        if months >= TREND_MONTHS:
            factor = float((seen[-1].value / seen[0].value) ** (12 / months))
            said = f"catalog: prices of new {card}, {seen[0].as_of} to {seen[-1].as_of}"
            return sources.add(path, factor, "1/year", said)
    return sources.add(path, 1.0, "1/year", "default: no two prices are known; it stays")


def _kept_new(factory: Factory, one: Candidate, terms: Terms, sources: Sources) -> float:
    """Share of its market value that a year leaves of a new machine."""
    finance = factory.finance
    if finance.resale_frac_per_year is None and finance.resale_curve is None:
        trend = market_trend(one.hardware)
        name = f"candidate.{one.name}.resale_frac_per_year"
        return sources.add(name, float(trend.yearly_factor), "1/year", f"catalog: {trend.basis}")
    return kept_frac(factory, one.hardware, 0, terms.line.months, sources)


def _selling_cost(factory: Factory, sources: Sources) -> float:
    frac = factory.finance.selling_cost_frac
    return sources.told("finance.selling_cost_frac", frac, "share")
