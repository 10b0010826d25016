"""Fresh books for tests of cost."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

import pytest
from tests.ledger.cost.cost_books import FACTORY, CostBooks

from wattmill.ledger.store import Store

NewCostBooks = Callable[..., CostBooks]


@pytest.fixture(scope="session")
def new_cost_books(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewCostBooks]:
    """Makes fresh books on a factory file (the one above) loaded at a time (the epoch)."""
    opened: list[CostBooks] = []
    blank = tmp_path_factory.mktemp("blank")
    Store(blank, write=True).close()

    def make(text: str = FACTORY, begun_us: int = 0) -> CostBooks:
        directory = tmp_path_factory.mktemp("books")
        shutil.copytree(blank, directory, dirs_exist_ok=True)
        opened.append(CostBooks(directory, text, begun_us))
        return opened[-1]

    yield make
    for books in opened:
        books.store.close()


@pytest.fixture
def cost_books(new_cost_books: NewCostBooks) -> CostBooks:
    """Fresh books."""
    return new_cost_books()
