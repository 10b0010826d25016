"""Runs the ``console`` blocks of a page as a reader would: two terminals, a real factory.

A block holds commands (``$ …``, continued with ``> …``) and what they print. ``make up`` and
``wattmill up …`` start the first terminal, ``^C`` stops it, everything else runs in the second one,
a bash that keeps its variables. A block behind ``<!-- file: NAME -->`` is written to that file. The
key of the page is the one that the running factory printed. What differs from run to run (keys,
ids, numbers, months, generated words) is masked before recorded and real output are compared; a
recorded line ``…`` alone stands for any lines.

    WATTMILL_WRITE_DOCS=1 pytest tests/docs        records the output anew
"""

import os
import pty
import re
import select
import shlex
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from fcntl import ioctl
from pathlib import Path

from tests.support.factory import CONTROL, EXAMPLE, LISTEN, ROOT, free_addresses

COLUMNS = 100
FOLDER = "/srv/wattmill"
"""Where the pages say that they are."""

READY = "Ctrl-C drains and stops."
TIMEOUT_S = 120.0
END = "~~~end~~~"
ANYTHING = "\0"
KEY = "wm-" + "ThisIsTheKeyThatYourOwnFactoryPrints".ljust(43, "0")
"""The key that the pages show."""

STYLE = r"\x1b\[[0-9;]*[A-Za-z]"
ANY_KEY = r"wm-[A-Za-z0-9_-]{43}"

BLOCK = re.compile(
    r"(?:<!-- file: (?P<file>\S+) -->\n)?```(?P<kind>\w+)\n(?P<body>.*?)```\n", re.DOTALL
)


@dataclass
class Step:
    """A command and what it is recorded to print."""

    command: str
    recorded: str = ""
    printed: str = ""

    @property
    def is_exact(self) -> bool:
        """Whether the record is whole, with no line left out."""
        return not re.search(r"^…$", self.recorded, re.M)


@dataclass
class Page:
    """A Markdown page: its text, its steps, its files."""

    path: Path
    text: str = ""
    steps: list[Step] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.text = self.path.read_text()

    def blocks(self) -> Iterator["re.Match[str]"]:
        """Fenced blocks that are run or written to a file."""
        for block in BLOCK.finditer(self.text):
            if block["kind"] == "console" or block["file"]:
                yield block


def steps_of(body: str) -> list[Step]:
    """The commands of a console block, each with its record."""
    steps: list[Step] = []
    for line in body.splitlines():
        if line.startswith("$ ") or line == "^C":
            steps.append(Step(line.removeprefix("$ ")))
        elif line.startswith("> ") and not steps[-1].recorded:
            steps[-1].command += "\n" + line[2:]
        else:
            steps[-1].recorded += line + "\n"
    return steps


def block_of(steps: list[Step]) -> str:
    """The console block again, with what was printed; a record that leaves lines out stays."""
    lines = []
    for step in steps:
        prompt = "" if step.command == "^C" else "$ "
        lines.append(prompt + step.command.replace("\n", "\n> ") + "\n")
        lines.append(step.printed if step.is_exact else step.recorded)
    return "```console\n" + "".join(lines) + "```\n"


# --- comparing ------------------------------------------------------------------------------------

MASKS = [
    (ANY_KEY, "wm-KEY"),
    (r"\bk_[0-9a-f]{12}\b", "k_ID"),
    (r"chatcmpl-\w+", "chatcmpl-ID"),
    (r'"content":\s*"(?:[^"\\]|\\.)*"', '"content": "WORDS"'),
    (r'"finish_reason":\s*"(?:stop|length)"', '"finish_reason": "REASON"'),
    (
        r"\b(January|February|March|April|May|June|July|August|September|October|November|December)\b",
        "MONTH",
    ),
    (r"-?\d+(?:[.,:]\d+)*", "#"),
    (r"[─━]+", "─"),
    (r"\s+", " "),
]


def masked(text: str) -> str:
    """Text without what differs from run to run, on one line."""
    for pattern, name in MASKS:
        text = re.sub(pattern, name, text)
    return text.strip()


def agrees(step: Step) -> bool:
    """Whether what was printed is what is recorded."""
    recorded = masked(re.sub(r"^…$", ANYTHING, step.recorded, flags=re.M))
    pattern = ".*".join(re.escape(part.strip()) for part in recorded.split(ANYTHING))
    return re.fullmatch(pattern.replace(r"\ .*", ".*"), masked(step.printed)) is not None


# --- running --------------------------------------------------------------------------------------


