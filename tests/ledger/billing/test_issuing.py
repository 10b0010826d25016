"""An invoice is issued once, has the next number, and never changes."""

import threading
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DatabaseError
from tests.ledger.billing.world import GERMAN_VAT, World, flat, instant

from wattmill.core.errors import LedgerError, UsageError
from wattmill.ledger import schema
from wattmill.ledger.billing import archive, credit, drafts, issuing, numbering


def test_a_month_becomes_an_invoice(world: World) -> None:
    world.tenant("acme", tax=GERMAN_VAT)
    world.serve("2026-11-10 12:00", output=2_500, input=10_000)
    made = world.issued()
    assert (made.number, made.kind, made.status) == ("INV-00001", "invoice", "final")
    lines = [(line.text, line.tokens, line.amount_minor) for line in made.lines]
    assert lines == [("Input tokens", 10_000_000, 10_00), ("Output tokens", 2_500_000, 2_50)]
    assert (made.net_minor, made.tax_minor, made.total_minor) == (12_50, 2_38, 14_88)
    assert str(made.due) == "2026-12-15"
    assert world.balances() == {
        "receivable:acme": "14.88",
        "income:usage": "-12.50",
        "tax:DE": "-2.38",
    }


def test_it_reads_back_as_it_was_issued(world: World) -> None:
    world.serve("2026-11-10 12:00", output=2_500)
    made = world.issued()
    assert archive.document(world.store, "INV-00001") == made
    assert archive.document(world.store, "inv-1".upper()) == made


def test_the_same_month_is_issued_once(world: World) -> None:
    world.serve("2026-11-10 12:00", output=2_500)
    first, again = world.issue(), world.issue()
    assert (first.outcome, again.outcome) == ("issued", "already")
    assert first.document == again.document
    assert len(archive.documents(world.store)) == 1


def test_a_month_that_is_not_over_is_not_issued(world: World) -> None:
    world.now_s = instant("2026-11-30 23:59")
    with pytest.raises(UsageError, match="2026-11 is not over"):
        world.issue()


def test_the_month_ends_on_the_tenants_own_clock(world: World) -> None:
    world.tenant("acme", timezone="America/New_York")
    world.serve("2026-12-01 04:30", output=1_000)
    world.now_s = instant("2026-12-01 04:59")
    with pytest.raises(UsageError, match="not over in America/New_York"):
        world.issue()
    world.now_s = instant("2026-12-01 05:00")
    assert world.issued().net_minor == 1_00


def test_nothing_used_is_nothing_to_bill(world: World) -> None:
    assert world.issue().outcome == "nothing"
    assert archive.documents(world.store) == []


def test_what_costs_nothing_is_billed_all_the_same(world: World) -> None:
    """A price of zero is a price: the month is closed and the tokens are shown."""
    world.plan("free", flat(output_text="0"))
    world.tenant("acme", "free")
    world.serve("2026-11-10 12:00", output=2_500)
    made = world.issued()
    assert (made.total_minor, made.lines[0].tokens) == (0, 2_500_000)


def test_what_is_not_charged_is_not_billed(world: World) -> None:
    world.serve("2026-11-10 12:00", output=1_000)
    world.serve("2026-11-10 12:00", output=3_000, state="waived")
    world.serve("2026-11-10 12:00", output=5_000, state="void")
    made = world.issued()
    assert made.net_minor == 1_00
    assert (made.facts.waived.tokens, made.facts.voided.requests) == (3_000_000, 1)


def test_numbers_have_no_gaps_and_credit_notes_their_own(world: World) -> None:
    world.tenant("indus")
    for tenant in ("acme", "indus"):
        world.serve("2026-11-10 12:00", output=1_000, tenant=tenant)
    world.issue_all()
    world.void("INV-00002")
    world.issue_all()
    numbers = [one.number for one in archive.documents(world.store)]
    assert numbers == ["INV-00001", "INV-00002", "CN-00001", "INV-00003"]
    with world.store.reading() as connection:
        table = schema.document.c
        columns = select(table.series, table.number).order_by(table.series, table.number)
        assert numbering.gaps(list(connection.execute(columns))) == []


