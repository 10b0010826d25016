"""`wattmill site` as one HTML file: the tables of the terminal with their pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from wattmill.plan.pictures import Section, page
from wattmill.plan.studies import words
from wattmill.plan.studies.site import calendar_figures as late
from wattmill.plan.studies.site import figures as draw
from wattmill.plan.studies.site.report import Fleet, SiteReport
from wattmill.plan.studies.site.tables import sheets
from wattmill.plan.studies.site.text import fleet_line, headline

FIGURES: dict[str, Callable[[SiteReport], Any]] = {
    "power": draw.power,
    "chains": draw.chains,
    "contracts": draw.contracts,
    "plants": draw.plants,
    "speed": draw.speed,
    "places": draw.places,
    "calendar": late.calendar,
    "delay": late.delay,
}
"""The figure of a table, by its key."""


def site_page(report: SiteReport) -> str:
    """The whole study; every input with its source is at the end."""
    lines = [headline(report), *report.notes]
    return page(f"{report.factory}: site", lines, list(_sections(report)))


def _sections(report: SiteReport) -> Iterator[Section]:
    for sheet in sheets(report):
        drawn = FIGURES[sheet.key](report) if sheet.key in FIGURES and sheet.rows else None
        table = (sheet.heads, sheet.rows) if sheet.rows else None
        yield Section(sheet.title, sheet.text, drawn, table)
        if sheet.key == "calendar":
            text = "Where the line ends below 100 %, the rest never comes."
            yield Section("Chance of revenue", text, late.ends(report))
    if report.fleet is not None:
        yield from _fleet(report.fleet)
    said = "Every number that went in, and where it is from."
    rows = [(each.name, words.shown(each), each.unit, each.source) for each in report.inputs]
    yield Section("Inputs", said, table=(("input", "value", "unit", "from"), rows))


def _fleet(fleet: Fleet) -> Iterator[Section]:
    drawn = late.caps(fleet) if fleet.points else None
    yield Section("Fleet", fleet_line(fleet), drawn, _machines(fleet))
    if fleet.mix.shadows:
        said = "What one more of each would bring: with machines in parts, and with whole ones."
        yield Section("Shadow prices", said, table=_shadows(fleet))


def _machines(fleet: Fleet) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
    rows = [
        (
            f"{each.count:,}", each.name, each.model, words.whole(each.mtok_per_month),
            f"{each.kw:,.1f}", words.whole(each.capital_usd), f"{each.racks:,.1f}",
        )
        for each in fleet.mix.chosen
    ]  # fmt: skip
    return ("machines", "of", "for", "Mtok/month", "kW", "capital USD", "racks"), rows


def _shadows(fleet: Fleet) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
    rows = [
        (
            each.what, words.digits(each.used), words.digits(each.limit), words.digits(each.relaxed),
            words.UNKNOWN if each.whole is None else words.digits(each.whole), each.unit,
        )
        for each in fleet.mix.shadows
    ]  # fmt: skip
    return ("limit", "used", "of", "in parts", "whole", "unit"), rows
