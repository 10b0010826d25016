"""``wattmill energy``: what meters of pools counted."""

from pathlib import Path
from typing import Annotated, Any

import typer

from wattmill.commands.common import DATA, Data, Json, show

energy_app = typer.Typer(help="What meters of pools counted.", no_args_is_help=True)

Pool = Annotated[str, typer.Option("--pool", help="Whose meter it is.")]


@energy_app.command("import")
def energy_import(
    path: Annotated[Path, typer.Argument(metavar="FILE.csv")],
    pool: Pool,
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
    from wattmill.web.energy_files import import_file

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
    pool: Pool,
    start: Annotated[str, typer.Option("--from", help="For example 2026-11-01T00:00+01:00.")],
    end: Annotated[str, typer.Option("--to", help="The readings end by then.")],
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Withdraw readings of a pool, to import better ones; they stay in the books and count no more."""
    from wattmill.web.control import call
    from wattmill.web.energy_files import instant_us

    span = {"start_us": instant_us(start), "end_us": instant_us(end)}
    result = call(data, "remove_energy", pool=pool, **span)
    show(result, as_json, lambda: f"{pool}: {result['removed']:,} readings removed.")
