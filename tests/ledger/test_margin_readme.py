"""The README of the books names only tests that exist."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
README = TESTS.parent / "src" / "wattmill" / "ledger" / "README.md"


def test_every_test_that_the_readme_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", README.read_text()))
    defined = {
        name
        for path in TESTS.rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)
    }
    assert len(named) > 15
    assert named <= defined
