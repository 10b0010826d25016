"""The worked cases of `wattmill buy` and `wattmill decide` print what their pages show.

Both files say when their study starts, so that the day of the run does not count.

    WATTMILL_WRITE_DOCS=1 pytest tests/docs/test_choices.py        records the output anew
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.console import Page, Step, block_of, steps_of
from tests.support.factory import ROOT

PAGES = {name: Page(ROOT / "examples" / name / "README.md") for name in ("server", "msp")}
COLUMNS = 110
WRITES = "WATTMILL_WRITE_DOCS" in os.environ


def run(command: str, folder: Path) -> str:
    """What a command prints to its standard output, without spaces at the ends of lines."""
    kept = {name: value for name, value in os.environ.items() if "WATTMILL" not in name}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={**kept, "PATH": path, "COLUMNS": str(COLUMNS), "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    found = "".join(line.rstrip() + "\n" for line in done.stdout.splitlines())
    return found + (f"status {done.returncode}\n" if done.returncode else "")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    return tmp_path


STEPS = [
    (name, step)
    for name, page in PAGES.items()
    for block in page.blocks()
    if block["kind"] == "console"
    for step in steps_of(block["body"])
]


@pytest.mark.skipif(WRITES, reason="runs without WATTMILL_WRITE_DOCS")
@pytest.mark.parametrize(("name", "step"), STEPS, ids=lambda each: getattr(each, "command", each))
def test_the_page_shows_what_is_printed(name: str, step: Step, folder: Path) -> None:
    printed = run(step.command, folder)
    if step.is_exact:
        assert printed.splitlines() == step.recorded.splitlines()
        return
    parts = map(re.escape, re.split(r"^…\n", step.recorded, flags=re.M))
    assert re.fullmatch(".*?".join(parts), printed, re.DOTALL), printed


@pytest.mark.skipif(not WRITES, reason="WATTMILL_WRITE_DOCS=1 writes the pages anew")
@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_written_anew(name: str, folder: Path) -> None:
    page = PAGES[name]
    text = page.text
    for block in page.blocks():
        steps = steps_of(block["body"])
        for step in steps:
            step.printed = run(step.command, folder)
        text = text.replace(block[0], block_of(steps))
    page.path.write_text(text)


def test_the_cases_have_more_than_one_answer() -> None:
    """What is shown turns with the load, and is not the same for every change."""
    recorded = {name: PAGES[name].text for name in PAGES}
    assert all("the answer changes" in text for text in recorded.values())
    answers = {"pays from", "never;", "nothing is saved while"}
    assert all(f": {answer}" in recorded["msp"] for answer in answers)
