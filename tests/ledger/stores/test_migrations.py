"""Books that an older wattmill wrote become books of today: whole, to the cent, or not at all.

``schema1`` holds books that version 0.1 itself wrote: its database as SQL, its snapshot, a journal segment that was
not loaded yet, and in ``expected.json`` what it said of usage and invoices.
"""

import hashlib
import json
import shutil
import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError
from tests.support.faults import Call, Faults, How

from wattmill.core.clock import ManualClock
from wattmill.core.errors import LedgerError
from wattmill.core.records import METERS
from wattmill.core.roster import Roster
from wattmill.ledger import chain, schema
from wattmill.ledger.billing.drafts import draft
from wattmill.ledger.book import Book
from wattmill.ledger.entries import Entry, Void, Waive
from wattmill.ledger.loader import Loader
from wattmill.ledger.migrations import BACKUP
from wattmill.ledger.migrations.versions import schema2
from wattmill.ledger.periods import month_named
from wattmill.ledger.plans import enter_version
from wattmill.ledger.registry import Registry
from wattmill.ledger.snapshot import recover
from wattmill.ledger.store import DATABASE, Store
from wattmill.ledger.usage import UsageGroup, usage
from wattmill.tariff.prices import request_prices

OLD = Path(__file__).with_name("schema1")
EXPECTED = json.loads((OLD / "expected.json").read_text(encoding="utf-8"))
"""``usage``: groups by month of the tenant's zone; ``invoices``: totals and lines."""

NOW_S = 1_795_200_000.0
"""A day after the old books end."""

MADE_BY_SCHEMA_2 = "2b50c329341bb629b71cd2684a77a575d4ec1e75acb189db805a5b2d9654435a"
"""Over all that is in the old books after the step: history, so it never changes."""

OPEN_STORE = "Store(Path({!r}), write=True).close()"
IMPORTS = """
import wattmill.ledger.migrations
from pathlib import Path
from wattmill.ledger.store import Store
"""


def old_books(directory: Path) -> Path:
    """A data folder of version 0.1."""
    directory.mkdir(parents=True, exist_ok=True)
    shutil.copytree(OLD / "journal", directory / "journal", dirs_exist_ok=True)
    shutil.copy(OLD / "snapshot", directory)
    run_sql(directory / DATABASE, (OLD / "ledger.sql").read_text(encoding="utf-8"))
    return directory


