"""A site that charges in another currency than USD says so wherever it names an amount."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.support.factory import EXAMPLE
from wattmill.cli import app
from wattmill.core.errors import UsageError
from wattmill.ledger.snapshot import read_snapshot
from wattmill.web.books import Books
from wattmill.web.pages import overview

EUROS = EXAMPLE.replace("[site]", '[site]\ncurrency = "EUR"', 1).replace("_usd", "_eur")
EUROS = EUROS.replace("usd_per", "eur_per")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Books in euros."""
    folder = tmp_path_factory.mktemp("euros")
    books = Books(folder)
    books.load_factory(str(folder / "factory.toml"), EUROS)
    books.close()
    return folder


def run(*words: object) -> Result:
    result = CliRunner().invoke(app, [str(word) for word in words])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("budgets", "set", "acme", "1,250.50"), "1,250.50 EUR per month"),
        (("budgets", "set", "acme", "none"), "no limit"),
        (("budgets", "list"), "budget EUR"),
        (("tenants", "list"), "EUR/month"),
    ],
)
def test_commands_name_the_currency_of_the_site(
    data: Path, words: tuple[str, ...], said: str
) -> None:
    shown = run(*words, "--data", data).stdout
    assert said in shown
    assert "USD" not in shown


def test_gateways_and_the_status_page_are_told_it(data: Path) -> None:
    assert read_snapshot(data).roster.currency == "EUR"
    books = Books(data)
    assert overview(books, "http://x")["currency"] == "EUR"
    books.close()


@pytest.mark.parametrize("amount", ["12,50", "1,2345", "1,250,5", "1e3", "", "5 EUR"])
def test_a_comma_is_never_read_as_something_else(data: Path, amount: str) -> None:
    with pytest.raises(UsageError, match="is not an amount of money"):
        run("budgets", "set", "acme", amount, "--data", data)
