"""What the catalog shows: every figure with unit, source and date; what is stale or one's own."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from wattmill import start
from wattmill.catalog.apis import api_prices
from wattmill.catalog.browse import ApiLine, Figure, Price, Sheet, rows_of, sheets
from wattmill.catalog.browse_lists import LISTS, listing
from wattmill.catalog.browse_lists_text import listing_screen
from wattmill.catalog.browse_text import sheets_screen
from wattmill.catalog.hardware import accelerators
from wattmill.catalog.kinds import KINDS, SITE
from wattmill.catalog.links import links
from wattmill.catalog.market import all_quotes, quotes
from wattmill.catalog.models import models
from wattmill.catalog.systems import systems
from wattmill.core.errors import CatalogError

TODAY = date(2026, 11, 21)
NAMES = sorted(
    {row.name for rows in (accelerators(), models(), links(), systems()) for row in rows}
    | {str(entry.row[KINDS[kind].key]) for kind in SITE for entry in rows_of(kind)}
    | {price.name for price in api_prices()}
    | {quote.of for quote in all_quotes()}
)


def printed(what: RenderableType, width: int) -> str:
    console = Console(file=StringIO(), width=width)
    console.print(what, highlight=False, markup=False)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def only(name: str) -> Sheet:
    (found,) = sheets(name, TODAY)
    return found


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(NAMES))
def test_every_name_is_shown_with_sources_and_dates(name: str) -> None:
    for sheet in sheets(name, TODAY):
        shown: list[Figure | Price | ApiLine] = [
            *sheet.figures,
            *sheet.prices,
            *sheet.api_prices,
        ]
        assert shown
        for line in shown:
            assert line.source
            assert line.as_of
            assert line.confidence in ("low", "medium", "high")
        text = " ".join(printed(sheets_screen([sheet]), 200).split())
        assert all(line.source in text and line.as_of in text for line in shown)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(NAMES), st.integers(80, 160))
def test_numbers_and_dates_are_whole_at_any_width(name: str, width: int) -> None:
    found = sheets(name, TODAY)
    text = printed(sheets_screen(found), width)
    assert all(price.as_of in text for sheet in found for price in sheet.prices)


def test_an_accelerator_has_figures_units_and_prices_with_their_age() -> None:
    sheet = only("nvidia h100")
    figures = {figure.name: figure for figure in sheet.figures}
    assert (sheet.kind, sheet.name, sheet.is_yours) == ("accelerator", "H100-SXM", False)
    assert (figures["bandwidth_gb_per_s"].value, figures["bandwidth_gb_per_s"].unit) == (
        3350,
        "GB/s",
    )
    assert figures["tflops.bf16"].unit == "TFLOP/s"
    assert figures["idle_w"].confidence == "low"
    assert figures["idle_w"].source != figures["tdp_w"].source
    rents = [price for price in sheet.prices if price.what == "rent"]
    assert len(rents) == len(quotes("H100-SXM", "rent"))
    assert [rents[0].is_stale, rents[-1].is_stale] == [True, False]
    assert rents[0].age_days > 1000
    text = printed(sheets_screen([sheet]), 80)
    assert "stale" in text
    assert "USD/h" in text


def test_an_open_model_has_the_prices_of_its_providers() -> None:
    sheet = only("llama-3.3-70b")
    offers = {line.provider for line in sheet.api_prices}
    assert {"Groq", "Together", "DeepInfra"} <= offers
    for provider in offers:
        lines = [line for line in sheet.api_prices if line.provider == provider]
        names = {line.name for line in lines}
        assert sum(line.is_in_force for line in lines) == len(names)


@pytest.mark.parametrize("name", ["gpt-4o", "OpenAI gpt-4o", "openai/GPT-4o"])
def test_an_api_is_shown_by_its_name(name: str) -> None:
    sheet = only(name)
    assert sheet.kind == "api"
    assert [(line.input_usd_per_mtok, line.is_in_force) for line in sheet.api_prices] == [
        (5, False),
        (2.5, True),
    ]


def test_a_region_has_its_quotes() -> None:
    assert {price.what for price in only("us").prices} > {"colo_usd_per_kw_month"}


def test_a_grid_has_its_carbon_and_its_prices() -> None:
    sheet = only("us-va")
    assert {figure.label: figure.unit for figure in sheet.figures}["carbon"] == "g CO2/kWh"
    assert "power_usd_per_kwh" in {price.what for price in sheet.prices}
    assert not only("FI").prices


def test_a_name_of_two_kinds_is_shown_as_both() -> None:
    assert {sheet.kind for sheet in sheets("gas engine", TODAY)} == {"lead_time", "generator"}


def test_figures_of_a_site_have_units_dates_and_their_age() -> None:
    plant = {sheet.kind: sheet for sheet in sheets("gas-engine", TODAY)}["generator"]
    capital = next(figure for figure in plant.figures if figure.label == "capital")
    assert (capital.value, capital.unit, capital.as_of) == (2018, "USD/kW", "2022-03")
    assert capital.is_stale
    assert capital.age_days == (TODAY - date(2022, 3, 1)).days
    assert "stale" in printed(sheets_screen([plant]), 100)
    (fee,) = [sheet for sheet in sheets("remote-hands", TODAY) if sheet.kind == "colo_fee"]
    assert {figure.unit for figure in fee.figures if figure.name in ("low", "high")} == {"USD/h"}


def test_what_is_stated_of_a_chain_keeps_its_own_source() -> None:
    figures = {figure.name: figure for figure in only("48v").figures}
    assert figures["stated.low_frac"].source != figures["feed_v"].source
    assert figures["stated.low_frac"].as_of == "2026-04"


def test_a_copper_wire_is_never_stale() -> None:
    assert not any(figure.is_stale for figure in only("copper").figures)
    stale = {row["name"] for row in listing("generators", TODAY).rows if row["is_stale"]}
    assert "gas-engine" in stale
    assert "solar-pv" not in stale
    assert "nuclear-restart" not in stale


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("H10O-SXM", "'H100-SXM'"),
        ("llama-3.3-7b", "'llama-3.3-70b'"),
        ("DGX-H1000", "'DGX-H100'"),
        ("claude-opus-6", "'claude-opus-"),
        ("qqqqqqqq", "catalog list"),
        ("", "catalog list"),
    ],
)
def test_unknown_names_get_the_nearest_of_all_kinds(name: str, hint: str) -> None:
    with pytest.raises(CatalogError) as caught:
        sheets(name, TODAY)
    assert hint in caught.value.hint
    assert len(caught.value.hint) < 200


@pytest.mark.parametrize("what", LISTS)
@pytest.mark.parametrize("width", [80, 140])
def test_lists_have_a_row_for_each_and_fit(what: str, width: int) -> None:
    found = listing(what, TODAY)
    counts = {row["list"]: row["rows"] for row in listing(None, TODAY).rows}
    assert len(found.rows) > (0 if LISTS[what] in SITE else 20)
    if what not in ("apis", "market"):
        assert len(found.rows) == counts[what]
    assert len({tuple(row) for row in found.rows}) == 1
    text = printed(listing_screen(found, ""), width)
    assert all(len(line) <= width for line in text.splitlines())


def test_an_unknown_list_gets_the_nearest() -> None:
    with pytest.raises(CatalogError) as caught:
        listing("model", TODAY)
    assert "'models'" in caught.value.hint


# --- a catalog file of one's own ------------------------------------------------------------------


def test_ones_own_rows_are_marked(own_catalog: Callable[[str], Path]) -> None:
    path = own_catalog(
        """
