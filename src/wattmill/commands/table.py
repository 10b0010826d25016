"""Every command by name, in the order of ``wattmill --help``, and the module of `wattmill.commands` that it is in."""

from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from inspect import getdoc
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from wattmill import __version__

SECTIONS = {
    "Run": {
        "init": "running",
        "up": "running",
        "reload": "running",
        "status": "running",
        "demo": "running",
        "energy": "energy",
        "backup": "running",
        "restore": "running",
        "doctor": "doctor",
        "retire": "retire",
    },
    "Plan": {
        "plan": "planning",
        "fit": "planning",
        "size": "planning",
        "buy": "buy",
        "finance": "finance",
        "site": "site",
        "replace": "replace",
        "decide": "decide",
    },
    "Bill": {
        "tenants": "tenants",
        "keys": "tenants",
        "budgets": "tenants",
        "credit": "billing",
        "bill": "month",
        "margin": "month",
        "invoices": "billing",
        "payments": "billing",
        "corrections": "billing",
        "recompute": "exports",
        "export": "exports",
        "outbox": "exports",
    },
    "Know": {
        "ask": "asking",
        "audit": "asking",
        "catalog": "catalog",
        "import": "catalog",
    },
}
"""A group like ``keys`` is the ``keys_app`` of its module, a command like ``plan`` its function of that name."""

MODULES = {name: module for section in SECTIONS.values() for name, module in section.items()}
NAMES = tuple(MODULES)


class _InSections(TyperGroup):
    """Lists its commands by what they are for."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        width = max(map(len, self.commands))
        for title, names in SECTIONS.items():
            rows = [
                (name.ljust(width), self.commands[name].get_short_help_str(formatter.width * 3))
                for name in names
                if name in self.commands
            ]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


def app_for(words: Sequence[str]) -> typer.Typer:
    """The app that these words ask: with one command where they begin with its name, which starts sooner."""
    return app_of(words[:1] if words and words[0] in NAMES else NAMES)


def app_of(names: Iterable[str]) -> typer.Typer:
    """An app with these commands and groups; only their modules are imported."""
    app = typer.Typer(
        cls=_InSections,
        help="Watts in, tokens out, invoices sent.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for name in names:
        module = import_module(f"wattmill.commands.{MODULES[name]}")
        group = getattr(module, f"{name}_app", None)
        if group is not None:
            for one in group.registered_commands:
                one.short_help = _summary(one.callback)
            app.add_typer(group, name=name)
        else:
            function = getattr(module, name)
            app.command(name, short_help=_summary(function))(function)
    return app


def _summary(function: Callable[..., object]) -> str:
    """The first sentence of its help: whole, where a list of commands would cut it off."""
    text = " ".join((getdoc(function) or "").split())
    return text.partition(". ")[0].removesuffix(".") + "."


def _version(value: bool) -> None:
    if value:
        print(f"wattmill {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass
