"""A real factory for a test: ``wattmill up`` in a folder of its own, on free ports, in a session of its own.

    with running_factory(tmp_path) as factory:
        key = factory.key("acme")
        ...                                  # talk to factory.url
        factory.kill()                       # SIGKILL to the supervisor and all its children
        factory.restart()
        factory.stop()                       # as Ctrl-C would: exit status 0, no process left
        with factory.books() as books:
            books.execute("SELECT ... FROM request")

The folder holds ``factory.toml``, ``data/`` and ``up.log`` (what ``wattmill up`` said). Paths of
unix sockets are limited to 107 bytes, so keep it short; pytest's ``tmp_path`` is.
"""

import contextlib
import json
import os
import random
import select
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from wattmill.web import control

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "examples/first/factory.toml").read_text()
"""The factory file of the first example: tenants acme, globex and initech, model house-small."""

LISTEN, CONTROL = "127.0.0.1:8600", "127.0.0.1:8601"
"""The addresses that a factory file given to ``running_factory`` must name; free ones are put in their place."""

READY_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 90.0
COMMAND = (sys.executable, "-m", "wattmill.cli")

MODULES = {
    "engine": "wattmill.gateway.embedded",
    "books": "wattmill.web.process",
    "gateway": "wattmill.gateway.process",
}
"""The children of ``wattmill up``, by the module that each runs."""


class Factory:
    """One factory that can be started, killed and stopped again and again on the same folder."""

    def __init__(self, folder: Path, toml: str, env: Mapping[str, str]) -> None:
        assert LISTEN in toml and CONTROL in toml, (
            f"the factory file must say {LISTEN} and {CONTROL}"
        )
        self.folder = folder
        self.data = folder / "data"
        self.toml = folder / "factory.toml"
        self.log = folder / "up.log"
        listen, control = free_addresses(2)
        self.toml.write_text(toml.replace(LISTEN, listen).replace(CONTROL, control))
        self.url = f"http://{listen}"
        self.control_url = f"http://{control}"
        self._env = {**os.environ, **env}
        self._process: subprocess.Popen[bytes] | None = None
        assert len(str(self.data / "control.sock")) <= 107, f"{folder} is too long for unix sockets"

    # --- its life ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start it and return when it is ready: it has printed its curl line."""
        self.launch()
        stdout = self._running.stdout
        assert stdout is not None
        readable, _, _ = select.select([stdout], [], [], READY_TIMEOUT_S)
        if not readable or not stdout.readline():
            self.kill()
            raise AssertionError(f"the factory did not start:\n{self.said()}")

    def launch(self) -> None:
        """Start it and return at once."""
        assert self._process is None, "it is running"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*COMMAND, "up", str(self.toml), "--data", str(self.data)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self._env,
                start_new_session=True,
            )

    def stop(self) -> None:
        """Ctrl-C: it drains, ends with status 0 and leaves no process behind."""
        process = self._running
        process.send_signal(signal.SIGINT)
        try:
            status = process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the factory did not stop:\n{self.said()}") from None
        left = self.processes()
        self.kill()
        assert status == 0, f"exit status {status}:\n{self.said()}"
        assert not left, f"left behind: {left}"

    def kill(self) -> None:
        """SIGKILL to the whole process group; returns when nothing of it is left."""
        process = self._running
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        wait_until(lambda: not self.processes(), "the killed processes are gone")
        assert process.stdout is not None
        process.stdout.close()
        self._process = None

    def restart(self) -> None:
        """Stop it if it runs, and start it again."""
        if self._process is not None:
            self.stop()
        self.start()

    def close(self) -> None:
        """Whatever state it is in: nothing of it runs afterwards."""
        if self._process is not None:
            self.kill()

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "it is not running"
        return self._process

    # --- its processes -----------------------------------------------------------------------------------------------

    def processes(self) -> dict[int, str]:
        """Everything alive in its session: process id and command line."""
        session = self._running.pid
        return {pid: _command_line(pid) for pid in _processes_of_session(session)}

    @property
    def supervisor(self) -> int:
        """The process id of ``wattmill up``."""
        return self._running.pid

    def child(self, name: str) -> int | None:
        """The process id of ``engine``, ``books`` or ``gateway``; ``None`` while there is none."""
        for pid, command in self.processes().items():
            if MODULES[name] in command:
                return pid
        return None

    def kill_child(self, name: str) -> int:
        """SIGKILL to one child; the supervisor will start it again. Returns the process id it had, once it is gone."""
        pid = self.child(name)
        assert pid is not None, f"{name} is not running"
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: pid not in self.processes(), f"{name} is gone")
        return pid

    def kill_supervisor(self) -> None:
        """SIGKILL to ``wattmill up`` alone; its children are left to notice."""
        self._running.kill()
        self._running.wait()

    def succeed(self) -> None:
        """Start it again after ``kill_supervisor``, while children of the dead one may still be at work."""
        stdout = self._running.stdout
        assert stdout is not None
        stdout.close()
        self._process = None
        self.start()

    def wait_for_new_child(self, name: str, old: int) -> int:
        """Wait until the supervisor has started a child again."""
        wait_until(lambda: self.child(name) not in (None, old), f"{name} is started again")
        pid = self.child(name)
        assert pid is not None
        return pid

    def wait_until_ready(self) -> None:
        """Wait until the gateway serves, after it was started again."""
        wait_until(self._is_ready, "the gateway is ready")

    def _is_ready(self) -> bool:
        with contextlib.suppress(OSError), urllib.request.urlopen(self.url + "/ready", timeout=10):
            return True
        return False

    # --- talking to it -----------------------------------------------------------------------------------------------

    def run(self, *words: str) -> Any:
        """A command on its data folder: ``run("budgets", "list", "--json")``. JSON is decoded."""
        done = subprocess.run(
            [*COMMAND, *words, "--data", str(self.data)],
            capture_output=True,
            text=True,
            env=self._env,
            timeout=STOP_TIMEOUT_S,
        )
        assert done.returncode == 0, f"wattmill {' '.join(words)}: {done.stderr}"
        return json.loads(done.stdout) if "--json" in words else done.stdout

    def key(self, tenant: str, **limits: int) -> str:
        """A new key of a tenant, as ``wattmill keys create`` makes one."""
        return str(control.call(self.data, "create_key", tenant=tenant, **limits)["key"])

    def in_flight(self) -> int:
        """Requests that the gateway has not ended."""
        return int(control.call(self.data, "status")["gateway"]["in_flight"])

    def said(self) -> str:
        """What ``wattmill up`` said last on standard error, over all its starts."""
        return self.log.read_text(errors="replace")[-4000:]

    @contextlib.contextmanager
    def books(self) -> Iterator[sqlite3.Connection]:
        """The database, read only, with everything in it that is durable now."""
        control.call(self.data, "catch_up")
        connection = sqlite3.connect(f"file:{self.data / 'ledger.db'}?mode=ro", uri=True)
        connection.row_factory = sqlite3.Row
        try:
            yield connection
        finally:
            connection.close()


