"""One factory in front of one scripted engine, shared by all tests of a worker that leave it in order."""

from collections.abc import Iterator

import pytest

from tests.gateway.mill import Mill, running_mill


@pytest.fixture(scope="session")
def mill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mill]:
    with running_mill(tmp_path_factory.mktemp("mill")) as mill:
        yield mill
        mill.assert_serves()
        mill.factory.stop()
