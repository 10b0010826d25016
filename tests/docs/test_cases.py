"""Worked cases of finance print what their pages record; WATTMILL_WRITE_DOCS=1 records anew."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.console import Page, Step, block_of, steps_of
from tests.support.factory import ROOT

CASES = sorted(
    page
    for page in (ROOT / "examples").glob("*/README.md")
    if page.parent.name in ("swap", "neocloud")
)
ENV = {
    **{name: value for name, value in os.environ.items() if not name.startswith("WATTMILL_")},
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    "COLUMNS": "120",
    "NO_COLOR": "1",
    "LC_ALL": "C.UTF-8",
    "OPENBLAS_NUM_THREADS": "1",
}


def printed(step: Step, folder: Path) -> str:
    ran = subprocess.run(
        ["bash", "-c", step.command],
        cwd=folder,
        env=ENV,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr
    return "".join(line.rstrip() + "\n" for line in ran.stdout.rstrip().splitlines())


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.parent.name)
def test_a_case_prints_what_its_page_shows(path: Path, tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    page = Page(path)
    for block in list(page.blocks()):
        steps = steps_of(block["body"])
        for step in steps:
            step.printed = printed(step, tmp_path)
        if os.environ.get("WATTMILL_WRITE_DOCS"):
            page.text = page.text.replace(block[0], block_of(steps))
            path.write_text(page.text)
            continue
        for step in steps:
            assert step.printed.strip() == step.recorded.strip(), step.command


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.parent.name)
def test_a_case_links_to_what_is_there(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s:]+)\)", path.read_text()):
        assert (path.parent / target).exists(), target
