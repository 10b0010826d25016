"""The example of two months: its page, its books in Beancount's own hands, and every invoice once more in Decimal."""

import csv
import json
import os
import runpy
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from beancount import loader
from beancount.core.realization import compute_balance, get, realize
from typer.testing import CliRunner

from tests.docs.console import Page, Step, block_of, steps_of
from tests.docs.month_recomputed import METERS, Line, Tariff, billed, lines, rounded
from tests.support.factory import ROOT
from wattmill import cli

EXAMPLE = ROOT / "examples/month"
PAGE = Page(EXAMPLE / "README.md")
MAKE = "python examples/month/make_month.py month"
COLUMNS = 100
MONTHS = ("2026-10", "2026-11")
Document = dict[str, Any]


class Example:
    """A folder in which the commands of the page are run, with the books that its first one made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        bin_ = Path(sys.executable).parent
        kept = {name: value for name, value in os.environ.items() if "WATTMILL" not in name}
        path = f"{bin_}:{os.environ['PATH']}"
        mine = {"PATH": path, "COLUMNS": str(COLUMNS), "NO_COLOR": "1", "WATTMILL_DATA": "month"}
        self._env = {**kept, **mine}
        (folder / "examples").symlink_to(ROOT / "examples")
        self.made = self.run(MAKE)

    def run(self, command: str) -> str:
        """What a command prints, in whichever way, without spaces at the ends of lines."""
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self._env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        found = "".join(line.rstrip() + "\n" for line in done.stdout.splitlines())
        return found + (f"status {done.returncode}\n" if done.returncode else "")

    def documents(self) -> list[Document]:
        """Everything that was issued, as it is exported, oldest first."""
        from wattmill.ledger.billing import archive
        from wattmill.ledger.export import invoice_json
        from wattmill.ledger.store import Store

        with Store(self.folder / "month", write=False) as store:
            return [json.loads(invoice_json(one)) for one in archive.documents(store)]

    def rows(self, tenant: str, month: str) -> list[dict[str, str]]:
        """The tenant's usage export."""
        from wattmill.web.exports import usage_export

        return list(csv.DictReader(usage_export(self.folder / "month", tenant, month)))


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Example:
    return Example(tmp_path_factory.mktemp("example"))


@pytest.fixture(scope="module")
def documents(example: Example) -> list[Document]:
    return example.documents()


# --- the page -------------------------------------------------------------------------------------

BLOCKS = [block for block in PAGE.blocks() if block["kind"] == "console"]
STEPS = [step for block in BLOCKS for step in steps_of(block["body"])]


@pytest.mark.skipif("WATTMILL_WRITE_DOCS" in os.environ, reason="runs without WATTMILL_WRITE_DOCS")
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.command)
def test_the_page_shows_what_is_printed(step: Step, example: Example) -> None:
    printed = example.made if step.command == MAKE else example.run(step.command)
    assert printed.splitlines() == step.recorded.splitlines()


@pytest.mark.skipif(
    "WATTMILL_WRITE_DOCS" not in os.environ,
    reason="WATTMILL_WRITE_DOCS=1 writes the page anew",
)
def test_the_page_is_written_anew(example: Example) -> None:
    text = PAGE.text
    for block in BLOCKS:
        steps = steps_of(block["body"])
        for step in steps:
            step.recorded = ""
            step.printed = example.made if step.command == MAKE else example.run(step.command)
        text = text.replace(block[0], block_of(steps))
    PAGE.path.write_text(text)


def test_the_month_has_what_it_is_to_show(example: Example, documents: list[Document]) -> None:
    made = runpy.run_path(str(EXAMPLE / "make_month.py"))
    assert len(made["DAILY"]) == 12 and len(made["SHAPES"]) == 4
    assert len({one["issuer"] for one in documents} - {None}) == 3
    assert {one["kind"] for one in documents} == {"invoice", "credit_note"}
    late = {one["tenant"] for one in documents if any(line["is_late"] for line in one["lines"])}
    assert {"acme", "boulange", "cascade", "mesa", "mesa-lab", "kestrel"} <= late
    rows = [row for tenant in made["DAILY"] for row in example.rows(tenant, "2026-10")]
    assert {row["state"] for row in rows} == {"charged", "waived", "void"}
    lengths = {_calendar(one["period"]): _hours(one["period"]) for one in documents}
    assert lengths["2026-10", "Europe/Berlin"] == 31 * 24 + 1
    assert lengths["2026-11", "America/New_York"] == 30 * 24 + 1
    assert lengths["2026-10", "Asia/Kolkata"] == 31 * 24


