"""A factory file as a project of `finance`, with the source of each number that went into it."""

from __future__ import annotations

from datetime import date

import msgspec

from wattmill.catalog.factory import Factory
from wattmill.core.errors import PlanError
from wattmill.finance.assets import Price
from wattmill.finance.processes import PriceProcess
from wattmill.finance.project import Project
from wattmill.physics.performance import Workload
from wattmill.plan.studies.machines import Machines, asset, machines
from wattmill.plan.studies.purchases import (
    as_leased,
    bought,
    bought_out,
    building,
    leased,
    loan_terms,
)
from wattmill.plan.studies.running import costs_of, power, tax_of, vat_of
from wattmill.plan.studies.selling import selling, utilisation, workload
from wattmill.plan.studies.sourced import Sourced, Sources
from wattmill.plan.studies.timeline import Timeline, first_power, timeline
from wattmill.plan.studies.uncertainty import processes


class StudyInputs(msgspec.Struct, frozen=True):
    """Everything that a study of money starts from.

    project: what `finance.statement` takes. processes and correlation: how prices may move, by the
    names that the project's prices have. sources: each number and where it is from.
    """

    project: Project
    processes: dict[str, PriceProcess]
    correlation: dict[str, float]
    timeline: Timeline
    machines: tuple[Machines, ...]
    workload: Workload
    sources: tuple[Sourced, ...]
    notes: tuple[str, ...]
    discount_frac_per_year: float


def study_inputs(factory: Factory, today: date) -> StudyInputs:
    """The factory as a project. PlanError if no pool of machines has a price or a buyer."""
    sources = Sources(factory)
    line = timeline(factory, today, sources)
    load = workload(factory, sources)
    notes: list[str] = []
    found = _machines(factory, load, line, sources, notes)
    discount = sources.told(
        "finance.discount_frac_per_year", factory.finance.discount_frac_per_year, "1/year"
    )
    project = _project(factory, found, load, line, sources)
    random, correlation = processes(factory, project, sources)
    return StudyInputs(
        project, random, correlation, line, found, load, sources.all, tuple(notes), discount
    )


def _machines(
    factory: Factory, load: Workload, line: Timeline, sources: Sources, notes: list[str]
) -> tuple[Machines, ...]:
    """The pools that the study is about; notes say why others are not in it."""
    leased = {lease.pool for lease in factory.leases}
    kept = []
    for pool in factory.pools:
        found = machines(pool, load, sources)
        if found is None:
            notes.append(f"{pool.name}: somebody else runs it, so it is not in this study")
        elif found.paid_usd is None and pool.name not in leased:
            notes.append(f"{pool.name}: left out; give paid_usd, the catalog has no price")
        elif line.month(pool.bought) >= line.months:
            notes.append(f"{pool.name}: left out; it is bought after the study ends")
        else:
            kept.append(found)
            notes.extend(_told_of(found, line))
    if not kept:
        raise PlanError(
            "no pool of this factory can be studied: " + "; ".join(notes),
            hint="give a pool with hardware its paid_usd",
            place=str(factory.path),
        )
    return tuple(kept)


def _told_of(found: Machines, line: Timeline) -> list[str]:
    pool, notes = found.pool, []
    if pool.paid_usd is None and found.paid_usd is not None:
        notes.append(f"{pool.name}: paid_usd is not given; {found.paid_usd:,.0f} is the catalog's")
    if pool.bought is not None and line.month(pool.bought) < 0:
        notes.append(f"{pool.name}: bought before the study, so it enters at its market value")
    return notes


def _project(
    factory: Factory, found: tuple[Machines, ...], load: Workload, line: Timeline, sources: Sources
) -> Project:
    finance, site = factory.finance, factory.site
    powered = first_power(factory, line, sources)
    share = utilisation(factory, found, sources)
    assets = [
        asset(factory, each, selling(factory, each, load, share, sources), line, powered, sources)
        for each in found
    ]
    comes = {each.name: each.bought_month for each in assets}
    leases = tuple(leased(lease, comes.get(lease.pool, 0), sources) for lease in factory.leases)
    kept = bought_out(assets, factory.leases, line.months)
    assets = [as_leased(each, factory.leases, line.months) for each in assets] + kept
    assets += [bought(part, line, sources) for part in factory.capexes]
    assets += building(factory, assets, sources)
    inflation = _inflation(factory, sources)
    colo = sources.told("site.colo_usd_per_kw_month", site.colo_usd_per_kw_month, "USD/kW/month")
    total_usd = sum(each.paid_usd for each in assets)
    return Project(
        months=line.months,
        assets=tuple(assets),
        costs=costs_of(factory, inflation, sources),
        power=power(factory, line, inflation, sources),
        colo=Price(colo, inflation) if colo else None,
        leases=leases,
        receivable_days=sources.told(
            "finance.working_capital_days", finance.working_capital_days, "days"
        ),
        vat=vat_of(factory, sources),
        tax=tax_of(factory, sources),
        loans=tuple(loan_terms(loan, total_usd, line, sources) for loan in factory.loans),
    )


def _inflation(factory: Factory, sources: Sources) -> float:
    given = factory.finance.inflation_frac_per_year
    return sources.told("finance.inflation_frac_per_year", given, "1/year")
