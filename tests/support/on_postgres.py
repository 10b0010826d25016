"""A plugin that puts the books of any test into PostgreSQL: every data folder gets a database of its own.

    python -m pytest -p tests.support.on_postgres tests/ledger/billing

Tests that open ``ledger.db`` themselves fail with it; all others must not notice.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.postgres import PostgresServer
from wattmill.ledger import location, store


class OnPostgres:
    """Which folder has which database."""

    def __init__(self) -> None:
        self.server = PostgresServer(settings=("-c", "max_connections=1000"))
        self.server.start()
        self.urls: dict[Path, str] = {}

    def database_url(self, directory: Path, told: str | None = None) -> str | None:
        """In the place of ``location.database_url``."""
        if told is None and directory not in self.urls:
            self.urls[directory] = self.server.new_database()
        return location.database_url(directory, told or self.urls[directory])

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Iterator[None]:
        """A database takes eight megabytes: it goes with its file of tests."""
        yield
        is_last = nextitem is None or nextitem.path != item.path
        while is_last and self.urls:
            self.server.drop_database(self.urls.popitem()[1])

    def pytest_unconfigure(self) -> None:
        self.server.close()


def pytest_configure(config: pytest.Config) -> None:
    plugin = OnPostgres()
    patch = pytest.MonkeyPatch()
    patch.setattr(store, "database_url", plugin.database_url)
    config.pluginmanager.register(plugin)
