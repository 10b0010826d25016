"""The commands, on the books of a factory file."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from wattmill import cli
from wattmill.core.errors import UsageError
from wattmill.core.records import METERS, Usage
from wattmill.ledger.accounts import AccountsState, Finished
from wattmill.ledger.entries import Settle
from wattmill.ledger.store import Store

FACTORY = """
[site]
name = "cellar"
currency = "EUR"

[seller]
name = "Millrace Compute GmbH"
country = "DE"

[[pool]]
name = "l40s"
model = "llama-3.1-70b"
url = "http://10.0.0.5:8000/v1"

[[model]]
alias = "house-large"
route = ["l40s"]

[[rate_plan]]
name = "standard"
eur_per_mtok = { input = 0.40, cached_input = 0.04, output = 1.60 }

[[rate_plan]]
name = "new"
eur_per_mtok = { input = 0.50, cached_input = 0.05, output = 2.00 }

[[tenant]]
name = "acme"
rate_plan = "standard"
country = "DE"
"""
AT_S = 1_791_000_000.0  # 3 October 2026
PUSD = 10**12


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A factory with a request in October: 10 Mtok in, 5 Mtok out, 12.00 EUR."""
    path = tmp_path / "factory.toml"
    path.write_text(FACTORY)
    folder = tmp_path / "books"
    run(folder, "reload", str(path))
    usage = Usage(input_uncached=10 * 10**6, output_text=5 * 10**6)
    said = (
        1,
        AT_S + 1,
        AT_S,
        "acme",
        "k_1",
        "house-large",
        "l40s",
        1,
        usage,
        12 * PUSD,
        "finished",
    )
    with Store(folder, write=True) as store:
        over = [Finished(Settle(*said), "charged", AT_S + 2)]
        store.load(over, {}, AccountsState(), round(AT_S * 1e6) + 3)
    return folder


def run(data: Path, *words: str, status: int = 0) -> Any:
    """What a command prints as JSON."""
    found = CliRunner().invoke(cli.app, [*words, "--data", str(data), "--json"])
    if found.exception and not isinstance(found.exception, SystemExit):
        raise found.exception
    assert found.exit_code == status, found.output
    return json.loads(found.stdout)


