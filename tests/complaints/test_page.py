"""The page of the ledger lists these tests, and the threads that each of them answers."""

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path

from tests.support.factory import ROOT

PAGE = ROOT / "docs/ledger.md"
TITLE = "## What went wrong elsewhere\n"
THEMES = ("usage", "money", "limits", "database", "drain", "engines", "cost")
THREAD = re.compile(r"(?:PR )?#\d+")
HEAD = "| behaviour, with its test in `tests/complaints` | met in |\n|---|---|\n"


def complaints(theme: str) -> Iterator[tuple[str, str]]:
    """Each test of a theme, and the threads that its docstring names before what went wrong."""
    module = ast.parse(Path(__file__).with_name(f"test_{theme}.py").read_text(encoding="utf-8"))
    for node in module.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            threads = (ast.get_docstring(node) or "").partition(": ")[0]
            not_yet = any("xfail" in ast.unparse(mark) for mark in node.decorator_list)
            yield node.name, threads + " (not so yet)" * not_yet


def table() -> str:
    """The table as the tests have it."""
    rows = [row for theme in THEMES for row in complaints(theme)]
    return HEAD + "".join(f"| `{test}` | {threads} |\n" for test, threads in rows)


def test_every_test_names_the_public_thread_that_it_answers() -> None:
    for theme in THEMES:
        for test, threads in complaints(theme):
            assert THREAD.search(threads), test


def test_every_module_has_its_place_on_the_page() -> None:
    modules = {path.stem for path in Path(__file__).parent.glob("test_*.py")}
    assert modules == {f"test_{theme}" for theme in (*THEMES, "page")}


def test_the_page_says_what_the_tests_say() -> None:
    text = PAGE.read_text(encoding="utf-8")
    section = text.partition(TITLE)[2].partition("\n## ")[0]
    shown = section[section.index("|") :].rstrip() + "\n"
    if os.environ.get("WATTMILL_WRITE_DOCS"):
        PAGE.write_text(text.replace(shown, table()), encoding="utf-8")
    else:
        assert shown == table()