def _calendar(period: Mapping[str, str]) -> tuple[str, str]:
    return period["month"], period["timezone"]


def _hours(period: Mapping[str, str]) -> float:
    start, end = (datetime.fromisoformat(period[name]) for name in ("start", "end"))
    return (end - start).total_seconds() / 3600


# --- every line once more -------------------------------------------------------------------------


def files() -> tuple[str, str]:
    """The factory file of 1 October and that of the 16th."""
    before = after = (EXAMPLE / "factory.toml").read_text()
    for old, new in runpy.run_path(str(EXAMPLE / "make_month.py"))["NEW_PRICES"]:
        after = after.replace(old, new)
    return before, after


def test_every_line_of_every_invoice_is_what_its_requests_come_to(
    example: Example, documents: list[Document]
) -> None:
    """All documents of a month so far say together what the month comes to by all that is known, line by line."""
    checked, versions = 0, _versions(documents)
    for tenant in sorted({one["tenant"] for one in documents}):
        tariff = Tariff(files(), tenant)
        charged: dict[str, dict[Line, int]] = {month: defaultdict(int) for month in MONTHS}
        for one in documents:
            if one["tenant"] != tenant or not one["coverage"]:  # credit is sold, or given back
                continue
            for line in one["lines"]:
                charged[line["month"]][_key(line, versions)] += line["amount_minor"]
            for part in one["coverage"]:
                known = [
                    row
                    for row in example.rows(tenant, part["month"])
                    if int(row["block"]) <= part["up_to_block"]
                ]
                due = billed(lines(tariff, known, part["month"]))
                said = {key: cents for key, cents in charged[part["month"]].items() if cents}
                assert said == {key: cents for key, cents in due.items() if cents}, one["number"]
                checked += len(said)
    assert checked > 300


def _key(line: Mapping[str, Any], versions: Mapping[int, int]) -> Line:
    """The line as ``month_recomputed`` knows it."""
    named = METERS[line["meters"][0]] if line["meters"] else ""
    where = (line["model"] or "", line["pool"] or "", line["band"] or "")
    version = versions[line["plan_version"]]
    return line["kind"], version, *where, named, Decimal(line["unit_price"])


def _versions(documents: Iterable[Document]) -> dict[int, int]:
    """The numbers of the books' versions of plans: 0 for the first of its plan, 1 for the one after it."""
    plans: dict[str, set[int]] = defaultdict(set)
    for line in (line for one in documents for line in one["lines"] if line["plan"]):
        plans[line["plan"]].add(line["plan_version"])
    return {number: n for own in plans.values() for n, number in enumerate(sorted(own))}


# --- sums, taxes, credit --------------------------------------------------------------------------

RATES = {"DE": Decimal("0.19"), "AT": Decimal("0.20"), "IN": Decimal("0.18")}
TAXED = {
    "acme": "DE",
    "edelweiss": "DE",
    "fanny": "AT",
    "mesa": "DE",
    "mesa-lab": "DE",
    "lotus-clinic": "IN",
}
"""Whose invoices have a tax; boulange and kestrel owe it themselves, the others are abroad."""
REVERSED = {"boulange", "kestrel"}


