"""Where a command starts: the version and questions at once, every other command by `wattmill.commands.table`.

Reading the words of a command with typer takes longer than most answers, so `ask` goes without it.
An error that wattmill raised on purpose becomes a message and exit status 2.
"""

import errno
import io
import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from wattmill.core.errors import WattmillError

INTERRUPTED = 130
"""What a shell gives to a command that Ctrl-C ended."""


def main() -> NoReturn:
    """Run the command that `sys.argv` has."""
    if sys.argv[1:] == ["--version"]:
        guarded(_version)
    guarded(answer if is_question() else _command)


def is_question() -> bool:
    """Whether the words are a question, and not the help of `ask`."""
    return sys.argv[1:2] == ["ask"] and not {"--help", "-h"} & set(sys.argv)


def answer() -> None:
    """Print the answer to the question that `sys.argv` has."""
    from wattmill.plan.questions.asking import from_words

    print(from_words(sys.argv[2:]))


def _version() -> None:
    from wattmill import __version__

    print(f"wattmill {__version__}")


def _command() -> None:
    from wattmill.commands.table import app_for

    app_for(sys.argv[1:])()


def guarded(work: Callable[[], Any]) -> NoReturn:
    """Do it, and leave with a status. What a user can cause ends in a message, a fault of ours in a traceback."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that knows no '⁹' gets '?'
    try:
        _flushed(work)
    except WattmillError as error:
        _fail(str(error), error.hint)
    except BrokenPipeError:
        _drop_output()
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except OSError as error:
        if error.filename is None and error.errno != errno.ENOSPC:
            raise
        _drop_output()
        _fail(f"{error.filename or 'standard output'}: {error.strerror}")
    sys.exit(0)


def _flushed(work: Callable[[], Any]) -> None:
    """With its output gone out also where it left by `sys.exit`: an error at the very end would have no message."""
    try:
        work()
    finally:
        if sys.stdout is not None:
            sys.stdout.flush()


def _drop_output() -> None:
    """What is still in the buffer would fail again when the interpreter ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str, hint: str = "") -> NoReturn:
    say(f"error: {message}")
    if hint:
        say(f"\nhint: {hint}")
    sys.exit(2)


def say(text: str) -> None:
    """Talk goes to standard error."""
    print(text, file=sys.stderr, flush=True)
