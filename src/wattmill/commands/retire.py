"""``wattmill retire``: details of old requests go, their sums stay."""

from typing import TYPE_CHECKING, Annotated

import typer

from wattmill.commands.common import DATA, Data, Json, say, show

if TYPE_CHECKING:
    from rich.table import Table

    from wattmill.ledger.retention.retiring import Retired

Before = Annotated[
    str | None,
    typer.Option(
        "--before",
        help="Requests of earlier months, for example 2026-01; default: by keep_details_days.",
    ),
]
By = Annotated[str | None, typer.Option("--by", help="Who says so; it is recorded. Default: you.")]


def retire(
    before: Before = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would go; change nothing.")
    ] = False,
    by: By = None,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Drop the rows of old, invoiced requests; sums, invoices and the chain stay whole."""
    from wattmill.web.retirement import retired, would_retire

    found = would_retire(data, before) if dry_run else retired(data, before, by or _user())
    show(found, as_json, lambda: _table(found))
    if not as_json:
        say(_words(found, dry_run))


def _user() -> str:
    from getpass import getuser

    try:
        return getuser()
    except (KeyError, OSError):
        return "unknown"


def _table(found: "Retired") -> "Table":
    from rich.table import Table

    from wattmill.core.money import format_usd

    table = Table(box=None, pad_edge=False)
    table.add_column("tenant")
    table.add_column("state")
    for title in ("requests", "tokens", "amount"):
        table.add_column(title, justify="right")
    for one in found.sums:
        figures = (f"{one.requests:,}", f"{sum(one.meters):,}", format_usd(one.amount_pusd, 6))
        table.add_row(one.tenant, one.state, *figures)
    return table


def _words(found: "Retired", dry_run: bool) -> str:
    what = f"{found.requests:,} requests in {found.blocks:,} blocks"
    does = "would go; their sums would stay" if dry_run else "are retired; their sums stay"
    stay = [
        f"not retired: {one.party}, {one.month} has no invoice ({one.blocks:,} blocks)"
        for one in found.not_invoiced
    ]
    return "\n".join([f"{what} of before {found.before} {does}", *stay])