def run_sql(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.executescript(script)


def dump(path: Path) -> list[str]:
    """Everything in a database, as SQL; indexes are created in no particular order."""
    with closing(sqlite3.connect(path)) as database:
        return sorted(database.iterdump())


def schema_of(path: Path) -> dict[str, object]:
    """Columns of every table in their order, and the statements behind indexes and triggers."""
    with closing(sqlite3.connect(path)) as database:
        found = database.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {
            name: _columns(database, name) if kind == "table" else " ".join(sql.split())
            for kind, name, sql in found.fetchall()
        }


def _columns(database: sqlite3.Connection, table: str) -> list[tuple[object, ...]]:
    columns = database.execute(f"PRAGMA table_info({table})")
    return [(*rest, str(default).strip("'"), key) for *rest, default, key in columns]


@pytest.fixture
def old(data: Path) -> Path:
    return old_books(data)


class Sink:
    """Keeps what a book enters."""

    def __init__(self, entries: list[Entry]) -> None:
        self.entries = entries

    def append(self, entry: Entry) -> int:
        self.entries.append(entry)
        return len(self.entries)


def groups_of(store: Store, month: str, tenant: str) -> list[UsageGroup]:
    zone = next(row.timezone for row in Registry(store).tenants() if row.name == tenant)
    period = month_named(month, zone)
    return usage(store, period.start_s, period.end_s, tenant)


def test_every_request_that_is_over_is_in_the_new_books_as_the_old_ones_said(old: Path) -> None:
    expected = [group for group in EXPECTED["usage"] if group["state"] != "pending"]
    found = []
    with Store(old, write=True) as store:
        for month, tenant in sorted({(g["month"], g["tenant"]) for g in EXPECTED["usage"]}):
            for group in groups_of(store, month, tenant):
                found.append({"month": month, **json.loads(msgspec.json.encode(group))})
    assert {row.pop("absorbed_pusd") for row in found} == {0}
    assert sorted(map(str, found)) == sorted(map(str, expected))


@pytest.mark.parametrize(
    "expected", EXPECTED["invoices"], ids=lambda i: f"{i['month']}-{i['total_cents']}"
)
def test_invoices_of_old_months_are_the_same_to_the_cent(
    old: Path, expected: dict[str, Any]
) -> None:
    with Store(old, write=True) as store:
        issued = date(2026, 12, 1)
        made = draft(store, Registry(store), expected["tenant"], expected["month"], issued=issued)
    assert (made.total_minor, made.exact_pusd) == (expected["total_cents"], expected["exact_pusd"])
    assert [line.amount_minor for line in made.lines] == [line[7] for line in expected["lines"]]


def test_the_chain_of_migrated_books_is_whole_and_the_same_each_time(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema2, "BLOCK_ROWS", 10)
    other = old_books(tmp_path / "other")
    for directory in (old, other):
        with Store(directory, write=True) as store, store.reading() as connection:
            assert list(chain.verify(connection)) == []
    assert dump(old / DATABASE) == dump(other / DATABASE)


def test_what_was_open_is_still_open_and_recovery_ends_it(old: Path) -> None:
    with Store(old, write=True) as store:
        loader = Loader(store, ManualClock(NOW_S))
        assert [hold.tenant for hold in loader.accounts.open_holds] == ["acme"]
        assert [settle.tenant for settle in loader.accounts.unconfirmed] == [
            "acme",
            "Zahnärzte Ñandú 株式会社",
        ]
        assert loader.catch_up() == 3
        assert len(groups_of(store, "2026-11", "staff")) > 0
        # the keys' balances are new: they add up to those of their tenants
        state = loader.accounts.state()
        for field in ("spent_pusd", "held_pusd"):
            by_tenant = sum(getattr(balance, field) for balance in state.balances.values())
            assert sum(getattr(balance, field) for balance in state.keys.values()) == by_tenant > 0


def test_a_gateway_recovers_from_the_old_snapshot_and_journal(old: Path) -> None:
    _, accounts = recover(old)
    entries: list[Entry] = []
    book = Book(accounts, Sink(entries), Roster(0))
    assert book.recover(NOW_S) == (1, 2)
    assert accounts.balance("acme", NOW_S).held_pusd == 0
    assert [type(entry) for entry in entries] == [Void, Waive, Waive]


def test_migrated_books_have_the_schema_of_new_ones(old: Path, tmp_path: Path) -> None:
    Store(tmp_path / "new", write=True).close()
    with Store(old, write=True) as store, store.reading() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, schema.metadata) == []
    assert schema_of(old / DATABASE) == schema_of(tmp_path / "new" / DATABASE)


def test_the_step_to_schema_2_makes_what_it_made_when_it_was_written(old: Path) -> None:
    """Whatever the tables of today are: its statements are its own, and so is what it writes."""
    assert not {"schema", "tables", "plans"} & vars(schema2).keys()
    engine = create_engine(f"sqlite:///{old / DATABASE}")
    with engine.begin() as connection, Operations.context(MigrationContext.configure(connection)):
        schema2.upgrade()
    engine.dispose()
    made = "\n".join(dump(old / DATABASE))
    assert hashlib.sha256(made.encode()).hexdigest() == MADE_BY_SCHEMA_2


