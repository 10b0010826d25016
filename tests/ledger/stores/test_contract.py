"""What every store must do, whichever database it is in."""

import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.exc import DBAPIError
from tests.support.books import NOON_S, charged, faults_of, fill_tables, load, rows, void

from wattmill.catalog.factory import parse_factory
from wattmill.core.clock import ManualClock
from wattmill.core.errors import LedgerBusy, LedgerError, UsageError
from wattmill.core.records import METERS, Usage
from wattmill.gateway.usage import MAX_COUNT
from wattmill.ledger import chain, schema, tables
from wattmill.ledger.entries import Deliver, Entry, Hold, Hop, Settle
from wattmill.ledger.journal import encode_frame, segment_path
from wattmill.ledger.loader import Loader
from wattmill.ledger.periods import month_named
from wattmill.ledger.records import PaymentReceived
from wattmill.ledger.registry import Registry
from wattmill.ledger.snapshot import JOURNAL
from wattmill.ledger.store import Store
from wattmill.ledger.usage import usage

MAX = 2**63 - 1
CHAIN_OF_TWO = "e58f9e45a4a7e296"
"""Must never change: books that were written must be provable for ever."""

FACTORY = """
[site]
name = "cellar"
power_usd_per_kwh = 0.09
timezone = "Europe/Berlin"

[[pool]]
name = "l40s"
model = "llama-3.1-70b"
hardware = "4x L40S"
precision = "fp8"
engine = "vllm"
url = "http://10.0.0.5:8000/v1"
paid_usd = 72_000
bought = 2026-06-01

[[model]]
alias = "house-large"
route = ["l40s"]

[[rate_plan]]
name = "standard"
usd_per_mtok = { input = 0.40, cached_input = 0.0375, output = 1.60 }

[[tenant]]
name = "acme"
rate_plan = "standard"
timezone = "America/New_York"
address = ["Zahnärzte Ñandú 株式会社", "Straße 1 \\U0001F3E0"]
"""

NewStore = Callable[..., Store]


# --- entering ---------------------------------------------------------------------------------------------------------


def test_requests_come_back_as_they_went_in_and_the_chain_holds(store: Store) -> None:
    hops = (Hop("reseller", 2, 5), Hop("distributor", 3, 4))
    load(store, charged(2, upline=hops), charged(1, amount_pusd=10), void(3))
    load(store, charged(4, pool="cloud"))
    groups = usage(store, NOON_S, NOON_S + 900)
    found = {(g.state, g.pool, g.price): (g.requests, g.meters[0], g.amount_pusd) for g in groups}
    assert found == {
        ("charged", "l40s", 1): (2, 14, 11),
        ("charged", "cloud", 1): (1, 7, 1),
        ("void", None, None): (1, 0, 0),
    }
    assert rows(store, "SELECT request, hop, party, price, amount_pusd FROM resale ORDER BY 2") == [
        (2, 1, "reseller", 2, 5),
        (2, 2, "distributor", 3, 4),
    ]
    assert faults_of(store) == []


def test_the_same_requests_make_the_same_chain_in_every_database(store: Store) -> None:
    load(store, charged(1), void(2, pool="l40s"), charged(3, tenant="Ñandú \U0001f3e0"))
    with store.transaction() as connection:
        payment = PaymentReceived(payment="p", tenant="acme", amount_pusd=5, received_us=6)
        chain.append_record(connection, payment, round(NOON_S * 1e6))
    with store.reading() as connection:
        last = chain.tail(connection)
    assert (last.number, last.hash.hex()[:16]) == (2, CHAIN_OF_TWO)


def test_a_request_is_entered_once_and_a_second_time_changes_nothing(store: Store) -> None:
    load(store, charged(1), charged(2))
    before = usage(store, 0, 2e9)
    with pytest.raises(LedgerError, match="already"):
        load(store, charged(3), charged(2))
    assert usage(store, 0, 2e9) == before
    assert rows(store, "SELECT count(*) FROM block") == [(1,)]
    load(store, charged(3))
    assert faults_of(store) == []


def test_nothing_of_a_transaction_that_fails_is_there(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.transaction() as connection:
        payment = PaymentReceived(payment="p", tenant="acme", amount_pusd=5, received_us=6)
        chain.append_record(connection, payment, 1)
        raise ZeroDivisionError
    assert rows(store, "SELECT count(*) FROM block") == [(0,)]


@pytest.mark.parametrize("table", tables.APPEND_ONLY)
def test_what_is_in_the_books_can_be_neither_changed_nor_deleted(store: Store, table: str) -> None:
    load(store, charged(1, upline=(Hop("reseller", 2, 5),)))
    fill_tables(store)
    column = tables.metadata.tables[table].primary_key.columns[0].name
    for statement in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}"):
        with (
            pytest.raises(DBAPIError, match=f"append-only: {table}"),
            store.transaction() as connection,
        ):
            connection.exec_driver_sql(statement)
    if store.dialect == "postgresql":
        with pytest.raises(DBAPIError, match="append-only"), store.transaction() as connection:
            connection.exec_driver_sql(f"TRUNCATE {table}")


