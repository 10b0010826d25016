"""``wattmill buy``: rent, buy, lease or pay an API, for the demand of a factory."""

from wattmill.commands.common import FactoryFile, Html, Json, factory_path, one_thread, show
from wattmill.commands.finance import Inputs, Paths, Seed
from wattmill.start import say


def buy(
    factory: FactoryFile = None,
    paths: Paths = None,
    seed: Seed = None,
    inputs: Inputs = False,
    html: Html = None,
    as_json: Json = False,
) -> None:
    """Rent, buy, lease, API or both. Cost, payback, the load at which the answer changes."""
    from datetime import date

    one_thread()
    from wattmill.catalog.factory import load_factory
    from wattmill.plan.studies.buy.study import study
    from wattmill.plan.studies.buy.text import render

    report = study(load_factory(factory_path(factory)), date.today(), paths=paths, seed=seed)
    show(report, as_json, lambda: render(report, with_inputs=inputs))
    if html is not None:
        from wattmill.plan.pictures import write_page
        from wattmill.plan.studies.buy.page import buy_page

        write_page(html, buy_page(report))
        say(f"{html} is written")
