"""`wattmill buy` as one HTML file: costs over time and over the load, what it hangs on, what may happen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wattmill.plan.pictures import Section, page
from wattmill.plan.studies import words
from wattmill.plan.studies.buy import figures as draw
from wattmill.plan.studies.buy import text as text
from wattmill.plan.studies.buy.report import BuyReport

Rows = tuple[Sequence[str], Sequence[Sequence[str]]]


def buy_page(report: BuyReport) -> str:
    """The whole study; every input with its source is at the end."""
    lines = [*text.head_lines(report), *report.verdict, *report.notes]
    return page(f"{report.factory}: buy", lines, list(_sections(report)))


OPTIONS = (
    "Cost is the present value of all that is to be paid, after tax; saved is against the option in the head. A month"
    " is the mean of the first year. Payback in months. Own share: of the tokens of the first month, by machines."
    " The last three are USD per Mtok of input, cached input and output, levelised, before tax."
)
PAID = "What has been paid so far, after tax and not discounted; a sale at the end brings some of it back."
LINES = "All that is paid over the study, not discounted, before tax; what a sale brings back is below zero."
LOAD = (
    "What a Mtok of all kinds costs over the load, before tax, as present cost over present tokens. Machines fall"
    " with the load until they are full; the dotted line is the demand of today."
)
TORNADO = (
    "By how much the cheapest option beats the next with one input at its low and its high end. Where the"
    " answer is another one, it is named at that end."
)
RISK = (
    "Bars hold nine of ten futures of what an option costs, the dot is the middle one. Rents, token prices, power and"
    " used prices move together, and may recover after they fell."
)


def _sections(report: BuyReport) -> Iterator[Section]:
    yield Section("Options", OPTIONS, table=_options(report))
    if text.payback_rows(report):
        said = "Months until it has cost less than each API would have, for good; after tax, not discounted."
        table = (text.payback_heads(report), text.payback_rows(report))
        yield Section("Payback against each API", said, table=table)
    yield Section("Paid so far", PAID, draw.paid(report))
    yield Section("What is paid for", LINES, draw.by_line(report))
    yield Section("Over the load", LOAD, draw.load(report))
    yield Section("What it hangs on", TORNADO, draw.tornado(report))
    if report.risk is not None:
        said = f"{RISK} {report.risk.count:,} futures, seed {report.risk.seed}; ± is the standard error."
        yield Section(
            "What may happen", said, draw.risk(report), (text.RISK_HEADS, text.risk_rows(report))
        )
    machines = [text.part_cells(part) for part in text.machine_parts(report)]
    if machines:
        said = "In time: as far as users wait no longer than they will. ± is the expected error of the speed."
        yield Section("Machines", said, table=(text.PART_HEADS, machines))
    yield Section(
        "Cash by year", "Paid (below zero) and received, after tax.", table=_years(report)
    )
    rows = [(each.name, words.shown(each), each.unit, each.source) for each in report.inputs]
    said = "Every number that went in, and where it is from."
    yield Section("Inputs", said, table=(("input", "value", "unit", "from"), rows))


def _options(report: BuyReport) -> Rows:
    ranked = sorted(report.options, key=lambda option: option.cost_usd)
    heads = (*text.option_heads(report), *(f"{head} / Mtok" for head in text.KIND_HEADS[1:]))
    rows = [(*text.option_cells(one, report), *text.kind_cells(one)[1:]) for one in ranked]
    return heads, rows


def _years(report: BuyReport) -> Rows:
    """Flows after tax: at the start, and by year of the study."""
    starts = range(1, report.months + 1, 12)
    heads = ("option", "at once", *(f"year {number}" for number, _ in enumerate(starts, 1)))
    rows = [
        (
            option.name,
            f"{option.after_tax_flow_usd[0]:,.0f}",
            *(f"{sum(option.after_tax_flow_usd[first : first + 12]):,.0f}" for first in starts),
        )
        for option in report.options
    ]
    return heads, rows