def read(data: Path, *words: str) -> str:
    """What a command prints for a person."""
    found = CliRunner().invoke(cli.app, [*words, "--data", str(data)], catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found.stdout


def test_from_the_draft_to_the_payment(data: Path) -> None:
    draft = run(data, "bill", "acme", "--month", "2026-10")
    assert (draft["status"], draft["net_minor"], draft["tax_minor"]) == ("draft", 12_00, 2_28)
    (issued,) = run(data, "invoices", "issue", "--month", "2026-10")
    assert (issued["outcome"], issued["document"]["number"]) == ("issued", "INV-00001")
    (again,) = run(data, "invoices", "issue", "acme", "--month", "2026-10")
    assert again["outcome"] == "already"
    assert run(data, "invoices", "show", "INV-00001")["total_minor"] == 14_28
    (row,) = run(data, "invoices", "list", "acme")
    assert (row["number"], row["status"], row["total_minor"]) == ("INV-00001", "final", 14_28)
    run(data, "payments", "add", "acme", "4.28", "--reference", "4711", "--date", "2026-12-03")
    (account,) = run(data, "payments", "list")["accounts"]
    assert [item["open_pusd"] for item in account["items"]] == [10 * PUSD]
    run(data, "payments", "write-off", "INV-00001", "--reason", "insolvent")
    (account,) = run(data, "payments", "list", "acme")["accounts"]
    assert account["items"] == []


def test_a_line_is_credited_and_the_rest_cancelled(data: Path) -> None:
    run(data, "invoices", "issue", "--month", "2026-10")
    note = run(data, "invoices", "credit", "INV-00001", "--line", "1=1.50", "--reason", "slow")
    assert (note["number"], note["net_minor"], note["total_minor"]) == ("CN-00001", -1_50, -1_78)
    note = run(data, "invoices", "void", "INV-00001", "--reason", "wrong address")
    assert (note["number"], note["total_minor"], note["cancels"]) == ("CN-00002", -12_50, True)
    (issued,) = run(data, "invoices", "issue", "--month", "2026-10")
    assert issued["document"]["number"] == "INV-00002"


def test_credit_is_sold_given_and_drawn(data: Path) -> None:
    sold = run(data, "credit", "grant", "acme", "5")
    assert sold["invoice"]["total_minor"] == 5_95
    given = run(data, "credit", "grant", "acme", "2", "--gift", "--priority", "-1")
    assert given["invoice"] is None
    run(data, "invoices", "issue", "--month", "2026-10")
    left = {one["source"]: one["remaining_pusd"] for one in run(data, "credit", "list")}
    assert left == {"bought": 0, "promotional": 0}
    assert run(data, "invoices", "show", "INV-00002")["taxable_minor"] == 5_00


def test_a_request_is_corrected_and_a_month_priced_again(data: Path) -> None:
    made = run(data, "corrections", "add", "1", "output_text=-1000000", "--reason", "counted twice")
    assert made["amount_pusd"] == -1_600_000_000_000
    rows = run(
        data,
        *("corrections", "reprice", "acme", "--month", "2026-10", "--rate-plan", "new"),
        *("--reason", "the wrong plan"),
    )
    assert [sum(row["meters"]) for row in rows] == [-14 * 10**6, 14 * 10**6]
    assert len(rows[0]["meters"]) == len(METERS)
    assert run(data, "bill", "acme", "--month", "2026-10")["net_minor"] == 5_00 + 8_00
    assert len(run(data, "corrections", "list")) == 3


def test_a_month_under_another_plan(data: Path) -> None:
    (row,) = run(data, "bill", "--rate-plan", "new", "--month", "2026-10")
    figures = (row["tenant"], row["now_minor"], row["other_minor"], row["difference_minor"])
    assert figures == ("acme", 12_00, 15_00, 3_00)


@pytest.mark.parametrize(
    "words",
    [
        ("bill",),
        ("bill", "acne"),
        ("bill", "--rate-plan", "nwe"),
        ("invoices", "show", "INV-9"),
        ("invoices", "list", "acne"),
        ("invoices", "credit", "INV-1", "--line", "x", "--reason", "y"),
        ("payments", "add", "acme", "ten"),
        ("payments", "add", "acme", "1.001"),
        ("payments", "add", "acme", "1", "--date", "yesterday"),
        ("payments", "add", "acme", "1", "--invoice", "INV-9"),
        ("payments", "list", "acne"),
        ("credit", "grant", "acme", "1", "--expires", "2020-01-01"),
        ("corrections", "add", "7", "--reason", "x"),
        ("corrections", "add", "1", "tokens=-1", "--reason", "x"),
        ("corrections", "add", "1", "output_text=-9000000", "--reason", "x"),
        ("corrections", "add", "1", "output_text=-1", "--reason", " "),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_hint(data: Path, words: tuple[str, ...]) -> None:
    with pytest.raises(UsageError) as caught:
        run(data, *words)
    assert caught.value.hint


def test_every_list_can_be_read(data: Path) -> None:
    read(data, "credit", "grant", "acme", "5", "--gift")
    assert "issued" in read(data, "invoices", "issue", "--month", "2026-10")
    assert "INV-00001" in read(data, "invoices", "list")
    assert "Millrace" in read(data, "invoices", "show", "INV-00001")
    assert "INV-00001" in read(data, "payments", "list")
    assert "CR-0" in read(data, "credit", "list")
    assert "3.00" in read(data, "bill", "--rate-plan", "new", "--month", "2026-10")
    read(data, "corrections", "add", "1", "--reason", "a test of ours")
    assert "a test" in read(data, "corrections", "list")
    read(data, "invoices", "resale")
    assert "CN-00001" in read(data, "invoices", "void", "INV-00001", "--reason", "typo")
