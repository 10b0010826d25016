"""Where a command begins: it loads what it needs and no more, and what a user can cause ends in a message."""

import subprocess
import sys
from pathlib import Path

import pytest

from wattmill import __version__, start
from wattmill.core.errors import UsageError

START = "from wattmill.start import main; main()"


def begin(*words: str, code: str = START, **how: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *words]
    return subprocess.run(command, stderr=subprocess.PIPE, text=True, **how)  # type: ignore[call-overload, no-any-return]


def loaded(*words: str) -> set[str]:
    code = f"import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr)); {START}"
    return set(begin(*words, code=code, stdout=subprocess.DEVNULL).stderr.split())


def test_the_version_needs_no_typer() -> None:
    assert begin("--version", stdout=subprocess.PIPE).stdout == f"wattmill {__version__}\n"
    assert "typer" not in loaded("--version")


def test_a_command_loads_the_module_of_its_own_subject_only() -> None:
    subjects = {name for name in loaded("keys", "--help") if name.startswith("wattmill.commands.")}
    assert subjects == {f"wattmill.commands.{name}" for name in ("table", "common", "tenants")}


@pytest.mark.parametrize("words", [("--version",), ("ask", "--list"), ("plan", "-h"), ("-h",)])
def test_a_full_disk_and_no_output_at_all(words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = begin(*words, stdout=full)
    assert (done.returncode, done.stderr) == (
        2,
        "error: standard output: No space left on device\n",
    )
    closed = begin(*words, code=f"import sys; sys.stdout = None; {START}")
    assert "Traceback" not in closed.stderr


def test_a_reader_who_leaves_early() -> None:
    with subprocess.Popen(["true"], stdin=subprocess.PIPE, text=True) as reader:
        reader.wait()
        done = begin("ask", "--list", stdout=reader.stdin)
    assert (done.returncode, done.stderr) == (1, "")


def test_a_terminal_without_the_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    done = begin("ask", "--list", stdout=subprocess.PIPE)
    assert done.returncode == 0 and "10? bytes" in done.stdout


@pytest.mark.parametrize("help_", ["-h", "--help"])
def test_help_of_a_question_is_help(help_: str) -> None:
    assert "Usage:" in begin("ask", help_, stdout=subprocess.PIPE).stdout


def failing(error: BaseException) -> int | str | None:
    def work() -> None:
        raise error

    with pytest.raises(SystemExit) as left:
        start.guarded(work)
    return left.value.code


def test_what_a_user_can_cause_is_a_message(capsys: pytest.CaptureFixture[str]) -> None:
    assert failing(UsageError("so not", hint="so", place="here")) == 2
    assert capsys.readouterr().err == "error: here: so not\n\nhint: so\n"
    assert failing(KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == ""


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from wattmill.start import guarded;"
        "guarded(lambda: pathlib.Path(sys.argv[1]).write_text('x'))"
    )
    done = begin(str(tmp_path), code=code)
    assert (done.returncode, done.stderr) == (2, f"error: {tmp_path}: Is a directory\n")


def test_a_fault_of_ours_keeps_its_traceback() -> None:
    def work() -> None:
        raise OSError(9, "Bad file descriptor")

    with pytest.raises(OSError, match="Bad file"):
        start.guarded(work)
