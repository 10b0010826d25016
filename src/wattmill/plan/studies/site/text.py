"""`wattmill site` for a terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from wattmill.plan.fleet.text import fleet_screen
from wattmill.plan.studies.site.report import Fleet, SiteReport
from wattmill.plan.studies.site.tables import sheets
from wattmill.plan.studies.site.words import Sheet, kilowatts
from wattmill.plan.studies.words import digits, inputs_line, inputs_table, table_of


def render(report: SiteReport, *, with_inputs: bool = False) -> RenderableType:
    """The whole study: every table under its heading, the fleet, inputs and notes."""
    parts: list[RenderableType] = [Text(headline(report), "bold")]
    for sheet in sheets(report):
        parts += _shown(sheet)
    if report.fleet is not None:
        parts += [
            Text("\nFleet", "bold"),
            Text(fleet_line(report.fleet)),
            fleet_screen(report.fleet.mix),
        ]
    parts += [inputs_table(report.inputs)] if with_inputs else [Text(inputs_line(report.inputs))]
    return Group(*parts, *(Text(f"note: {note}") for note in report.notes))


def headline(report: SiteReport) -> str:
    """Cards, racks, kW."""
    seen = report.envelope
    cards = sum(each.cards for each in seen.stands)
    cap = "no cap" if seen.cap_kw is None else f"a cap of {kilowatts(seen.cap_kw)}"
    return (
        f"{report.factory}: {cards:,} {'card' if cards == 1 else 'cards'} in {seen.racks:,}"
        f" {'rack' if seen.racks == 1 else 'racks'} commit {kilowatts(seen.committed_kw)} kW, {cap}"
    )


def fleet_line(fleet: Fleet) -> str:
    """From how many kinds it was chosen, and what makes one worth having."""
    text = f"Of {fleet.types} machine types that meet the SLO"
    if fleet.mix.objective != "margin":
        return text + "."
    return (
        f"{text}; a Mtok of answers brings {digits(fleet.usd_per_mtok)}, and the cheapest machine is"
        f" worth having from {digits(fleet.least_usd_per_mtok)}."
    )


def _shown(sheet: Sheet) -> list[RenderableType]:
    table = table_of(*sheet.heads, left=sheet.left)
    for row in sheet.rows:
        table.add_row(*row)
    heading: list[RenderableType] = [Text(f"\n{sheet.title}", "bold"), Text(sheet.text)]
    return [*heading, table] if sheet.rows else heading