def test_a_missing_number_is_seen() -> None:
    rows = [("CN", 1), ("CN", 3), ("INV", 2), ("INV", 3)]
    assert numbering.gaps(rows) == ["CN-00002", "INV-00001"]


def test_an_issue_that_fails_leaves_no_number(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.serve("2026-11-10 12:00", output=1_000)
    with monkeypatch.context() as patch:
        patch.setattr(credit, "enter_draws", _fails)
        with pytest.raises(RuntimeError):
            world.issue()
    assert (archive.documents(world.store), world.balances()) == ([], {})
    assert world.issued().number == "INV-00001"


def _fails(*_: object) -> None:
    raise RuntimeError("the power is gone")


def test_a_document_in_the_books_cannot_be_changed(world: World) -> None:
    world.serve("2026-11-10 12:00", output=1_000)
    world.issue()
    for statement in ("UPDATE document SET body = ''", "DELETE FROM document"):
        with pytest.raises(DatabaseError, match="append-only"), world.store.transaction() as c:
            c.execute(text(statement))


def test_who_a_customer_is_can_be_erased_and_the_document_stays(world: World) -> None:
    world.serve("2026-11-10 12:00", output=1_000)
    made = world.issued()
    with world.store.transaction() as connection:
        connection.execute(text("DELETE FROM document_buyer"))
        body = connection.execute(select(schema.document.c.body)).scalar_one()
    assert archive.document(world.store, made.number).total_minor == made.total_minor
    assert body == archive.body_of(made)


def test_a_tenant_in_doubt_is_left_out_and_the_others_are_billed(world: World) -> None:
    """Somebody got at the database: no invoice is made of it."""
    world.tenant("indus")
    world.serve("2026-11-10 12:00", output=1_000)
    odd = world.serve("2026-11-10 12:00", output=1_000, tenant="indus", enter=False)
    world.enter([odd._replace(end=msgspec.structs.replace(odd.end, amount_pusd=5))])
    found = world.issue_all()
    assert (found["acme"].outcome, found["indus"].outcome) == ("issued", "refused")
    assert "its entries to 5 pUSD" in found["indus"].reason
    with pytest.raises(LedgerError):
        world.issue("indus")


def test_a_price_that_the_books_do_not_hold_is_refused(world: World) -> None:
    world.serve("2026-11-10 12:00", output=1_000)
    world.prices().clear()
    assert "price 1, which they do not hold" in world.issue_all()["acme"].reason


def test_runs_at_the_same_time_issue_every_month_once(tmp_path: Path) -> None:
    made = World(tmp_path)
    made.plan("standard", flat())
    for tenant in ("acme", "indus", "mesa"):
        made.tenant(tenant)
        made.serve("2026-11-10 12:00", output=1_000, tenant=tenant)
    outcomes: list[str] = []

    def run() -> None:
        outcomes.extend(one.outcome for one in made.issue_all().values())

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    documents = archive.documents(made.store)
    assert sorted(one.number for one in documents) == ["INV-00001", "INV-00002", "INV-00003"]
    assert sorted(one.tenant for one in documents) == ["acme", "indus", "mesa"]
    assert outcomes.count("issued") == 3
    made.store.close()


def test_what_is_recorded_between_draft_and_issue_makes_a_new_draft(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Credit that is granted in that moment is drawn, or not; never counted in a draft it is not in."""
    world.serve("2026-11-10 12:00", output=1_000)
    real, calls = drafts.bill, []

    def slow(*args: object, **more: object) -> object:
        made = real(*args, **more)  # type: ignore[arg-type]
        calls.append(made)
        if len(calls) == 1:
            world.grant("5")
        return made

    monkeypatch.setattr(issuing, "bill", slow)
    assert world.issued().credit_minor == 1_00
    assert (len(calls), world.left()) == (2, {"CR-00002": "4.00"})


@pytest.mark.parametrize("number", ["INV", "INV-", "42", "-1", "INV-x", ""])
def test_what_is_no_number_of_a_document_is_refused(world: World, number: str) -> None:
    with pytest.raises(UsageError, match="is not the number of a document"):
        archive.document(world.store, number)


def test_a_document_that_is_not_there_is_refused(world: World) -> None:
    with pytest.raises(UsageError, match="no document 'INV-00009'"):
        archive.document(world.store, "INV-00009")