class Screen:
    """A pseudo terminal that a process prints on."""

    def __init__(self) -> None:
        self._reader, self.writer = pty.openpty()
        ioctl(self.writer, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))

    def read_until(self, mark: str, timeout_s: float = TIMEOUT_S) -> str:
        """What is printed up to and with a mark."""
        text = b""
        deadline_s = time.monotonic() + timeout_s
        while mark.encode() not in text:
            readable, _, _ = select.select([self._reader], [], [], 0.2)
            if readable:
                text += os.read(self._reader, 65536)
            elif time.monotonic() > deadline_s:
                raise AssertionError(f"waited in vain for {mark!r}:\n{text.decode()}")
        return text.decode().replace("\r\n", "\n")

    def close(self) -> None:
        os.close(self._reader)
        os.close(self.writer)


class Terminals:
    """Two terminals in a folder that looks like a fresh checkout after ``make up``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = KEY
        self._real = dict(zip((LISTEN, CONTROL), free_addresses(2), strict=True))
        self._lay_out()
        ours = (
            "WATTMILL_",
            "MAKE",
            "MFLAGS",
        )  # a make that runs the tests is not the reader's make
        environment = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
        self._env = {**environment, "TERM": "xterm", "COLUMNS": str(COLUMNS), "NO_COLOR": "1"}
        self._first, self._second = Screen(), Screen()
        self._up: subprocess.Popen[bytes] | None = None
        self._bash = subprocess.Popen(
            ["bash"],
            cwd=folder,
            env=self._env,
            stdin=subprocess.PIPE,
            stdout=self._second.writer,
            stderr=self._second.writer,
        )

    def _lay_out(self) -> None:
        for example in (ROOT / "examples").rglob("*.toml"):
            target = self._folder / example.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(self.to_real(example.read_text()))
        assert LISTEN in EXAMPLE
        (self._folder / ".venv").symlink_to(sys.prefix)

    @staticmethod
    def _entry() -> Path:
        return Path(sys.executable).parent / "wattmill"

    def to_real(self, text: str) -> str:
        """The addresses and the key of the page as those of this run."""
        for written, real in self._real.items():
            text = text.replace(written, real)
        return text.replace(KEY, self._key)

    def to_written(self, text: str) -> str:
        for written, real in self._real.items():
            text = text.replace(real, written)
        text = re.sub(ANY_KEY, KEY, re.sub(STYLE, "", text)).replace(str(self._folder), FOLDER)
        return "".join(line.rstrip() + "\n" for line in text.rstrip().splitlines())

    def write(self, name: str, text: str) -> None:
        (self._folder / name).write_text(self.to_real(text))

    def run(self, step: Step) -> None:
        """Run one step and keep what it printed."""
        command = self.to_real(step.command)
        if command == "^C":
            step.printed = self._stop()
        elif command == "make up":
            step.printed = self._start(_recipe_of_up())
        elif command.startswith("wattmill up"):
            step.printed = self._start(command)
        else:
            step.printed = self._run_in_bash(command)
        step.printed = self.to_written(step.printed)

    def _start(self, command: str) -> str:
        assert self._up is None, "a factory is running already"
        program, *arguments = shlex.split(command)
        self._up = subprocess.Popen(
            [str(self._entry() if program.endswith("wattmill") else program), *arguments],
            cwd=self._folder,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=self._first.writer,
            stderr=self._first.writer,
            start_new_session=True,
        )
        printed = self._first.read_until(READY) + "\n"
        found = re.search(ANY_KEY, printed)
        self._key = found[0] if found else KEY
        return printed

    def _stop(self) -> str:
        assert self._up is not None, "nothing runs"
        self._up.send_signal(signal.SIGINT)
        printed = self._first.read_until("in the books").lstrip("\n") + "\n"
        assert self._up.wait(TIMEOUT_S) == 0
        self._up = None
        return printed

    def _run_in_bash(self, command: str) -> str:
        script = self._folder / ".step"
        script.write_text(command + "\n")
        assert self._bash.stdin is not None
        self._bash.stdin.write(f"source {script} </dev/null; echo; echo '{END}'\n".encode())
        self._bash.stdin.flush()
        printed = self._second.read_until(END + "\r\n")
        return printed.removesuffix(END + "\n").removesuffix("\n")

    def close(self) -> None:
        """Nothing runs afterwards."""
        if self._up is not None:
            os.killpg(self._up.pid, signal.SIGKILL)
            self._up.wait()
        assert self._bash.stdin is not None
        self._bash.stdin.close()
        self._bash.wait(TIMEOUT_S)
        self._first.close()
        self._second.close()


def _recipe_of_up() -> str:
    """What ``make up`` runs once everything is installed."""
    recipe = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "up"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line for line in recipe.stdout.splitlines() if not line.startswith("make")]
    return lines[-1]
