"""CPU time is counted for the whole family, and nothing of it is left behind."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from bench.processes import NotAvailable, family, output_of, read_stat, running, wait_until

BURN = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass\n"
CHILD_OF_ITS_OWN_SESSION = f"""
import subprocess, sys, time
child = subprocess.Popen(
    [sys.executable, "-c", {BURN + "time.sleep(60)"!r}], start_new_session=True
)
print("born", flush=True)
time.sleep(60)
"""
CHILD_THAT_ENDED = f"""
import subprocess, sys, time
subprocess.run([sys.executable, "-c", {BURN!r}])
print("ended", flush=True)
time.sleep(60)
"""


def test_children_are_counted_and_stopped(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CHILD_OF_ITS_OWN_SESSION]
    with running(command, core=0, log=tmp_path / "log") as program:
        wait_until(lambda: program.cpu_s() >= 0.3, program, 30, "burning")
        members = family(program.process.pid)
        assert len(members) == 2
    deadline = time.monotonic() + 10
    while any(_alive(stat.pid) for stat in members):
        assert time.monotonic() < deadline


def _alive(pid: int) -> bool:
    """Running and no zombie that waits for somebody else to reap it."""
    if read_stat(pid) is None:
        return False
    return ") Z " not in Path(f"/proc/{pid}/stat").read_text()


def test_a_child_that_ended_is_still_counted(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with running([sys.executable, "-c", CHILD_THAT_ENDED], core=0, log=log) as program:
        wait_until(lambda: "ended" in log.read_text(), program, 30, "ending")
        assert len(family(program.process.pid)) == 1
        assert program.cpu_s() >= 0.3


def test_a_program_that_ends_early_says_why(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "print('no port left'); raise SystemExit(3)"]
    with (
        running(command, core=0, log=tmp_path / "log") as program,
        pytest.raises(NotAvailable, match="status 3: no port left"),
    ):
        wait_until(lambda: False, program, 30, "starting")


def test_a_failing_command_gives_its_error_line() -> None:
    script = "import sys; print('ERROR: no such package\\nbye', file=sys.stderr); sys.exit(1)"
    with pytest.raises(NotAvailable, match="ERROR: no such package"):
        output_of([sys.executable, "-c", script])
