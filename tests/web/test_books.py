"""The books as the commands see them."""

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.factory import EXAMPLE
from wattmill.core.errors import LedgerError
from wattmill.web import books as books_module
from wattmill.web.books import Books
from wattmill.web.text import reload_text

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


SECOND_ENGINE = """
[[pool]]
name = "second"
model = "wattmill-demo"
"""


def test_a_new_pool_without_an_engine_is_named(tmp_path: Path) -> None:
    """Engines start with the factory; a pool that a reload adds has none yet, and the command says so."""
    file = str(tmp_path / "factory.toml")
    books = Books(tmp_path)
    books.set_engine_urls({"here": "http://127.0.0.1:9999/v1"})
    assert books.load_factory(file, EXAMPLE)["without_engine"] == []
    loaded = books.load_factory(file, EXAMPLE + SECOND_ENGINE)
    assert loaded["without_engine"] == ["second"]
    assert "second" not in reload_text(file, loaded)
    assert "second starts with the next" in reload_text(file, {**loaded, "gateway": {}})
    books.close()
