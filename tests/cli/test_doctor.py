"""``wattmill doctor`` on a factory that runs: sound, and the engine's own counters are a witness."""

import json
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.factory import COMMAND, Factory, running_factory, wait_until
from wattmill.ledger.snapshot import read_snapshot
from wattmill.web.control import call
from wattmill.web.demo import demo


@pytest.fixture
def factory(tmp_path: Path) -> Iterator[Factory]:
    with running_factory(tmp_path) as factory:
        yield factory
        factory.stop()


def doctor(factory: Factory, *words: str) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, "doctor", "--data", str(factory.data), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def readings(factory: Factory) -> int:
    with factory.books() as books:
        return int(books.execute("SELECT count(*) FROM engine_reading").fetchone()[0])


def read_engines(factory: Factory) -> None:
    """A moment later nothing is in flight any more."""
    before = readings(factory)
    wait_until(lambda: bool(call(factory.data, "read_engines")), "the engine is at rest")
    assert readings(factory) > before


def ask_the_engine_itself(factory: Factory) -> None:
    """Somebody goes round the gateway."""
    (pool,) = read_snapshot(factory.data).roster.pools
    body = json.dumps({"prompt": "Who pays for this?", "max_tokens": 8}).encode()
    request = urllib.request.Request(
        f"{pool.url}/completions", body, {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.status == 200


def test_books_of_a_day_are_sound_and_agree_with_the_engine(factory: Factory) -> None:
    read_engines(factory)
    demo(factory.data, 20)
    read_engines(factory)
    done = doctor(factory)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WRONG" not in done.stdout
    assert "every token that an engine counted is in the books" in done.stdout


def test_work_that_went_round_the_books_is_found(factory: Factory) -> None:
    read_engines(factory)
    ask_the_engine_itself(factory)
    read_engines(factory)
    done = doctor(factory, "--json")
    assert done.returncode == 1
    wrong = {one["name"]: one["faults"] for one in json.loads(done.stdout) if one["faults"]}
    assert list(wrong) == ["engines"]
    assert "output tokens that the engine counted" in wrong["engines"][0]["what"]


def test_a_changed_row_is_named_with_its_place(tmp_path: Path) -> None:
    with running_factory(tmp_path) as factory:
        demo(factory.data, 4)
        call(factory.data, "catch_up")
        factory.stop()
        with closing(sqlite3.connect(factory.data / "ledger.db")) as books:
            books.execute("DROP TRIGGER request_never_update")
            books.execute(
                "UPDATE request SET amount_pusd = amount_pusd + 1 WHERE state = 'charged'"
            )
            books.commit()
        done = doctor(factory, "--json")
    assert (done.returncode, done.stderr) == (1, "")
    found = {
        (one["name"], fault["what"]) for one in json.loads(done.stdout) for fault in one["faults"]
    }
    assert ("chain", "its rows are not those that were written") in found
    assert any(name == "requests" and "its tokens cost" in what for name, what in found)


def test_without_books_the_way_to_them_is_said(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "wattmill.cli", "doctor", "--data", str(tmp_path / "none")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert "wattmill up" in done.stderr
