"""``wattmill decide``: is a change of a factory worth its effort?"""

from typing import Annotated

import typer

from wattmill.commands.common import FactoryFile, Html, Json, factory_path, one_thread, show
from wattmill.commands.finance import Inputs
from wattmill.start import say

Kind = Annotated[
    str,
    typer.Argument(metavar="distill|finetune|cache|quantise|rag|second-node", help="Which change."),
]


def decide(
    kind: Kind,
    factory: FactoryFile = None,
    inputs: Inputs = False,
    html: Html = None,
    as_json: Json = False,
) -> None:
    """When a change breaks even, upkeep included. On what your own machines really cost."""
    from datetime import date

    one_thread()
    from wattmill.catalog.factory import load_factory
    from wattmill.plan.studies.decide.study import study
    from wattmill.plan.studies.decide.text import render

    report = study(kind, load_factory(factory_path(factory)), date.today())
    show(report, as_json, lambda: render(report, with_inputs=inputs))
    if html is not None:
        from wattmill.plan.pictures import write_page
        from wattmill.plan.studies.decide.page import decide_page

        write_page(html, decide_page(report))
        say(f"{html} is written")
