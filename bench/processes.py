"""Start programs on one core, count the CPU time of all they become, and stop them for sure."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
STOP_GRACE_S = 15.0
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)

Command = Sequence[str | Path]


class NotAvailable(Exception):
    """A gateway cannot be installed, started or measured here; the text says why."""


@dataclass(frozen=True)
class Stat:
    """What the bench needs of one /proc/PID/stat."""

    pid: int
    parent: int
    session: int
    started: int
    cpu_ticks: int


@dataclass
class Running:
    """A program that was started here; it leads a session of its own."""

    process: subprocess.Popen[bytes]
    log: Path

    def cpu_s(self) -> float:
        """CPU seconds used so far by the program and everything that descends from it."""
        return sum(stat.cpu_ticks for stat in family(self.process.pid)) / TICKS_PER_S

    def last_words(self) -> str:
        """The last line of the log that says something, for an error message."""
        lines = self.log.read_text(errors="replace").split("\n") if self.log.exists() else []
        spoken = [line.strip() for line in lines if line.strip()]
        return spoken[-1][:200] if spoken else "it printed nothing"


def read_stat(pid: int) -> Stat | None:
    """The process's parent, session and CPU time, or None if it is gone.

    Children that ended and were waited for are in `cutime` and `cstime` of their parent, so
    nothing is lost when a worker is replaced while it is being watched.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()
    ticks = sum(int(field) for field in fields[11:15])  # utime, stime, cutime, cstime
    return Stat(pid, int(fields[1]), int(fields[3]), int(fields[19]), ticks)


def family(leader: int) -> list[Stat]:
    """The leader, its session and all their descendants, also those in sessions of their own."""
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    stats = {stat.pid: stat for stat in map(read_stat, pids) if stat}
    members = {pid for pid, stat in stats.items() if leader in (pid, stat.session)}
    while True:
        born = {pid for pid, stat in stats.items() if stat.parent in members} - members
        if not born:
            return [stats[pid] for pid in members]
        members |= born


def _become_pinned(core: int) -> Callable[[], None]:
    def apply() -> None:
        os.sched_setaffinity(0, {core})
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)  # not to outlive a killed harness

    return apply


@contextmanager
def running(
    command: Command,
    *,
    core: int,
    log: Path,
    env: Mapping[str, str] | None = None,
) -> Iterator[Running]:
    """Run a program with all its future children on one core, and stop them all at the end."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            cwd=log.parent,
            start_new_session=True,
            preexec_fn=_become_pinned(core),
        )
    program = Running(process, log)
    try:
        yield program
    finally:
        _stop(program)


def _stop(program: Running) -> None:
    """Ask the program to end its own way; after the grace kill what is left of its family."""
    members = family(program.process.pid)
    program.process.terminate()
    try:
        program.process.wait(STOP_GRACE_S)
    except subprocess.TimeoutExpired:
        os.killpg(program.process.pid, signal.SIGKILL)
        program.process.wait()
    for member in members + family(program.process.pid):
        _kill_if_same(member)


def _kill_if_same(member: Stat) -> None:
    """Kill a process unless it has ended and its number now belongs to another."""
    current = read_stat(member.pid)
    if current and current.started == member.started:
        with suppress(ProcessLookupError):
            os.kill(member.pid, signal.SIGKILL)


def free_port() -> int:
    """A port on loopback that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(true: Callable[[], bool], program: Running, limit_s: float, what: str) -> None:
    """Wait for something the program is to do; raise with its last words if it does not."""
    end = time.monotonic() + limit_s
    while not true():
        if program.process.poll() is not None:
            code = program.process.returncode
            raise NotAvailable(f"it ended with status {code}: {program.last_words()}")
        if time.monotonic() > end:
            raise NotAvailable(f"{what} took over {limit_s:.0f} s: {program.last_words()}")
        time.sleep(0.05)


def output_of(command: Command, limit_s: float = 60.0) -> str:
    """What a command prints; raise with its last complaint if it fails."""
    words = [str(part) for part in command]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=limit_s)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotAvailable(f"{Path(words[0]).name}: {error}") from error
    if done.returncode:
        raise NotAvailable(f"{Path(words[0]).name}: {_complaint(done.stderr or done.stdout)}")
    return done.stdout


def _complaint(text: str) -> str:
    """The line that tells what is wrong: the last one that says ERROR, else the last one."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines or ["it said nothing"])[-1][:200]
