"""``wattmill retire``: what would go, what went, and what stays because nobody was billed for it."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.ledger.doctor.conftest import DECEMBER_S, FACTORY, data, sound
from wattmill.cli import app
from wattmill.ledger.store import Store
from wattmill.web.control import call

__all__ = ["data", "sound"]
runner = CliRunner()


@pytest.fixture(autouse=True)
def december(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: DECEMBER_S)


def run(data: Path, *words: str) -> Any:
    return runner.invoke(app, ["retire", *words, "--data", str(data)])


def there(data: Path) -> int:
    with Store(data, write=False) as store, store.reading() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM request").scalar_one())


def test_what_would_go_is_said_and_stays(data: Path) -> None:
    before = there(data)
    result = run(data, "--before", "2026-12", "--dry-run")
    assert result.exit_code == 0, result.output
    assert "20 requests in 3 blocks of before 2026-12 would go" in result.stderr
    assert there(data) == before


def test_what_went_is_data(data: Path) -> None:
    result = run(data, "--before", "2026-12", "--by", "ada", "--json")
    found = json.loads(result.stdout)
    assert (found["requests"], len(found["records"]), found["next_block"]) == (20, 1, None)
    assert {(one["tenant"], one["state"]) for one in found["sums"]} == {
        ("acme", "charged"),
        ("acme", "void"),
        ("acme", "waived"),
        ("mesa", "charged"),
    }
    assert there(data) == 0


def test_a_month_that_is_not_over_is_refused(data: Path) -> None:
    result = run(data, "--before", "2027-01")
    assert result.exit_code != 0
    assert "not over yet" in str(result.exception)


def test_the_site_says_when(data: Path) -> None:
    assert "for ever" in str(run(data).exception)
    kept = FACTORY.replace('name = "cellar"', 'name = "cellar"\nkeep_details_days = 1')
    call(data, "load_factory", path="factory.toml", text=kept)
    assert run(data).exit_code == 0
    assert there(data) == 0


def test_a_last_portion_of_which_nothing_goes_cleans_up_too(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Portions before it, or a run that was killed, may have left what they deleted in the log."""
    cleaned: list[Store] = []
    monkeypatch.setattr(Store, "clean", lambda store: cleaned.append(store))
    again = [run(data, "--before", "2026-12", "--json") for _ in range(2)]
    assert [json.loads(result.stdout)["requests"] for result in again] == [20, 0]
    assert len(cleaned) == 2
