"""Disks that fail at a chosen call: full, broken, writing half, or the process killed in the middle of it.

    def test_…(faults: Faults) -> None:                  # files below faults.folder
        faults.arm("write", at=3, how="ENOSPC")          # the third write from now on finds no room
        faults.python(script)                            # a child process; or use faults.environment yourself
        assert faults.failed == 1
        faults.disarm()                                  # while processes run: the disk has room again

``at_every_call`` repeats a run with the fault at the first call, the second, … until there is none left to fail.
The library (``faults.c``) is compiled with the machine's ``gcc`` once a session, and preloaded into child processes.
"""

import errno
import mmap
import os
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Literal

import pytest

Call = Literal["write", "sync", "truncate", "rename", "create"]
How = Literal["ENOSPC", "EIO", "short", "kill", "torn"]

CALLS: tuple[Call, ...] = ("write", "sync", "truncate", "rename", "create")
FOR_EVER = 2**62
_STATE = struct.Struct("<IiQQQQ5Q64s")
_HOW = {"ENOSPC": errno.ENOSPC, "EIO": errno.EIO, "short": -1, "kill": -2, "torn": -3}
_NEVER = FOR_EVER
_FORKS = """
import ast, os, sys, traceback
exec(sys.argv[1])
for line in sys.stdin:
    child = os.fork()
    if not child:
        try:
            exec(ast.literal_eval(line))
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


class Faults:
    """What shall go wrong with the files below a folder, in processes that have ``environment``.

    ``write``: write, pwrite, writev, pwritev · ``sync``: fsync, fdatasync · ``truncate``: ftruncate ·
    ``rename``: rename to a name there · ``create``: open that makes a file.

    ``ENOSPC``, ``EIO``: the call fails · ``short``: half is written, and that is what it says (other calls fail with
    EIO) · ``kill``: SIGKILL instead of the call · ``torn``: half is written, then SIGKILL.
    """

    def __init__(self, library: Path, folder: Path, state: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder.resolve()
        state.write_bytes(bytes(_STATE.size))
        with state.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), _STATE.size)
        self.environment = {
            "LD_PRELOAD": str(library),
            "WATTMILL_FAULTS_FOLDER": str(self.folder),
            "WATTMILL_FAULTS_STATE": str(state),
        }
        self.disarm()

    def arm(
        self, *calls: Call, at: int = 1, how: How = "ENOSPC", times: int = 1, name: str = ""
    ) -> None:
        """From now on the ``at``-th of these calls fails, and so do the next ``times`` - 1. All counts begin anew.

        ``name``: only files whose path below the folder contains it.
        """
        armed = sum(1 << CALLS.index(call) for call in calls or CALLS)
        self._write(armed, _HOW[how], at, times, name)

    def fill(self) -> None:
        """The disk is full from now on, until ``disarm``."""
        self.arm("write", "create", how="ENOSPC", times=FOR_EVER)

    def disarm(self) -> None:
        """Nothing fails from now on; all counts begin anew."""
        self._write(0, 0, _NEVER, 0, "")

    @property
    def failed(self) -> int:
        """How many calls have failed."""
        return int(self._read()[5])

    @property
    def calls(self) -> dict[Call, int]:
        """How many calls there were, failed or not."""
        return dict(zip(CALLS, self._read()[6:11], strict=True))

    def preloaded(self, imports: str) -> "Preloaded":
        """Like ``python`` for many short runs: the imports are done once, each run is a fork. Use in a ``with``."""
        return Preloaded(imports, self.environment)

    def python(self, code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run Python code with these faults; ``returncode`` is -9 when it was killed."""
        command = [sys.executable, "-u", "-c", code, *map(str, arguments)]
        environment = os.environ | self.environment
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def at_every_call(
        self, run: Callable[[int], None], *calls: Call, how: How, name: str = "", step: int = 1
    ) -> int:
        """Run with the fault at call 1, 1 + step, … until none is left to fail; returns the last that failed."""
        for at in count(1, step):
            self.arm(*calls, at=at, how=how, name=name)
            run(at)
            if not self.failed:
                return max(0, at - step)
        raise AssertionError("unreachable")

    def _read(self) -> tuple[int, ...]:
        return _STATE.unpack(self._map[:])

    def _write(self, armed: int, how: int, at: int, times: int, name: str) -> None:
        zeros = [0] * (2 + len(CALLS))
        self._map[:] = _STATE.pack(armed, how, at, times, *zeros, name.encode())


class Preloaded:
    """A process with the faults that forks for each run."""

    def __init__(self, imports: str, environment: dict[str, str]) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-u", "-c", _FORKS, imports],
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "Preloaded":
        return self

    def __exit__(self, *_: object) -> None:
        self._server.communicate()

    def run(self, code: str) -> int:
        """Run code after the imports; returns as ``python``'s ``returncode``."""
        assert self._server.stdin and self._server.stdout
        self._server.stdin.write(repr(code) + "\n")
        self._server.stdin.flush()
        return int(self._server.stdout.readline())


@pytest.fixture(scope="session")
def faults_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``faults.c``, compiled."""
    library = tmp_path_factory.mktemp("faults") / "faults.so"
    source = Path(__file__).with_name("faults.c")
    how = ("-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC")
    subprocess.run(["gcc", *how, "-o", library, source, "-ldl"], check=True)
    return library


@pytest.fixture
def faults(faults_library: Path, tmp_path: Path) -> Iterator[Faults]:
    """Faults in the folder ``faults.folder`` (``disk`` in the test's own); nothing is armed yet."""
    faults = Faults(faults_library, tmp_path / "disk", tmp_path / "faults.state")
    yield faults
    faults.disarm()
