"""What the operations page says of restoring books holds for what was used after the copy, too."""

import shutil
from pathlib import Path

import pytest

from tests.support.factory import Factory, running_factory
from wattmill.web.demo import demo


def entries(factory: Factory) -> list[tuple[object, ...]]:
    with factory.books() as books:
        rows = books.execute("SELECT request, kind, amount_pusd FROM entry ORDER BY request, kind")
        return [tuple(row) for row in rows]


@pytest.mark.parametrize("journal_survived", [True, False])
def test_a_copy_is_restored_into_an_empty_folder(tmp_path: Path, journal_survived: bool) -> None:
    with running_factory(tmp_path) as factory:
        demo(factory.data, 20)
        factory.run("backup", str(tmp_path / "books.db"))
        copied = entries(factory)
        demo(factory.data, 20)
        everything = entries(factory)
        factory.kill()
        factory.data.rename(tmp_path / "lost")
        factory.data.mkdir(mode=0o700)
        shutil.copy(tmp_path / "books.db", factory.data / "ledger.db")
        if journal_survived:
            shutil.copytree(tmp_path / "lost" / "journal", factory.data / "journal")
        factory.start()
        assert entries(factory) == (everything if journal_survived else copied)
        demo(factory.data, 4)
        assert len(entries(factory)) > len(copied)
