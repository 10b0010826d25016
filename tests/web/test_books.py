"""The books as the commands see them."""

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.factory import EXAMPLE
from wattmill.core.errors import LedgerError
from wattmill.web import books as books_module
from wattmill.web.books import Books

NEW_YORKER = """
[[tenant]]
name = "hudson"
rate_plan = "standard"
timezone = "America/New_York"
"""


def test_a_tenant_that_is_no_longer_served_keeps_its_calendar(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last month is an invoice yet to come, and it may be served again: by the same midnights."""
    file = str(tmp_path / "factory.toml")
    books = Books(tmp_path)
    books.load_factory(file, EXAMPLE + NEW_YORKER)
    books.load_factory(file, EXAMPLE)
    still_february_there = datetime(2027, 3, 1, 2, tzinfo=UTC).timestamp()
    monkeypatch.setattr(time, "time", lambda: still_february_there)
    months = {row["tenant"]: row["month"] for row in books.balances()}
    assert months["hudson"] == "2027-02"
    books.close()
    reopened = Books(tmp_path)
    assert {row["tenant"]: row["month"] for row in reopened.balances()} == months
    reopened.close()


def test_books_that_cannot_tell_the_gateway_are_closed_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next command finds them free."""

    def silent(data: Path, command: str) -> None:
        raise LedgerError("the gateway does not answer")

    books = Books(tmp_path)
    books.load_factory(str(tmp_path / "factory.toml"), EXAMPLE)
    monkeypatch.setattr(books_module, "tell_gateway", silent)
    monkeypatch.setattr(books._loader, "catch_up", lambda: 1)
    with pytest.raises(LedgerError, match="does not answer"):
        books.close()
    Books(tmp_path).store.close()
