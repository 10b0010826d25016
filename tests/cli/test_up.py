"""``wattmill up`` with something wrong: it says what and where, exits with 2, and leaves nothing running."""

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.mill import Mill, command
from tests.support.factory import CONTROL, EXAMPLE, LISTEN, free_addresses


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A folder with a factory file on free ports; nothing may run in it in the end."""
    listen, control = free_addresses(2)
    text = EXAMPLE.replace(LISTEN, listen).replace(CONTROL, control)
    (tmp_path / "factory.toml").write_text(text)
    yield tmp_path
    for process in Path("/proc").glob("[0-9]*/cwd"):
        if process.parent.name != str(os.getpid()) and process.exists():
            assert process.resolve() != tmp_path, f"process {process.parent.name} was left behind"


def up(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return command("up", *words, "--data", "data", folder=place)


def edit(place: Path, before: str, after: str) -> None:
    text = (place / "factory.toml").read_text()
    assert before in text
    (place / "factory.toml").write_text(text.replace(before, after, 1))


def assert_refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert "error: " in done.stderr and "\nhint: " in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("error: ") == 1, done.stderr
    for word in words:
        assert word in done.stderr


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('name = "first"', "name = first", "not TOML"),
        ("pue = 1.10", "pue = 0.10", "pue"),
        ("pue = 1.10", "puh = 1.10", "puh"),
        ('route = ["here"]', 'route = ["there"]', "there"),
        ('rate_plan = "friends"', 'rate_plan = "foes"', "foes"),
        ("output = 1.60", 'output = "cheap"', "output"),
        ('timezone = "America/Chicago"', 'timezone = "Mars/Base"', "Mars/Base"),
        ("budget_usd_per_month = 50", "budget_usd_per_month = -50", "budget"),
    ],
)
def test_a_broken_file_is_named_with_its_line(
    place: Path, before: str, after: str, message: str
) -> None:
    edit(place, before, after)
    lines = (place / "factory.toml").read_text().splitlines()
    number = next(
        i
        for i, line in enumerate(lines, start=1)
        if after.split("=")[0].strip() in line and after in line
    )
    assert_refused(up(place, "factory.toml"), f"factory.toml:{number}:", message)


def test_a_file_that_is_not_there(place: Path) -> None:
    assert_refused(up(place, "nowhere.toml"), "nowhere.toml", "No such file")
    assert_refused(up(place, "data"), "data")


def test_an_address_that_is_taken(place: Path) -> None:
    text = (place / "factory.toml").read_text()
    address = text.partition('listen = "')[2].partition('"')[0]
    with socket.create_server((address.split(":")[0], int(address.split(":")[1]))):
        assert_refused(up(place, "factory.toml"), address, "[serve]")


def test_a_model_file_that_is_not_there(place: Path) -> None:
    edit(place, 'path = "demo"', 'path = "models/none.gguf"')
    assert_refused(up(place, "factory.toml"), "'here'", "models/none.gguf")
    assert_refused(up(place, "--model", "none.gguf"), "none.gguf")


@pytest.mark.parametrize("content", [b"", b"GGUF", b"this is no model " * 1000])
def test_a_model_file_that_is_none(place: Path, content: bytes) -> None:
    (place / "model.gguf").write_bytes(content)
    edit(place, 'path = "demo"', 'path = "model.gguf"')
    message = "engine here did not start: model.gguf: llama.cpp cannot serve it"
    assert_refused(up(place, "factory.toml"), message, "engine-here.log")


def test_a_data_folder_that_cannot_be_made(place: Path) -> None:
    (place / "data").write_text("a file, no folder")
    assert_refused(up(place, "factory.toml"), "data")


def test_a_data_folder_whose_path_is_too_long_for_sockets(place: Path) -> None:
    words = ("factory.toml", "--data", "deep/" * 20)
    assert_refused(command("up", *words, folder=place), "deep/deep", "sockets")


def test_books_that_are_no_database(place: Path) -> None:
    (place / "data").mkdir()
    (place / "data" / "ledger.db").write_bytes(b"this is no database" * 500)
    assert_refused(up(place, "factory.toml"), "ledger.db", "backup")


def test_the_folder_of_a_factory_that_runs(mill: Mill, place: Path) -> None:
    """The second one is refused, the first one does not even notice."""
    before = mill.factory.processes()
    engine_logs = {p: p.read_bytes() for p in mill.factory.data.glob("*.log")}
    done = command("up", str(place / "factory.toml"), "--data", str(mill.factory.data))
    assert_refused(done, str(mill.factory.data), "another process")
    assert mill.factory.processes() == before
    assert {p: p.read_bytes() for p in engine_logs} == engine_logs
    mill.assert_serves()
    assert mill.factory.run("keys", "list", "--json")


@pytest.mark.parametrize("words", [("keys", "list"), ("budgets", "list"), ("backup", "copy.db")])
def test_a_command_where_no_books_are(place: Path, words: tuple[str, ...]) -> None:
    done = command(*words, "--data", "data", folder=place)
    assert_refused(done, "there are no books in data", "wattmill up")
    assert not (place / "data").exists()


def test_a_second_life_on_the_same_folder(mill: Mill) -> None:
    """Keys, budgets and balances are there again; the key of the first run is not."""
    mill.assert_serves()
    mill.factory.run("budgets", "set", "acme", "77")
    spent = {row["tenant"]: row["spent_pusd"] for row in mill.do("balances")}
    mill.factory.restart()
    mill.assert_serves()
    rows = {row["tenant"]: row for row in mill.do("balances")}
    assert rows["acme"]["budget_pusd"] == 77 * 10**12
    assert rows["acme"]["spent_pusd"] == spent["acme"] + 2 * 17_000_000
    mill.factory.run("budgets", "set", "acme", "none")
    sessions = [row for row in mill.do("list_keys") if row["label"] == "session"]
    assert [row["revoked_us"] is None for row in sessions[-2:]] == [False, True]
