"""For all tests: none reads the catalog file of whoever runs it, and a slow machine is no failure."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from wattmill.catalog.table import clear_caches

# WATTMILL_EXAMPLES=1000 looks longer for what no example has shown yet.
EXAMPLES = int(os.environ.get("WATTMILL_EXAMPLES", "50"))
settings.register_profile("wattmill", deadline=None, max_examples=EXAMPLES)
settings.load_profile("wattmill")

NO_CATALOG = "/nonexistent/wattmill/catalog.toml"

# Here as well, because tables are read where tests are collected; and the folder for processes
# whose WATTMILL_* are taken away.
os.environ["WATTMILL_CATALOG"] = NO_CATALOG
os.environ["XDG_CONFIG_HOME"] = "/nonexistent"


@pytest.fixture(autouse=True)
def no_catalog_of_ones_own() -> None:
    """The package's tables alone."""
    os.environ["WATTMILL_CATALOG"] = NO_CATALOG


@pytest.fixture
def own_catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Path]]:
    """Writes the catalog file of the user of this test; may be called again."""
    path = tmp_path / "catalog.toml"
    monkeypatch.setenv("WATTMILL_CATALOG", str(path))

    def write(text: str) -> Path:
        path.write_text(text, encoding="utf-8")
        clear_caches()
        return path

    clear_caches()
    yield write
    clear_caches()
