"""Run a program to its end on one core, with its CPU time and peak memory; and PostgreSQL beside it."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
from tests.support.postgres import PostgresServer, running_postgres

from bench.processes import TICKS_PER_S, Command, NotAvailable, Running, family, running

POLL_S = 0.02


@dataclass(frozen=True)
class Ended:
    """What a program printed, and what it took: wall and CPU seconds, the most memory in MiB."""

    text: str
    wall_s: float
    cpu_s: float
    peak_mb: float

    @property
    def said(self) -> dict[str, Any]:
        """Its last line, which is JSON."""
        found: dict[str, Any] = json.loads(self.text.strip().splitlines()[-1])
        return found


def run(
    command: Command, *, core: int, log: Path, limit_s: float, env: Mapping[str, str] | None = None
) -> Ended:
    """Run it to its end; ``NotAvailable`` with its last words when it fails."""
    log.unlink(missing_ok=True)
    began_s = time.perf_counter()
    with running(command, core=core, log=log, env=env) as program:
        used = _wait(program, limit_s)
        wall_s = time.perf_counter() - began_s
    if program.process.returncode:
        status = program.process.returncode
        raise NotAvailable(f"it ended with status {status}: {program.last_words()}")
    cpu_s = used.ru_utime + used.ru_stime
    return Ended(log.read_text(errors="replace"), wall_s, cpu_s, used.ru_maxrss / 1024)


def _wait(program: Running, limit_s: float) -> Any:
    """What the kernel says it used; it is waited for here, because only this tells its peak of memory."""
    process, ends_s = program.process, time.monotonic() + limit_s
    while True:
        pid, status, used = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return used
        if time.monotonic() > ends_s:
            raise NotAvailable(f"it took over {limit_s:.0f} s: {program.last_words()}")
        time.sleep(POLL_S)


def kill_after(
    command: Command,
    seconds: float,
    *,
    core: int,
    log: Path,
    told: Path,
    env: Mapping[str, str] | None = None,
) -> int:
    """Start a program, kill it so long after its first request, and return how many it said were answered."""
    with running(command, core=core, log=log, env=env) as program:
        ends_s = time.monotonic() + 300
        while not told.exists() or not told.stat().st_size:
            if program.process.poll() is not None or time.monotonic() > ends_s:
                raise NotAvailable(f"it did not begin: {program.last_words()}")
            time.sleep(POLL_S)
        time.sleep(seconds)
        os.kill(program.process.pid, signal.SIGKILL)
        program.process.wait()
    return int.from_bytes(told.read_bytes()[:8], "little")


class Server:
    """A PostgreSQL with its own durability on, and its CPU time."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._names = (f"bench{number}" for number in count(1))
        self.version = str(server.execute("SHOW server_version")[0][0])

    def new_database(self, template: str = "template0") -> str:
        """The name of a new one."""
        name = next(self._names)
        self._server.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop(self, name: str) -> None:
        self._server.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def url(self, name: str) -> str:
        """For wattmill."""
        return self._server.url(name)

    def dsn(self, name: str) -> str:
        """For psycopg."""
        return f"host={self._server.folder} user=wattmill dbname={name}"

    def execute(self, name: str, statement: str) -> list[tuple[Any, ...]]:
        return self._server.execute(statement, name)

    def script(self, name: str, text: str) -> None:
        """Several statements."""
        with psycopg.connect(self.dsn(name), autocommit=True) as connection:
            connection.execute(text.encode())

    def cpu_s(self) -> float:
        """All its processes so far."""
        return sum(stat.cpu_ticks for stat in family(self._server.pid)) / TICKS_PER_S


@contextmanager
def postgres() -> Iterator[Server]:
    """On the cores that this process may use; ``NotAvailable`` without its programs."""
    try:
        with running_postgres(fsync=True) as server:
            yield Server(server)
    except (RuntimeError, OSError) as error:
        raise NotAvailable(f"PostgreSQL cannot be started: {error}") from error
