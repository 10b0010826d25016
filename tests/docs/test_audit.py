"""The refutations on the audit page are those of the example files, with the figures of today."""

import os
import re
import shlex
from collections import Counter
from functools import cache

import pytest
from typer.testing import CliRunner

from tests.docs.console import Page, steps_of
from tests.support.factory import ROOT
from wattmill import cli
from wattmill.plan.audit import Finding, audit
from wattmill.plan.audit.findings import VERDICTS

PAGE = Page(ROOT / "docs/audit.md")
REFUTATIONS = re.findall(
    r"^\*\*(\d+)\. .+?\*\* +\(`([\w-]+)`\)",
    PAGE.text.replace("\n", " ").replace(" **", "\n**"),
    re.M,
)


@cache
def findings() -> dict[str, Finding]:
    return {found.id: found for found in audit(ROOT / "examples/audit").findings}


def test_the_page_and_the_start_page_count_them() -> None:
    counts = Counter(found.verdict for found in findings().values())
    told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS)
    assert f"{counts.total()} claims: {told}; all as expected" in PAGE.text
    assert f"[{counts.total()} of them](docs/audit.md)" in (ROOT / "README.md").read_text("utf-8")


def test_twenty_are_shown_and_numbered() -> None:
    assert [int(number) for number, _ in REFUTATIONS] == list(range(1, 21))


@pytest.mark.parametrize("name", [name for _, name in REFUTATIONS])
def test_each_is_refuted_in_the_examples(name: str) -> None:
    assert findings()[name].verdict == "refuted"


def asked() -> list[tuple[str, str]]:
    """Each `wattmill ask … | head -1` of the page with its record."""
    blocks = [steps_of(block["body"]) for block in PAGE.blocks() if block["kind"] == "console"]
    steps = [step for block in blocks for step in block]
    return [
        (step.command, step.recorded)
        for step in steps
        if step.command.startswith("wattmill ask") and step.command.endswith("| head -1")
    ]


def test_each_refutation_has_its_commands() -> None:
    assert len(asked()) >= 2 * len(REFUTATIONS)


@pytest.mark.skipif("WATTMILL_WRITE_DOCS" in os.environ, reason="runs without WATTMILL_WRITE_DOCS")
@pytest.mark.parametrize(("command", "recorded"), asked())
def test_each_figure_is_the_one_that_is_computed(command: str, recorded: str) -> None:
    words = shlex.split(command.removesuffix("| head -1").replace("\\\n", " "))[1:]
    printed = CliRunner().invoke(cli.app, words).stdout
    assert printed.splitlines()[0] == recorded.strip()
