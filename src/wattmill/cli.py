"""The command line: one thin function per command. Data on standard output (``--json`` on every one), talk on stderr.

Nothing heavy is imported before a command runs, so that ``wattmill --help`` answers at once.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from wattmill import __version__
from wattmill.commands.billing import corrections_app, credit_app, invoices_app, payments_app
from wattmill.commands.buy import buy
from wattmill.commands.common import (
    DATA,
    Data,
    FactoryFile,
    Html,
    Json,
    Month,
    OneTenant,
    factory_path,
    show,
    show_document,
)
from wattmill.commands.decide import decide
from wattmill.commands.doctor import doctor
from wattmill.commands.exports import export_app, outbox_app, recompute
from wattmill.commands.finance import finance
from wattmill.commands.replace import replace
from wattmill.commands.retire import retire
from wattmill.commands.site import site
from wattmill.commands.tenants import budgets_app, keys_app, tenants_app
from wattmill.core.errors import UsageError
from wattmill.start import answer, guarded, is_question, say

if TYPE_CHECKING:
    from wattmill.web.supervisor import Supervisor

app = typer.Typer(
    help="Watts in, tokens out, invoices sent.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
catalog_app = typer.Typer(help="Hardware, models and prices that are known.", no_args_is_help=True)
app.add_typer(tenants_app, name="tenants")
app.add_typer(keys_app, name="keys")
app.add_typer(budgets_app, name="budgets")
app.add_typer(invoices_app, name="invoices")
app.add_typer(payments_app, name="payments")
app.add_typer(credit_app, name="credit")
app.add_typer(corrections_app, name="corrections")
app.add_typer(export_app, name="export")
app.add_typer(outbox_app, name="outbox")
app.add_typer(catalog_app, name="catalog")
energy_app = typer.Typer(help="What meters of pools counted.", no_args_is_help=True)
app.add_typer(energy_app, name="energy")
import_app = typer.Typer(help="Read what is yours into your catalog file.", no_args_is_help=True)
app.add_typer(import_app, name="import")


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


# --- run ------------------------------------------------------------------------------------------------------------


@app.command()
def init(
    factory: Annotated[Path, typer.Argument(metavar="FACTORY.toml")] = Path("factory.toml"),
    gguf: Annotated[
        list[Path] | None, typer.Option("--gguf", help="A model file to serve; may be repeated.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
    as_json: Json = False,
) -> None:
    """Write a factory file from what is found here."""
    from wattmill.web import discover

    found = discover.init(factory, gguf or (), force=force)
    show(found, as_json, lambda: discover.found_screen(found, factory))
    say("\n" + discover.unknown_text(found))


@app.command()
def up(
    factory: FactoryFile = None,
    data: Data = DATA,
    model: Annotated[
        Path | None, typer.Option("--model", help="Serve this GGUF file, with no factory file.")
    ] = None,
    record: Annotated[
        str | None,
        typer.Option("--record", help="Append every decision to this file, for a replay."),
    ] = None,
    gateways: Annotated[
        int | None,
        typer.Option(help="How many gateway processes share the endpoint.", min=1, max=64),
    ] = None,
) -> None:
    """Start the factory: engines, gateway, books, status page. Ctrl-C drains and stops it."""
    from wattmill.catalog.factory import load_factory
    from wattmill.web.supervisor import Supervisor

    path = _factory_of_model(model, data) if model else factory_path(factory)
    loaded = load_factory(path)
    supervisor = Supervisor(loaded, _text(path), data.resolve(), say, record, gateways)
    try:
        supervisor.start()
        _greet(supervisor, path)
        supervisor.watch()
        say("draining …")
    except KeyboardInterrupt:
        say("stopping …")
    finally:
        supervisor.stop()
    say("stopped; every answer is in the books")


def _text(path: Path) -> str:
    """A factory file's text as its reader takes it: UTF-8, with or without a byte order mark."""
    return path.read_text("utf-8-sig")


def _factory_of_model(model: Path, data: Path) -> Path:
    from wattmill.web.discover import factory_for_model

    if not model.is_file():
        raise UsageError(f"there is no model file {model}", hint="name a GGUF file")
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = data / "model.toml"
    path.write_text(factory_for_model(model.resolve()))
    return path