@contextlib.contextmanager
def running_factory(
    folder: Path, toml: str = EXAMPLE, env: Mapping[str, str] | None = None
) -> Iterator[Factory]:
    """A factory that runs; it is gone when the block ends, however it ends."""
    factory = Factory(folder, toml, env or {})
    try:
        factory.start()
        yield factory
    finally:
        factory.close()


def wait_until(condition: Any, what: str, timeout_s: float = 60.0) -> None:
    """Ask again and again until it is so; an assertion error names what never came."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, f"waited {timeout_s:.0f} s in vain: {what}"
        time.sleep(0.01)


def free_addresses(count: int) -> list[str]:
    """Loopback addresses nobody listens on, below the range from which the kernel picks ports by itself."""
    found: list[str] = []
    draw = random.Random(os.urandom(8))
    while len(found) < count:
        address = f"127.0.0.1:{draw.randrange(18_000, 32_000)}"
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", int(address.rpartition(":")[2])))
            except OSError:
                continue
        if address not in found:
            found.append(address)
    return found


def _processes_of_session(session: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            # pid (comm) state ppid pgrp session …; comm may hold anything, so read from the last ")"
            state, _, _, its_session = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
            threads = len(list((entry / "task").iterdir()))  # a zombie's may still hold its sockets
            if int(its_session) == session and (state not in "ZX" or threads > 1):
                found.append(int(entry.name))
    return found


def _command_line(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    return ""
