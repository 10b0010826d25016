"""Where a command starts: questions at once, every other command by `wattmill.cli`.

Reading the words of a command with typer takes longer than most answers, so `ask` goes without it.
An error that wattmill raised on purpose becomes a message and exit status 2.
"""

import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from wattmill.core.errors import WattmillError


def main() -> NoReturn:
    """Run the command that `sys.argv` has."""
    guarded(answer if is_question() else _command)


def is_question() -> bool:
    """Whether the words are a question, and not the help of `ask`."""
    return sys.argv[1:2] == ["ask"] and "--help" not in sys.argv


def answer() -> None:
    """Print the answer to the question that `sys.argv` has."""
    from wattmill.plan.questions.asking import from_words

    print(from_words(sys.argv[2:]))


def _command() -> None:
    from wattmill.cli import app

    app()


def guarded(work: Callable[[], Any]) -> NoReturn:
    """Do it, and leave with a status."""
    try:
        work()
        sys.stdout.flush()
    except WattmillError as error:
        say(f"error: {error}")
        if error.hint:
            say(f"\nhint: {error.hint}")
        sys.exit(2)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    sys.exit(0)


def say(text: str) -> None:
    """Talk goes to standard error."""
    print(text, file=sys.stderr, flush=True)