def _greet(supervisor: "Supervisor", path: Path) -> None:
    from wattmill.web.control import call

    factory = supervisor.factory
    url = supervisor.gateway_url
    say(f"wattmill {__version__} · factory {factory.site.name!r} · {path}")
    say(f"  endpoint     {url}/v1")
    say(f"  status page  {supervisor.control_url}")
    if not factory.tenants:
        say("  no tenant yet: add a [[tenant]] to the factory file, then `wattmill reload`")
        return
    tenant = factory.tenants[0].name
    key = call(supervisor.data, "create_session_key", tenant=tenant)["key"]
    alias = factory.models[0].alias
    say(f"  key          {key}   (tenant {tenant}, for this run)")
    say("\ntry it:\n")
    print(
        f"curl {url}/v1/chat/completions -H 'authorization: Bearer {key}' "
        f"-H 'content-type: application/json' "
        f'-d \'{{"model":"{alias}","messages":[{{"role":"user","content":"What is a token?"}}]}}\'',
        flush=True,
    )
    say("\nnext, in another terminal:\n")
    width = max(len(f"wattmill plan {path}"), len(f"wattmill keys create {tenant}")) + 2
    for command, what in (
        ("demo", "traffic of three tenants, then usage, invoice and margin"),
        (f"bill {tenant}", "the invoice so far this month"),
        (f"keys create {tenant}", "a key that lasts"),
        (f"plan {path}", "what it could carry, and what a token costs"),
    ):
        say(f"  {'wattmill ' + command:<{width}} {what}")
    say("\nCtrl-C drains and stops.")


@app.command()
def reload(factory: FactoryFile = None, data: Data = DATA, as_json: Json = False) -> None:
    """Read the factory file again: tenants, prices, models, pools. Takes effect at once."""
    from wattmill.catalog.factory import load_factory
    from wattmill.web.control import call
    from wattmill.web.text import reload_text

    path = factory_path(factory)
    load_factory(path)
    result = call(data, "load_factory", path=str(path.resolve()), text=_text(path))
    show(result, as_json, lambda: reload_text(str(path), result))


@app.command()
def status(data: Data = DATA, as_json: Json = False) -> None:
    """What runs."""
    from wattmill.web.control import call
    from wattmill.web.text import status_text

    result = call(data, "status")
    show(result, as_json, lambda: status_text(result))


