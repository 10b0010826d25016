"""``wattmill doctor``."""

from typing import TYPE_CHECKING

import typer

from wattmill.commands.common import DATA, Data, Json, show

if TYPE_CHECKING:
    from rich.table import Table

    from wattmill.ledger.doctor import Result


def doctor(data: Data = DATA, as_json: Json = False) -> None:
    """Prove that the books hold, or say what is wrong and where; exit status 1 then."""
    from wattmill.web.control import call, is_running

    if is_running(data):
        call(data, "read_engines")
    call(data, "catch_up")
    results = _examine(data)
    show(results, as_json, lambda: _table(results))
    if not all(result.is_sound for result in results):
        raise typer.Exit(1)


def _examine(data: Data) -> "list[Result]":
    from wattmill.ledger.doctor import examine
    from wattmill.ledger.store import Store

    with Store(data, write=False) as store:
        return examine(store)


def _table(results: "list[Result]") -> "Table":
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False)
    for result in results:
        if result.is_sound:
            table.add_row("sound", result.name, result.proves)
            continue
        for fault in result.faults:
            table.add_row("WRONG", result.name, f"{fault.place}: {fault.what}")
        if result.more:
            table.add_row("", "", f"and {result.more:,} more")
    return table
