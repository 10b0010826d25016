"""`wattmill replace` as one HTML file: today, the boundary, value and debt, delay, what moves the date."""

from __future__ import annotations

from collections.abc import Iterator

from wattmill.plan.pictures import Section, page
from wattmill.plan.studies import words
from wattmill.plan.studies.replace import figures as draw
from wattmill.plan.studies.replace import text as text
from wattmill.plan.studies.replace import words as say
from wattmill.plan.studies.replace.report import PoolReplacement, ReplaceReport


def replace_page(report: ReplaceReport) -> str:
    """The whole study; every input with its source is at the end."""
    lines = [say.headline(report)]
    for pool in report.pools:
        lines += [say.standing(pool), say.verdict(report, pool), *say.sentences(report, pool)]
    sections = [section for pool in report.pools for section in _sections(report, pool)]
    rows = [(each.name, words.shown(each), each.unit, each.source) for each in report.inputs]
    table = (("input", "value", "unit", "from"), rows)
    sections.append(
        Section("Inputs", "Every number that went in, and where it is from.", table=table)
    )
    return page(f"{report.factory}: replacement", [*lines, *report.notes], sections)


def _sections(report: ReplaceReport, pool: PoolReplacement) -> Iterator[Section]:
    at = f"{pool.pool}: " if len(report.pools) > 1 else ""
    yield Section(f"{at}What fits into the slot", UNITS, table=text.units(report, pool))
    yield Section(f"{at}What to do today", TODAY, draw.today(report, pool))
    yield Section(f"{at}What to do later", BOUNDARY, draw.boundary(report, pool))
    if pool.best.act_frac:
        yield Section(f"{at}What is done first", CHANCES, draw.chances(report, pool))
    yield Section(f"{at}Books, market and lenders", WORTH, draw.worth(report, pool))
    if pool.dark:
        yield Section(f"{at}If the new machines stay dark", DARK, draw.dark(report, pool))
    yield Section(
        f"{at}What moves it", MOVED, draw.moved(report, pool), table=text.moved(report, pool)
    )


UNITS = (
    "Whole machines within the kW of those that are here. Money is for all of them, by the month, at today's"
    " prices; what is here is shown at what it sells for."
)
TODAY = (
    "What machines and slot are worth if the action is taken today and the best policy follows; green is"
    " best. The gap to the next bar is what a wrong step costs, the gap to never is what the choice is worth."
)
BOUNDARY = (
    "If the machines are still here: what is best by month and rent, in calm. Lines are the rents to be"
    " expected; nine of ten futures lie between the dots."
)
CHANCES = (
    "The share of futures in which each action has come first by a month; what is missing keeps."
)
WORTH = (
    "Where owed is above market, a sale does not repay the loan. Where books are above market, a sale is a"
    " loss in the books. The market is that of the middle rent."
)
DARK = (
    "Machines that are paid and have no power: capital, value lost on the market and space, by the months"
    " that they wait beyond the plan. The marks are rents that are not earned; they would have paid for the"
    " bars, so they are not added to them."
)
MOVED = (
    "Machines and slot with one input at its low and at its high end, and what is done first then."
)
