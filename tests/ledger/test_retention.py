"""Details of old, invoiced requests can go; whatever is asked afterwards is answered as before, or refused."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event
from sqlalchemy.exc import DatabaseError
from tests.ledger.billing.test_late import correct
from tests.ledger.billing.world import World, flat, instant
from tests.support.postgres import PostgresServer, postgres_server

from wattmill.core.errors import LedgerError, UsageError
from wattmill.core.roster import Tenant
from wattmill.ledger import chain, schema, tables
from wattmill.ledger.accounts import AccountsState
from wattmill.ledger.billing import archive
from wattmill.ledger.billing.hops import hop_margins
from wattmill.ledger.billing.prepaid import live_grants
from wattmill.ledger.copying import copy_to_file, restore_books
from wattmill.ledger.doctor import examine
from wattmill.ledger.export.usage_rows import usage_lines
from wattmill.ledger.periods import month_named
from wattmill.ledger.records import DetailsRetired, decode_record
from wattmill.ledger.retention.retiring import Retired, Wish, require_before, retire, survey
from wattmill.ledger.store import Store
from wattmill.ledger.usage import usage

__all__ = ["postgres_server"]

TENANTS = ("acme", "delta", "mesa", "late-zone")
MONTHS = ("2026-09", "2026-10", "2026-11")


def built(directory: Path, url: str | None = None) -> World:
    """A site with a reseller of two clients, and a tenant whose months begin elsewhere; it is January."""
    world = World(directory, url)
    world.plan("standard", flat())
    world.plan("retail", flat(output_text="3"))
    world.tenant("mesa")
    world.tenant("acme", "retail", parent="mesa")
    world.tenant("delta", "retail", parent="mesa")
    world.tenant("late-zone", timezone="Pacific/Kiritimati")
    world.now_s = instant("2027-01-05 12:00")
    return world


def wish(world: World, before: str = "2026-11", **changes: Any) -> Wish:
    zones = {row.name: row.timezone for row in world.tenants()}
    wanted = Wish(before=before, now_s=world.now_s, timezones=zones, keys={})
    return msgspec.structs.replace(wanted, **changes)


def retired(world: World, before: str = "2026-11", **changes: Any) -> Retired:
    return retire(world.store, wish(world, before, **changes), "ada")


def count(world: World, table: str = "request") -> int:
    with world.store.reading() as connection:
        return int(connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())


def faults(world: World) -> list[chain.Fault]:
    with world.store.reading() as connection:
        return list(chain.verify(connection))


@pytest.fixture(params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """The same in both databases."""
    url = None
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres_server")
        url = server.new_database()
    made = built(tmp_path, url)
    yield made
    made.store.close()


def two_months(world: World) -> None:
    """October and November, both invoiced: a block for each request."""
    for day in ("2026-10-10", "2026-10-20", "2026-11-10"):
        world.serve(f"{day} 12:00", output=1_000)
        world.serve(f"{day} 12:00", output=10, tenant="late-zone")
    for month in ("2026-10", "2026-11"):
        world.issue_all(month)


# --- what goes --------------------------------------------------------------------------------------------------------


def test_invoiced_requests_of_before_the_month_go_and_the_chain_holds(world: World) -> None:
    two_months(world)
    found = retired(world)
    assert (found.requests, found.blocks, found.resales) == (4, 4, 2)
    assert (count(world), count(world, "resale")) == (2, 1)
    assert faults(world) == []


def test_the_record_says_what_went_by_tenant_and_who_said_so(world: World) -> None:
    two_months(world)
    (number,) = retired(world).records
    with world.store.reading() as connection:
        row = schema.record.c
        body = connection.execute(schema.record.select().where(row.block == number)).one().body
        last = chain.hash_of(connection, 4)
    record = decode_record(body)
    assert isinstance(record, DetailsRetired) and last is not None
    assert (record.before, record.by, record.requests) == ("2026-11", "ada", 4)
    assert [(one.tenant, one.requests, one.meters[3]) for one in record.sums] == [
        ("acme", 2, 2_000_000),
        ("late-zone", 2, 20_000),
    ]
    (blocks,) = record.blocks
    assert (blocks.first, blocks.last, blocks.hash) == (1, 4, last.hex())


def test_a_block_stays_while_one_of_its_requests_is_not_invoiced(world: World) -> None:
    world.enter(
        [
            world.serve("2026-10-10 12:00", output=1, enter=False),
            world.serve("2026-10-10 12:00", output=1, tenant="late-zone", enter=False),
        ]
    )
    world.issue("acme", "2026-10")
    world.issue("mesa", "2026-10")
    found = retired(world)
    assert (found.requests, found.records, count(world)) == (0, (), 2)
    assert [(one.party, one.month, one.blocks) for one in found.not_invoiced] == [
        ("late-zone", "2026-10", 1)
    ]


def test_a_request_stays_until_its_reseller_is_billed_for_it(world: World) -> None:
    world.serve("2026-10-10 12:00", output=1_000)
    world.issue("acme", "2026-10")
    assert retired(world).requests == 0
    world.issue("mesa", "2026-10")
    assert retired(world).requests == 1


def test_what_came_in_behind_the_invoice_stays(world: World) -> None:
    world.serve("2026-10-10 12:00", output=1_000, tenant="mesa")
    world.issue("mesa", "2026-10")
    world.serve("2026-10-11 12:00", output=1_000, tenant="mesa")
    assert retired(world).requests == 1
    world.issue("mesa", "2026-11")
    assert retired(world).requests == 1
    assert count(world) == 0


def test_what_was_never_charged_needs_no_invoice(world: World) -> None:
    world.serve("2026-10-10 12:00", output=5, state="void")
    world.serve("2026-10-10 12:00", output=5, state="waived")
    assert retired(world).requests == 2


def test_a_month_is_over_on_the_clock_of_its_tenant(world: World) -> None:
    """In Kiritimati it is November 14 hours before it is in UTC."""
    for tenant in ("mesa", "late-zone"):
        world.serve("2026-10-31 23:00", output=1_000, tenant=tenant)
    world.issue_all("2026-10")
    world.issue_all("2026-11")
    assert [one.tenant for one in retired(world).sums] == ["mesa"]


def test_looking_changes_nothing_and_says_the_same(world: World) -> None:
    two_months(world)
    with world.store.reading() as connection:
        seen = survey(connection, wish(world))
    assert count(world) == 6
    assert msgspec.structs.replace(retired(world), records=()) == seen


def test_portions_are_the_whole(world: World) -> None:
    two_months(world)
    world.serve("2026-10-30 12:00", output=9, tenant="delta")
    parts = [retired(world, most_rows=1)]
    while (after := parts[-1].next_block) is not None:
        parts.append(retired(world, most_rows=1, after_block=after))
    assert [part.requests for part in parts] == [1, 1, 1, 1, 0, 0, 0]
    assert parts[-1].not_invoiced[0].party == "delta"
    assert (count(world), faults(world)) == (3, [])


def test_a_second_time_nothing_is_left_to_go(world: World) -> None:
    two_months(world)
    retired(world)
    assert retired(world).records == ()
    assert retired(world, "2026-12").requests == 2


def test_a_block_that_was_changed_does_not_go(tmp_path: Path) -> None:
    world = built(tmp_path)
    two_months(world)
    with world.store.transaction() as connection:
        connection.exec_driver_sql("DROP TRIGGER request_never_update")
        connection.exec_driver_sql("UPDATE request SET output_text = 1 WHERE id = 3")
    with pytest.raises(LedgerError, match="block 3: its rows are not those"):
        retired(world)
    assert count(world) == 6
    world.store.close()


# --- what is asked afterwards -----------------------------------------------------------------------------------------


def answers(world: World, *months: str) -> list[Any]:
    """Whatever is answered from sums: usage, drafts, what is left at each hop."""
    start_s, end_s = instant("2026-07-01"), instant("2027-01-01")
    found: list[Any] = [usage(world.store, start_s, end_s)]
    for month in months:
        found.append(hop_margins(world.store, world, month))  # type: ignore[arg-type]
        found += [shown(world.draft(tenant, month)) for tenant in TENANTS]
    return found


def shown(document: Any) -> Any:
    """A document without the blocks that it knew."""
    return msgspec.structs.replace(document, up_to_block=0, chain_hash="", coverage=())


SERVE = st.tuples(
    st.just("serve"),
    st.sampled_from(TENANTS),
    st.sampled_from(MONTHS),
    st.integers(1, 28),
    st.sampled_from(("charged", "charged", "waived", "void")),
)
EVENTS = st.lists(
    st.one_of(
        SERVE,
        st.tuples(st.just("issue"), st.sampled_from(MONTHS)),
        st.tuples(st.just("issue one"), st.sampled_from(TENANTS), st.sampled_from(MONTHS)),
        st.tuples(st.just("void"), st.integers(0, 5)),
        st.tuples(st.just("correct"), st.integers(0, 9)),
    ),
    max_size=8,
)


def play(world: World, events: list[Any]) -> None:
    for what, *about in events:
        if what == "serve":
            tenant, month, day, state = about
            world.serve(f"{month}-{day:02d} 12:34", output=day, tenant=tenant, state=state)
        elif what == "issue":
            world.issue_all(about[0])
        elif what == "issue one":
            world.issue(*about)
        elif what == "void":
            void_one(world, about[0])
        else:
            correct_one(world, about[0])


def void_one(world: World, which: int) -> None:
    """One of the invoices that stand, if there are any."""
    found = [
        one.number
        for one in archive.documents(world.store)
        if one.status == "final" and one.credits is None and one.kind == "invoice"
    ]
    if found:
        world.void(found[which % len(found)])


def correct_one(world: World, request: int) -> None:
    """A token less, where the request is there and charged."""
    with suppress(UsageError):
        correct(world, request, {"output_text": -1})


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    served=st.lists(SERVE, min_size=3, max_size=9),
    before=EVENTS,
    issued=st.sets(st.sampled_from(MONTHS), min_size=1),
    after=EVENTS,
    month=st.sampled_from(("2026-10", "2026-11", "2026-12")),
    most_rows=st.integers(3, 20),
)
def test_books_with_and_without_details_go_on_alike(
    tmp_path_factory: pytest.TempPathFactory,
    served: list[Any],
    before: list[Any],
    issued: set[str],
    after: list[Any],
    month: str,
    most_rows: int,
) -> None:
    """Whatever is invoiced, late, corrected or taken back later: no document tells that details are gone."""
    whole, short = (built(tmp_path_factory.mktemp("world")) for _ in range(2))
    with whole.store, short.store:
        for world in (whole, short):
            play(world, [*served, *before])
            play(world, [("issue", name) for name in sorted(issued)])
        retired(short, month, most_rows=most_rows)
        gone = set(range(1, whole._requests + 1)) - ids(short)
        later = [one for one in after if one[0] != "correct" or one[1] not in gone]
        assert answers(short, MONTHS[0]) == answers(whole, MONTHS[0])
        for world in (whole, short):
            play(world, later)
        assert answers(short, *MONTHS) == answers(whole, *MONTHS)
        assert faults(short) == []


def ids(world: World) -> set[int]:
    with world.store.reading() as connection:
        return {number for (number,) in connection.exec_driver_sql("SELECT id FROM request")}


def test_a_correction_of_before_still_reaches_the_reseller(world: World) -> None:
    served = world.serve("2026-10-10 12:00", output=2_000)
    for tenant in ("mesa", "acme"):
        world.issue(tenant, "2026-10")
    correct(world, served.end.request, {"output_text": -1_000_000})
    retired(world)
    assert (count(world), count(world, "resale")) == (0, 1)
    assert world.issued("mesa").net_minor == -1_00
    assert world.issued("acme").net_minor == -3_00


def test_what_needs_single_requests_is_refused_with_a_hint(world: World) -> None:
    two_months(world)
    retired(world)
    october, november = (month_named(name, "UTC") for name in ("2026-10", "2026-11"))
    with pytest.raises(LedgerError, match="acme, 2026-10-01 to 2026-11-01: the details") as caught:
        list(usage_lines(world.store, "acme", october, {}))
    assert "copies" in caught.value.hint
    with pytest.raises(LedgerError, match="mesa, 2026-10-01"):
        list(usage_lines(world.store, "mesa", october, {}))
    with pytest.raises(LedgerError, match="request wm-1: the details of these requests"):
        correct(world, 1, {"output_text": -1})
    assert len(list(usage_lines(world.store, "acme", november, {}))) == 2


def test_an_instant_that_cuts_retired_requests_apart_is_refused(world: World) -> None:
    two_months(world)
    whole = usage(world.store, instant("2026-10-10 12:00"), instant("2026-10-10 12:15"), "acme")
    retired(world)
    at_s = instant("2026-10-10 12:00")
    assert usage(world.store, at_s, at_s + 900, "acme") == whole
    assert usage(world.store, at_s, at_s + 900, "acme", up_to_block=50) == whole
    assert usage(world.store, at_s - 100, at_s + 1000, "acme", up_to_block=0) == []
    with pytest.raises(LedgerError, match="quarter of an hour from 2026-10-10 12:00"):
        usage(world.store, at_s, at_s + 60, "acme")


def test_a_request_that_is_retired_can_never_come_again(world: World) -> None:
    again = world.serve("2026-10-10 12:00", output=1_000, tenant="mesa")
    world.issue("mesa", "2026-10")
    retired(world)
    with pytest.raises(LedgerError, match="request 0x1 is retired"):
        world.enter([again])
    assert (count(world), faults(world)) == (0, [])


def unsound(store: Store) -> set[str]:
    """The checks that find something. These books do not know their prices: that alone is no fault here."""
    return {
        result.name
        for result in examine(store)
        if any("price version" not in f"{fault.place} {fault.what}" for fault in result.faults)
    } - {"requests"}


def test_the_doctor_finds_nothing_and_a_copy_is_as_sound(world: World, tmp_path: Path) -> None:
    """Sums, digests and numbers are the same in every database."""
    two_months(world)
    world.serve("2026-11-11 12:00", output=3, state="waived")
    retired(world)
    world.store.clean()
    assert unsound(world.store) == set()
    copy_to_file(world.store._engine, tmp_path / "copy.db")
    (tmp_path / "new").mkdir()
    restore_books(tmp_path / "copy.db", tmp_path / "new")
    with Store(tmp_path / "new", write=True) as restored:
        assert unsound(restored) == set()
        again = restored.directory
    other = built(again)
    assert retired(other, "2026-12").requests == 3
    assert unsound(other.store) == set()
    other.store.close()


# --- all or nothing ---------------------------------------------------------------------------------------------------


def content(world: World) -> list[Any]:
    with world.store.reading() as connection:
        return [
            sorted(map(repr, connection.execute(table.select())))
            for table in tables.metadata.sorted_tables
        ]


@pytest.mark.filterwarnings("ignore:Exception ignored in")
def test_a_failure_at_any_write_leaves_everything(world: World) -> None:
    two_months(world)
    before, left = content(world), 0

    def run(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        nonlocal left
        if statement.lstrip().startswith(("INSERT", "DELETE")):
            left -= 1
            if left == 0:
                raise RuntimeError("the power is gone")

    event.listen(world.store._engine, "before_cursor_execute", run)
    for writes in range(1, 50):
        left = writes
        try:
            retired(world)
        except RuntimeError:
            assert content(world) == before, writes
        else:
            break
    assert 6 < writes < 49
    assert (count(world), faults(world)) == (2, [])


def refused(world: World, *statements: str) -> bool:
    """Whether a transaction of these statements is refused as a change of what happened."""
    try:
        with world.store.transaction() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
    except DatabaseError as error:
        return "append-only" in str(error)
    return False


RANGE = "INSERT INTO retired_block (last, first, retirement) VALUES"


def test_no_other_row_can_be_deleted_before_or_after(world: World) -> None:
    two_months(world)
    assert refused(world, "DELETE FROM request WHERE block = 1")
    assert refused(world, "DELETE FROM resale WHERE block = 1")
    assert refused(world, f"{RANGE} (1, 1, 1)", "DELETE FROM request WHERE block = 1")
    last = "(SELECT max(number) FROM block)"
    assert refused(world, f"{RANGE} (1, 1, {last})", "DELETE FROM request WHERE block = 1")
    (number,) = retired(world).records
    assert refused(world, "DELETE FROM request WHERE block = 5")
    assert refused(world, "DELETE FROM retired_usage")
    assert refused(world, "UPDATE retired_block SET first = 1")
    world.serve("2026-12-10 12:00", output=1)
    assert refused(world, f"{RANGE} (6, 5, {number})", "DELETE FROM request WHERE block = 5")
    assert count(world) == 3


def test_nothing_of_what_went_can_be_read_in_the_file(tmp_path: Path) -> None:
    """Not in free pages, and not in the log beside the file."""
    world = built(tmp_path)
    world.serve("2026-10-10 12:00", output=1_000, tenant="mesa", model="a-name-to-look-for")
    world.serve("2026-10-11 12:00", output=1_000, tenant="mesa", model="a-name-to-look-for")
    world.issue("mesa", "2026-10")
    files = [path for path in tmp_path.iterdir() if path.name.startswith("ledger.db")]
    key = b"mesak_1"
    assert sum(path.read_bytes().count(key) for path in files) > 0
    retired(world)
    world.store.clean()
    assert sum(path.read_bytes().count(key) for path in files if path.exists()) == 0
    world.store.close()


# --- which month ------------------------------------------------------------------------------------------------------


def test_the_site_says_how_long_details_are_kept() -> None:
    now_s = instant("2027-01-05 12:00")
    assert require_before(None, 90, now_s, "UTC") == "2026-10"
    assert require_before("2026-08", 90, now_s, "UTC") == "2026-08"
    assert require_before("2027-01", None, now_s, "UTC") == "2027-01"


@pytest.mark.parametrize(
    ("before", "days", "said", "hint"),
    [
        (None, None, "keeps its details for ever", "keep_details_days"),
        ("2026-11", 90, "are kept for 90 days", "--before 2026-10"),
        ("2027-02", None, "are not over yet", "--before 2027-01"),
        ("last", 90, "is not a month", "2026-11"),
    ],
)
def test_a_month_that_must_stay_is_refused(
    before: str | None, days: int | None, said: str, hint: str
) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        require_before(before, days, instant("2027-01-05 12:00"), "UTC")
    assert hint in caught.value.hint


# --- credit -----------------------------------------------------------------------------------------------------------


def test_credit_knows_what_is_late_when_an_invoice_of_retired_requests_is_taken_back(
    tmp_path: Path,
) -> None:
    """The first invoice has the first request, the second the late one; then the second is void.

    Its 2.00 are back in the grant, and the request has drawn them: what is there in all stays 9.00.
    """
    found = []
    for name, retires in (("whole", False), ("short", True)):
        (tmp_path / name).mkdir()
        world = built(tmp_path / name)
        grant = world.grant("9", tenant="mesa").grant
        world.serve("2026-10-10 12:00", output=1_000, tenant="mesa")
        world.issue("mesa", "2026-10")
        world.serve("2026-10-11 12:00", output=2_000, tenant="mesa")
        second = world.issued("mesa", "2026-11")
        if retires:
            assert retired(world).requests == 2
        before = available(world, grant)
        world.void(second.number)
        found.append((before, available(world, grant)))
        world.store.close()
    nine = [9 * 10**12]
    assert found == [(nine, nine), (nine, nine)]


def available(world: World, grant: str) -> list[int]:
    """What the data plane may still take of a grant on which three requests drew 3.00."""
    tenants = {"mesa": Tenant("mesa", "standard", "UTC")}
    state = AccountsState(drawn={grant: 3 * 10**12})
    with world.store.reading() as connection:
        return [one.amount_pusd for one in live_grants(connection, state, tenants)]
