"""``wattmill site``: a factory file as power, racks, cables, cooling, money and a calendar."""

from typing import Annotated, get_args

import typer

from wattmill.commands.common import FactoryFile, Html, Json, factory_path, one_thread, show
from wattmill.core.errors import UsageError
from wattmill.start import say

MixFor = Annotated[
    str | None,
    typer.Option("--mix", help="Find the best fleet within the cap: most margin, tokens, or cost."),
]
Capital = Annotated[
    float | None, typer.Option("--capital", min=0, help="USD that the fleet of --mix may cost.")
]
Racks = Annotated[
    float | None, typer.Option("--racks", min=0, help="Racks that the fleet of --mix may fill.")
]
Inputs = Annotated[bool, typer.Option("--inputs", help="List every input and its source.")]


def site(
    factory: FactoryFile = None,
    mix: MixFor = None,
    capital: Capital = None,
    racks: Racks = None,
    inputs: Inputs = False,
    html: Html = None,
    as_json: Json = False,
) -> None:
    """Power, racks, cooling and calendar of a factory. Feeders, floor, place, contracts, carbon, too."""
    from datetime import date

    one_thread()
    from wattmill.catalog.factory import load_factory
    from wattmill.plan.fleet.records import Objective
    from wattmill.plan.studies.site.fleet import Limits
    from wattmill.plan.studies.site.study import study
    from wattmill.plan.studies.site.text import render

    if mix is None and (capital is not None or racks is not None):
        raise UsageError("--capital and --racks bound a fleet", hint="add --mix margin")
    goal = next((each for each in get_args(Objective) if each == mix), None)
    if mix is not None and goal is None:
        raise UsageError(f"no fleet is best for {mix!r}", hint="margin, tokens or cost")
    limits = None if goal is None else Limits(goal, capital, racks)
    report = study(load_factory(factory_path(factory)), date.today(), mix=limits)
    show(report, as_json, lambda: render(report, with_inputs=inputs))
    if html is not None:
        from wattmill.plan.pictures import write_page
        from wattmill.plan.studies.site.page import site_page

        write_page(html, site_page(report))
        say(f"{html} is written")