@app.command()
def demo(
    requests: Annotated[
        int, typer.Option("--requests", min=4, max=10_000, help="How many to send.")
    ] = 60,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Send traffic of three tenants; show usage, invoice, margin."""
    from wattmill.web import demo as traffic

    result = traffic.demo(data, requests, say)
    show(traffic.demo_json(result), as_json, lambda: traffic.demo_screen(result))


@app.command()
def backup(target: Path, data: Data = DATA, as_json: Json = False) -> None:
    """Copy the books' database while it is in use."""
    from wattmill.web.control import call

    result = call(data, "backup", path=str(target.resolve()))
    show(result, as_json, lambda: f"{result['path']}: {result['bytes']:,} bytes.")


@app.command()
def restore(copy: Path, data: Data = DATA, as_json: Json = False) -> None:
    """Fill an empty data folder, or its empty database, from a copy that ``backup`` wrote."""
    from wattmill.ledger.copying import restore_books

    result = {"path": str(copy.resolve()), "blocks": restore_books(copy, data.resolve())}
    show(result, as_json, lambda: f"{result['path']}: {result['blocks']:,} blocks, all sound.")


app.command("doctor")(doctor)
app.command("retire")(retire)


# --- plan and bill --------------------------------------------------------------------------------------------------


@app.command()
def plan(
    factory: FactoryFile = None,
    load: Annotated[
        float, typer.Option("--load", help="Share of full throughput, day and night.")
    ] = 0.3,
    context: Annotated[int | None, typer.Option("--context", help="Tokens per user.")] = None,
    isl: Annotated[int, typer.Option("--isl", help="Input tokens of a request.")] = 1000,
    osl: Annotated[int, typer.Option("--osl", help="Output tokens of a request.")] = 300,
    hit: Annotated[float, typer.Option("--hit", help="Share of prompts found in the cache.")] = 0.0,
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


@app.command()
def fit(
    model: Annotated[str, typer.Argument(metavar="MODEL")],
    context: Annotated[int | None, typer.Option("--context", help="Tokens per user.")] = None,
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
    """What holds a model: how many, how much room, how fast, how dear. Status 1: nothing."""
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


@app.command()
def size(
    model: Annotated[str, typer.Option("--model", help="A model of the catalog.")],
    slo: Annotated[str, typer.Option("--slo", help="ttft=500ms,tpot=30ms; means of requests.")],
    users: Annotated[
        int | None, typer.Option("--users", help="Sequences in flight at once, at the peak.")
    ] = None,
    rps: Annotated[
        float | None, typer.Option("--rps", help="Instead of --users: requests per second.")
    ] = None,
    isl: Annotated[int, typer.Option("--isl", help="Input tokens of a request.")] = 1000,
    osl: Annotated[int, typer.Option("--osl", help="Output tokens of a request.")] = 300,
    hit: Annotated[float, typer.Option("--hit", help="Share of prompts found in the cache.")] = 0.0,
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
    """What serves so many users in time: the best by cost, power and speed. Status 1: nothing."""
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


app.command("finance")(finance)
app.command("replace")(replace)
app.command("site")(site)
app.command("buy")(buy)
app.command("decide")(decide)


@app.command()
def bill(
    tenant: OneTenant = None,
    month: Month = None,
    rate_plan: Annotated[
        str | None,
        typer.Option("--rate-plan", help="What it would be under this plan, per tenant."),
    ] = None,
    pdf: Annotated[
        Path | None, typer.Option("--pdf", help="Write the invoice as PDF here.")
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print the invoice as CSV.")] = False,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """A tenant's invoice for a month as the books stand; `invoices issue` makes it final."""
    from wattmill.web import bills

    if rate_plan is not None:
        from wattmill.web.bills_text import comparison_table

        found = bills.under_plan(data, rate_plan, month, tenant)
        show([one.as_data() for one in found], as_json, lambda: comparison_table(found))
        return
    if tenant is None:
        raise UsageError("whose invoice?", hint="wattmill bill TENANT, or --rate-plan PLAN for all")
    show_document(bills.tenant_draft(data, tenant, month), pdf, csv, as_json)


@app.command()
def margin(
    month: Month = None,
    by: Annotated[str, typer.Option("--by", help="Rows by tenant, model or day.")] = "tenant",
    schedule: Annotated[
        str,
        typer.Option(
            "--schedule",
            help="Wear of machines: book (straight line) or economic (market value).",
        ),
    ] = "book",
    request: Annotated[
        str | None,
        typer.Option("--request", help="Explain one request instead, by its x-request-id."),
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print all rows as CSV.")] = False,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Revenue less energy, amortisation and idle: per tenant, model, pool, day or request."""
    from wattmill.web import margins

    margins.show(data, month, by, schedule, request, csv=csv, as_json=as_json, screen=show)


app.command("recompute")(recompute)


@energy_app.command("import")
def energy_import(
    path: Annotated[Path, typer.Argument(metavar="FILE.csv")],
    pool: Annotated[str, typer.Option("--pool", help="Whose meter it is.")],
    resets: Annotated[
        bool, typer.Option("--resets", help="Where the counter falls, the meter began anew.")
    ] = False,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """What a pool's own meter counted, from CSV with a header, in one of two forms.

    start,end,kwh       the energy of each time

    time,counter_kwh    a counter that only grows; energy is the difference of two rows

    Instants carry their offset: 2026-11-01T00:00+01:00 or 2026-10-31T23:00Z. The meter counts the
    machines, before cooling: PUE is added. A counter that falls is refused with its line; with
    --resets nothing is known of the time in which it fell. Readings that overlap, in the file or
    with earlier ones, are refused with the line, and then nothing is taken; the same reading again
    is left as it is. What no reading covers is modelled, and the margin says how much was measured.
    """
    from wattmill.web.energy import import_file

    result = import_file(data, path, pool, resets=resets)
    added, known = result["added"], result["known"]
    show(result, as_json, lambda: f"{pool}: {added:,} readings, {known:,} known already.")


@energy_app.command("list")
def energy_list(data: Data = DATA, as_json: Json = False) -> None:
    """The readings in the books, by pool and file."""
    from wattmill.web.control import call

    def line(row: dict[str, Any]) -> str:
        span = f"{row['first']} to {row['last']}"
        return f"{row['pool']}: {row['readings']:,} from {row['source']}, {span}, {row['kwh']:,.3f} kWh"

    rows = call(data, "list_energy")
    show(rows, as_json, lambda: "\n".join(map(line, rows)) or "No readings.")


@energy_app.command("remove")
def energy_remove(
    pool: Annotated[str, typer.Option("--pool", help="Whose meter it is.")],
    start: Annotated[str, typer.Option("--from", help="For example 2026-11-01T00:00+01:00.")],
    end: Annotated[str, typer.Option("--to", help="The readings end by then.")],
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Withdraw readings of a pool, to import better ones; they stay in the books and count no more."""
    from wattmill.web.control import call
    from wattmill.web.energy import instant_us

    span = {"start_us": instant_us(start), "end_us": instant_us(end)}
    result = call(data, "remove_energy", pool=pool, **span)
    show(result, as_json, lambda: f"{pool}: {result['removed']:,} readings removed.")


# --- questions and audit --------------------------------------------------------------------------------------------


@app.command()
def ask(
    name: Annotated[
        str | None, typer.Argument(help="A question; with --list, a topic.", show_default=False)
    ] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]…", help="Units are understood: bandwidth=3.35TB/s."),
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the questions.")] = False,
    about: Annotated[bool, typer.Option("--about", help="What it means and needs.")] = False,
    as_json: Json = False,
) -> None:
    """Ask a question of physics or cost: wattmill ask kv_cache_gb model=llama-3.1-70b context=128Ki."""
    from wattmill.plan.questions import asking

    print(asking.answered(name, inputs or [], list_=list_, about=about, as_json=as_json))


@app.command()
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


# --- catalog --------------------------------------------------------------------------------------------------------


@catalog_app.command("list")
def catalog_list(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="[accelerators|models|apis|market|…]",
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
    name: Annotated[str, typer.Argument(help="A card, system, model, API, region, way to cool, …")],
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


# --- import ---------------------------------------------------------------------------------------------------------


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


if __name__ == "__main__":
    main()
