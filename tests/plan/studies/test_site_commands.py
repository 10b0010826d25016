"""`wattmill site` on the command line: text, JSON, page."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.plan.studies.factories import PLAN, POOL
from tests.plan.studies.halls import HALL, changed, hall, small
from tests.plan.studies.halls import POOL as CARDS
from wattmill.cli import app
from wattmill.plan.studies.site.page import site_page
from wattmill.plan.studies.site.tables import TABLES, sheets

RUN = CliRunner()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "factory.toml"
    path.write_text(PLAN + POOL)
    return path


def test_the_terminal_has_every_table(file: Path) -> None:
    result = RUN.invoke(app, ["site", str(file)], env={"COLUMNS": "100"})
    assert result.exit_code == 0, result.output
    assert "4 cards in 1 rack commit 2.6 kW, no cap" in " ".join(result.output.split())
    for sheet in sheets(small()):
        assert f"\n{sheet.title}\n" in result.output
    assert "--inputs lists them" in result.output


def test_inputs_are_listed_when_asked_for(file: Path) -> None:
    result = RUN.invoke(app, ["site", str(file), "--inputs"], env={"COLUMNS": "160"})
    assert "factory file [[pool]] box, paid_usd" in result.output


def test_json_is_the_report(file: Path) -> None:
    result = RUN.invoke(app, ["site", str(file), "--json"])
    data = json.loads(result.stdout)
    assert data["envelope"]["committed_kw"] == pytest.approx(small().envelope.committed_kw)
    assert data["inputs"][0].keys() == {"name", "value", "unit", "source"}
    assert data["fleet"] is None


def test_a_fleet_on_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "hall.toml"
    candidate = '\n[[candidate]]\nname = "hgx"\nhardware = "8x H200"\nusd = 290_000\n'
    path.write_text(HALL + PLAN + CARDS + candidate)
    page = tmp_path / "site.html"
    words = ["site", str(path), "--mix", "tokens", "--capital", "9e6", "--html", str(page)]
    result = RUN.invoke(app, words, env={"COLUMNS": "100"})
    assert result.exit_code == 0, result.output
    assert "most tokens" in result.output
    text = page.read_text()
    assert "Shadow prices" in text
    assert "one more kW" in text


@pytest.mark.parametrize("words", [["--mix", "speed"], ["--capital", "5"], ["--racks", "2"]])
def test_what_makes_no_sense_is_refused(file: Path, words: list[str]) -> None:
    result = RUN.invoke(app, ["site", str(file), *words])
    assert result.exit_code != 0
    assert type(result.exception).__name__ == "UsageError"


# --- the page -------------------------------------------------------------------------------------


def test_the_page_stands_alone_and_has_every_table() -> None:
    text = site_page(hall())
    assert not re.search(r'<(script|link|img|iframe)[^>]*(src|href)="http', text)
    for sheet in sheets(hall()):
        assert f"<h2>{sheet.title.replace(chr(39), '&#x27;')}</h2>" in text
    assert text.count('id="figure-') == 9
    assert "EIA, State Electricity" not in text, "the file has its own carbon"
    assert "Cushman" not in text, "and its own building"
    assert "CBRE" in text, "but not its own colocation"


def test_a_page_of_a_plan_that_may_never_end() -> None:
    text = site_page(changed("done_frac = 0.95", "done_frac = 0.4"))
    assert "P50 never" in text


def test_tables_are_as_wide_as_their_heads() -> None:
    for report in (hall(), small()):
        for sheet in sheets(report):
            assert all(len(row) == len(sheet.heads) for row in sheet.rows), sheet.title
    assert len(list(sheets(hall()))) == len(TABLES)
