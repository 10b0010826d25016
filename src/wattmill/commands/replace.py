"""``wattmill replace``: when to redeploy, sell or swap machines under a power cap."""

from typing import Annotated

import typer

from wattmill.commands.common import FactoryFile, Html, Json, factory_path, one_thread, show
from wattmill.start import say

Lower = Annotated[
    float | None,
    typer.Option("--lower", min=0, max=1, help="Rent of a lower tier over today's; 0: no tier."),
]
LowerDrift = Annotated[
    float | None,
    typer.Option("--lower-drift", min=-0.99, max=10, help="How that moves a year: -0.1 falls."),
]
Install = Annotated[
    int | None,
    typer.Option("--install", min=0, max=60, help="Months from payment to the first revenue."),
]
InstallCost = Annotated[
    float | None,
    typer.Option("--install-cost", min=0, max=10, help="Putting up, as a share of the price."),
]
Lasts = Annotated[
    int | None, typer.Option("--lasts", min=1, max=600, help="Age at which machines end, months.")
]
Inputs = Annotated[bool, typer.Option("--inputs", help="List every input and its source.")]


def replace(
    factory: FactoryFile = None,
    lower: Lower = None,
    lower_drift: LowerDrift = None,
    install: Install = None,
    install_cost: InstallCost = None,
    lasts: Lasts = None,
    inputs: Inputs = False,
    html: Html = None,
    as_json: Json = False,
) -> None:
    """Keep, redeploy, sell or swap. What today, what in which month, what the slot's kW are worth."""
    from datetime import date

    one_thread()
    from wattmill.catalog.factory import load_factory
    from wattmill.plan.studies.replace.options import ReplaceOptions
    from wattmill.plan.studies.replace.study import study
    from wattmill.plan.studies.replace.text import render

    options = ReplaceOptions(lower, lower_drift, install, install_cost, lasts)
    report = study(load_factory(factory_path(factory)), date.today(), options)
    show(report, as_json, lambda: render(report, with_inputs=inputs))
    if html is not None:
        from wattmill.plan.pictures import write_page
        from wattmill.plan.studies.replace.page import replace_page

        write_page(html, replace_page(report))
        say(f"{html} is written")