# --- 64 bits ----------------------------------------------------------------------------------------------------------


def test_the_largest_amounts_and_numbers_go_in_and_their_sum_comes_out(store: Store) -> None:
    load(store, charged(MAX, amount_pusd=MAX), charged(MAX - 1, amount_pusd=MAX))
    load(store, charged(1, amount_pusd=MAX))
    for bounds in ((NOON_S, NOON_S + 900), (NOON_S - 1, NOON_S + 899)):
        (group,) = usage(store, *bounds)
        assert group.amount_pusd == 3 * MAX
    assert faults_of(store) == []


def test_the_most_tokens_that_an_engine_may_report_add_up_exactly(store: Store) -> None:
    for block in range(3):
        load(store, *(charged(10 * block + n, tokens=MAX_COUNT) for n in range(1, 10)))
    for bounds in ((NOON_S, NOON_S + 900), (NOON_S - 1, NOON_S + 899)):
        (group,) = usage(store, *bounds)
        assert group.meters[0] == 27 * MAX_COUNT


# --- time zones, names ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "zone", ["UTC", "America/New_York", "Asia/Kolkata", "Pacific/Kiritimati", "Asia/Kathmandu"]
)
@pytest.mark.parametrize("month", ["2026-03", "2026-11"])
def test_a_month_is_half_open_in_its_own_zone_whatever_zone_the_database_is_in(
    store: Store, zone: str, month: str
) -> None:
    start_s = datetime.fromisoformat(f"{month}-01").replace(tzinfo=ZoneInfo(zone)).timestamp()
    period = month_named(month, zone)
    assert period.start_s == start_s
    micro = 1e-6
    instants = (start_s - micro, start_s, period.end_s - micro, period.end_s)
    load(store, *(charged(n, at_s, amount_pusd=10**n) for n, at_s in enumerate(instants)))
    (group,) = usage(store, period.start_s, period.end_s)
    assert group.amount_pusd == 110


@pytest.mark.parametrize(
    "name",
    ["Zahnärzte Ñandú", "株式会社", "\U0001f3e0", "e\u0301", "a'b\"c;--", "a%b_c", "x" * 500, " "],
)
def test_names_come_back_letter_by_letter(store: Store, name: str) -> None:
    load(store, charged(1, tenant=name))
    assert [group.tenant for group in usage(store, 0, 2e9, name)] == [name]


def test_names_that_look_alike_are_different_tenants(store: Store) -> None:
    names = ["acme", "Acme", "ACME", "acme ", "\u00e9", "e\u0301", "strasse", "straße"]
    load(store, *(charged(n, tenant=name) for n, name in enumerate(names, start=1)))
    assert {group.tenant for group in usage(store, 0, 2e9)} == set(names)
    assert usage(store, 0, 2e9, "acme")[0].requests == 1


def test_groups_come_in_the_same_order_from_every_database(store: Store) -> None:
    names = ["b", "B", "a", "_", "Z", "é", "~"]
    load(store, *(charged(n, tenant=name) for n, name in enumerate(names, start=1)), void(99))
    load(store, void(98, pool="l40s"))
    found = usage(store, 0, 1_800_000_000)
    assert [g.tenant for g in found] == sorted([*names, "acme", "acme"])
    assert [g.pool for g in found if g.tenant == "acme"] == [None, "l40s"]


# --- registry ---------------------------------------------------------------------------------------------------------


def test_a_factory_file_is_taken_over_and_numbers_go_on_after_it(store: Store) -> None:
    registry = Registry(store)
    registry.load_factory(parse_factory(FACTORY, "factory.toml"), FACTORY, NOON_S)
    dearer = FACTORY.replace("0.40", "0.41")
    registry.load_factory(parse_factory(dearer, "factory.toml"), dearer, NOON_S + 1)
    registry.load_factory(parse_factory(dearer, "factory.toml"), dearer, NOON_S + 2)
    assert [(p.version, p.valid_from_s) for p in registry.prices()] == [(1, 0.0), (2, NOON_S + 1)]
    assert registry.factory().tenants[0].address[0] == "Zahnärzte Ñandú 株式会社"
    key = registry.create_key("acme", NOON_S, label="Büro ☕")
    assert [(row.id, row.label) for row in registry.keys("acme")] == [(key.id, "Büro ☕")]
    assert registry.set_tenant("acme", 0.0, budget_uusd=MAX).budget_uusd == MAX
    with pytest.raises(UsageError, match="exists"):
        registry.create_tenant("acme", "standard")


# --- the journal ------------------------------------------------------------------------------------------------------


def life(request: int, at_s: float = NOON_S) -> list[Entry]:
    who = ("acme", "k_1", "house-large")
    settle = Settle(request, at_s, at_s, *who, "l40s", 1, Usage(3), 30, "finished")
    return [Hold(request, at_s, *who, 1, 50), settle, Deliver(request, at_s)]


