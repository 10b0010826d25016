"""What the page on sites shows is what its commands print."""

from pathlib import Path

import pytest
from rich.console import Console

from tests.docs.console import COLUMNS, Page, Step, steps_of
from tests.plan.studies.factories import TODAY
from tests.support.factory import ROOT
from wattmill.catalog.factory import parse_factory
from wattmill.plan.studies.site.fleet import Limits
from wattmill.plan.studies.site.study import study
from wattmill.plan.studies.site.text import render

PAGE = Page(ROOT / "docs/site.md")
FILE = next(block["body"] for block in PAGE.blocks() if block["file"])
STEPS = [
    step
    for block in PAGE.blocks()
    if block["kind"] == "console"
    for step in steps_of(block["body"])
]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.command)
def test_the_page_shows_what_is_printed(step: Step, tmp_path: Path) -> None:
    words = step.command.partition(" | ")[0].split()
    assert words[:3] == ["wattmill", "site", "hall.toml"]
    limits = Limits() if words[3:] == ["--mix", "margin"] else None
    console = Console(width=COLUMNS, file=(tmp_path / "out").open("w"), soft_wrap=False)
    console.print(render(study(parse_factory(FILE, "hall.toml"), TODAY, mix=limits)))
    console.file.close()
    printed = [line.rstrip() for line in (tmp_path / "out").read_text().splitlines()]
    shown = [line.rstrip() for line in step.recorded.splitlines() if line.strip() not in ("", "…")]
    assert len(shown) > 3
    assert [line for line in shown if line not in printed] == []
