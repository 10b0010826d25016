"""Energy readings and margins by command: what was entered is in the next margin."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.ledger.cost.cost_books import FACTORY
from wattmill.core.errors import UsageError
from wattmill.web import margins
from wattmill.web.control import call
from wattmill.web.energy_files import import_file, instant_us

DAY = "start,end,kwh\n2026-11-20T00:00Z,2026-11-21T00:00Z,12\n"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    call(tmp_path / "books", "load_factory", path="factory.toml", text=FACTORY)
    return tmp_path / "books"


def written(data: Path, text: str) -> Path:
    path = data.parent / "pdu.csv"
    path.write_text(text)
    return path


def test_readings_are_entered_listed_and_withdrawn(data: Path) -> None:
    path = written(data, DAY)
    assert import_file(data, path, "l40s", resets=False)["added"] == 1
    assert import_file(data, path, "l40s", resets=False)["known"] == 1
    (row,) = call(data, "list_energy")
    assert (row["pool"], row["source"], row["readings"], row["kwh"]) == ("l40s", "pdu.csv", 1, 12.0)
    span = {"start_us": instant_us("2026-11-20T00:00Z"), "end_us": instant_us("2026-11-21T00:00Z")}
    assert call(data, "remove_energy", pool="l40s", **span)["removed"] == 1
    assert call(data, "list_energy") == []
    assert import_file(data, path, "l40s", resets=False)["added"] == 1


def test_what_cannot_be_entered_says_where_and_why(data: Path) -> None:
    import_file(data, written(data, DAY), "l40s", resets=False)
    with pytest.raises(UsageError, match="no pool 'l40z'") as caught:
        import_file(data, written(data, DAY), "l40z", resets=False)
    assert "l40s" in caught.value.hint
    overlapping = written(data, DAY.replace(",12", ",13"))
    with pytest.raises(UsageError, match="overlaps one of pdu") as caught:
        import_file(data, overlapping, "l40s", resets=False)
    assert caught.value.place == "pdu.csv:2"
    with pytest.raises(UsageError, match="cannot be read"):
        import_file(data, data / "none.csv", "l40s", resets=False)


@pytest.mark.parametrize("text", ["yesterday", "2026-11-20T00:00"])
def test_an_instant_needs_its_offset(text: str) -> None:
    with pytest.raises(UsageError, match="no instant"):
        instant_us(text)


def shown(data: Path, capsys: pytest.CaptureFixture[str], **values: Any) -> str:
    words = {"month": None, "by": "tenant", "schedule": "book", "request": None}
    forms = {"csv": False, "as_json": False}

    def screen(_: Any, __: bool, text: Any) -> None:
        print(type(text()).__name__)

    given = {**words, **forms, **values}
    margins.show(
        data,
        *(given[word] for word in words),
        csv=given["csv"],
        as_json=given["as_json"],
        screen=screen,
    )
    return capsys.readouterr().out


def test_a_margin_comes_in_the_form_that_was_asked_for(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(shown(data, capsys, as_json=True, schedule="economic"))
    assert document["schedule"] == "economic"
    assert shown(data, capsys, csv=True).startswith("by,name,requests,")
    assert shown(data, capsys, by="day") == "Group\n"


@pytest.mark.parametrize(
    ("values", "hint"),
    [
        ({"by": "modell"}, "model"),
        ({"schedule": "economics"}, "economic"),
        ({"request": "wm-1", "month": "2026-11"}, "knows its month"),
        ({"request": "wm-1"}, "once it is over"),
    ],
)
def test_words_that_make_no_sense_are_refused_with_the_next_step(
    data: Path, capsys: pytest.CaptureFixture[str], values: dict[str, str], hint: str
) -> None:
    with pytest.raises(UsageError) as caught:
        shown(data, capsys, **values)
    assert hint in caught.value.hint