def write_journal(data: Path, *frames: list[Entry]) -> None:
    path = segment_path(data / JOURNAL, 1)
    path.parent.mkdir(exist_ok=True)
    with path.open("ab") as file:
        file.write(b"".join(map(encode_frame, frames)))


def test_the_journal_is_loaded_once_whoever_loads_it(new_store: NewStore, data: Path) -> None:
    write_journal(data, life(1), life(2)[:1])
    with new_store() as store:
        assert Loader(store, ManualClock(NOON_S)).catch_up() == 4
    write_journal(data, life(2)[1:], life(3))
    for loaded in (5, 0):
        with new_store() as store:
            loader = Loader(store, ManualClock(NOON_S))
            assert loader.catch_up() == loaded
            assert loader.accounts.balance("acme", NOON_S).spent_pusd == 90
            assert loader.accounts.open_holds == []
            assert usage(store, 0, 2e9)[0].requests == 3
            assert faults_of(store) == []


# --- who may read and write -------------------------------------------------------------------------------------------


def test_a_reader_sees_one_state_of_the_books_while_others_write(new_store: NewStore) -> None:
    store, reader = new_store(), new_store(write=False)
    load(store, charged(1))
    with reader.reading() as connection:
        count = "SELECT count(*) FROM request"
        assert connection.exec_driver_sql(count).scalar() == 1
        load(store, charged(2))
        assert connection.exec_driver_sql(count).scalar() == 1
    assert rows(reader, count) == [(2,)]


def test_readers_never_see_half_of_a_load_and_stop_nobody(new_store: NewStore) -> None:
    store = new_store()
    stop, torn = threading.Event(), []

    def read() -> None:
        with new_store(write=False) as reader:
            while not stop.is_set():
                with reader.reading() as connection:
                    blocks = connection.exec_driver_sql("SELECT count(*) FROM block").scalar()
                    requests = connection.exec_driver_sql("SELECT count(*) FROM request").scalar()
                if requests != 50 * (blocks or 0):
                    torn.append((blocks, requests))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for thread in readers:
        thread.start()
    for block in range(20):
        load(store, *(charged(50 * block + n) for n in range(50)))
    stop.set()
    for thread in readers:
        thread.join()
    assert torn == []
    assert rows(store, "SELECT count(*) FROM request") == [(1000,)]


def test_a_reader_changes_nothing(new_store: NewStore) -> None:
    new_store().close()
    reader = new_store(write=False)
    with (
        pytest.raises((DBAPIError, LedgerError), match="read"),
        reader.transaction() as connection,
    ):
        connection.execute(schema.meta.insert().values(name="x", value="y"))


def test_one_process_writes_a_database_whatever_folder_it_comes_from(
    new_store: NewStore, tmp_path: Path, database_url: str | None
) -> None:
    first = new_store()
    with pytest.raises(LedgerBusy):
        new_store()
    if database_url is not None:
        with pytest.raises(LedgerBusy):
            new_store(directory=tmp_path / "elsewhere")
    first.close()
    load(new_store(), charged(1))


def test_books_of_another_schema_are_refused(new_store: NewStore) -> None:
    with new_store() as store, store.transaction() as connection:
        newer = schema.meta.update().values(value=str(schema.SCHEMA_VERSION + 1))
        connection.execute(newer.where(schema.meta.c.name == "schema"))
    for write in (True, False):
        with pytest.raises(LedgerError, match=f"schema {schema.SCHEMA_VERSION + 1}"):
            new_store(write=write)


def test_a_refused_store_leaves_no_lock_behind(new_store: NewStore) -> None:
    test_books_of_another_schema_are_refused(new_store)
    with pytest.raises(LedgerError, match="schema"):
        new_store()


def test_meters_of_the_tables_are_those_of_usage() -> None:
    assert [c.name for c in schema.request.c if c.name in METERS] == list(METERS)


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b"])
def test_text_that_one_database_would_not_keep_is_refused_by_all(store: Store, text: str) -> None:
    registry = Registry(store)
    registry.load_factory(parse_factory(FACTORY, "factory.toml"), FACTORY, 0.0)
    with pytest.raises(UsageError, match="'a"):
        registry.create_tenant(text, "standard")
    with pytest.raises(UsageError, match="'a"):
        registry.create_key("acme", 0.0, label=text)
    assert [row.name for row in registry.tenants()] == ["acme"]
    assert registry.keys() == []


def test_the_largest_limits_come_back_as_they_went_in(store: Store) -> None:
    registry = Registry(store)
    registry.load_factory(parse_factory(FACTORY, "factory.toml"), FACTORY, 0.0)
    row = registry.set_tenant("acme", 0.0, budget_uusd=10**18, requests_per_minute=2**31 - 1)
    assert (row.budget_uusd, row.requests_per_minute) == (10**18, 2**31 - 1)
    assert registry.roster((), (), 1).tenants[0].budget_pusd == 10**24
