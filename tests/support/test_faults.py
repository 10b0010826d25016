"""The failing disk that other tests stand on: it fails where it was told to, and nowhere else."""

import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.faults import CALLS, Call, Faults, How, faults, faults_library

__all__ = ["faults", "faults_library"]

WRITE_THREE_TIMES = """
import os, sys
file = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
for letter in (b"aaaa", b"bbbb", b"cccc"):
    try:
        print(os.write(file, letter))
    except OSError as error:
        print(error.errno)
"""
EVERY_CALL = """
import os, sys
folder = sys.argv[1]
file = os.open(folder + "/one", os.O_RDWR | os.O_CREAT)
os.write(file, b"1"); os.pwrite(file, b"2", 1); os.writev(file, [b"3"]); os.pwritev(file, [b"4"], 3)
os.fsync(file); os.fdatasync(file); os.ftruncate(file, 2)
os.rename(folder + "/one", folder + "/two")
os.chdir(folder)
os.replace("two", "three")
open("three").read(); open("four", "w").close()
"""
COMMIT = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA synchronous=FULL")
db.execute("BEGIN IMMEDIATE")
db.executemany("INSERT INTO pair VALUES (?)", [(n,) for n in range(2000)])
db.execute("COMMIT")
"""


@pytest.mark.parametrize(
    ("how", "said", "written"),
    [
        ("ENOSPC", "4 28 4", "aaaacccc"),
        ("EIO", "4 5 4", "aaaacccc"),
        ("short", "4 2 4", "aaaabbcccc"),
        ("kill", "4", "aaaa"),
        ("torn", "4", "aaaabb"),
    ],
)
def test_the_second_write_fails_as_it_was_told(
    faults: Faults, how: How, said: str, written: str
) -> None:
    faults.arm("write", at=2, how=how)
    run = faults.python(WRITE_THREE_TIMES, faults.folder / "file")
    assert run.stdout.split() == said.split()
    assert (faults.folder / "file").read_text() == written
    assert run.returncode == (-signal.SIGKILL if how in ("kill", "torn") else 0)
    assert faults.failed == 1


def test_every_kind_of_call_is_counted(faults: Faults) -> None:
    run = faults.python(EVERY_CALL, faults.folder)
    assert run.returncode == 0, run.stderr
    assert faults.calls == {"write": 4, "sync": 2, "truncate": 1, "rename": 2, "create": 2}


@pytest.mark.parametrize("call", CALLS)
def test_every_kind_of_call_can_fail(faults: Faults, call: Call) -> None:
    faults.arm(call, how="EIO")
    run = faults.python(EVERY_CALL, faults.folder)
    assert "Input/output error" in run.stderr
    assert faults.failed == 1


def test_files_elsewhere_or_of_another_name_are_left_alone(faults: Faults, tmp_path: Path) -> None:
    beside = tmp_path / "disk-beside"
    faults.arm(how="kill", times=10**6)
    assert faults.python(WRITE_THREE_TIMES, beside).stdout.split() == ["4", "4", "4"]
    faults.arm(how="kill", times=10**6, name=".db")
    assert faults.python(WRITE_THREE_TIMES, faults.folder / "file").returncode == 0
    assert faults.failed == 0


def test_a_full_disk_has_room_again_when_it_is_told(faults: Faults) -> None:
    faults.fill()
    assert faults.python(WRITE_THREE_TIMES, faults.folder / "file").returncode == 1
    faults.disarm()
    assert faults.python(WRITE_THREE_TIMES, faults.folder / "file").stdout.split() == ["4"] * 3


@pytest.mark.parametrize("how", ["EIO", "torn"])
@pytest.mark.parametrize("call", ["write", "sync"])
def test_sqlites_own_calls_are_caught_and_a_commit_is_all_or_nothing(
    faults: Faults, call: Call, how: How
) -> None:
    path = faults.folder / "pair.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("CREATE TABLE pair (n INTEGER)")

    def run(_at: int) -> None:
        faults.python(COMMIT, path)
        with closing(sqlite3.connect(path)) as db:
            rows = db.execute("SELECT count(*) FROM pair").fetchone()[0]
            assert rows in (0, 2000)
            db.execute("DELETE FROM pair")
            db.commit()

    assert faults.at_every_call(run, call, how=how) >= (2 if call == "sync" else 10)
