"""What the operations page says of restoring books holds for what was used after the copy, too."""

import shutil
from pathlib import Path

import pytest

from tests.support.factory import Factory, running_factory
from wattmill.web.demo import demo


def requests(factory: Factory) -> list[tuple[object, ...]]:
    with factory.books() as books:
        rows = books.execute("SELECT id, state, amount_pusd FROM request ORDER BY id")
        return [tuple(row) for row in rows]


@pytest.mark.parametrize("journal_survived", [True, False])
def test_a_copy_is_restored_into_an_empty_folder(tmp_path: Path, journal_survived: bool) -> None:
    with running_factory(tmp_path) as factory:
        demo(factory.data, 20)
        factory.run("backup", str(tmp_path / "books.db"))
        copied = requests(factory)
        demo(factory.data, 20)
        everything = requests(factory)
        factory.kill()
        factory.data.rename(tmp_path / "lost")
        factory.run("restore", str(tmp_path / "books.db"))
        if journal_survived:
            shutil.copytree(tmp_path / "lost" / "journal", factory.data / "journal")
        factory.start()
        assert requests(factory) == (everything if journal_survived else copied)
        demo(factory.data, 4)
        assert len(requests(factory)) > len(copied)
