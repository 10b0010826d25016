"""The factory file of what was found. What is not known is a comment, with a line that would tell."""

from datetime import date
from pathlib import Path

from wattmill.catalog.factory import DEMO
from wattmill.web.discover.draft import Draft, as_name
from wattmill.web.discover.gguf import read_gguf
from wattmill.web.discover.machine import machine_words
from wattmill.web.discover.records import Engine, Found, Machine, Served


def factory_text(found: Found) -> tuple[str, tuple[str, ...]]:
    """The factory file of what was found, and in words what its comments leave open."""
    draft = Draft()
    draft.add(
        f"# Written by `wattmill init` on {date.today()}. What it could not find out is a comment.",
        f"# This machine: {machine_words(found.machine)}.",
        *(f"# not known: {sentence}" for sentence in found.unknown),
        "",
    )
    _write_house(draft)
    routes: dict[str, list[str]] = {}
    for engine in found.engines:
        for served in engine.models:
            _write_remote(draft, found.machine, engine, served, routes)
    files = found.files if found.files or found.engines else (_demo_model(),)
    for served in files:
        _write_embedded(draft, found.machine, served, routes)
    _write_offer(draft, routes)
    return "\n".join(draft.lines) + "\n", draft.open_questions


def _write_house(draft: Draft) -> None:
    draft.add("[site]                                # power, place, money", 'name = "factory"')
    draft.open("what a kWh costs you; 0.12 USD is assumed", "power_usd_per_kwh = 0.12")
    draft.open("what cooling and conversion add (PUE); 1.30 is assumed", "pue = 1.30")
    draft.add("", "[seller]                              # who sends the invoices")
    draft.open("your name and address", 'name = "…"', 'address = ["…", "…"]', 'tax_id = "…"')
    draft.add("", "[serve]                               # where it listens")
    draft.set(listen="127.0.0.1:8600", control="127.0.0.1:8601")


def _write_remote(
    draft: Draft, machine: Machine, engine: Engine, served: Served, routes: dict[str, list[str]]
) -> None:
    alias = _alias(served)
    pool = draft.name(engine.engine if len(engine.models) == 1 else f"{engine.engine}-{alias}")
    routes.setdefault(alias, []).append(pool)
    draft.add("", "[[pool]]                              # an engine that was found here")
    draft.set(name=pool, model=served.model, engine=engine.engine, url=engine.url)
    draft.set(served_model=served.name if served.name != served.model else None)
    draft.set(precision=served.precision, context=served.context, slots=served.slots)
    cards = [gpu.hardware for gpu in machine.gpus if gpu.hardware] or [machine.cpu_hardware]
    draft.open("which hardware it runs on", f'hardware = "{cards[0]}"', of=pool)
    if served.precision is None:
        draft.open("in which precision it serves", 'precision = "fp8"', of=pool)
    _write_costs(draft, pool, served)


def _write_embedded(
    draft: Draft, machine: Machine, served: Served, routes: dict[str, list[str]]
) -> None:
    alias = _alias(served)
    pool = draft.name(f"here-{alias}" if "here" in draft.names else "here")
    routes.setdefault(alias, []).append(pool)
    draft.add("", "[[pool]]                              # llama.cpp inside wattmill")
    draft.set(name=pool, model=served.model, engine="llama.cpp", path=served.path)
    if machine.engine_hardware == "1x cpu":
        draft.add('hardware = "1x cpu"                   # the catalog\'s desktop processor')
    else:
        draft.set(hardware=machine.engine_hardware)
    draft.set(precision=served.precision)
    draft.set(slots=served.slots, context=served.context)
    if machine.engine_hardware is None:
        draft.open("which of the cards it computes on", 'hardware = "1x L40S"', of=pool)
    if served.precision is None:
        draft.open("the precision of the file; q4_k_m is assumed", 'precision = "q4_k_m"', of=pool)
    _write_costs(draft, pool, served)


def _write_costs(draft: Draft, pool: str, served: Served) -> None:
    if not served.known:
        draft.open(
            f"the shape of {served.model!r}: the catalog has no such model, so it is served but not"
            " planned",
            of=pool,
        )
    bought = f"bought = {date.today()}"
    draft.open("what was paid for the machine, and when", "paid_usd = 1200", bought, of=pool)
    draft.open("its watts at the wall", "idle_w = 40", "busy_w = 90", of=pool)


def _write_offer(draft: Draft, routes: dict[str, list[str]]) -> None:
    for alias, pools in routes.items():
        draft.add("", "[[model]]                             # what clients ask for")
        draft.set(alias=alias, route=pools)
    draft.add("", "[[rate_plan]]                         # what they pay", 'name = "standard"')
    draft.open("what you charge; these prices only hold the place")
    draft.add("usd_per_mtok = { input = 0.40, cached_input = 0.04, output = 1.60 }")
    draft.add("", "[[tenant]]                            # who pays", 'name = "house"')
    draft.add('rate_plan = "standard"')
    draft.open("who your tenants are, and their budgets", "budget_usd_per_month = 500")


def _alias(served: Served) -> str:
    return as_name(served.model)


def _demo_model() -> Served:
    file = read_gguf(Path(__file__).parents[2] / "demo" / "model.gguf")
    return Served("wattmill-demo", "wattmill-demo", True, file.precision, 2048, 8, DEMO)
