"""When the first revenue comes, and what each month of delay costs."""

from __future__ import annotations

from datetime import date

import numpy as np

from wattmill.catalog import facilities
from wattmill.catalog.factory import Factory
from wattmill.catalog.staleness import DAYS_PER_MONTH
from wattmill.finance.delay import DarkFleet, delay_cost, delay_risk
from wattmill.plan.studies.electricity import LARGE_KW
from wattmill.plan.studies.machines import Machines, resale
from wattmill.plan.studies.site.report import Calendar
from wattmill.plan.studies.site.room_report import Envelope
from wattmill.plan.studies.sourced import Sources
from wattmill.plan.studies.timeline import lead_tasks
from wattmill.site import calendar as dates
from wattmill.site.durations import Task

GRID = {
    "US-VA": "grid-virginia", "US-TX": "grid-texas", "US-OH": "grid-columbus",
    "US-CA": "grid-silicon-valley", "US-PA": "grid-pittsburgh",
}  # fmt: skip
EQUIPMENT = ("transformer-power", "switchgear", "generator-standby", "chiller")
SMALL_EQUIPMENT = ("transformer-distribution", *EQUIPMENT[1:])
LOCAL_GRID, MACHINES, INSTALLING = (6.0, 12.0, 24.0), (2.0, 4.0, 9.0), (1.0, 2.0, 4.0)
"""Months of what the catalog does not know: low, likeliest, high."""

KEPT = 2000
"""Delays that the risk is taken over."""


def calendar(
    factory: Factory, envelope: Envelope, found: tuple[Machines, ...], margin_usd: float | None,
    today: date, sources: Sources, notes: list[str],
) -> Calendar | None:  # fmt: skip
    """The file's lead times; those of the catalog for a large site that is to be built; else None."""
    tasks = lead_tasks(factory)
    for task in tasks:
        sources.add(
            f"lead_time.{task.name}", task.months, "months", "factory file [[site.lead_time]]"
        )
    if not tasks:
        why = _nothing_to_build(factory, envelope, today)
        if why is not None:
            notes.append(f"no calendar: the file has no [[site.lead_time]], and {why}")
            return None
        tasks = _usual(factory, envelope, sources)
        notes.append("the calendar is the catalog's: the file has no [[site.lead_time]]")
    plan = dates.timetable(tasks)
    outlook = dates.simulate(tasks, factory.finance.seed, keep=True)
    planned = _planned(factory, plan, today, sources)
    fleet = dark_fleet(factory, found, margin_usd, envelope, sources, notes)
    late = np.maximum(0.0, np.array(outlook.finishes) - planned)
    return Calendar(
        plan=plan,
        outlook=_light(outlook),
        spans=_spans(tasks, plan),
        planned_months=planned,
        dates=(
            _day(today, outlook.p10_months),
            _day(today, outlook.p50_months),
            _day(today, outlook.p90_months),
        ),
        late_month_usd=_month(fleet, is_margin_known=margin_usd is not None),
        risk=delay_risk(fleet, late) if late.size else None,
    )


def _nothing_to_build(factory: Factory, envelope: Envelope, today: date) -> str | None:
    """Why the way to first power is not one of building; None where it is."""
    if not envelope.is_large:
        return f"below {LARGE_KW:g} kW somebody else built the place"
    if factory.site.colo_usd_per_kw_month:
        return "the place is let: it has a price by the kW"
    days = [pool.bought for pool in factory.pools if pool.hardware is not None]
    if all(day is not None and day <= today for day in days):
        return "the machines are bought already"
    return None


def _usual(factory: Factory, envelope: Envelope, sources: Sources) -> list[Task]:
    """A site of one's own: grid, building and equipment side by side, then machines."""
    grid = _grid(factory, envelope, sources)
    equipment = EQUIPMENT if envelope.is_on_transmission else SMALL_EQUIPMENT
    tasks = [grid, *(_known(name, sources) for name in ("building", *equipment))]
    tasks.append(_judged("machines", MACHINES, (), sources))
    before = tuple(task.name for task in tasks)
    return [*tasks, _judged("install and test", INSTALLING, before, sources)]


def _grid(factory: Factory, envelope: Envelope, sources: Sources) -> Task:
    """The queue of large loads by the catalog; a smaller load is joined to the local grid."""
    if envelope.is_on_transmission:
        return _known(GRID.get(factory.site.region or "", "grid-us"), sources)
    return _judged("local grid", LOCAL_GRID, (), sources)


def _judged(
    name: str, months: tuple[float, float, float], after: tuple[str, ...], sources: Sources
) -> Task:
    sources.add(f"lead_time.{name}", months, "months", "default: a judgement")
    return Task(name, months, after)


