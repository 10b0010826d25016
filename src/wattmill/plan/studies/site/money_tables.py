"""The tables of `wattmill site` about the place: building, colocation, power, regions, calendar."""

from __future__ import annotations

from wattmill.plan.studies.site.report import Calendar, Generation, SiteReport
from wattmill.plan.studies.site.words import Sheet, ending, kilowatts, some, three
from wattmill.plan.studies.words import NEVER, UNKNOWN, digits, percent, whole

THOUSAND = 1e3


def building(report: SiteReport) -> Sheet:
    """A building of one's own."""
    found = report.facility
    text = (
        f"{found.usd_per_mw / 1e6:.1f} million per MW of machines: {whole(found.usd)} in all,"
        f" {whole(found.usd_per_slot)} a slot, {whole(found.per_year_usd)} a year of its life."
    )
    if found.all_in_usd_per_mw is not None:
        text += f" With machines, {found.all_in_usd_per_mw / 1e6:.1f} million per MW at the meter."
    lines = report.colo.quote.lines
    let = sum(line.first_year_usd for line in lines if line.name != "energy")
    text += f" Colocation without energy is {whole(let)} a year."
    heads = ("work by the rack", "racks", "USD", "USD/kW")
    rows = tuple(
        (each.name, str(each.racks), whole(each.usd), whole(each.usd_per_kw))
        for each in found.builds
    )
    return Sheet("building", "A building of one's own", text, heads, rows)


def later(report: SiteReport) -> Sheet:
    """What later machines could use."""
    heads = ("later", "machines", "used kW", "stranded kW", "stranded USD", "ended by")
    rows = tuple(
        (
            each.name, str(each.units), f"{each.used_kw:,.1f}", f"{each.stranded_kw:,.1f}",
            whole(each.stranded_usd), each.binds,
        )
        for each in report.facility.uses
    )  # fmt: skip
    text = "What machines that come later could use of the same racks and power."
    return Sheet("later", "Later machines in the same racks", text, heads, rows, (0, 5))


def classes(report: SiteReport) -> Sheet:
    """Who takes the machines."""
    rows = tuple((each.name, "; ".join(each.reasons) or "takes it") for each in report.colo.classes)
    text = "By density, cooling and the least that each lets."
    return Sheet("colo", "Colocation", text, ("class", "answer"), rows, (0, 1))


def quote(report: SiteReport) -> Sheet:
    """The first year in a colocation."""
    found = report.colo.quote
    rows = [
        (line.name, whole(line.once_usd), whole(line.usd_per_month), whole(line.first_year_usd))
        for line in found.lines
    ]
    rows.append(
        ("sum", whole(found.once_usd), whole(found.usd_per_month), whole(found.first_year_usd))
    )
    text = (
        f"{kilowatts(found.billed_kw)} kW billed; everything together is"
        f" {found.all_in_usd_per_kw_month:,.0f} per kW of machines and month."
    )
    heads = ("first year of colocation", "once", "a month", "first year")
    return Sheet("quote", "First year of colocation", text, heads, tuple(rows))


# --- power bought and made ------------------------------------------------------------------------


def contracts(report: SiteReport) -> Sheet:
    """Ways to buy power."""
    found = report.contracts
    heads = ("contract", "first", "mean", "present value", "P10", "P90", "breaks even")
    rows = tuple(
        (
            each.name, f"{each.first_usd_per_kwh:.4f}", f"{each.usd_per_kwh:.4f}", whole(each.pv_usd),
            some(each.p10_usd, ",.0f"), some(each.p90_usd, ",.0f"),
            _escalation(each.break_even_frac_per_year),
        )
        for each in found.rows
    )  # fmt: skip
    text = (
        f"{found.months} months at a mean of {kilowatts(found.mean_kw)} kW; prices per kWh, the mean"
        f" levelised. A price that holds for all years is cheaper than the tariff below"
        f" {found.flat_usd_per_kwh:.4f}. A contract is cheaper where the tariff rises by more than it"
        " breaks even at."
    )
    if any(each.name.startswith("PPA") for each in found.rows):
        text += " A PPA of the catalog is of energy alone: wires and taxes come on top, so it breaks even nowhere."
    return Sheet("contracts", "Power contracts", text, heads, rows)


def _escalation(frac: float | None) -> str:
    return UNKNOWN if frac is None else f"{frac * 100:+.1f} %/year"