@pytest.mark.parametrize("number", [0, 1, 37_500, 400_000, 10**7, 2**63 - 1])
def test_prices_of_schema_1_are_versions_of_their_own(old: Path, number: int) -> None:
    values = "99, 'old', 5, 6, " + ", ".join([str(number)] * len(METERS))
    run_sql(old / DATABASE, f"INSERT INTO price VALUES ({values})")
    with Store(old, write=True) as store:
        registry = Registry(store)
        (price,) = (one for one in registry.prices() if one.plan == "old")
        (version,) = (one for one in registry.plan_versions() if one.plan == "old")
        with store.transaction() as connection:
            assert enter_version(connection, "old", 9, 9, version.terms) == 100
    assert (price.meters, price.denominator) == ((number,) * len(METERS), 1)
    assert (version.version, version.valid_from_us, price.plan_version) == (99, 5, 99)
    (derived,) = request_prices("old", 99, 5e-6, version.terms)
    assert derived.meters == price.meters


def test_migrated_books_can_be_written_and_not_changed(old: Path) -> None:
    with Store(old, write=True) as store:
        new_key = Registry(store).create_key("acme", NOW_S)
        assert new_key.id in {row.id for row in Registry(store).keys("acme")}
        for table in ("request", "block", "price"):
            with pytest.raises(DBAPIError, match="append-only"), store.transaction() as connection:
                connection.exec_driver_sql(f"DELETE FROM {table}")


def test_a_copy_of_the_old_books_is_kept(old: Path) -> None:
    before = dump(old / DATABASE)
    Store(old, write=True).close()
    copy = old / BACKUP.format(1)
    assert dump(copy) == before
    assert copy.stat().st_mode & 0o777 == 0o600


def test_books_of_a_newer_schema_are_refused_and_left_alone(old: Path) -> None:
    Store(old, write=True).close()
    newer = schema.SCHEMA_VERSION + 1
    run_sql(old / DATABASE, f"UPDATE meta SET value = '{newer}' WHERE name = 'schema'")
    before = dump(old / DATABASE)
    with pytest.raises(LedgerError, match=f"schema {newer}") as refused:
        Store(old, write=True)
    assert "newer" in refused.value.hint
    assert dump(old / DATABASE) == before


def test_old_books_cannot_be_read_before_they_are_migrated(old: Path) -> None:
    with pytest.raises(LedgerError, match="schema 1"):
        Store(old, write=False)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("DELETE FROM accounts_state", "is open"),
        (
            "INSERT INTO entry SELECT request, 3, at_us, held_us, tenant, key, model, pool, NULL,"
            " 0,0,0,0,0,0,0,0, usage_source, 0, 'twice' FROM entry WHERE kind = 2 LIMIT 1",
            "ended twice",
        ),
    ],
)
def test_old_books_that_contradict_themselves_are_refused_and_left_alone(
    old: Path, damage: str, message: str
) -> None:
    run_sql(old / DATABASE, damage)
    before = dump(old / DATABASE)
    with pytest.raises(LedgerError, match=message):
        Store(old, write=True)
    assert dump(old / DATABASE) == before


@pytest.mark.parametrize(
    ("call", "how", "step"),
    [
        *(("write", how, 43) for how in ("kill", "torn", "ENOSPC", "EIO")),
        *((call, "kill", 1) for call in ("sync", "rename", "create", "truncate")),
        *((call, "EIO", 1) for call in ("sync", "rename", "create", "truncate")),
    ],
)
def test_a_migration_that_fails_at_any_call_leaves_the_old_books_or_the_new(
    faults: Faults, call: Call, how: How, step: int, tmp_path: Path
) -> None:
    blank = old_books(tmp_path / "blank")
    before = dump(blank / DATABASE)
    complete = shutil.copytree(blank, tmp_path / "complete")
    Store(complete, write=True).close()
    after = dump(complete / DATABASE)

    def run(_at: int) -> None:
        shutil.rmtree(faults.folder)
        shutil.copytree(blank, faults.folder)
        ended = forks.run(OPEN_STORE.format(str(faults.folder)))
        assert faults.failed or ended == 0
        assert dump(faults.folder / DATABASE) in (before, after)
        Store(faults.folder, write=True).close()
        assert dump(faults.folder / DATABASE) == after
        assert dump(faults.folder / BACKUP.format(1)) == before

    with faults.preloaded(IMPORTS) as forks:
        assert faults.at_every_call(run, call, how=how, step=step) > 0
