"""``wattmill init``, ``up``, ``reload``, ``status``, ``demo``, ``backup`` and ``restore``: the factory as it runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wattmill import __version__
from wattmill.commands.common import DATA, Data, FactoryFile, Json, factory_path, show
from wattmill.core.errors import UsageError
from wattmill.start import say

if TYPE_CHECKING:
    from wattmill.catalog.factory import Factory
    from wattmill.web.supervisor import Supervisor

Copy = Annotated[Path, typer.Argument(metavar="FILE", help="The copy of the books.")]


def init(
    factory: Annotated[Path, typer.Argument(metavar="FACTORY.toml")] = Path("factory.toml"),
    gguf: Annotated[
        list[Path] | None,
        typer.Option("--gguf", metavar="FILE", help="A model file to serve; may be repeated."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
    as_json: Json = False,
) -> None:
    """Write a factory file from what is found here."""
    from wattmill.web import discover

    found = discover.init(factory, gguf or (), force=force)
    show(found, as_json, lambda: discover.found_screen(found, factory))
    say("\n" + discover.unknown_text(found))


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
        ("demo", f"traffic of {_tenants(factory)}, then usage, invoice and margin"),
        (f"bill {tenant}", "the invoice so far this month"),
        (f"keys create {tenant}", "a key that lasts"),
        (f"plan {path}", "what it could carry, and what a token costs"),
    ):
        say(f"  {'wattmill ' + command:<{width}} {what}")
    say("\nCtrl-C drains and stops.")


def _tenants(factory: "Factory") -> str:
    """As many as ``wattmill demo`` asks for."""
    return {1: "one tenant", 2: "two tenants"}.get(len(factory.tenants), "three tenants")


def reload(factory: FactoryFile = None, data: Data = DATA, as_json: Json = False) -> None:
    """Read the factory file again: tenants, prices, models, pools. Takes effect at once."""
    from wattmill.catalog.factory import load_factory
    from wattmill.web.control import call
    from wattmill.web.text import reload_text

    path = factory_path(factory)
    load_factory(path)
    result = call(data, "load_factory", path=str(path.resolve()), text=_text(path))
    show(result, as_json, lambda: reload_text(str(path), result))


def status(data: Data = DATA, as_json: Json = False) -> None:
    """What runs."""
    from wattmill.web.control import call
    from wattmill.web.text import status_text

    result = call(data, "status")
    show(result, as_json, lambda: status_text(result))


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


def backup(target: Copy, data: Data = DATA, as_json: Json = False) -> None:
    """Copy the books' database while it is in use."""
    from wattmill.web.control import call

    result = call(data, "backup", path=str(target.resolve()))
    show(result, as_json, lambda: f"{result['path']}: {result['bytes']:,} bytes.")


def restore(copy: Copy, data: Data = DATA, as_json: Json = False) -> None:
    """Fill an empty data folder, or its empty database, from a backup."""
    from wattmill.ledger.copying import restore_books

    result = {"path": str(copy.resolve()), "blocks": restore_books(copy, data.resolve())}
    show(result, as_json, lambda: f"{result['path']}: {result['blocks']:,} blocks, all sound.")
