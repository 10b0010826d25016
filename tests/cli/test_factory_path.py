"""Which factory file a command takes when none is named."""

import os
from pathlib import Path

import pytest

from wattmill.commands import common
from wattmill.core.errors import UsageError

EXAMPLE = Path(__file__).parents[2] / "examples" / "first" / "factory.toml"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without a factory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package far from any checkout."""
    package = tmp_path / "site-packages" / "wattmill"
    (package / "demo").mkdir(parents=True)
    monkeypatch.setattr(common, "__file__", str(package / "commands" / "common.py"))
    return package


def test_a_path_that_is_given_is_taken(folder: Path) -> None:
    (folder / "factory.toml").touch()
    assert common.factory_path(Path("other.toml")) == Path("other.toml")


def test_the_file_of_the_folder_goes_first(folder: Path) -> None:
    (folder / "factory.toml").touch()
    assert common.factory_path(None) == Path("factory.toml")


def test_a_checkout_has_its_first_example() -> None:
    assert common.factory_path(None) == EXAMPLE
    assert EXAMPLE.exists()


def test_an_installed_package_has_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = installed(tmp_path, monkeypatch) / "demo" / "factory.toml"
    own.touch()
    assert common.factory_path(None) == own


def test_without_any_it_says_what_to_give(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(tmp_path, monkeypatch)
    with pytest.raises(UsageError) as raised:
        common.factory_path(None)
    assert "there is no factory.toml" in str(raised.value)
    assert "wattmill init" in (raised.value.hint or "")


def test_studies_compute_in_one_thread_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "OPENBLAS_NUM_THREADS"
    monkeypatch.setenv(name, "4")
    common.one_thread()
    assert os.environ[name] == "4"
    monkeypatch.delenv(name)
    common.one_thread()
    assert os.environ[name] == "1"
