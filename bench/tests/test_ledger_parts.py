"""What the ledger's bench measures is right: the same requests go in and come out, and a kill is a kill."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.ledger import loading, month
from bench.ledger.contenders import lost_after_kill, settled_in
from bench.ledger.month_rows import difference
from bench.ledger.plan import BIN, Plan
from bench.ledger.recount import recount
from bench.ledger.runs import run
from bench.processes import NotAvailable
from wattmill.ledger.doctor import examine
from wattmill.ledger.journal import read_frames, segment_numbers, segment_path
from wattmill.ledger.store import Store
from wattmill.web.books import Books


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, tuple[int, int]]]:
    """Books with a month in them, and what the tenants used."""
    folder = tmp_path_factory.mktemp("month")
    return folder, month.prepare(folder, 7_000)["charged"]


def test_the_month_is_sound_and_comes_out_as_it_went_in(
    made: tuple[Path, dict[str, tuple[int, int]]],
) -> None:
    folder, charged = made
    assert recount(folder) == charged
    assert sum(requests for requests, _ in charged.values()) == pytest.approx(0.97 * 7_000, abs=9)
    with Store(folder, write=False) as store:
        assert all(result.is_sound for result in examine(store))


def test_the_month_has_two_versions_of_each_plan_and_all_states(
    made: tuple[Path, dict[str, tuple[int, int]]],
) -> None:
    with Store(made[0], write=False) as store, store.reading() as connection:
        count = "SELECT count(DISTINCT price), count(DISTINCT state), count(DISTINCT block) FROM request"
        prices, states, blocks = connection.exec_driver_sql(count).one()
    assert (prices, states, blocks) == (8, 3, 2)


def test_invoices_are_held_against_what_was_used(
    made: tuple[Path, dict[str, tuple[int, int]]],
) -> None:
    folder, charged = made
    books = Books(folder)
    try:
        issues = books.issue_invoices(month.MONTH)
    finally:
        books.close()
    expected = {tenant: list(figures) for tenant, figures in charged.items()}
    told = [json.loads(_json(issue)) for issue in issues]
    assert difference(told, expected) is None
    assert difference(told[1:], expected) is not None


def _json(issue: object) -> bytes:
    import msgspec

    return msgspec.json.encode(issue)


def test_a_journal_has_three_entries_for_each_request(tmp_path: Path) -> None:
    loading.write_journal(tmp_path, 300)
    numbers = segment_numbers(tmp_path)
    entries = [
        entry
        for number in numbers
        for frame, _end in read_frames(segment_path(tmp_path, number))
        for entry in frame
    ]
    assert len(entries) == 900
    assert settled_in(tmp_path) == 300


def test_all_of_a_journal_comes_into_the_books(tmp_path: Path) -> None:
    assert loading.measure(tmp_path, 300, None)["differs"] is False


def test_nothing_answered_is_lost_in_a_kill(tmp_path: Path) -> None:
    text, is_lost = lost_after_kill(Plan(tmp_path, 0, None, 1.0, 0, 0, 0), seconds=0.3)
    assert not is_lost
    assert "0 are lost" in text
    assert ": 0 requests" not in text


def test_a_program_is_measured_to_its_end(tmp_path: Path) -> None:
    program = "held = bytearray(200 * 2**20); print('talk'); print('{\"a\": 1}')"
    ended = run([BIN / "python", "-c", program], core=0, log=tmp_path / "log", limit_s=30)
    assert ended.said == {"a": 1}
    assert 200 < ended.peak_mb < 260


def test_a_program_that_fails_is_told_with_its_last_words(tmp_path: Path) -> None:
    program = "import sys; sys.exit('no room')"
    with pytest.raises(NotAvailable, match="status 1: no room"):
        run([BIN / "python", "-c", program], core=0, log=tmp_path / "log", limit_s=30)
