"""``wattmill finance``: what a factory earns over time, and who can be paid from it."""

from typing import Annotated

import typer

from wattmill.commands.common import FactoryFile, Html, Json, factory_path, one_thread, show
from wattmill.start import say

Paths = Annotated[
    int | None,
    typer.Option("--paths", min=0, help="Futures to draw; 0 for none. Default: the file's."),
]
Seed = Annotated[int | None, typer.Option("--seed", min=0, help="Which futures.")]
Sobol = Annotated[
    bool, typer.Option("--sobol", help="How much each input explains when all move; some seconds.")
]
Inputs = Annotated[bool, typer.Option("--inputs", help="List every input and its source.")]


def finance(
    factory: FactoryFile = None,
    paths: Paths = None,
    seed: Seed = None,
    sobol: Sobol = False,
    inputs: Inputs = False,
    html: Html = None,
    as_json: Json = False,
) -> None:
    """Cash flow, return, cost of a unit, debt cover. What it hangs on, what may happen."""
    from datetime import date

    one_thread()
    from wattmill.catalog.factory import load_factory
    from wattmill.plan.studies.finance.study import study
    from wattmill.plan.studies.finance.text import render

    loaded = load_factory(factory_path(factory))
    report = study(loaded, date.today(), paths=paths, seed=seed, with_sobol=sobol)
    show(report, as_json, lambda: render(report, with_inputs=inputs))
    if html is not None:
        from wattmill.plan.pictures import write_page
        from wattmill.plan.studies.finance.page import finance_page

        write_page(html, finance_page(report))
        say(f"{html} is written")
