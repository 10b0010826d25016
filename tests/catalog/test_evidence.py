"""Every figure of the catalog says who stated it and when, and does not claim more than that is worth."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from wattmill.catalog.staleness import first_day
from wattmill.catalog.table import DATA

DOUBTS = ("not seen again", "judgement", "estimate", "hearsay")
"""What a source says of a figure that nobody can look up."""


def sourced(of: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every table that has a source, however deep, with where it stands."""
    if isinstance(of, list):
        for number, each in enumerate(of):
            name = each.get("name", number) if isinstance(each, dict) else number
            yield from sourced(each, f"{path}/{name}")
    elif isinstance(of, dict):
        if "source" in of:
            yield path, of
        for key, each in of.items():
            yield from sourced(each, f"{path}.{key}")


FIGURES = [
    pair
    for file in sorted(DATA.glob("*.toml"))
    for pair in sourced(tomllib.loads(file.read_text(encoding="utf-8")), file.stem)
]


def test_every_file_has_figures() -> None:
    assert {path.split(".")[0] for path, _ in FIGURES} == {
        file.stem for file in DATA.glob("*.toml")
    }
    assert len(FIGURES) > 1000


def test_every_source_is_dated() -> None:
    for path, row in FIGURES:
        assert row["source"].strip(), path
        assert first_day(row["as_of"]), path


@pytest.mark.parametrize("doubt", DOUBTS)
def test_what_is_in_doubt_is_not_called_certain(doubt: str) -> None:
    for path, row in FIGURES:
        if doubt in row["source"].lower():
            assert row.get("confidence") != "high", path


def test_what_was_not_seen_again_says_how_sure_it_is() -> None:
    doubtful = [(path, row) for path, row in FIGURES if "not seen again" in row["source"]]
    assert doubtful
    assert all(row.get("confidence") in ("low", "medium") for _, row in doubtful), doubtful


def test_nothing_is_from_memory() -> None:
    assert not [path for path, row in FIGURES if "from memory" in row["source"].lower()]
