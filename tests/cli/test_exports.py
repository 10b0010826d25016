"""What leaves the books by command: each export in a folder of books with one issued month."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from beancount import loader
from typer.testing import CliRunner, Result

from tests.support.factory import EXAMPLE
from wattmill.cli import app
from wattmill.core.errors import LedgerError, UsageError
from wattmill.core.records import Usage
from wattmill.ledger import outbox
from wattmill.ledger.accounts import AccountsState, Finished
from wattmill.ledger.entries import Settle
from wattmill.ledger.outbox import Refused, message_of
from wattmill.tariff.rating import rate
from wattmill.web.books import Books

OCTOBER_S = datetime(2025, 10, 7, 12, tzinfo=UTC).timestamp()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three requests of acme in October 2025, invoiced."""
    folder = tmp_path_factory.mktemp("data")
    books = Books(folder)
    books.load_factory(str(folder / "factory.toml"), EXAMPLE)
    plan = next(price for price in books.registry.prices() if price.plan == "standard")
    usage = Usage(1_000_000, output_text=250_000)
    settles = [
        Settle(
            n,
            OCTOBER_S + n,
            OCTOBER_S,
            "acme",
            "k_1",
            "house-small",
            "here",
            plan.version,
            usage,
            rate(usage, plan),
            "finished",
        )
        for n in (1, 2, 3)
    ]
    finished = [Finished(settle, "charged", OCTOBER_S + 9) for settle in settles]
    books.store.load(finished, {}, AccountsState(), round(OCTOBER_S * 1e6))
    issued = books.issue_invoices(tenant="acme", month="2025-10")
    assert [one.outcome for one in issued] == ["issued"]
    books.close()
    return folder


def run(*words: object) -> Result:
    result = CliRunner().invoke(app, [str(word) for word in words])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_usage_is_csv_with_a_row_for_each_request(data: Path) -> None:
    words = ("export", "usage", "--tenant", "acme", "--month", "2025-10", "--data", data)
    rows = list(csv.DictReader(io.StringIO(run(*words).stdout)))
    assert [row["request"] for row in rows] == ["1", "2", "3"]
    as_json = [json.loads(line) for line in run(*words, "--json").stdout.splitlines()]
    assert as_json == rows


def test_an_unknown_tenant_is_refused_with_those_there_are(data: Path) -> None:
    with pytest.raises(UsageError, match="no tenant 'nobody'") as caught:
        run("export", "usage", "--tenant", "nobody", "--data", data)
    assert "acme" in caught.value.hint


def test_a_tenant_recomputes_its_invoice(data: Path, tmp_path: Path) -> None:
    invoice, usage = tmp_path / "invoice.json", tmp_path / "usage.csv"
    invoice.write_text(run("export", "invoice", "INV-00001", "--data", data).stdout)
    words = ("export", "usage", "--tenant", "acme", "--month", "2025-10", "--data", data)
    usage.write_text(run(*words).stdout)
    good = run("recompute", invoice, usage)
    assert good.exit_code == 0 and good.stdout.endswith("All agree.\n")
    usage.write_text(usage.read_text().replace(",250000,", ",250001,"))
    bad = run("recompute", invoice, usage, "--json")
    assert bad.exit_code == 1
    assert "differs" in {finding["verdict"] for finding in json.loads(bad.stdout)}
    with pytest.raises(UsageError):
        run("recompute", usage, invoice)


def test_the_same_document_in_every_form(data: Path, tmp_path: Path) -> None:
    made = json.loads(run("export", "invoice", "INV-00001", "--data", data).stdout)
    assert (made["tenant"], made["total_minor"]) == ("acme", 240)
    rows = csv.DictReader(
        io.StringIO(run("export", "invoice", "INV-00001", "--csv", "--data", data).stdout)
    )
    assert sum(Decimal(row["billed"]) for row in rows) == Decimal("2.40")
    pdf = tmp_path / "invoice.pdf"
    assert run("export", "invoice", "INV-00001", "--pdf", pdf, "--data", data).stdout == ""
    assert pdf.read_bytes().startswith(b"%PDF-")


def test_focus_rows_come_to_the_invoice(data: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(run("export", "focus", "--data", data).stdout)))
    assert sum(Decimal(row["BilledCost"]) for row in rows) == Decimal("2.40")
    as_json = json.loads(
        run("export", "focus", "--tenant", "acme", "--data", data, "--json").stdout
    )
    assert len(as_json) == len(rows) == 2
    assert run("export", "focus", "--month", "2025-09", "--data", data).stdout.count("\n") == 1


def test_the_general_ledger_is_a_file_that_beancount_reads(data: Path) -> None:
    text = run("export", "beancount", "--data", data).stdout
    entries, errors, _ = loader.load_string(text)
    assert not errors and len(entries) > 3
    assert (
        json.loads(run("export", "beancount", "--json", "--data", data).stdout)["beancount"] == text
    )


class Refusing:
    """A receiver that never takes anything."""

    remembers_s: float | None = None
    settles_s = 0.0

    def deliver(self, message: outbox.Message, attempt: outbox.Attempt) -> str:
        raise Refused("no such customer")


def test_a_refused_message_is_listed_and_tried_again(data: Path) -> None:
    assert run("outbox", "list", "--data", data).stdout == "Everything has arrived.\n"
    message = message_of("there", {"a": 1})
    books = Books(data)
    with books.store.transaction() as connection:
        outbox.put(connection, message, 1)
    box = outbox.Outbox(books.store, {"there": Refusing()}, now_us=lambda: 5, random=lambda: 0.0)
    box.deliver_due()
    books.close()
    (row,) = json.loads(run("outbox", "list", "--json", "--data", data).stdout)
    assert row == {
        "id": message.id,
        "destination": "there",
        "tries": 1,
        "outcome": "refused",
        "detail": "no such customer",
    }
    assert "is tried again" in run("outbox", "retry", message.id, "--data", data).stdout
    with pytest.raises(LedgerError, match="no refused message"):
        run("outbox", "retry", message.id, "--data", data)
