"""The example of what binds prints what its page shows."""

import runpy
import shlex
import sys

import pytest

from tests.docs.console import Page, Step, steps_of
from tests.support.factory import ROOT

STEPS = [
    step
    for block in Page(ROOT / "docs/binds.md").blocks()
    if block["kind"] == "console"
    for step in steps_of(block["body"])
]


def test_the_page_shows_three_kinds_of_bound() -> None:
    bound = [step.recorded.partition("what binds: ")[2].split("\n")[0] for step in STEPS]
    assert len(set(bound)) == len(bound) == 3


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.command)
def test_the_example_prints_what_is_recorded(
    step: Step, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = shlex.split(step.command)
    assert words[0] == "python"
    monkeypatch.setattr(sys, "argv", words[1:])
    runpy.run_path(str(ROOT / words[1]), run_name="__main__")
    printed = "\n".join(line.rstrip() for line in capsys.readouterr().out.splitlines())
    assert printed.strip() == step.recorded.strip()
