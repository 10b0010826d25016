"""Books whose details are retired are sound, say the same, and each damage to what is left is found."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.ledger.doctor.conftest import DECEMBER_S, load_on
from tests.ledger.doctor.test_doctor import Damage, found, sql

from wattmill.core.errors import LedgerError, UsageError
from wattmill.ledger.billing.prepaid import live_grants
from wattmill.ledger.cost.margin import margin
from wattmill.ledger.cost.report import MarginReport
from wattmill.ledger.engines import Reading, add_reading, stretches
from wattmill.ledger.reconcile import Tokens, work_seen
from wattmill.ledger.registry import Registry
from wattmill.ledger.retention.retiring import Retired, Wish, retire
from wattmill.ledger.store import Store
from wattmill.web.pools import roster_pools
from wattmill.web.reports import one_request


def retired(store: Store, before: str = "2026-12") -> Retired:
    """What can go of the sound books."""
    registry = Registry(store)
    zones = {row.name: row.timezone for row in registry.tenants()}
    keys = store.accounts_state().keys
    return retire(store, Wish(before=before, now_s=DECEMBER_S, timezones=zones, keys=keys), "ada")


def rows(store: Store, statement: str) -> list[Any]:
    with store.reading() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(statement)]


def test_books_are_sound_without_their_details(store: Store) -> None:
    """All of November is gone, with what it waived, voided, resold and corrected."""
    load_on(store)
    whole = rows(store, "SELECT count(*) FROM request")[0][0]
    gone = retired(store)
    assert gone.requests == whole == 20
    assert rows(store, "SELECT count(*) FROM request") == [(0,)]
    assert found(store) == {}


def test_accounts_are_still_the_sum_of_what_was_charged(store: Store) -> None:
    """The balances are of November, and nobody has come since: what keys were charged is kept by key."""
    retired(store)
    kept = rows(store, "SELECT sum(amount) FROM retired_key")
    assert kept == rows(
        store,
        "SELECT sum(amount_high) * 1000000000 + sum(amount_low) FROM usage_quarter WHERE state = 'charged'",
    )
    with store.transaction() as connection:
        assert connection.exec_driver_sql("DROP TRIGGER retired_key_never_update")
        connection.exec_driver_sql("UPDATE retired_key SET amount = '7'")
    assert "accounts" in found(store)


def test_credit_is_what_it_was(store: Store) -> None:
    tenants = {tenant.name: tenant for tenant in Registry(store).every_tenant()}
    state = store.accounts_state()
    with store.reading() as connection:
        before = live_grants(connection, state, tenants)
    retired(store)
    with store.reading() as connection:
        assert live_grants(connection, state, tenants) == before != ()


def november(store: Store) -> MarginReport:
    registry = Registry(store)
    factory = registry.factory()
    pools = roster_pools(factory, {})
    return margin(store, registry, factory, pools, "2026-11", until_s=DECEMBER_S)


def test_the_margin_of_the_month_is_what_it_was_and_says_so(store: Store) -> None:
    before = november(store)
    retired(store)
    after = november(store)
    assert [(one.tenant, one.requests, one.revenue_pusd) for one in after.tenants] == [
        (one.tenant, one.requests, one.revenue_pusd) for one in before.tenants
    ]
    assert after.resellers == before.resellers != ()
    assert (after.cost.total_pusd, after.revenue_pusd) == (
        before.cost.total_pusd,
        before.revenue_pusd,
    )
    assert [note for note in after.notes if "retired" in note] == [
        "details of requests are retired: their work is counted in the hour of their hold"
    ]
    assert not any("retired" in note for note in before.notes)


def test_a_request_that_is_retired_says_so_when_asked_for(data: Path) -> None:
    with Store(data, write=True) as store:
        first, last = rows(store, "SELECT min(id), max(id) FROM request")[0]
        retired(store)
    with pytest.raises(LedgerError, match="the details of these requests are retired"):
        one_request(data, f"wm-{first:x}")
    with pytest.raises(UsageError, match="the books have no request"):
        one_request(data, f"wm-{last + 5000:x}")


# --- engines ----------------------------------------------------------------------------------------------------------


def read_at(store: Store, at_us: int, *counted: int) -> None:
    with store.transaction() as connection:
        add_reading(connection, Reading("l40s", at_us, Tokens(*counted)))


def test_engines_are_still_held_against_what_they_worked(store: Store) -> None:
    """Readings before, among and behind the requests; the last one is taken after their details have gone."""
    load_on(store)
    held = [at_us for (at_us,) in rows(store, "SELECT held_us FROM request ORDER BY held_us")]
    start_us, middle_us, end_us = held[0] - 1, held[8] - 1, held[-1] + 10**9
    with store.reading() as connection:
        first = _worked(work_seen(connection, "l40s", start_us, middle_us))
        both = _worked(work_seen(connection, "l40s", start_us, end_us))
    read_at(store, start_us, 0, 0, 0)
    read_at(store, middle_us, first.input_uncached, first.input_cached, first.output)
    retired(store)
    read_at(store, end_us, both.input_uncached, both.input_cached, both.output)
    assert "engines" not in found(store)
    with store.reading() as connection:
        (stretch,) = stretches(connection)
        assert stretch.reconciliation.settled.total > 0
        with pytest.raises(LedgerError, match="no reading"):
            work_seen(connection, "l40s", start_us + 1, end_us)


def test_tokens_that_no_retired_request_explains_are_found(store: Store) -> None:
    start_us = rows(store, "SELECT min(held_us) FROM request")[0][0] - 1
    read_at(store, start_us, 0, 0, 0)
    retired(store)
    read_at(store, start_us + 10**12, 1, 0, 0)
    assert "no request explains" in found(store)["engines"].faults[0].what


def _worked(work: list[Any]) -> Tokens:
    return sum((one.tokens for one in work if one.settled), Tokens())


# --- damage -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def short(store: Store) -> Iterator[Store]:
    """Sound books, all of whose details are retired."""
    load_on(store)
    retired(store)
    yield store


BODY = "FROM record WHERE kind = 'details_retired'"
DAMAGE: dict[str, tuple[str, str, Damage]] = {
    "a sum is made smaller": (
        "retired",
        "is not what was kept",
        sql("UPDATE retired_usage SET amount_low = amount_low - 1 WHERE state = 'charged'"),
    ),
    "tokens and amount of a sum are changed together, and the sums of quarters with them": (
        "retired",
        "is not what was kept",
        sql(
            "UPDATE retired_usage SET output_text = 0, amount_low = amount_low - 1600000 * output_text",
            "UPDATE usage_quarter SET output_text = 0, amount_low = amount_low - 1600000 * output_text",
        ),
    ),
    "a sum is lost": (
        "sums",
        "its sums are not those of its requests",
        sql("DELETE FROM retired_usage WHERE tenant = 'mesa'"),
    ),
    "a sum is counted twice": (
        "retired",
        "rows of retired_usage name it, and it retired nothing",
        sql(
            "CREATE TEMP TABLE extra AS SELECT * FROM retired_usage LIMIT 1",
            "UPDATE extra SET retirement = 1",
            "INSERT INTO retired_usage SELECT * FROM extra",
        ),
    ),
    "a reseller's part is made smaller": (
        "retired",
        "is not what was kept",
        sql("UPDATE retired_resale SET amount_low = amount_low - 1"),
    ),
    "what a key spent is changed": (
        "accounts",
        "its charges are",
        sql("UPDATE retired_key SET amount = '1'"),
    ),
    "a number is given free": (
        "retired",
        "is not what was kept",
        sql("UPDATE retired_request SET first = first + 1"),
    ),
    "a retired block is said to be there": (
        "chain",
        "was written with",
        sql("UPDATE retired_block SET first = first + 1"),
    ),
    "more blocks are said to be retired": (
        "retired",
        "are not those that are kept as retired",
        sql("UPDATE retired_block SET last = last + 1"),
    ),
    "the record is taken out": (
        "chain",
        "was written with",
        sql(f"DELETE {BODY}"),
    ),
    "the record says something else": (
        "chain",
        "its rows are not those that were written",
        sql(
            "UPDATE record SET body = CAST(replace(CAST(body AS TEXT), '\"ada\"', '\"eve\"') AS BLOB)"
            " WHERE kind = 'details_retired'"
        ),
    ),
    "a block loses its digest": (
        "chain",
        "its hash does not follow",
        sql("UPDATE block SET digest = zeroblob(32) WHERE number = 1"),
    ),
    "the invoice is of another month": (
        "retired",
        "no invoice has it",
        sql("UPDATE document SET body = replace(body, '2026-11', '2026-10')"),
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_each_damage_to_what_is_left_is_found(short: Store, data: Path, damage: str) -> None:
    check, what, plant = DAMAGE[damage]
    plant(short, data)
    results = found(short)
    assert check in results, results
    assert any(what in fault.what for fault in results[check].faults), results[check]


def test_a_row_that_is_deleted_without_a_record_is_found(store: Store, data: Path) -> None:
    assert retired(store, "2026-11").records == ()
    sql("DELETE FROM request WHERE block = 1")(store, data)
    assert {"chain", "sums", "accounts"} <= set(found(store))


def test_a_retired_request_that_is_put_back_is_found(store: Store, data: Path) -> None:
    with store.transaction() as connection:
        connection.exec_driver_sql("CREATE TABLE kept AS SELECT * FROM request LIMIT 1")
    retired(store)
    sql("INSERT INTO request SELECT * FROM kept")(store, data)
    results = found(store)
    assert any("it is retired, and it is there" in one.what for one in results["retired"].faults)
    assert any(
        "its details are retired, and it has 1 rows" in one.what for one in results["chain"].faults
    )


def test_a_trigger_that_lets_more_go_is_found(store: Store) -> None:
    with store.transaction() as connection:
        connection.exec_driver_sql("DROP TRIGGER request_never_delete")
        connection.exec_driver_sql(
            "CREATE TRIGGER request_never_delete BEFORE DELETE ON request WHEN 0 "
            "BEGIN SELECT RAISE(ABORT, 'never'); END"
        )
    (fault,) = found(store)["database"].faults
    assert (fault.place, "nothing stops" in fault.what) == ("request", True)
