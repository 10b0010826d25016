"""``wattmill catalog`` and ``import``: what is known, and what you add to it."""

from pathlib import Path
from typing import Annotated, Any

import typer

from wattmill.commands.common import Json, show
from wattmill.start import say

catalog_app = typer.Typer(help="Hardware, models and prices that are known.", no_args_is_help=True)
import_app = typer.Typer(help="Read what is yours into your catalog file.", no_args_is_help=True)


@catalog_app.command("list")
def catalog_list(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="accelerators|models|apis|market|…",
            help="One of the lists that it prints without a word.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """What there is of each kind, or all of one kind."""
    from datetime import date

    from wattmill.catalog.browse_lists import listing, user_file

    found = listing(what, date.today())

    def screen() -> Any:
        from wattmill.catalog.browse_lists_text import listing_screen

        return listing_screen(found, user_file())

    show(found.rows, as_json, screen)


@catalog_app.command("show")
def catalog_show(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="A card, system, model, API, region, way to cool, …"),
    ],
    as_json: Json = False,
) -> None:
    """Every figure and price of one name, with source and date."""
    from datetime import date

    from wattmill.catalog.browse import sheets

    found = sheets(name, date.today())

    def screen() -> Any:
        from wattmill.catalog.browse_text import sheets_screen

        return sheets_screen(found)

    show(found, as_json, screen)


@import_app.command("model")
def import_model(
    path: Annotated[Path, typer.Argument(metavar="FOLDER|config.json|FILE.gguf")],
    name: Annotated[
        str | None, typer.Option("--name", help="Default: the folder's or file's.")
    ] = None,
    catalog: Annotated[
        Path | None,
        typer.Option("--catalog", help="Default: $WATTMILL_CATALOG, else in ~/.config/wattmill."),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Take the place of a row of the same name.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Add a model: its shape from a Hugging Face config.json or the head of a GGUF file."""
    from datetime import date

    from wattmill.catalog import importing
    from wattmill.catalog.user_file import user_catalog_path

    target = catalog or user_catalog_path()
    imported = importing.read_model(path, date.today().isoformat(), name)
    importing.append_model(target, imported.model, replace=replace)
    found = {"model": imported.model, "notes": imported.notes, "catalog": str(target)}
    show(found, as_json, lambda: importing.imported_text(imported))
    say(f"\nwritten to {target}")
