"""When the first revenue comes, and what each month of delay costs."""

from __future__ import annotations

from datetime import date

import numpy as np

from wattmill.catalog import facilities
from wattmill.catalog.factory import Factory
from wattmill.catalog.staleness import DAYS_PER_MONTH
from wattmill.finance.delay import DarkFleet, delay_cost, delay_risk
from wattmill.plan.studies.machines import Machines, resale
from wattmill.plan.studies.site.report import Calendar, Envelope
from wattmill.plan.studies.sourced import Sources
from wattmill.plan.studies.timeline import lead_tasks
from wattmill.site import calendar as dates
from wattmill.site.durations import Task

GRID = {
    "US-VA": "grid-virginia", "US-TX": "grid-texas", "US-OH": "grid-columbus",
    "US-CA": "grid-silicon-valley", "US-PA": "grid-pittsburgh",
}  # fmt: skip
EQUIPMENT = ("transformer-power", "switchgear", "generator-standby", "chiller")
INSTALLING = (("machines", (2.0, 4.0, 9.0)), ("install and test", (1.0, 2.0, 4.0)))
KEPT = 2000
"""Delays that the risk is taken over."""


def calendar(
    factory: Factory, envelope: Envelope, found: tuple[Machines, ...], margin_usd: float | None,
    today: date, sources: Sources, notes: list[str],
) -> Calendar | None:  # fmt: skip
    """The file's lead times; those of the catalog for a large site without; None for a small one."""
    tasks = lead_tasks(factory)
    for task in tasks:
        sources.add(
            f"lead_time.{task.name}", task.months, "months", "factory file [[site.lead_time]]"
        )
    if not tasks:
        if not envelope.is_large:
            notes.append("no calendar: the file has no [[site.lead_time]]")
            return None
        tasks = _usual(factory, sources)
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


def _usual(factory: Factory, sources: Sources) -> list[Task]:
    """A site of one's own: grid, building and equipment side by side, then machines."""
    grid = GRID.get(factory.site.region or "", "grid-us")
    tasks = [_known(grid, (), sources), _known("building", (), sources)]
    tasks += [_known(name, (), sources) for name in EQUIPMENT]
    after: tuple[str, ...] = ("building", *EQUIPMENT)
    for name, months in INSTALLING:
        sources.add(f"lead_time.{name}", months, "months", "default: a judgement")
        waits = () if name == "machines" else (*after, grid, "machines")
        tasks.append(Task(name, months, waits))
    return tasks


def _known(name: str, after: tuple[str, ...], sources: Sources) -> Task:
    row = facilities.lead_time(name)
    said = f"catalog: {'; '.join(filter(None, (row.terms, row.source)))}, {row.as_of}"
    sources.add(f"lead_time.{name}", row.months, "months", said)
    return Task(name, row.months, after)


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
    """The machines of the site, paid for and waiting; their money costs interest or the owner's rate."""
    value = sum(each.paid_usd or 0.0 for each in found)
    notes += [
        f"{each.pool.name}: what it cost is not known, so delay is counted without it"
        for each in found
        if each.paid_usd is None
    ]
    space = factory.site.colo_usd_per_kw_month * envelope.committed_kw
    standing = factory.finance.staff_usd_per_month + factory.finance.other_usd_per_month + space
    return DarkFleet(
        value_usd=value,
        value_frac_per_year=_falls(factory, found, sources),
        financed_usd=value,
        interest_frac_per_year=_rate(factory, value, sources),
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
    """Loans at their rates, the rest of what was paid at the discount rate."""
    finance = factory.finance
    lent = [
        (loan.usd if loan.usd is not None else (loan.share_frac or 0.0) * value_usd,
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
