"""How the command line is put together: names, order, and nothing heavy before a command runs."""

import subprocess
import sys
from typing import Any

import typer

from wattmill import cli

LIGHT = ("wattmill.commands", "wattmill.core", "wattmill.cli", "wattmill.start")
HEAVY = ("numpy", "sqlalchemy", "msgspec", "rich.table", "asyncio", "httptools")


def loaded_with(words: str) -> list[str]:
    """The modules that are loaded when the app has run with these words."""
    code = (
        f"import sys; sys.argv = ['wattmill', *{words.split()!r}]\n"
        "from wattmill.cli import app\n"
        "app(standalone_mode=False)\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stderr.split()


def test_no_command_loads_what_it_needs_before_it_runs() -> None:
    for words in ("--version", "--help", "plan --help", "up --help"):
        names = loaded_with(words)
        ours = [name for name in names if name.startswith("wattmill.")]
        assert ours and all(name.startswith(LIGHT) for name in ours), ours
        assert not set(HEAVY) & set(names)


def test_help_begins_with_what_runs_the_factory_and_ends_with_the_groups() -> None:
    root: Any = typer.main.get_command(cli.app)
    commands = list(root.commands)
    plain = len(commands) - len(cli.GROUPS)
    assert commands[:2] == ["init", "up"]
    assert commands[plain:] == list(cli.GROUPS)


def test_every_group_and_command_says_what_it_is_for() -> None:
    def walk(command: Any, path: str) -> None:
        assert command.help, path
        for name, one in getattr(command, "commands", {}).items():
            walk(one, f"{path} {name}")

    walk(typer.main.get_command(cli.app), "wattmill")
