"""`wattmill finance` as one HTML file: cash, cover, loan to value, durations, what may happen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wattmill.finance.outcome import Outcome
from wattmill.plan.pictures import Section, page
from wattmill.plan.studies import words
from wattmill.plan.studies.finance import figures as draw
from wattmill.plan.studies.finance import text as text
from wattmill.plan.studies.finance.report import FinanceReport


def finance_page(report: FinanceReport) -> str:
    """The whole study; every input with its source is at the end."""
    lines = [
        f"{report.months} months from {report.start:%Y-%m}, {report.currency}, discounted at"
        f" {words.percent(report.discount_frac_per_year)} a year. Flows are at the ends of months.",
        *text.unit_line(report).splitlines(),
        *text.sentences(report),
        *report.notes,
    ]
    return page(f"{report.factory}: finance", lines, list(_sections(report)))


def _sections(report: FinanceReport) -> Iterator[Section]:
    yield Section("Worth", "Of the project without debt, and of what is left to its owner.",
                  table=_worth_table(report))  # fmt: skip
    yield Section("Cash", CASH, draw.cash(report))
    yield Section("Earning and paying", EARNING, draw.earning(report))
    if report.lenders:
        yield Section("Cover of debt service (DSCR)", DSCR, draw.dscr(report))
        yield Section("Loan to value (LTV)", LTV, draw.ltv(report))
        yield Section("Durations", DURATIONS, draw.durations(report))
    yield Section("Value by the books and on the market", VALUE, draw.values(report))
    yield Section("What it hangs on", TORNADO, draw.tornado(report))
    if report.sobol:
        heads = ("input", "alone", "with others")
        yield Section("Shares of the variance", SOBOL, table=(heads, text.sobol_rows(report)))
    if report.risk is not None:
        yield from _distributions(report, report.risk)
    yield Section("By year", f"{text.scale_of(report)[1]}.", table=_years_table(report))
    if report.lenders:
        yield Section("Loans", "Without random prices.", table=_lenders_table(report))
    yield Section(
        "Inputs", "Every number that went in, and where it is from.", table=_inputs(report)
    )


CASH = (
    "Bars are what the owner gets or puts in each month, the line is the sum so far; the dot is where"
    " the money is back for good."
)
EARNING = "What comes in each month, what running costs, and what lenders get."
DSCR = (
    "Cash for debt service over debt service; below the dashed covenant the lender may act, below 1 the"
    " owner must pay in. The band holds nine of ten futures."
)
LTV = (
    "What is owed over what the machines would sell for; above 1 a sale does not repay the loan. The band"
    " holds nine of ten futures."
)
DURATIONS = (
    "Debt that outlives the contract is repaid at market prices; debt that outlives what the machines earn"
    " is repaid from elsewhere."
)
VALUE = "Where the line of the books is higher, selling the machines is a loss in the books."
SOBOL = (
    "How much of the variance of the owner's NPV each input explains when all move at once, each as likely"
    " anywhere between its ends (Sobol indices)."
)
TORNADO = "The owner's NPV with one input at the low and at the high end, everything else as it is."


def _distributions(report: FinanceReport, risk: Outcome) -> Iterator[Section]:
    for name in ("rent", "token_price"):
        if name in risk.fans:
            yield Section(
                {"rent": "Rents", "token_price": "Prices of tokens"}[name],
                "Where nine of ten futures lie, and the middle one; each may recover after it fell.",
                draw.price_fan(report, risk.fans[name], name),
            )
    for label, found, show in text.measures(report, risk):
        if found is not None and label != "month of the first breach, if any":
            at = found.percentiles
            said = f"P5 {show(at['P5'])}, P50 {show(at['P50'])}, P95 {show(at['P95'])}."
            yield Section(
                label[0].upper() + label[1:], said, draw.histogram(found.histogram, label)
            )
    rows = [
        (label, words.percent(share.frac), f"± {words.percent(share.error)}")
        for label, share in text.chances(report, risk)
    ]
    said = f"Of {risk.count:,} futures, seed {risk.seed}; ± is the standard error."
    yield Section("Chances", said, table=(("what", "chance", "error"), rows))


# --- tables ---------------------------------------------------------------------------------------

Rows = tuple[Sequence[str], Sequence[Sequence[str]]]


def _worth_table(report: FinanceReport) -> Rows:
    rows = [(label, show(report.project), show(report.equity)) for label, show in text.WORTH_ROWS]
    return ("", "project", "owner"), rows


def _years_table(report: FinanceReport) -> Rows:
    scale, unit = text.scale_of(report)
    rows = [
        (label, *(words.amount(show(year), scale) for year in report.years))
        for label, show in text.YEAR_ROWS
    ]
    opex = [
        (name, *(words.amount(year.opex_by_usd[name], scale) for year in report.years))
        for name in report.years[0].opex_by_usd
    ]
    cover = [("DSCR", *(words.ratio(year.dscr) for year in report.years))]
    return (unit, *(year.ends for year in report.years)), [rows[0], *opex, *rows[1:], *cover]


def _lenders_table(report: FinanceReport) -> Rows:
    rows = [(label, *map(show, report.lenders)) for label, show in text.LENDER_ROWS]
    return ("loan", *(loan.name for loan in report.lenders)), rows


def _inputs(report: FinanceReport) -> Rows:
    rows = [(each.name, words.shown(each), each.unit, each.source) for each in report.inputs]
    return ("input", "value", "unit", "from"), rows