[[link]]
name = "nvlink4"
kind = "scale-up"
generation = "nvlink4"
gb_per_s = 400
source = "measured here"
as_of = "2026-10"

[[quote]]
of = "H100"
what = "rent"
usd_per_hour = 2.05
source = "my invoice"
as_of = "2026-11"

[[grid]]
region = "us-tx"
g_per_kwh = 120
basis = "combustion"
source = "my contract"
as_of = "2026-11"
"""
    )
    state = only("US-TX")
    assert (state.is_yours, state.replaces, state.place) == (True, True, f"{path}:17")
    sheet = only("nvlink4")
    assert sheet.is_yours
    assert sheet.replaces
    assert sheet.place == f"{path}:2"
    assert f"{path}:2" in printed(sheets_screen([sheet]), 200)
    card = only("H100")
    assert not card.is_yours
    assert [price.value for price in card.prices if price.is_yours] == [2.05]
    assert "yours" in printed(sheets_screen([card]), 80)
    assert [row["name"] for row in listing("links", TODAY).rows if row["is_yours"]] == ["nvlink4"]
    yours = {row["list"]: row["yours"] for row in listing(None, TODAY).rows}
    assert (yours["links"], yours["market"], yours["models"]) == (1, 1, 0)


# --- the command ----------------------------------------------------------------------------------


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["wattmill", "catalog", *words])
    with pytest.raises(SystemExit) as exit_:
        start.main()
    return int(exit_.value.code or 0)


@pytest.mark.parametrize(
    "words", [("list",), *(("list", what) for what in LISTS), ("show", "H100")]
)
def test_every_answer_is_text_or_json(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run(monkeypatch, *words) == 0
    text = capsys.readouterr().out
    assert text
    assert all(len(line) <= 80 for line in text.splitlines())
    assert run(monkeypatch, *words, "--json") == 0
    data: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    assert data
    assert all(isinstance(row, dict) for row in data)


def test_what_is_unknown_or_broken_is_status_two(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    own_catalog: Callable[[str], Path],
) -> None:
    assert run(monkeypatch, "show", "H10O-SXM") == 2
    assert "hint: did you mean 'H100-SXM'" in capsys.readouterr().err
    path = own_catalog("[[qoute]]\n")
    assert run(monkeypatch, "show", "H100") == 2
    said = capsys.readouterr().err
    assert f"error: {path}:1: 'qoute' is no kind of row" in said
    assert "'quote'" in said
