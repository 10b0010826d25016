"""``wattmill plan``, ``fit`` and ``size``: what machines carry, what a model needs, what users need."""

from typing import Annotated, Any

import typer

from wattmill.commands.common import FactoryFile, Html, Json, factory_path, show
from wattmill.start import say

Context = Annotated[int | None, typer.Option("--context", min=1, help="Tokens per user.")]
Isl = Annotated[int, typer.Option("--isl", help="Input tokens of a request.")]
Osl = Annotated[int, typer.Option("--osl", help="Output tokens of a request.")]
Hit = Annotated[float, typer.Option("--hit", help="Share of prompts found in the cache.")]
Hardware = Annotated[
    list[str] | None,
    typer.Option(
        "--hardware", metavar="WORD,…", help="Family, vendor, card, 4x CARD or system; repeatable."
    ),
]
Precisions = Annotated[
    list[str] | None, typer.Option("--precision", metavar="FORMAT,…", help="fp8,int4,q4_k_m …")
]
Kv = Annotated[str, typer.Option("--kv", help="Format of the KV cache.")]
UsdPerKwh = Annotated[float, typer.Option("--usd-per-kwh", help="Electricity.")]
Pue = Annotated[float, typer.Option("--pue", help="Power at the meter over the machines'.")]
LifeMonths = Annotated[int, typer.Option("--life-months", help="Of hardware that is bought.")]
MeanLoad = Annotated[float, typer.Option("--load", help="Mean share of the peak, for money.")]
Pay = Annotated[str, typer.Option("--pay", help="own, rent or cheaper.")]


def plan(
    factory: FactoryFile = None,
    load: Annotated[
        float, typer.Option("--load", help="Share of full throughput, day and night.")
    ] = 0.3,
    context: Context = None,
    isl: Isl = 1000,
    osl: Osl = 300,
    hit: Hit = 0.0,
    as_json: Json = False,
) -> None:
    """What each pool carries, what a token costs, what binds."""
    from datetime import date

    from wattmill.catalog.factory import load_factory
    from wattmill.plan.report import plan_factory
    from wattmill.plan.text import render

    report = plan_factory(
        load_factory(factory_path(factory)),
        date.today(),
        load_frac=load,
        context_tokens=context,
        isl=isl,
        osl=osl,
        hit_frac=hit,
    )
    show(report, as_json, lambda: render(report))


def fit(
    model: Annotated[str, typer.Argument(metavar="MODEL")],
    context: Context = None,
    hardware: Hardware = None,
    precision: Precisions = None,
    kv: Kv = "fp16",
    usd_per_kwh: UsdPerKwh = 0.12,
    pue: Pue = 1.30,
    life_months: LifeMonths = 36,
    load: MeanLoad = 0.7,
    pay: Pay = "cheaper",
    all_: Annotated[bool, typer.Option("--all", help="Every device and format.")] = False,
    html: Html = None,
    as_json: Json = False,
) -> None:
    """What holds a model. How many, how much room, how fast, how dear; status 1: nothing."""
    from datetime import date

    from wattmill.plan.sizing import fitting
    from wattmill.plan.sizing.candidates import split_words
    from wattmill.plan.sizing.money import terms_of

    question = fitting.FitQuestion(
        model,
        context,
        split_words(hardware),
        split_words(precision),
        kv,
        terms_of(usd_per_kwh, pue, life_months, load, pay),
    )
    report = fitting.fit_report(question, date.today())

    def screen() -> Any:
        from wattmill.plan.sizing.text import fit_screen

        return fit_screen(report, is_all=all_ or bool(hardware))

    show(report, as_json, screen)
    if html is not None:
        from wattmill.plan.pictures import write_page
        from wattmill.plan.sizing.figures import fit_page

        write_page(html, fit_page(report))
        say(f"{html} is written")
    if not report.rows:
        raise typer.Exit(1)


def size(
    model: Annotated[str, typer.Option("--model", help="A model of the catalog.")],
    slo: Annotated[str, typer.Option("--slo", help="ttft=500ms,tpot=30ms; means of requests.")],
    users: Annotated[
        int | None, typer.Option("--users", help="Sequences in flight at once, at the peak.")
    ] = None,
    rps: Annotated[
        float | None, typer.Option("--rps", help="Instead of --users: requests per second.")
    ] = None,
    isl: Isl = 1000,
    osl: Osl = 300,
    hit: Hit = 0.0,
    hardware: Hardware = None,
    precision: Precisions = None,
    kv: Kv = "fp16",
    usd_per_kwh: UsdPerKwh = 0.12,
    pue: Pue = 1.30,
    life_months: LifeMonths = 36,
    load: MeanLoad = 0.7,
    pay: Pay = "cheaper",
    top: Annotated[int, typer.Option("--top", help="Rows to show.")] = 10,
    html: Html = None,
    as_json: Json = False,
) -> None:
    """What serves so many users in time. The best by cost, power and speed; status 1: nothing."""
    from datetime import date

    from wattmill.physics.performance import Workload
    from wattmill.plan.sizing import size as sizing
    from wattmill.plan.sizing.candidates import split_words
    from wattmill.plan.sizing.money import terms_of
    from wattmill.plan.sizing.options import SizeQuestion
    from wattmill.plan.sizing.slo import parse_slo

    question = SizeQuestion(
        model,
        Workload(isl, osl, hit),
        parse_slo(slo),
        users,
        rps,
        split_words(hardware),
        split_words(precision),
        kv,
        terms_of(usd_per_kwh, pue, life_months, load, pay),
    )
    study = sizing.study(question, date.today(), top)

    def screen() -> Any:
        from wattmill.plan.sizing.text import size_screen

        return size_screen(study.report)

    show(study.report, as_json, screen)
    if html is not None:
        from wattmill.plan.pictures import write_page
        from wattmill.plan.sizing.figures import size_page

        write_page(html, size_page(study))
        say(f"{html} is written")
    if study.report.miss is not None:
        raise typer.Exit(1)