def plants(report: SiteReport) -> Sheet | None:
    """Own generation."""
    found = report.generation
    if found is None:
        return None
    heads = ("plant", "/kWh", "capital", "fuel", "g/kWh", "backup", "months")
    rows = tuple(
        (
            each.name, f"{each.usd_per_kwh:.4f}",
            UNKNOWN if each.lcoe is None else f"{each.lcoe.capital_usd_per_kwh:.4f}",
            UNKNOWN if each.lcoe is None else f"{each.lcoe.fuel_usd_per_kwh:.4f}",
            whole(each.g_per_kwh), percent(each.backup_frac) if each.backup_frac else UNKNOWN,
            UNKNOWN if each.months is None else three(each.months),
        )
        for each in found.plants
    )  # fmt: skip
    return Sheet("plants", "Power of one's own", _stored(found), heads, rows)


def _stored(found: Generation) -> str:
    said = ", ".join(f"{name} {usd:.4f}" for name, usd in found.stored.items())
    return (
        "LCOE by the capital recovery factor at the planned load, without taxes and subsidies; --inputs"
        " says of which year their prices are. A kWh of the grid that comes back from a storage costs,"
        f" by losses alone: {said}."
    )


def speed(report: SiteReport) -> Sheet | None:
    """Power soon against power cheap."""
    found = report.generation
    if found is None or not found.speed:
        return None
    heads = ("way", "/kWh", "months", "energy", "margin missed", "together")
    rows = tuple(
        (
            each.name, f"{each.usd_per_kwh:.4f}", f"{each.months:.1f}",
            whole(each.energy_usd / THOUSAND), whole(each.lost_margin_usd / THOUSAND),
            whole(each.usd / THOUSAND),
        )
        for each in found.speed
    )  # fmt: skip
    text = (
        f"Thousand {report.currency}: energy over the study from the day it is there, and the margin of"
        " the months before it. The grid's months are those of the calendar, a plant's are its own."
    )
    return Sheet("speed", "Soon or cheap", text, heads, rows)


def places(report: SiteReport) -> Sheet:
    """Regions."""
    heads = ("region", "score", "/kWh", "g/kWh", "months to power", "power a year")
    rows = tuple(
        (
            each.region, f"{each.score.score:.2f}", f"{each.usd_per_kwh:.4f}", whole(each.g_per_kwh),
            some(each.months_to_power, "g"), whole(each.power_usd_per_year),
        )
        for each in report.places
    )  # fmt: skip
    mtok = report.carbon.kg_per_mtok
    text = (
        f"This site: {report.carbon.g_per_kwh:g} g/kWh, {whole(report.carbon.kg_per_month)} kg a month"
        + ("" if mtok is None else f", {digits(mtok)} kg per Mtok of answers")
        + "."
    )
    if rows:
        text += " Regions whose price and carbon are known; 0 is best."
    if any(each.months_to_power is not None for each in report.places):
        text += " Months are of loads of 100 MW and more."
    return Sheet("places", "Carbon and places", text, heads, rows)


# --- the calendar ---------------------------------------------------------------------------------


def calendar(report: SiteReport) -> Sheet | None:
    """Steps to the first revenue."""
    found = report.calendar
    if found is None:
        return None
    late = {task.name: task for task in found.outlook.tasks}
    rows = tuple(
        (
            step.name, three(found.spans[step.name]), f"{step.start:.1f}", f"{step.finish:.1f}",
            ending(late[step.name].p10_months), ending(late[step.name].p50_months),
            ending(late[step.name].p90_months), percent(late[step.name].criticality_frac),
        )
        for step in found.plan.steps
    )  # fmt: skip
    heads = ("step", "months", "starts", "ends", "P10", "P50", "P90", "decides")
    return Sheet("calendar", "Calendar to the first revenue", first_revenue(found), heads, rows)


def first_revenue(found: Calendar) -> str:
    """When it comes, and by which path."""
    names = ("P10", "P50", "P90")
    said = ", ".join(f"{name} {day or NEVER}" for name, day in zip(names, found.dates, strict=True))
    text = f"First revenue: {said}."
    if found.outlook.never_frac:
        text += f" It never comes in {percent(found.outlook.never_frac)} of all cases."
    return text + f" By likeliest durations: {' then '.join(found.plan.critical_path)}."


def delay(report: SiteReport) -> Sheet | None:
    """What a month of delay costs."""
    found = report.calendar
    if found is None:
        return None
    rows = tuple((name, whole(usd)) for name, usd in found.late_month_usd.items())
    text = f"Machines are ordered for month {found.planned_months:.1f} and wait, dark, until there is power."
    if found.risk is not None:
        of = found.risk.percentiles_usd
        text += (
            f" Over all delays, {found.risk.mean_months:.1f} months in the mean:"
            f" {whole(found.risk.mean_usd)} in the mean, {whole(of['P50'])} in the middle,"
            f" {whole(of['P90'])} at P90."
        )
    heads = ("the first month of delay", report.currency)
    return Sheet("delay", "What delay costs", text, heads, rows)