def test_every_total_is_its_lines_less_credit_and_with_tax(documents: list[Document]) -> None:
    for one in documents:
        net = sum(line["amount_minor"] for line in one["lines"])
        base = net - sum(draw["amount_minor"] for draw in one["credit"])
        rate = RATES[TAXED[one["tenant"]]] if one["tenant"] in TAXED else Decimal(0)
        tax = rounded(rate * base / 100)
        said = one["net_minor"], one["taxable_minor"], one["tax_minor"], one["total_minor"]
        assert said == (net, base, tax, base + tax), one["number"]
        assert ("Reverse charge" in json.dumps(one["taxes"])) == (one["tenant"] in REVERSED)


def test_credit_pays_until_nothing_is_left_of_it(documents: list[Document]) -> None:
    sold, *used = [one for one in documents if one["tenant"] == "fanny"]
    left = sold["net_minor"]
    for one in used:
        draws = sum(draw["amount_minor"] for draw in one["credit"])
        assert draws == min(left, one["net_minor"])
        left -= draws


def test_every_invoice_can_be_recomputed_by_who_pays_it(
    example: Example, documents: list[Document]
) -> None:
    invoice, usage = example.folder / "invoice.json", example.folder / "usage.csv"
    for one in documents:
        if not one["coverage"]:  # credit is sold, or given back
            continue
        data, number = ["--data", str(example.folder / "month")], one["number"]
        about = ["--tenant", one["tenant"], "--month", one["period"]["month"]]
        invoice.write_text(_printed("export", "invoice", number, *data))
        usage.write_text(_printed("export", "usage", *about, *data))
        assert "All agree" in _printed("recompute", str(invoice), str(usage)), number


def _printed(*words: str) -> str:
    done = CliRunner().invoke(cli.app, words)
    assert done.exit_code == 0, done.output
    return done.stdout


# --- the general ledger ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def balances(example: Example) -> Iterator[Any]:
    """Every account as Beancount adds it up, without a complaint; in EUR."""
    entries, errors, _ = loader.load_string(example.run("wattmill export beancount"))
    assert not errors
    real = realize(entries)

    def balance(account: str) -> Decimal:
        return Decimal(compute_balance(get(real, account)).get_currency_units("EUR").number)

    yield balance


def test_beancounts_own_tool_accepts_it(example: Example) -> None:
    checked = "wattmill export beancount > l.beancount && bean-check l.beancount"
    assert example.run(checked) == ""


def test_its_accounts_are_the_sums_of_the_documents(
    documents: list[Document], balances: Any
) -> None:
    ours = [one for one in documents if one["issuer"] is None]
    paid = -balances("Assets:Receivable") + sum(_eur(one["total_minor"]) for one in ours)
    assert balances("Assets:Cash") == paid
    for where in ("DE", "AT"):
        taxes = [tax for one in ours for tax in one["taxes"] if tax["jurisdiction"] == where]
        owed = sum(_eur(tax["amount_minor"]) for tax in taxes)
        assert -balances(f"Liabilities:Tax:{where}") == owed
    sold = [line for one in ours for line in one["lines"] if line["kind"] != "credit"]
    assert -balances("Income") == sum(_eur(line["amount_minor"]) for line in sold)
    prepaid = sum(_eur(draw["amount_minor"]) for one in ours for draw in one["credit"])
    assert -balances("Liabilities:Prepaid:Fanny") == 60 - prepaid


def test_each_tenants_account_is_its_documents_less_its_payments(
    example: Example, documents: list[Document], balances: Any
) -> None:
    paid = json.loads(example.run("wattmill payments list --json"))["payments"]
    for tenant in sorted({one["tenant"] for one in documents if one["issuer"] is None}):
        own = [one for one in documents if (one["tenant"], one["issuer"]) == (tenant, None)]
        came = sum(one["amount_pusd"] for one in paid if one["tenant"] == tenant)
        open_ = sum(_eur(one["total_minor"]) for one in own) - Decimal(came).scaleb(-12)
        assert balances(f"Assets:Receivable:{tenant.capitalize()}") == open_


def test_the_doctor_finds_nothing(example: Example) -> None:
    printed = example.run("wattmill doctor")
    assert "WRONG" not in printed and printed.count("sound ") >= 10


def _eur(minor: int) -> Decimal:
    return Decimal(minor).scaleb(-2)
