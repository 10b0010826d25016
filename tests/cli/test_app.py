"""How the command line is put together: names, order, and nothing heavy before a command runs."""

import subprocess
import sys
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from tests.support.factory import EXAMPLE
from wattmill import cli
from wattmill.catalog.factory import parse_factory
from wattmill.commands import running
from wattmill.commands.table import NAMES, SECTIONS

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


ROOT: Any = typer.main.get_command(cli.app)
GROUPS = [name for name, one in ROOT.commands.items() if hasattr(one, "commands")]


def test_help_lists_every_command_once_under_what_it_is_for() -> None:
    shown = CliRunner(env={"COLUMNS": "80"}).invoke(cli.app, ["--help"]).stdout
    heads = [line.removesuffix(":") for line in shown.splitlines() if line.endswith(":")]
    assert heads == ["Options", *SECTIONS]
    listed = [line.split()[0] for line in shown.splitlines() if line[2:3].islower()]
    assert [name for name in listed if name in NAMES] == list(NAMES)
    assert set(ROOT.commands) == set(NAMES)


@pytest.mark.parametrize("group", ["", *GROUPS])
def test_summaries_in_a_list_of_commands_are_whole(group: str) -> None:
    words = [*group.split(), "--help"]
    shown = CliRunner(env={"COLUMNS": "80"}).invoke(cli.app, words).stdout.partition("--help")[2]
    assert shown and "..." not in shown


def test_every_group_and_command_says_what_it_is_for() -> None:
    def walk(command: Any, path: str) -> None:
        assert command.help, path
        for name, one in getattr(command, "commands", {}).items():
            walk(one, f"{path} {name}")

    walk(typer.main.get_command(cli.app), "wattmill")


@pytest.mark.parametrize("words", ["plan --context 0", "fit llama-3.1-8b --context -1"])
def test_a_context_of_no_tokens_is_refused(words: str) -> None:
    assert CliRunner().invoke(cli.app, words.split()).exit_code == 2


@pytest.mark.parametrize(("tenants", "said"), [(1, "one tenant"), (2, "two"), (5, "three tenants")])
def test_the_greeting_counts_the_tenants_that_a_demo_asks_for(tenants: int, said: str) -> None:
    given = EXAMPLE[: EXAMPLE.index("[[tenant]]")] + "".join(
        f'[[tenant]]\nname = "t{n}"\nrate_plan = "standard"\n' for n in range(tenants)
    )
    assert said in running._tenants(parse_factory(given, "factory.toml"))
