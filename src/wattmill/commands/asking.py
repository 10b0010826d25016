"""``wattmill ask`` and ``audit``: questions of physics and cost, and claims held against them."""

from pathlib import Path
from typing import Annotated

import typer

from wattmill.commands.common import Json, show


def ask(
    name: Annotated[
        str | None,
        typer.Argument(metavar="QUESTION", help="With --list, a topic.", show_default=False),
    ] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="Units are understood: bandwidth=3.35TB/s."),
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the questions.")] = False,
    about: Annotated[bool, typer.Option("--about", help="What it means and needs.")] = False,
    as_json: Json = False,
) -> None:
    """Ask a question of physics or cost. So: wattmill ask kv_cache_gb model=llama-3.1-70b context=128Ki."""
    from wattmill.plan.questions import asking

    print(asking.answered(name, inputs or [], list_=list_, about=about, as_json=as_json))


def audit(
    path: Annotated[Path, typer.Argument(metavar="FILE.toml|FOLDER")],
    only: Annotated[
        str | None, typer.Option("--only", help="reproduced, refuted, unknown or unexpected.")
    ] = None,
    claim: Annotated[
        str | None, typer.Option("--claim", help="One of them, with all that is known of it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Hold claims against physics. Status 1: a verdict is not as its file expects."""
    from wattmill.plan import audit as auditing
    from wattmill.plan.audit.text import audit_screen, finding_screen

    found = auditing.audit(path)
    shown = (auditing.named(found, claim),) if claim else auditing.chosen(found, only)
    screen = (lambda: finding_screen(shown[0])) if claim else lambda: audit_screen(found, shown)
    show(auditing.as_data(found, shown), as_json, screen)
    if not found.is_as_expected:
        raise typer.Exit(1)
