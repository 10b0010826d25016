"""One factory in front of one scripted engine for all of these tests, and fresh books."""

from collections.abc import Iterator

import pytest

from tests.complaints.factory import TOML
from tests.gateway.mill import Mill, running_mill
from tests.ledger.billing.conftest import world as world
from tests.ledger.conftest import books as books
from tests.ledger.conftest import new_books as new_books
from tests.ledger.cost.conftest import cost_books as cost_books
from tests.ledger.cost.conftest import new_cost_books as new_cost_books


@pytest.fixture(scope="session")
def mill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mill]:
    with running_mill(tmp_path_factory.mktemp("mill"), TOML) as mill:
        yield mill
        mill.assert_serves()
        mill.factory.stop()
