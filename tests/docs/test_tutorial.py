"""Every command of the README, the tutorial and the operations page does what the page says."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.console import (
    Page,
    Step,
    Terminals,
    agrees,
    block_of,
    masked,
    steps_of,
)
from tests.support.factory import ROOT

IN_THE_ENVIRONMENT = 'export PATH="$PWD/.venv/bin:$PATH"'


@pytest.fixture
def terminals(tmp_path: Path) -> Iterator[Terminals]:
    opened = Terminals(tmp_path)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    "name", ["README.md", "docs/index.md", "docs/operations.md", "docs/audit.md"]
)
def test_every_command_prints_what_the_page_says(name: str, terminals: Terminals) -> None:
    page = Page(ROOT / name)
    if "export PATH" not in page.text:
        terminals.run(Step(IN_THE_ENVIRONMENT))
    written, wrong = page.text, []
    for block in page.blocks():
        if block["file"]:
            terminals.write(block["file"], block["body"])
            continue
        steps = steps_of(block["body"])
        for step in steps:
            terminals.run(step)
            if not agrees(step):
                wrong.append(step)
        written = written.replace(block[0], block_of(steps))
    if os.environ.get("WATTMILL_WRITE_DOCS"):
        page.path.write_text(written)
        wrong = [step for step in wrong if not step.is_exact]
    assert not wrong, "\n\n".join(_difference(step) for step in wrong)


def _difference(step: Step) -> str:
    return (
        f"$ {step.command}\nprinted:\n{step.printed}\nthe page says:\n{step.recorded}\n"
        f"compared as:\n{masked(step.printed)}\n{masked(step.recorded)}"
    )


def test_what_differs_from_run_to_run_is_masked() -> None:
    step = Step("x", "Total 1,234.50 USD on 3 May 2026\n", "Total   7 USD\non 12 June 2027\n")
    assert agrees(step)


def test_a_word_that_differs_is_found() -> None:
    assert not agrees(Step("x", "Total 1 USD\n", "Total 1 EUR\n"))
    assert not agrees(Step("x", "one\n", "one\ntwo\n"))


def test_a_line_of_three_dots_stands_for_any_lines() -> None:
    assert agrees(Step("x", "first\n…\nlast\n", "first\nany\nthing\nlast\n"))
    assert agrees(Step("x", "first\n…\n", "first\n"))
    assert not agrees(Step("x", "first\n…\nlast\n", "first\nany\n"))
    assert not agrees(Step("x", "draining …\n", "draining 3\n"))
