"""The command line: commands and groups by name, in the order of ``wattmill --help``.

The commands themselves are in ``wattmill.commands``, by subject. Nothing heavy is imported before one runs, so that
``wattmill --help`` answers at once.
"""

from typing import Annotated, NoReturn

import typer

from wattmill import __version__
from wattmill.commands.asking import ask, audit
from wattmill.commands.billing import corrections_app, credit_app, invoices_app, payments_app
from wattmill.commands.buy import buy
from wattmill.commands.catalog import catalog_app, import_app
from wattmill.commands.decide import decide
from wattmill.commands.doctor import doctor
from wattmill.commands.energy import energy_app
from wattmill.commands.exports import export_app, outbox_app, recompute
from wattmill.commands.finance import finance
from wattmill.commands.month import bill, margin
from wattmill.commands.planning import fit, plan, size
from wattmill.commands.replace import replace
from wattmill.commands.retire import retire
from wattmill.commands.running import backup, demo, init, reload, restore, status, up
from wattmill.commands.site import site
from wattmill.commands.tenants import budgets_app, keys_app, tenants_app
from wattmill.start import answer, guarded, is_question

RUNNING = (init, up, reload, status, demo, backup, restore, doctor, retire)
PLANNING = (plan, fit, size, finance, replace, site, buy, decide)
BOOKS = (bill, margin, recompute)
ASKING = (ask, audit)
GROUPS = {
    "tenants": tenants_app,
    "keys": keys_app,
    "budgets": budgets_app,
    "invoices": invoices_app,
    "payments": payments_app,
    "credit": credit_app,
    "corrections": corrections_app,
    "export": export_app,
    "outbox": outbox_app,
    "catalog": catalog_app,
    "energy": energy_app,
    "import": import_app,
}

app = typer.Typer(
    help="Watts in, tokens out, invoices sent.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for _command in (*RUNNING, *PLANNING, *BOOKS, *ASKING):
    app.command(_command.__name__)(_command)
for _name, _group in GROUPS.items():
    app.add_typer(_group, name=_name)


def main() -> NoReturn:
    """Run a command, as `python -m wattmill.cli` does; `wattmill` itself begins in `wattmill.start`."""
    guarded(answer if is_question() else app)


def _version(value: bool) -> None:
    if value:
        print(f"wattmill {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


if __name__ == "__main__":
    main()
