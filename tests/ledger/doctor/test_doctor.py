"""The doctor finds nothing in sound books, and each damage that is planted, by the check that is there for it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from wattmill.ledger.doctor import Result, examine
from wattmill.ledger.journal import segment_path
from wattmill.ledger.snapshot import JOURNAL, SNAPSHOT
from wattmill.ledger.store import Store

Damage = Callable[[Store, Path], None]


def found(store: Store) -> dict[str, Result]:
    return {result.name: result for result in examine(store) if not result.is_sound}


def test_sound_books_are_sound(store: Store) -> None:
    assert found(store) == {}


def sql(*statements: str) -> Damage:
    """Somebody with a database tool and bad intentions: triggers are taken off, and put back."""

    def damage(store: Store, _: Path) -> None:
        with store.transaction() as connection:
            triggers = connection.exec_driver_sql(
                "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
            ).all()
            for name, _sql in triggers:
                connection.exec_driver_sql(f"DROP TRIGGER {name}")
            for statement in statements:
                assert connection.exec_driver_sql(statement).rowcount != 0, statement
            for _name, text in triggers:
                connection.exec_driver_sql(text)

    return damage


def torn_frame(_: Store, data: Path) -> None:
    path = segment_path(data / JOURNAL, 1)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def garbage_snapshot(_: Store, data: Path) -> None:
    (data / SNAPSHOT).write_bytes(b"\x93\xff")


FIRST = "(SELECT min(id) FROM request)"
DAMAGE: dict[str, tuple[str, str, Damage]] = {
    "an amount is made smaller": (
        "requests",
        "its tokens cost",
        sql(f"UPDATE request SET amount_pusd = amount_pusd - 1 WHERE id = {FIRST}"),
    ),
    "tokens and amount are changed together": (
        "chain",
        "its rows are not those that were written",
        sql(
            f"UPDATE request SET input_uncached = 0, amount_pusd = amount_pusd - 400000 * "
            f"input_uncached WHERE id = {FIRST}"
        ),
    ),
    "a request is taken out": (
        "chain",
        "was written with",
        sql(f"DELETE FROM request WHERE id = {FIRST}"),
    ),
    "a request is slipped in": (
        "chain",
        "was written with",
        sql(
            "CREATE TEMP TABLE extra AS SELECT * FROM request LIMIT 1",
            "UPDATE extra SET id = 99",
            "INSERT INTO request SELECT * FROM extra",
        ),
    ),
    "a charge is given to another tenant": (
        "sums",
        "its sums are not those of its requests",
        sql(f"UPDATE request SET tenant = 'mesa' WHERE id = {FIRST}"),
    ),
    "a charged request is called waived": (
        "requests",
        "says why it is not",
        sql(f"UPDATE request SET state = 'waived' WHERE id = {FIRST}"),
    ),
    "a request has a price that nobody knows": (
        "requests",
        "the books do not know it",
        sql(f"UPDATE request SET price = 77 WHERE id = {FIRST}"),
    ),
    "a price is lowered afterwards": (
        "requests",
        "its tokens cost",
        sql("UPDATE price SET output_text = output_text - 1 WHERE plan = 'standard'"),
    ),
    "a block is taken out": (
        "chain",
        "one in between is missing",
        sql("DELETE FROM block WHERE number = 2"),
    ),
    "a hash is written anew": (
        "chain",
        "its hash does not follow",
        sql("UPDATE block SET hash = zeroblob(32) WHERE number = 1"),
    ),
    "the end of the chain is cut off": (
        "chain",
        "the end of the chain is cut off",
        sql(
            "DELETE FROM record WHERE block >= (SELECT max(number) - 2 FROM block)",
            "DELETE FROM block WHERE number >= (SELECT max(number) - 2 FROM block)",
        ),
    ),
    "time runs backwards": (
        "chain",
        "recorded before the block in front",
        sql("UPDATE block SET recorded_us = recorded_us + 1000000000000 WHERE number = 1"),
    ),
    "a sum is changed": (
        "sums",
        "its sums are not those of its requests",
        sql("UPDATE usage_quarter SET output_text = output_text + 1 WHERE tenant = 'mesa'"),
    ),
    "a sum is lost": (
        "sums",
        "its sums are not those of its requests",
        sql("DELETE FROM usage_quarter WHERE quarter = (SELECT max(quarter) FROM usage_quarter)"),
    ),
    "a reseller pays less than its price": (
        "resales",
        "its tokens cost",
        sql("UPDATE resale SET amount_pusd = amount_pusd + 1"),
    ),
    "a reseller pays for nothing": (
        "resales",
        "was never settled",
        sql("UPDATE resale SET request = 5"),
    ),
    "a hold stays open for ever": (
        "accounts",
        "its hold is still open",
        sql(
            "CREATE TEMP TABLE extra AS SELECT * FROM request LIMIT 1",
            "UPDATE extra SET id = (SELECT max(id) + 2 FROM request)",
            "INSERT INTO request SELECT * FROM extra",
        ),
    ),
    "a frame of the journal is damaged": ("journal", "is damaged", torn_frame),
    "the snapshot is garbage": ("journal", "the snapshot cannot be read", garbage_snapshot),
    "the books read on from the middle of a frame": (
        "journal",
        "where no frame ends",
        sql('UPDATE journal_position SET "offset" = "offset" - 3'),
    ),
    "a line of an invoice is changed": (
        "records",
        "is not as it was issued",
        sql("UPDATE document SET body = replace(body, 'Output', 'Input') WHERE number = 1"),
    ),
    "an invoice disappears": (
        "records",
        "its document is missing",
        sql("DELETE FROM document WHERE number = 2"),
    ),
    "an invoice disappears with its record": (
        "records",
        "no document has this number",
        sql(
            "DELETE FROM record WHERE block = (SELECT block FROM document WHERE number = 1)",
            "DELETE FROM document WHERE number = 1",
        ),
    ),
    "a payment is made larger": (
        "records",
        "recorded is",
        sql("UPDATE payment SET amount = '90000000000'"),
    ),
    "a payment is invented": (
        "records",
        "was never recorded",
        sql(
            "INSERT INTO payment (id, block, kind, tenant, amount, at_us, reference) "
            "VALUES ('PAY-9', 99, 'received', 'acme', '10000000000', 0, 'wire 9')"
        ),
    ),
    "credit is made larger": (
        "records",
        "recorded is",
        sql("UPDATE credit_grant SET amount = '9000000000000'"),
    ),
    "a correction is turned round": (
        "records",
        "recorded is",
        sql("UPDATE correction SET output_text = 10"),
    ),
    "a posting is moved to another account": (
        "postings",
        "not what its record does",
        sql("UPDATE posting SET account = 'receivable:mesa' WHERE account = 'receivable:acme'"),
    ),
    "a posting is made larger": (
        "postings",
        "instead of 0",
        sql("UPDATE posting SET amount = amount || '0' WHERE account = 'cash'"),
    ),
    "a record is rewritten": (
        "chain",
        "its rows are not those that were written",
        sql("UPDATE record SET body = zeroblob(20) WHERE kind = 'correction'"),
    ),
    "a record is of another type": (
        "chain",
        "cannot be examined",
        sql("UPDATE record SET body = 'words' WHERE kind = 'correction'"),
    ),
    "a trigger is missing": (
        "database",
        "a trigger is missing",
        lambda store, _: _drop_trigger(store),
    ),
}


def _drop_trigger(store: Store) -> None:
    with store.transaction() as connection:
        connection.exec_driver_sql("DROP TRIGGER posting_never_update")


@pytest.mark.parametrize("name", DAMAGE)
def test_each_damage_is_found_by_its_check(name: str, store: Store, data: Path) -> None:
    check, words, damage = DAMAGE[name]
    damage(store, data)
    results = found(store)
    assert check in results, {name: result.faults for name, result in results.items()}
    assert any(words in fault.what for fault in results[check].faults), results[check].faults
