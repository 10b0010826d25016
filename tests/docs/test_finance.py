"""The figures of the page on finance are those that its commands give."""

import re
import shlex
import subprocess
import sys
from datetime import date

import pytest

from tests.docs.console import Page, steps_of
from tests.support.factory import ROOT
from wattmill.catalog.factory import parse_factory
from wattmill.plan.studies.finance.report import FinanceReport
from wattmill.plan.studies.finance.study import study

PAGE = Page(ROOT / "docs/finance.md")
TODAY = date(2026, 11, 21)
TEXT = (ROOT / "examples/debt/sculpted.toml").read_text()
LEVEL = TEXT.replace('"sculpted"', '"level"')
LOANS = {
    "sculpted": TEXT,
    "level": LEVEL,
    "as-much": LEVEL.replace("dscr = 1.3\n", "usd = 150_178\n", 1),
}


@pytest.fixture(scope="module")
def reports() -> list[FinanceReport]:
    return [study(parse_factory(text, f"{name}.toml"), TODAY) for name, text in LOANS.items()]


def cells(label: str) -> list[str]:
    """The cells of the row that begins so."""
    (row,) = re.findall(rf"^\| {re.escape(label)} \|(.+)\|$", PAGE.text, re.M)
    return [cell.strip() for cell in row.split("|")]


def test_amounts_of_the_loans(reports: list[FinanceReport]) -> None:
    loans = [report.lenders[0] for report in reports]
    assert cells("lent") == [f"{loan.principal_usd:,.0f}" for loan in loans]
    assert cells("interest in all") == [f"{loan.interest_usd:,.0f}" for loan in loans]
    assert cells("least DSCR over a year") == [f"{loan.min_dscr:.2f}" for loan in loans]
    assert loans[0].principal_usd > 2.4 * loans[1].principal_usd


def test_covenants_of_the_loans(reports: list[FinanceReport]) -> None:
    broken = [report.lenders[0].breach_month for report in reports]
    told = ["kept" if month is None else f"broken in month {month}" for month in broken]
    assert cells("covenant of 1.20, if rents just fall") == told
    service, cash = (reports[2].monthly[name] for name in ("service_usd", "cfads_usd"))
    short = [t for t, (owed, there) in enumerate(zip(service, cash, strict=True)) if owed > there]
    assert f"month {short[0]} on" in PAGE.text.replace("\n", " ")
    assert short == list(range(short[0], 49))


def test_chances(reports: list[FinanceReport]) -> None:
    risks = [report.risk for report in reports if report.risk is not None]
    breaks = [f"{risk.breach.frac:.0%} ± {risk.breach.error * 100:.1f}" for risk in risks]
    told = [cell.replace(" %", "%") for cell in cells("chance that it breaks, rents random")]
    assert told == breaks
    under = [float(cell[:-2]) for cell in cells(UNDER)]
    assert under == pytest.approx([100 * risk.underwater.frac for risk in risks], abs=0.5)


UNDER = "chance that more is owed than machines would sell for"


def test_the_commands_of_the_page_make_these_files() -> None:
    """`sed` on the example gives what the tests take."""
    (block,) = re.findall(r"^```sh\n(wattmill finance examples.+?)^```$", PAGE.text, re.S | re.M)
    scripts = [shlex.split(line)[1] for line in block.splitlines() if line.startswith("sed ")]
    for script, name in zip(scripts, ("level", "as-much"), strict=True):
        made = subprocess.run(
            ["sed", script], input=TEXT, capture_output=True, text=True, check=True
        )
        assert made.stdout == LOANS[name]


def test_the_levelised_cost_is_what_is_recorded() -> None:
    blocks = [steps_of(block["body"]) for block in PAGE.blocks() if block["kind"] == "console"]
    for step in (step for block in blocks for step in block):
        words = shlex.split(step.command)
        assert words[0] == "python"
        ran = subprocess.run([sys.executable, *words[1:]], capture_output=True, text=True)
        assert ran.stdout == step.recorded, ran.stderr
    assert "it is 0.3051386" in PAGE.text
