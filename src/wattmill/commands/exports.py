"""``wattmill export``, ``recompute`` and ``outbox``: what leaves the books."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from wattmill.commands.common import DATA, Data, Json, Month, call_and_show, say, show
from wattmill.core.errors import UsageError

export_app = typer.Typer(
    help="Usage, documents and the general ledger for other tools.", no_args_is_help=True
)
outbox_app = typer.Typer(
    help="What is to be delivered, and what became of it.", no_args_is_help=True
)

Tenant = Annotated[str, typer.Option("--tenant")]
AnyTenant = Annotated[str | None, typer.Option("--tenant", help="Default: all.")]
AnyMonth = Annotated[str | None, typer.Option("--month", help="Default: all.")]


# --- export ---------------------------------------------------------------------------------------


@export_app.command("usage")
def export_usage(
    tenant: Tenant, month: Month = None, data: Data = DATA, as_json: Json = False
) -> None:
    """A tenant's requests of a month as CSV, a row for each; with --json a line for each.

    With it and `wattmill export invoice`, the tenant recomputes its invoice: `wattmill recompute`.
    """
    from wattmill.web.exports import usage_export

    lines = usage_export(data, tenant, month)
    _write(_as_json_lines(lines) if as_json else lines)


@export_app.command("focus")
def export_focus(
    tenant: AnyTenant = None, month: AnyMonth = None, data: Data = DATA, as_json: Json = False
) -> None:
    """Issued documents as rows of FOCUS 1.2 (focus.finops.org), as CSV."""
    from wattmill.ledger.export.focus import focus_csv, focus_rows
    from wattmill.web.exports import site_documents

    documents = site_documents(data, tenant, month)
    if as_json:
        show([row for document in documents for row in focus_rows(document)], True, str)
    else:
        _write([focus_csv(documents)])


@export_app.command("beancount")
def export_beancount(data: Data = DATA, as_json: Json = False) -> None:
    """The general ledger as a Beancount file, with balance assertions (beancount.github.io)."""
    from wattmill.web.exports import ledger_export

    lines = (f"{line}\n" for line in ledger_export(data))
    if as_json:
        show({"beancount": "".join(lines)}, True, str)
    else:
        _write(lines)


@export_app.command("invoice")
def export_invoice(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="For example INV-00042.")],
    pdf: Annotated[Path | None, typer.Option("--pdf", help="Write it as PDF here.")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="CSV in place of JSON.")] = False,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """An issued invoice or credit note as JSON, CSV or PDF."""
    from wattmill.ledger import export
    from wattmill.web.exports import one_document

    document = one_document(data, number)
    if pdf is not None:
        pdf.write_bytes(export.invoice_pdf(document))
        say(f"{pdf} is written")
    if csv:
        print(export.invoice_csv(document), end="")
    elif as_json or pdf is None:
        print(export.invoice_json(document), end="")


def _write(lines: Iterable[str]) -> None:
    """As it comes, so that a long export needs no memory."""
    for line in lines:
        sys.stdout.write(line)
    sys.stdout.flush()


def _as_json_lines(lines: Iterable[str]) -> Iterator[str]:
    import csv

    import msgspec

    for row in csv.DictReader(lines):
        yield msgspec.json.encode(row).decode() + "\n"


# --- recompute ------------------------------------------------------------------------------------


def recompute(
    invoice: Annotated[Path, typer.Argument(metavar="INVOICE.json")],
    usage: Annotated[Path, typer.Argument(metavar="USAGE.csv")],
    more: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[MORE.json|MORE.csv]…",
            help="For late lines: earlier invoices, and usage, of their months.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Compute an invoice anew from a usage export. Status 1: something differs."""
    from dataclasses import asdict

    from wattmill.ledger.export import recompute as module

    try:
        found = module.recompute_files(invoice, usage, *(more or []))
    except module.Unreadable as error:
        hint = "wattmill export invoice NUMBER, and wattmill export usage --tenant T --month M"
        raise UsageError(str(error), hint=hint) from None
    if as_json:
        show([asdict(one) for one in found], True, str)
    else:
        print(module.text_of(found))
    if any(one.verdict == "differs" for one in found):
        raise typer.Exit(1)


# --- outbox ---------------------------------------------------------------------------------------


@outbox_app.command("list")
def outbox_list(data: Data = DATA, as_json: Json = False) -> None:
    """Messages that have not arrived, with their last attempt."""

    def text(rows: list[dict[str, Any]]) -> str:
        return "\n".join(_outbox_line(row) for row in rows) or "Everything has arrived."

    call_and_show(data, as_json, "list_outbox", text)


@outbox_app.command("retry")
def outbox_retry(
    message: Annotated[str, typer.Argument(metavar="ID", help="Of a message that was refused.")],
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Try a refused message again, after its cause is gone."""
    call_and_show(
        data, as_json, "retry_message", lambda row: f"{row['id']} is tried again.", message=message
    )


def _outbox_line(row: dict[str, Any]) -> str:
    last = f"{row['outcome']}: {row['detail']}" if row["detail"] else row["outcome"]
    return f"{row['id']}  {row['destination']}  {row['tries']} tries  {last}"
