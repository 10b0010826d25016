"""The life of a bill in PostgreSQL, as in SQLite."""

from pathlib import Path

import pytest
from tests.ledger.billing.test_commands import FACTORY, run
from tests.ledger.billing.test_late import correct
from tests.ledger.billing.world import GERMAN_VAT, World, flat
from tests.support.postgres import postgres_server, postgres_url

from wattmill.core.errors import LedgerError
from wattmill.ledger.location import DATABASE_URL
from wattmill.web.control import call

__all__ = ["postgres_server", "postgres_url"]


def test_a_bill_from_its_draft_to_its_payment(tmp_path: Path, postgres_url: str) -> None:
    world = World(tmp_path, postgres_url)
    world.plan("standard", flat())
    world.tenant("mesa")
    world.tenant("acme", tax=GERMAN_VAT)
    served = world.serve("2026-10-10 12:00", output=10_000)
    world.grant("2", gift=False)
    world.grant("1", expires="2026-12-15")
    first = world.issued(month="2026-10")
    assert (first.number, first.net_minor, first.credit_minor) == ("INV-00002", 10_00, 3_00)
    correct(world, served.end.request, {"output_text": -4_000_000})
    world.serve("2026-11-10 12:00", output=1_000)
    second = world.issued()
    assert (second.kind, second.net_minor) == ("credit_note", -3_00)
    world.void(first.number)
    assert world.issued(month="2026-10").net_minor == 10_00
    world.pay("5", reference="4711")
    world.pay("5", reference="4711")
    assert world.balances()["cash"] == "5.00"
    assert world.account().balance_pusd == round(
        float(world.balances()["receivable:acme"]) * 10**12
    )
    world.store.close()


def test_commands_find_the_books_while_nothing_runs(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told once where they are, the folder remembers; no file of SQLite stands in it."""
    data, path = tmp_path / "books", tmp_path / "factory.toml"
    path.write_text(FACTORY, encoding="utf-8")
    monkeypatch.setenv(DATABASE_URL, postgres_url)
    run(data, "reload", str(path))
    monkeypatch.delenv(DATABASE_URL)
    assert not (data / "ledger.db").exists()
    assert [tenant["name"] for tenant in run(data, "tenants", "list")] == ["acme"]
    with pytest.raises(LedgerError, match="there are no books in"):
        call(tmp_path / "elsewhere", "catch_up")
