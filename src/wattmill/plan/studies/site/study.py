"""`wattmill site`: a factory file as power, racks, cables, cooling, floor, money and a calendar."""

from __future__ import annotations

from datetime import date

from wattmill.catalog.factory import Factory
from wattmill.catalog.units import KILO
from wattmill.core.errors import PlanError
from wattmill.physics.performance import Workload
from wattmill.plan.studies.electricity import power_usd_per_kwh
from wattmill.plan.studies.machines import Machines, machines
from wattmill.plan.studies.selling import utilisation, workload
from wattmill.plan.studies.site.building_and_colo import colo, facility
from wattmill.plan.studies.site.calendar import calendar
from wattmill.plan.studies.site.contracts import contracts
from wattmill.plan.studies.site.cooling_and_floor import cooling_rows, floor_rows
from wattmill.plan.studies.site.distribution import chain_rows, feeder_rows
from wattmill.plan.studies.site.fleet import Limits, fleet
from wattmill.plan.studies.site.generation import generation
from wattmill.plan.studies.site.margin import margin_usd_per_month
from wattmill.plan.studies.site.racks import MACHINE, envelope
from wattmill.plan.studies.site.regions import carbon, places
from wattmill.plan.studies.site.report import Calendar, Fleet, SiteReport
from wattmill.plan.studies.site.room_report import Envelope
from wattmill.plan.studies.sourced import Sources, in_other_currency
from wattmill.plan.studies.timeline import timeline
from wattmill.site.effectiveness import Overhead, pue_at_load, pue_value_usd_per_year

TENTH = 0.1


def study(factory: Factory, today: date, *, mix: Limits | None = None) -> SiteReport:
    """The study of a site. mix: None leaves the best fleet out.

    PlanError if there are no machines or they fit no rack, CatalogError for an unknown name.
    """
    sources, notes = Sources(factory), list[str]()
    shape = workload(factory, sources)
    found = _machines(factory, shape, sources, notes)
    load = utilisation(factory, found, sources)
    seen = envelope(factory, found, load, sources)
    price = power_usd_per_kwh(factory, sources)
    margin_usd = margin_usd_per_month(factory, today, sources, notes)
    plan = calendar(factory, seen, found, margin_usd, today, sources, notes)
    line = timeline(factory, today, sources)
    return SiteReport(
        factory=str(factory.path),
        currency=factory.site.currency,
        today=today,
        region=factory.site.region,
        usd_per_kwh=price,
        envelope=seen,
        feeders=feeder_rows(factory, seen, sources),
        chains=chain_rows(factory, seen, price, sources, notes),
        pue_tenth_usd_per_year=_tenth(seen, price),
        pue_half=_pue_half(seen, sources),
        cooling=cooling_rows(factory, seen, price, sources, notes),
        floor=floor_rows(factory, seen, sources),
        facility=facility(factory, seen, found, sources, notes),
        colo=colo(factory, seen, price, sources),
        contracts=contracts(factory, seen, line, sources),
        generation=generation(
            factory, seen, price, _grid_months(plan), _per_kw(margin_usd, seen), sources, notes
        ),
        carbon=carbon(factory, seen, found, load, sources),
        places=places(factory, seen, sources),
        calendar=plan,
        fleet=_fleet(factory, mix, shape, load, price, today, sources),
        inputs=sources.all,
        notes=(*notes, *_findings(seen), *in_other_currency(factory, sources.all)),
    )


def _machines(
    factory: Factory, shape: Workload, sources: Sources, notes: list[str]
) -> tuple[Machines, ...]:
    """The pools that stand here."""
    seen = [(pool, machines(pool, shape, sources)) for pool in factory.pools]
    notes += [f"{pool.name}: somebody else runs it, so it is not here" for pool, m in seen if not m]
    found = tuple(each for _, each in seen if each is not None)
    if not found:
        raise PlanError(
            "no pool of this factory has hardware",
            hint='give a pool hardware = "8x H100-SXM"',
            place=str(factory.path),
        )
    return found


def _tenth(seen: Envelope, usd_per_kwh: float) -> float:
    it_w = seen.mean_machines_kw * KILO
    return pue_value_usd_per_year(it_w, seen.pue + TENTH, seen.pue, usd_per_kwh)


def _pue_half(seen: Envelope, sources: Sources) -> float:
    said = "default: half of the overhead (fans, transformers, light) runs without machines"
    fixed = sources.add("pue.fixed_share", 0.5, "share", said)
    return pue_at_load(Overhead.of(seen.pue, fixed), 0.5)


def _grid_months(plan: Calendar | None) -> float:
    """Months until the site has power from the grid: the middle of its calendar, at once without one."""
    if plan is None or plan.outlook.p50_months is None:
        return 0.0
    return plan.outlook.p50_months


def _per_kw(margin_usd: float | None, seen: Envelope) -> float | None:
    return None if margin_usd is None else margin_usd / seen.mean_kw


def _fleet(
    factory: Factory, mix: Limits | None, shape: Workload, load: float, usd_per_kwh: float,
    today: date, sources: Sources,
) -> Fleet | None:  # fmt: skip
    if mix is None:
        return None
    return fleet(factory, mix, shape, load, usd_per_kwh, today, sources)


def _findings(seen: Envelope) -> tuple[str, ...]:
    """What speaks against the site as it is."""
    found = [
        f"{each.pool}: the catalog knows no machine of {each.system.removeprefix(MACHINE)} {each.card},"
        " so racks are filled by power alone"
        for each in seen.stands
        if each.system.startswith(MACHINE)
    ]
    if seen.over_kw:
        found.append(
            f"{seen.committed_kw:.1f} kW are committed, {seen.over_kw:.1f} kW more than the cap"
        )
    return tuple(found)