def _known(name: str, sources: Sources) -> Task:
    row = facilities.lead_time(name)
    said = f"catalog: {'; '.join(filter(None, (row.terms, row.source)))}, {row.as_of}"
    sources.add(f"lead_time.{name}", row.months, "months", said)
    return Task(name, row.months)


def _planned(factory: Factory, plan: dates.Timetable, today: date, sources: Sources) -> float:
    """The day for which machines are ordered: `energised`, or the end by likeliest durations."""
    day = factory.site.energised
    if day is None:
        said = "computed by the likeliest lead times"
        return sources.add("site.planned_months", plan.finish_months, "months", said)
    sources.told("site.energised", day, "date")
    return max(0.0, (day - today).days / DAYS_PER_MONTH)


def _spans(tasks: list[Task], plan: dates.Timetable) -> dict[str, tuple[float, float, float]]:
    """Low, mode and high of each task, in the order of the plan."""
    named = {task.name: task.months for task in tasks}
    return {step.name: named[step.name] for step in plan.steps}


def _light(outlook: dates.Outlook) -> dates.Outlook:
    """The outlook with some hundred of its finishes, evenly spread, for pictures."""
    import msgspec

    step = max(1, len(outlook.finishes) // 200)
    return msgspec.structs.replace(outlook, finishes=outlook.finishes[::step])


def _day(today: date, months: float | None) -> date | None:
    return None if months is None else dates.on_date(today, months)


# --- what dark machines cost ----------------------------------------------------------------------


def dark_fleet(
    factory: Factory, found: tuple[Machines, ...], margin_usd: float | None, envelope: Envelope,
    sources: Sources, notes: list[str],
) -> DarkFleet:  # fmt: skip
    """The machines of the site, paid for and waiting; their money costs interest or the owner's rate.

    What else is bought (`[[capex]]`) waits with them; leased machines cost their lease and lose no value.
    """
    leased = {lease.pool for lease in factory.leases}
    owned = tuple(each for each in found if each.pool.name not in leased)
    value = sum(each.paid_usd or 0.0 for each in owned)
    financed = value + sum(part.usd for part in factory.capexes)
    notes += [
        f"{each.pool.name}: what it cost is not known, so delay is counted without it"
        for each in owned
        if each.paid_usd is None
    ]
    space = factory.site.colo_usd_per_kw_month * envelope.machines_kw
    standing = factory.finance.staff_usd_per_month + factory.finance.other_usd_per_month + space
    standing += sum(lease.usd_per_month for lease in factory.leases)
    return DarkFleet(
        value_usd=value,
        value_frac_per_year=_falls(factory, owned, sources),
        financed_usd=financed,
        interest_frac_per_year=_rate(factory, financed, sources),
        standing_usd_per_month=standing,
        margin_usd_per_month=margin_usd or 0.0,
    )


def _falls(factory: Factory, found: tuple[Machines, ...], sources: Sources) -> float:
    """How fast the machines lose value, weighed by what was paid; a curve by its first year."""
    losses, paid = 0.0, 0.0
    for each in found:
        kept, curve = resale(factory.finance, each.pool.hardware, sources)
        left = kept if kept is not None else curve[0] if curve else 1.0
        losses += (left - 1) * (each.paid_usd or 0.0)
        paid += each.paid_usd or 0.0
    frac = min(0.0, losses / paid) if paid else 0.0
    said = "computed by what machines keep of their value, weighed by what was paid; 0 at the most"
    return sources.add("delay.value_frac_per_year", frac, "1/year", said)


def _rate(factory: Factory, value_usd: float, sources: Sources) -> float:
    """Loans at their rates, the rest of what was paid at the discount rate.

    A sculpted loan counts with the most that it may be.
    """
    finance = factory.finance
    lent = [
        (loan.usd if loan.usd is not None
         else (loan.share_frac or loan.max_share_frac or 0.0) * value_usd,
         loan.rate_frac_per_year)
        for loan in factory.loans
    ]  # fmt: skip
    total = sum(usd for usd, _ in lent)
    rest = max(0.0, value_usd - total)
    cost = sum(usd * rate for usd, rate in lent) + rest * finance.discount_frac_per_year
    rate = cost / (total + rest) if total + rest else 0.0
    said = "computed by loans at their rates, the rest at [finance] discount_frac_per_year"
    return sources.add("delay.interest_frac_per_year", rate, "1/year", said)


def _month(fleet: DarkFleet, *, is_margin_known: bool) -> dict[str, float]:
    """The first month of delay by part; the margin that is missed stands beside the total."""
    cost = delay_cost(fleet, 1.0)
    parts = {
        "interest": float(cost.interest_usd),
        "lost value": float(cost.lost_value_usd),
        "standing costs": float(cost.standing_usd),
        "total": float(cost.total_usd),
    }
    return parts | ({"margin not earned": float(cost.lost_margin_usd)} if is_margin_known else {})
